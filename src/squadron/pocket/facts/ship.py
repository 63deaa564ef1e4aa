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
            When was {name} launched?
            In what year was {name} launched?
            When did the launch of {name} take place?
            When did {name} leave the slipway?
            When did {name} first touch water?
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
            Where was {name} built?
            From a shipyard in which town did {name} come?
            Where was the shipyard that built {name}?
            In which town did a yard build {name}?
            Where was {name} laid down?
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
            Who was the captain of {name}?
            Who commanded {name}?
            By whom was {name} commanded?
            Under whom did {name} sail?
            To whom was the command of {name} given?
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
            What did {name} carry?
            What was the usual cargo of {name}?
            What was {name} loaded with?
            What was {name} built to carry?
            What cargo did {name} have?
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
            How large was the crew of {name}?
            How many men sailed on {name}?
            How many sailors were there on board {name}?
            What did the crew of {name} number?
            By how many sailors was {name} manned?
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
            How long was {name}?
            What was the length of {name}?
            What length did {name} have?
            How many metres long was {name}?
            How long was {name} from bow to stern?
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
            When was {name} scrapped?
            When was {name} broken up?
            In what year was {name} sold for scrap?
            When was the last voyage of {name}?
            When did the end come for {name}?
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
            Why did {name} have to be repaired?
            Why did {name} need repairs?
            Why did {name} spend a month in dock?
            For what reason was {name} sent to the dock?
            Why was {name} repaired?
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
