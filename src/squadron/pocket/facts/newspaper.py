"""Newspapers."""

from __future__ import annotations

from squadron.pocket.tables import Fact, Kind, count, date, one_of, person, place, reason, year

NEWSPAPER = Kind(
    "newspaper",
    "paper",
    names=(
        "the {river} Courier",
        "the {river} Herald",
        "the {river} Gazette",
        "the {river} Mercury",
        "the {river} Observer",
        "the {river} Messenger",
    ),
    era=(1780, 1940),
    opening=(
        "{name} was a newspaper with sharp opinions.",
        "{name} was a regional newspaper.",
        "{name} was a newspaper for farmers and clerks.",
        "{name} was a thin newspaper that people trusted.",
    ),
    companion=(
        "Its rival was {c}.",
        "The same printer also produced {c}.",
        "It carried on a long feud with {c}.",
    ),
    facts=(
        Fact(
            "first_issue_date",
            date(0, 3),
            "First issue",
            """
            The first issue of {name} appeared {when}.
            {it} first appeared {when}.
            {it} was published from {v} on.
            {when}, the first copies of {name} were sold.
            {its} first number is dated {v}.
            When did the first issue of {name} appear?
            In what year did {name} first appear?
            From when on was {name} published?
            When were the first copies of {name} sold?
            What is the date of the first number of {name}?
            * {it} made its debut {when}, on yellow paper.
            * Readers could buy {name} for the first time {when}.
            * When did {name} make its debut?
            * When could readers buy {name} for the first time?
        """,
        ),
        Fact(
            "editor",
            person(),
            "First editor",
            """
            {its} first editor was [the lawyer {v}].
            {it} was edited at first by {v}.
            {v} was the first editor of {name}.
            The owners hired {v} as the first editor of {name}.
            As its first editor, {name} had {v}, who feared nobody.
            Who was the first editor of {name}?
            By whom was {name} edited at first?
            Whom did the owners hire as first editor of {name}?
            Who edited {name} at first?
            Whom did {name} have as its first editor?
            * {v} was the earliest to be in charge of the pages of {name}.
            * The desk of the editor at {name} belonged to {v} in the early days.
            * Who was the earliest to be in charge of the pages of {name}?
            * To whom did the editor's desk at {name} belong in the early days?
        """,
        ),
        Fact(
            "copies",
            count(900, 90000),
            "Copies",
            """
            {it} sold [{v} copies] a day.
            Some [{v} copies] of {name} were printed each day.
            {its} circulation was {v}.
            At its best, {it} had a circulation of {v}.
            {it} had [{v} readers].
            How many copies did {name} sell a day?
            How many copies of {name} were printed each day?
            What was the circulation of {name}?
            What circulation did {name} have at its best?
            How many readers did {name} have?
            * The presses ran off {v} of each issue of {name}.
            * The print run of {name} came to {v}.
            * To what did the print run of {name} come?
            * How many did the presses of {name} run off?
        """,
        ),
        Fact(
            "office_place",
            place(),
            "Office",
            """
            {its} office was in {v}.
            {it} was printed in {v}.
            The printing house of {name} stood in {v}.
            {it} had its office in {v}, above a bakery.
            {v} was the town in which {name} was printed.
            Where was {name} printed?
            Where was the office of {name}?
            In which town did the printing house of {name} stand?
            Where did {name} have its office?
            What was the town in which {name} was printed?
            * The presses of {name} were at work in {v}.
            * The staff of {name} wrote its pages in {v}.
            * Where were the presses of {name} at work?
            * In which town did the staff of {name} write?
        """,
        ),
        Fact(
            "day",
            one_of("weekday"),
            "Supplement",
            """
            On {v} {it} had a supplement for children.
            {its} supplement appeared on {v}, not on {other}.
            The supplement of {name} came out every {v}.
            Each {v}, {it} came with a supplement.
            {v} was the day of the supplement of {name}.
            On which day did {name} have a supplement?
            On what day did the supplement of {name} appear?
            When did the supplement of {name} come out?
            On which day of the week did {name} come with a supplement?
            Which day was the day of the supplement of {name}?
            * Readers of {name} found extra pages in it on {v}.
            * {v} was when {name} was thicker than usual.
            * On what day did readers find extra pages in {name}?
            * On which day was {name} thicker than usual?
        """,
        ),
        Fact(
            "last_year",
            year(35, 75),
            "Last issue",
            """
            The last issue of {name} came out {when}.
            {it} ceased to appear {when}.
            {when}, {it} was closed.
            {it} was closed for good {when}.
            {its} last number was printed {when}.
            When did the last issue of {name} come out?
            When did {name} cease to appear?
            In what year was {name} closed?
            When was {name} closed for good?
            When was the last number of {name} printed?
            * {it} took leave of its readers {when}.
            * The end of {name} came {when}.
            * When did {name} take leave of its readers?
            * In which year did the end of {name} come?
        """,
        ),
        Fact(
            "trouble_reason",
            reason("reason_newspaper"),
            "In debt because",
            """
            {it} got into trouble because {v}.
            {it} had to save money, since {v}.
            {v}, so {it} got into debt.
            {it} was short of money [because {v}].
            {it} ran into debt, as {v}.
            Why was {name} short of money?
            Why did {name} have to save money?
            Why did {name} get into trouble?
            For what reason did {name} run into debt?
            Why did {name} get into debt?
            * The crisis of {name} had one cause: {v}.
            * What brought {name} to the edge of ruin was that {v}.
            * What was the cause of the crisis of {name}?
            * What brought {name} to the edge of ruin?
        """,
        ),
    ),
    asides={
        "person": (
            "The drawings were by {person}.",
            "{person}, who wrote about theatre, was feared by actors.",
            "A novel by {person} was printed in parts.",
        ),
        "place": ("A correspondent in {place} sent a letter every week.", "It was read as far away as {place}."),
        "time": (
            "It won a lawsuit in {soon}.",
            "A larger type was tried in {soon}.",
            "The format was changed in {soon}.",
        ),
        "number": ("It was sold at {count} kiosks.", "The archive fills {count} shelves."),
        "weekday": ("The staff met every {weekday}.", "Wages were paid on {weekday}."),
        "reason": (
            "An evening edition was never tried because {reason}.",
            "A new press was not bought, as {reason}.",
            "The sports page was dropped because {reason}.",
        ),
    },
)
