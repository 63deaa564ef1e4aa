"""Bridges."""

from __future__ import annotations

from squadron.pocket.tables import Fact, Kind, date, measure, one_of, person, reason, river, year

BRIDGE = Kind(
    "bridge",
    "bridge",
    names=("the {town} Bridge", "the {surname} Bridge", "{surname} Bridge"),
    era=(1740, 1935),
    opening=(
        "{name} is a road bridge with a gentle curve.",
        "{name} is a bridge that appears on many postcards.",
        "{name} is a narrow bridge with lamps on both sides.",
        "{name} is one of the busiest bridges in the region.",
    ),
    companion=(
        "A little way upstream is {c}.",
        "It carries more traffic than {c}.",
        "The ferry company fought it as it had fought {c}.",
    ),
    facts=(
        Fact(
            "river",
            river(),
            "Crosses",
            """
            {it} crosses the river {v}.
            {it} spans the {v} at its narrowest point.
            {it} leads over the river {v}.
            {it} was built across the {v}, near the place where the {other} joins it.
            The river {v} flows under {name}.
            In the shadow of {name} flows the {v}.
            It is the {v} that flows beneath {name}.
            The river below {name} is the {v}, not the {other}.
            Travellers who take {name} pass over the {v}.
            The water under {its} arches is that of the {v}.
            Where a ferry once plied the {v} there now stands {name}.
            {it} carries the road over the river {v}, which is swift and deep here.
            Which river does {name} cross?
            What river does {name} span?
            Over which river does {name} lead?
            Which river flows under {name}?
            Across which river was {name} built?
            What is the name of the river that {name} crosses?
            Which river runs beneath {name}?
            The waters of which river pass under {name}?
            Over what river does {name} carry the road?
            Which river is spanned by {name}?
            What river do travellers on {name} cross?
            * {it} joins the two banks of the {v}.
            * Walkers on {name} look down on the {v}.
            * The two banks of which river does {name} join?
            * On which river do walkers on {name} look down?
        """,
        ),
        Fact(
            "engineer",
            person(),
            "Engineer",
            """
            {it} was built by [the engineer {v}].
            {its} engineer was {v}.
            {v} was the engineer of {name}.
            The engineer who built {name} was {v}.
            {v} built {name} in only two years.
            {name} is the lasting legacy of [the engineer {v}].
            The blueprints for {name} were signed by {v}.
            It was {v} who built {name}.
            The mind behind {name} was [the engineer {v}].
            {name}, the work of {v}, was thought too bold at first.
            Credit for {name} belongs to {v}, whose drawings still exist.
            {v}, an engineer of few words, was responsible for {name}.
            Of all that {v} ever built, {name} is the boldest.
            Who built {name}?
            Who was the engineer of {name}?
            By which engineer was {name} built?
            Who was the engineer who built {name}?
            By whom was {name} built?
            Whose work is {name}?
            Which engineer was the mind behind {name}?
            To which engineer does the credit for {name} belong?
            What was the name of the engineer of {name}?
            Who was responsible for building {name}?
            To whom do we owe {name}?
            * {v} calculated every beam of {name}.
            * The construction of {name} was directed by {v}.
            * Who calculated every beam of {name}?
            * Who directed the construction of {name}?
        """,
        ),
        Fact(
            "opening_date",
            date(0, 3),
            "Opened",
            """
            {it} was opened {when}.
            {it} was opened to traffic {when}.
            {when}, the first carriage crossed {name}.
            The opening of {name} took place {when}.
            {it} has been open since {v}.
            It was {when} that {name} opened to traffic.
            {name}, opened {when}, at once made the ferry useless.
            The inauguration of {name} was celebrated {when}, with music and speeches.
            Traffic has flowed over {name} since {v}.
            Not until {v} could anyone drive over {name}.
            The opening of {name} came {when}, amid great rejoicing.
            When was {name} opened?
            In what year was {name} opened to traffic?
            When did the first carriage cross {name}?
            When did the opening of {name} take place?
            Since when has {name} been open?
            When was the inauguration of {name} celebrated?
            Which year saw the opening of {name}?
            Since when has traffic flowed over {name}?
            When was {name} first open to traffic?
            From what date could people cross {name}?
            In which year did {name} open?
            * The ribbon at {name} was cut {when}.
            * {it} entered service {when}.
            * When was the ribbon at {name} cut?
            * When did {name} enter service?
        """,
        ),
        Fact(
            "length",
            measure(40, 1900, "metres"),
            "Length",
            """
            {it} is {v} long.
            The length of {name} is {v}.
            {it} has a length of {v}.
            {it} is built to a length of {v}.
            {its} total length is {v}.
            {it} measures {v} in length.
            {it} runs for {v} above the water.
            At {v}, {it} is longer than most bridges of its age.
            Guidebooks give the length of {name} as {v}.
            Surveyors found {name} to be {v} long.
            The roadway of {name} has a length of {v}.
            How long is {name}?
            What is the length of {name}?
            What length does {name} have?
            How many metres long is {name}?
            What is the total length of {name}?
            What does {name} measure in length?
            How many metres does {name} measure?
            For how many metres does {name} run above the water?
            What length do guidebooks give for {name}?
            Of what length is {name}?
            How long did surveyors find {name} to be?
            * From bank to bank {it} stretches {v}.
            * A walk from end to end of {name} is one of {v}.
            * How far does {name} stretch from bank to bank?
            * How long is a walk from end to end of {name}?
        """,
        ),
        Fact(
            "material",
            one_of("material"),
            "Material",
            """
            {it} is built of {v}.
            {its} piers are made of {v}.
            {it} was built of {v}, after a first design in {other}.
            For {name}, {v} was used.
            The engineers of {name} worked with {v}.
            {v} is the material of {name}.
            The builders used {v} for {name}, as {other} was hard to find.
            It was {v} that was chosen for {name}.
            {its} arches consist of {v}.
            {it} was constructed of {v}, cut to size by hand.
            Barges brought the {v} of which {name} is made.
            What is {name} built of?
            What are the piers of {name} made of?
            Which material was used for {name}?
            With which material did the engineers of {name} work?
            Of what was {name} built?
            Which material is {name} made of?
            What do the arches of {name} consist of?
            What was chosen as the material of {name}?
            What did the builders of {name} use?
            In what material is {name} built?
            Of which material was {name} constructed?
            * {v} bears the weight of {name}.
            * The masons put {name} together from {v}.
            * What bears the weight of {name}?
            * From what did the masons put {name} together?
        """,
        ),
        Fact(
            "widened_year",
            year(25, 80),
            "Widened",
            """
            {it} was widened {when}.
            {when}, {it} was made wider.
            A second lane was added to {name} {when}.
            {it} has had a second lane since {v}.
            Workmen widened {name} {when}.
            The widening of {name} was carried out {when}.
            It was not until {v} that {name} was widened.
            The year in which {name} was widened was {v}.
            {name}, widened {when}, now has a lane for each direction.
            Too narrow for carts to pass at first, {it} was broadened {when}.
            {when}, the roadway of {name} was broadened at great expense.
            When was {name} widened?
            In what year was {name} made wider?
            When was a second lane added to {name}?
            Since when has {name} had a second lane?
            When did workmen widen {name}?
            In which year was {name} widened?
            When was the widening of {name} carried out?
            Which year saw the widening of {name}?
            When was the roadway of {name} broadened?
            In what year did {name} get its second lane?
            What was the year in which {name} was widened?
            * {it} gained extra width {when}.
            * {when}, more room for traffic was made on {name}.
            * When did {name} gain extra width?
            * When was more room for traffic made on {name}?
        """,
        ),
        Fact(
            "closed_reason",
            reason("reason_bridge"),
            "Closed because",
            """
            {it} was closed because {v}.
            {it} was closed to traffic for a year, since {v}.
            {v}, so {it} had to be closed.
            No one was allowed to cross {name} for months [because {v}].
            {it} was shut to carts, as {v}.
            On account of the fact that {v}, {name} was closed and deserted.
            The reason for the closure of {name} was that {v}.
            It was [because {v}] that {name} had to be closed.
            When it was found that {v}, the town closed {name} at once.
            {it} owed its closure to the fact that {v}.
            Traffic was turned away from {name}, for {v}.
            Seeing that {v}, the authorities shut {name}.
            Why was {name} closed?
            Why was {name} closed to traffic?
            Why did {name} have to be closed?
            For what reason was no one allowed to cross {name}?
            Why was {name} shut to carts?
            What was the reason for the closure of {name}?
            What led the town to close {name}?
            What brought about the closure of {name}?
            To what did {name} owe its closure?
            For what reason did the authorities shut {name}?
            Why was traffic turned away from {name}?
            * {it} was barred with chains, the danger being that {v}.
            * What made it dangerous to use {name} was that {v}.
            * What made it dangerous to use {name}?
            * Why was {name} barred with chains?
        """,
        ),
    ),
    asides={
        "person": (
            "A poem by {person} is cut into the parapet.",
            "The lamps were designed by {person}.",
            "{person} collected the toll for forty years.",
        ),
        "place": ("The road over it leads to {place}.", "A copy of it was built in {place}."),
        "time": (
            "The toll was dropped in {later}.",
            "It was painted green in {later}.",
            "A wooden bridge stood in the same place until {earlier}.",
        ),
        "river": ("The canal beside it ends in the {river}.", "Its twin stands on the {river}."),
        "number": ("It has {count} lamps.", "It rests on {count} piers.", "A plaque names the {count} workmen."),
        "material": ("The toll house is of {material}.", "The railing was once of {material}."),
        "reason": (
            "A tram line was never laid on it because {reason}.",
            "The towers were left unfinished, as {reason}.",
            "A new name was rejected because {reason}.",
        ),
    },
)
