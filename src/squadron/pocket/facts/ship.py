"""Ships."""

from __future__ import annotations

from squadron.pocket.tables import Fact, Kind, count, date, measure, one_of, person, place, reason, year

SHIP = Kind(
    "ship",
    "ship",
    names=("the {ship}",),
    era=(1790, 1930),
    opening=(
        "{name} was a cargo ship with a black hull.",
        "{name} was a sturdy merchant ship.",
        "{name} was a ship that sailors called lucky.",
        "{name} was a ship of the northern trade.",
    ),
    companion=(
        "Its sister ship was {c}.",
        "It was often seen in harbour beside {c}.",
        "The same owners ran {c}.",
    ),
    facts=(
        Fact(
            "launch_date",
            date(0, 3),
            "Launched",
            """
            {it} was launched {when}.
            {when}, {it} was launched before a small crowd.
            The launch of {name} took place {when}.
            {it} left the slipway {when}.
            {it} first touched water {when}.
            It was {when} that {name} went down the slipway.
            {its} launch, watched by half the town, was {when}.
            {name}, launched {when}, was the pride of its owners.
            {it} took to the water {when}.
            Not until {v} was {name} launched.
            The career of {name} began {when}, with a launch in the rain.
            {it} was launched {when}, as crowds cheered on the quay.
            When was {name} launched?
            In what year was {name} launched?
            When did the launch of {name} take place?
            When did {name} leave the slipway?
            When did {name} first touch water?
            Which year saw the launch of {name}?
            What is the date of the launch of {name}?
            When did {name} take to the water?
            When did {name} go down the slipway?
            When did the career of {name} begin?
            On what date was {name} launched?
            * {when}, {it} slid into the harbour for the first time.
            * {it} was christened and set afloat {when}.
            * When was {name} christened and set afloat?
            * When did {name} slide into the harbour for the first time?
        """,
        ),
        Fact(
            "shipyard_place",
            place(),
            "Built in",
            """
            {it} was built in {v}.
            {it} came from a shipyard in {v}.
            The shipyard that built {name} was in {v}.
            A yard in {v} built {name}.
            {it} was laid down in {v}, in a dry dock.
            It was in {v} that {name} was built.
            The builders of {name} had their yard in {v}.
            {its} keel was laid in {v}.
            {it} was ordered from a yard in {v}.
            {it} took shape in {v}, under the eyes of the whole town.
            {v} was the town in which {name} was built.
            Where was {name} built?
            From a shipyard in which town did {name} come?
            Where was the shipyard that built {name}?
            In which town did a yard build {name}?
            Where was {name} laid down?
            In which town was {name} built?
            In what town was the keel of {name} laid?
            From a yard in which town was {name} ordered?
            Which town did {name} come from?
            In which town did {name} take shape?
            In what town did the builders of {name} have their yard?
            * The shipwrights of {v} made {name}.
            * {it} was constructed on the wharves of {v}.
            * The shipwrights of which town made {name}?
            * On the wharves of which town was {name} constructed?
        """,
        ),
        Fact(
            "captain",
            person(),
            "Captain",
            """
            {its} captain was {v}.
            {it} was commanded by [Captain {v}].
            {v} was the captain of {name}.
            {it} sailed under [Captain {v}].
            The command of {name} was given to {v}.
            It was {v} who commanded {name}.
            The hands of {name} took their orders from [Captain {v}].
            {it} had {v} as its captain.
            {it} was in the charge of [Captain {v}].
            The owners put {v} in command of {name}.
            As captain, {v} took {name} through many storms.
            Who was the captain of {name}?
            Who commanded {name}?
            By whom was {name} commanded?
            Under whom did {name} sail?
            To whom was the command of {name} given?
            Who was in command of {name}?
            From whom did the crew of {name} take its orders?
            Whom did {name} have as its captain?
            Whom did the owners put in command of {name}?
            In whose charge was {name}?
            Under whose command was {name}?
            * {v} was master of {name}, and slept in a hammock.
            * On the bridge of {name} stood {v}, who never raised his voice.
            * Who was master of {name}?
            * Who stood on the bridge of {name}?
        """,
        ),
        Fact(
            "cargo",
            one_of("cargo"),
            "Cargo",
            """
            {it} carried {v}.
            {its} usual cargo was {v}.
            {it} was loaded with {v}, and on the way home with {other}.
            {it} was built to carry {v}.
            The cargo of {name} was {v}.
            It was {v} that {name} carried on most voyages.
            {it} brought {v} to the northern ports.
            {it} took {v} overseas and came back with {other}.
            {it} was seldom seen without a load of {v}.
            {it} earned its keep by carrying {v}.
            Below the deck of {name} there was mostly {v}.
            What did {name} carry?
            What was the usual cargo of {name}?
            What was {name} loaded with?
            What was {name} built to carry?
            What cargo did {name} have?
            What was the usual load of {name}?
            With what was {name} usually loaded?
            What did {name} transport?
            By carrying what did {name} earn its keep?
            What did {name} take overseas?
            What was there below the deck of {name}?
            * The hold of {name} was filled with {v}.
            * {v} was the freight that paid for {name}.
            * With what was the hold of {name} filled?
            * What freight paid for {name}?
        """,
        ),
        Fact(
            "crew",
            count(9, 240),
            "Crew",
            """
            {it} had a crew of {v}.
            {its} crew numbered {v}.
            {it} sailed with [{v} men].
            There were [{v} sailors] on board {name}.
            {it} was manned by [{v} sailors].
            It took [{v} men] to sail {name}.
            In all, [{v} sailors] served on {name}.
            {its} crew consisted of [{v} men].
            On board {name} [{v} men] slept in turns.
            {it} needed a crew of {v}.
            With only [{v} sailors], {it} was hard to handle.
            How large was the crew of {name}?
            How many men sailed on {name}?
            How many sailors were there on board {name}?
            What did the crew of {name} number?
            By how many sailors was {name} manned?
            How many sailors served on {name}?
            Of how many men did the crew of {name} consist?
            What was the size of the crew of {name}?
            How large a crew did {name} need?
            How many men did it take to sail {name}?
            How many sailors formed the crew of {name}?
            * Some [{v} hands] worked the sails and winches of {name}.
            * On {name} [{v} souls] shared one stove.
            * How many hands worked on {name}?
            * How many souls lived on {name}?
        """,
        ),
        Fact(
            "length",
            measure(22, 190, "metres"),
            "Length",
            """
            {it} was {v} long.
            {its} length was {v}.
            {it} had a length of {v}.
            With a length of {v}, {it} was too big for most harbours.
            From bow to stern {it} was {v} long.
            The hull of {name} had a length of {v}.
            {it} reached a length of {v}.
            The builders gave {name} a length of {v}.
            At {v}, {it} was longer than any rival.
            The distance from bow to stern of {name} was {v}.
            The plans of {name} show a length of {v}.
            How long was {name}?
            What was the length of {name}?
            What length did {name} have?
            How many metres long was {name}?
            How long was {name} from bow to stern?
            What was the distance from bow to stern of {name}?
            How long was the hull of {name}?
            What length did the builders give {name}?
            What length did {name} reach?
            What length do the plans of {name} show?
            What was the length of {name} in metres?
            * The deck of {name} measured {v} from end to end.
            * {it} took up {v} of the quay.
            * What did the deck of {name} measure from end to end?
            * How much of the quay did {name} take up?
        """,
        ),
        Fact(
            "last_year",
            year(12, 45),
            "Scrapped",
            """
            {it} was scrapped {when}.
            {it} was broken up {when}.
            {when}, {it} was sold for scrap.
            {its} last voyage was {when}.
            The end came for {name} {when}, in a breaker's yard.
            The year that saw the end of {name}, sold for its iron, was {v}.
            It was {when} that {name} was broken up.
            {it} ended its days {when}, in the hands of scrap dealers.
            {it} was in service until {v}, when it was broken up.
            {it} made its last voyage {when}, on the way to the breakers.
            {when}, the owners had {name} scrapped.
            When was {name} scrapped?
            When was {name} broken up?
            In what year was {name} sold for scrap?
            When was the last voyage of {name}?
            When did the end come for {name}?
            Which year saw the end of {name}?
            In which year was {name} broken up?
            When did {name} make its last voyage?
            When did {name} end its days?
            When did the owners have {name} scrapped?
            Until when was {name} in service?
            * {when}, {it} was cut into pieces.
            * {it} went to the wreckers {when}.
            * When was {name} cut into pieces?
            * In which year did {name} go to the wreckers?
        """,
        ),
        Fact(
            "dock_reason",
            reason("reason_ship"),
            "Repaired because",
            """
            {it} had to be repaired because {v}.
            {it} was sent to the dock for repairs, since {v}.
            {v}, so {it} was repaired.
            {it} spent a month in dock [because {v}].
            {it} needed repairs, as {v}.
            The reason for the repairs to {name} was that {v}.
            {it} had to go into dock, for {v}.
            It was because {v} that {name} was taken to the dock.
            {v}, and so {it} was handed over to the yard for repairs.
            Repairs to {name} could not wait, as {v}.
            Shipwrights had to repair {name}, as {v}.
            The repair of {name} had a plain cause: {v}.
            Why did {name} have to be repaired?
            Why did {name} need repairs?
            Why did {name} spend a month in dock?
            For what reason was {name} sent to the dock?
            Why was {name} repaired?
            What was the reason for the repairs to {name}?
            What made the repair of {name} necessary?
            Why did {name} have to go into dock?
            Why was {name} handed over to the yard?
            What caused {name} to be repaired?
            Why was {name} taken to the dock?
            * {it} was laid up under a crane, the trouble being that {v}.
            * What sent {name} to the carpenters was that {v}.
            * What sent {name} to the carpenters?
            * What was the trouble with {name}?
        """,
        ),
    ),
    asides={
        "person": (
            "A model was carved by {person}.",
            "{person}, a stowaway, later wrote a book about the journey.",
            "The owner was {person}.",
        ),
        "place": ("The bell is now in a church in {place}.", "Storms once drove it as far as {place}."),
        "time": (
            "A new deck was laid in {soon}.",
            "A painting from {soon} shows the ship at anchor.",
            "A new flag was hoisted in {soon}.",
        ),
        "number": ("There were {count} lifeboats.", "Below deck there were {count} bunks."),
        "cargo": ("A load of {cargo} was once lost.", "The smell of {cargo} never left the cabins."),
        "reason": (
            "A second funnel was never added because {reason}.",
            "A new mast was not ordered, as {reason}.",
            "The plan to carry passengers failed because {reason}.",
        ),
    },
)
