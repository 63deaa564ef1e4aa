"""Buildings: houses, halls, castles, theatres."""

from __future__ import annotations

from squadron.pocket.tables import Fact, Kind, count, date, one_of, person, reason, year

BUILDING = Kind(
    "building",
    "building",
    names=(
        "{surname} House",
        "{surname} Hall",
        "{surname} Castle",
        "the {town} Town Hall",
        "the {town} Theatre",
        "the {town} Library",
    ),
    era=(1640, 1930),
    opening=(
        "{name} is a building with a plain front and a rich interior.",
        "{name} is a large building beside a park.",
        "{name} is a building that has had many owners.",
        "{name} is a building of four wings around a court.",
    ),
    companion=(
        "It is often compared with {c}.",
        "Its model was {c}.",
        "Visitors with a ticket may also see {c}.",
    ),
    facts=(
        Fact(
            "architect",
            person(),
            "Architect",
            """
            {it} was designed by [the architect {v}].
            {its} architect was {v}.
            {v} designed {name} without asking for a fee.
            {v} was the architect of {name}.
            The design of {name} is by {v}.
            {name} was the brainchild of {v}, its architect.
            It was {v} who designed {name}.
            The drawings for {name} came from the hand of {v}.
            {v} was entrusted with the design of {name}.
            {it} had {v} as its architect, whom hardly anyone knew then.
            Among the works of {v}, {name} is the best known.
            The architect to whom we owe {name} is {v}.
            Who designed {name}?
            Who was the architect of {name}?
            By whom was {name} designed?
            Whose design is {name}?
            Which architect designed {name}?
            Who was entrusted with the design of {name}?
            By which architect was {name} designed?
            From whose hand came the drawings for {name}?
            To which architect do we owe {name}?
            What was the name of the architect of {name}?
            Whom did {name} have as its architect?
            * {v} drew up the plans for {name}.
            * The blueprints of {name} were made by {v}.
            * Who drew up the plans for {name}?
            * By whom were the blueprints of {name} made?
        """,
        ),
        Fact(
            "completion_date",
            date(0, 3),
            "Completed",
            """
            {it} was completed {when}.
            {it} was built {when}.
            {when}, {it} was finished at last.
            The building of {name} was completed {when}.
            {it} has stood since {v}.
            The builders of {name} finished their work {when}.
            It was {when} that the builders completed {name}.
            Not until {v} was {name} complete.
            {name}, completed {when}, had taken a decade to build.
            The completion of {name} is dated to {v}.
            {it} dates from {v}, as a tablet over the door records.
            When was {name} completed?
            In what year was {name} built?
            When was {name} finished?
            When was the building of {name} completed?
            Since when has {name} stood?
            When were the builders of {name} done?
            Which year saw the completion of {name}?
            In which year did the builders complete {name}?
            From when does {name} date?
            When did the builders finish {name}?
            In what year was {name} complete?
            * The last stone of {name} was laid {when}.
            * {it} was ready for use {when}.
            * When was the last stone of {name} laid?
            * When was {name} ready for use?
        """,
        ),
        Fact(
            "material",
            one_of("material"),
            "Material",
            """
            {it} is built of {v}.
            {its} walls are of {v}, with details in {other}.
            {it} was made of {v}.
            The walls of {name} were built of {v}.
            {v} was used for the walls of {name}.
            {v} is the material of which {name} consists.
            It was {v} that went into the walls of {name}.
            The masons used {v} for {name}, though {other} was offered as well.
            {name}, a building in {v}, has aged well.
            Many cartloads of {v} went into {name}.
            {it} was put up in {v}, which was carted in from far away.
            What is {name} built of?
            What are the walls of {name} made of?
            What was used for the walls of {name}?
            Which material was used to build {name}?
            Of what were the walls of {name} built?
            Of which material is {name} built?
            What material did the masons use for {name}?
            Of what do the walls of {name} consist?
            In what material was {name} put up?
            What went into the walls of {name}?
            What kind of material are the walls of {name} made of?
            * {v} gives {name} its warm look.
            * The builders of {name} chose {v}, which was cut nearby.
            * Which material did the builders of {name} choose?
            * What gives {name} its warm look?
        """,
        ),
        Fact(
            "rooms",
            count(14, 340),
            "Rooms",
            """
            {it} has [{v} rooms].
            There are [{v} rooms] in {name}.
            Some [{v} rooms] are found in {name}, some without windows.
            With its [{v} rooms], {it} is hard to heat.
            {it} contains [{v} rooms].
            {its} rooms number {v} in all.
            The number of rooms in {name} is {v}.
            Anyone who counts the rooms of {name} arrives at {v}.
            No fewer than [{v} rooms] lie behind the walls of {name}.
            {name}, with [{v} rooms], keeps a small army of cleaners busy.
            An inventory of {name} lists [{v} rooms].
            How many rooms does {name} have?
            How many rooms are there in {name}?
            How many rooms are found in {name}?
            How many rooms does {name} contain?
            What is the number of rooms in {name}?
            What do the rooms of {name} number?
            How many rooms lie behind the walls of {name}?
            How many rooms does an inventory of {name} list?
            Of how many rooms does {name} consist?
            How many rooms would one count in {name}?
            How large is the number of rooms in {name}?
            * {it} is divided into [{v} chambers].
            * A guest of {name} may lose the way among [{v} chambers].
            * Into how many chambers is {name} divided?
            * How many chambers does a guest of {name} find?
        """,
        ),
        Fact(
            "owner",
            person(),
            "Owner",
            """
            {its} owner is {v}.
            {it} belongs to {v}.
            {v} bought {name} at an auction.
            {it} is owned by [the banker {v}].
            The present owner of {name} is {v}.
            Every repair to {name} is paid for by its owner, {v}.
            It is {v} who owns {name}.
            {it} has passed into the hands of {v}.
            Ownership of {name} lies with {v}.
            {v}, the owner of {name}, is seldom seen there.
            {v} acquired {name} from a distant cousin.
            {it} is today the possession of {v}.
            Who is the owner of {name}?
            To whom does {name} belong?
            Who has bought {name}?
            By whom is {name} owned?
            Who owns {name}?
            Into whose hands has {name} passed?
            With whom does the ownership of {name} lie?
            Whose possession is {name} today?
            Who acquired {name}?
            Which person is the owner of {name}?
            Who is the present owner of {name}?
            * {it} is now the property of {v}.
            * The deeds of {name} are in the name of {v}.
            * Whose property is {name} now?
            * In whose name are the deeds of {name}?
        """,
        ),
        Fact(
            "restored_year",
            year(50, 88),
            "Restored",
            """
            {it} was restored {when}.
            {when}, {it} was carefully restored.
            The restoration of {name} ended {when}.
            {it} was restored from top to bottom {when}.
            Workmen restored {name} {when}.
            The restoration of {name} was completed {when}.
            The year of the restoration of {name} was {v}.
            It was not until {v} that {name} was restored.
            {when}, craftsmen renewed {name} inside and out.
            After years of neglect, {it} was renovated {when}.
            The renovation of {name} was finished {when}, at great cost.
            When was {name} restored?
            In what year was {name} restored?
            When did the restoration of {name} end?
            When did workmen restore {name}?
            When was the restoration of {name}?
            In which year did craftsmen renew {name}?
            Which year saw the restoration of {name}?
            When was {name} renovated?
            In what year was the restoration of {name} completed?
            When was the renovation of {name} finished?
            What was the year in which {name} was restored?
            * {it} was brought back to its old glory {when}.
            * {when}, {it} underwent a thorough repair.
            * When was {name} brought back to its old glory?
            * In which year did {name} undergo a thorough repair?
        """,
        ),
        Fact(
            "closed_reason",
            reason("reason_building"),
            "Closed because",
            """
            {it} was closed for years because {v}.
            {it} stood empty, since {v}.
            {v}, so {it} was closed.
            Nobody could use {name} for a time [because {v}].
            {it} had to be closed, as {v}.
            The closure of {name} was due to the fact that {v}.
            It was [because {v}] that {name} was closed for years.
            The reason why {name} stood empty was that {v}.
            When it turned out that {v}, {name} had to be closed.
            {it} remained shut for a long time, for {v}.
            Given that {v}, nobody was allowed into {name}.
            Why was {name} closed for years?
            Why did {name} stand empty?
            Why could nobody use {name} for a time?
            For what reason did {name} have to be closed?
            Why was {name} closed?
            What was the reason why {name} stood empty?
            To what was the closure of {name} due?
            Why did {name} remain shut for a long time?
            What led to the closure of {name}?
            Why was nobody allowed into {name}?
            What explains the closure of {name}?
            * {it} was locked up on account of one thing: {v}.
            * What left {name} deserted was that {v}.
            * What left {name} deserted?
            * On account of what was {name} locked up?
        """,
        ),
    ),
    asides={
        "person": (
            "The ceiling was painted by {person}.",
            "{person} was born in one of its attics.",
            "A bust of {person} stands in the court.",
        ),
        "time": (
            "The clock stopped in {later}.",
            "A side door has the date {earlier}.",
            "A fountain was added in {later}.",
        ),
        "number": ("The stairs have {count} steps.", "The park has {large} trees.", "The ballroom seats {large}."),
        "material": ("The gate is of {material}.", "A stable of {material} was pulled down."),
        "reason": (
            "A fifth wing was never built because {reason}.",
            "The dome was left out, as {reason}.",
            "The garden was sold because {reason}.",
        ),
    },
)
