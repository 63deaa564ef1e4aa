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
            It was {when} that {name} first went on sale.
            {it} was founded {when} and soon had friends in every village.
            The history of {name} began {when}.
            {when}, after months of talk, {it} came out at last.
            Not until {v} did the first number of {name} go to press.
            The founding of {name} dates from {v}.
            The presses of {name} began to turn {when}.
            When did the first issue of {name} appear?
            In what year did {name} first appear?
            From when on was {name} published?
            When were the first copies of {name} sold?
            What is the date of the first number of {name}?
            When was {name} founded?
            Which year saw the first issue of {name}?
            When did {name} first go on sale?
            When did the history of {name} begin?
            From when does the founding of {name} date?
            On what date did {name} come out for the first time?
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
            It was {v} who edited the first issues of {name}.
            The first editor to be engaged by {name} was [the lawyer {v}].
            {it} owed its tone to {v}, its first editor.
            The post of editor at {name} was first held by {v}.
            {it} started out with {v} as its editor.
            Under {v}, its first editor, {name} learned to be feared.
            Who was the first editor of {name}?
            By whom was {name} edited at first?
            Whom did the owners hire as first editor of {name}?
            Who edited {name} at first?
            Whom did {name} have as its first editor?
            Who edited the first issues of {name}?
            By whom was the post of editor at {name} first held?
            Who was the editor when {name} started out?
            Under which editor did {name} start out?
            Who was the first person to edit {name}?
            Which editor was the first to be engaged by {name}?
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
            {it} reached a circulation of {v}.
            Every morning [{v} copies] of {name} left the printing house.
            With [{v} copies] a day, {it} was a power in the region.
            The number of copies that {name} sold each day was {v}.
            {its} daily sales stood at [{v} copies].
            {it} was bought by [{v} people] every day.
            How many copies did {name} sell a day?
            How many copies of {name} were printed each day?
            What was the circulation of {name}?
            What circulation did {name} have at its best?
            How many readers did {name} have?
            What were the daily sales of {name}?
            What circulation did {name} reach?
            How many copies of {name} were sold each day?
            What was the number of copies that {name} sold?
            How many people bought {name} every day?
            How large was the circulation of {name}?
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
            It was in {v} that {name} was edited and printed.
            {it} was based in {v}, in a house that shook when the machines ran.
            From {v} {name} was sent out to the whole valley.
            Every issue of {name} came from a printing house in {v}.
            {its} editors sat in {v}, across the street from the bank.
            Letters to {name} had to be addressed to {v}.
            {its} office looked out on the quay of {v}.
            Where was {name} printed?
            Where was the office of {name}?
            In which town did the printing house of {name} stand?
            Where did {name} have its office?
            What was the town in which {name} was printed?
            Where was {name} based?
            In which town was {name} edited and printed?
            From which town did {name} come?
            Which town was the home of {name}?
            In what town was the office of {name} to be found?
            From which town was {name} sent out?
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
            A supplement was added to {name} on {v}.
            It was on {v} that the supplement of {name} was printed.
            {its} weekly supplement came with the {v} edition.
            {it} gave away a supplement every {v}.
            Once a week, on {v}, {it} carried a supplement full of stories.
            The presses of {name} turned out a supplement every {v}.
            Families looked forward to {v}, when {name} brought a supplement, and not to {other}.
            On which day did {name} have a supplement?
            On what day did the supplement of {name} appear?
            When did the supplement of {name} come out?
            On which day of the week did {name} come with a supplement?
            Which day was the day of the supplement of {name}?
            On what day was a supplement added to {name}?
            With the edition of which day did the supplement of {name} come?
            On which day of the week did {name} carry a supplement?
            On what day did {name} give away a supplement?
            What was the day of the weekly supplement of {name}?
            When did {name} bring its supplement?
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
            The year in which {name} printed its last number was {v}.
            It was {when} that {name} closed down.
            {it} appeared for the last time {when}.
            {when}, the last copies of {name} were sold.
            {it} lived on until {v}, when it was closed.
            The closure of {name} followed {when}, after a long struggle.
            When did the last issue of {name} come out?
            When did {name} cease to appear?
            In what year was {name} closed?
            When was {name} closed for good?
            When was the last number of {name} printed?
            Which year saw the last issue of {name}?
            When did {name} appear for the last time?
            In which year did {name} print its last number?
            When did {name} close down?
            Until when was {name} published?
            When were the last copies of {name} sold?
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
            The reason for the debts of {name} was that {v}.
            Because {v}, {it} could no longer pay its bills.
            {it} lived on borrowed money, for {v}.
            It was because {v} that {name} ran out of money.
            The debts of {name} are explained by the fact that {v}.
            {v}, and so {it} fell into debt.
            Why was {name} short of money?
            Why did {name} have to save money?
            Why did {name} get into trouble?
            For what reason did {name} run into debt?
            Why did {name} get into debt?
            What was the reason for the debts of {name}?
            Why did {name} run out of money?
            Why could {name} no longer pay its bills?
            What got {name} into debt?
            How did {name} come to be short of money?
            What explains the money troubles of {name}?
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
