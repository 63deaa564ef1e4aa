"""Companies."""

from __future__ import annotations

from squadron.pocket.tables import Fact, Kind, count, date, one_of, person, place, reason, year

COMPANY = Kind(
    "company",
    "company",
    names=(
        "{surname} & Sons",
        "{surname} and {surname}",
        "the {surname} Company",
        "the {river} Trading Company",
        "{surname} Brothers",
    ),
    era=(1790, 1950),
    opening=(
        "{name} is a family company.",
        "{name} is a company that seldom advertises.",
        "{name} is a manufacturer with a good name among craftsmen.",
        "{name} is one of the older companies in its trade.",
    ),
    companion=(
        "Its chief competitor is {c}.",
        "The same street was once home to {c}.",
        "For years it shared a warehouse with {c}.",
    ),
    facts=(
        Fact(
            "founding_date",
            date(0, 3),
            "Founded",
            """
            {it} was founded {when} with borrowed money.
            {when}, two brothers founded {name}.
            {it} has been in business since {v}.
            {it} was established {when}, in a rented shed.
            The founding of {name} dates from {v}.
            When was {name} founded?
            In what year was {name} founded?
            Since when has {name} been in business?
            When was {name} established?
            From when does the founding of {name} date?
            * {it} opened its doors {when}, with a staff of three.
            * The history of {name} starts {when}, in the yard of a pub.
            * When did {name} open its doors?
            * When does the history of {name} start?
        """,
        ),
        Fact(
            "headquarters",
            place(),
            "Head office",
            """
            {it} has its head office in {v}.
            {its} headquarters are in {v}, by the canal.
            {it} is based in {v}.
            The head office of {name} is in {v}.
            From its base in {v}, {it} sends goods all over the world.
            Where is the head office of {name}?
            Where is {name} based?
            In which town are the headquarters of {name}?
            Where does {name} have its base?
            Which town is home to the head office of {name}?
            * {it} is run from {v}, where the lawyers sit.
            * The management of {name} works in {v}.
            * Which town is {name} run from?
            * Where does the management of {name} work?
        """,
        ),
        Fact(
            "product",
            one_of("goods"),
            "Product",
            """
            {it} makes {v}.
            {it} is best known for its {v}, though it has tried {other} as well.
            The main product of {name} is {v}.
            {its} factory produces {v}.
            {it} earned its name with {v}.
            What does {name} make?
            What is {name} best known for?
            What is the main product of {name}?
            What does the factory of {name} produce?
            With what did {name} earn its name?
            * {v} leave the works of {name} by the cartload.
            * In its workshops {it} manufactures {v}.
            * What does {name} manufacture in its workshops?
            * What leaves the works of {name}?
        """,
        ),
        Fact(
            "employees",
            count(20, 9000),
            "Employees",
            """
            {it} employs [{v} people].
            {it} has [{v} employees].
            Some [{v} men and women] work for {name}.
            The staff of {name} numbers {v}.
            Today [{v} people] are employed by {name}.
            How many people does {name} employ?
            How many employees does {name} have?
            How many men and women work for {name}?
            What does the staff of {name} number?
            How many people are employed by {name} today?
            * {it} gives work to {v}, half of them part-time.
            * On the payroll of {name} are [{v} workers].
            * To how many does {name} give work?
            * How many workers are on the payroll of {name}?
        """,
        ),
        Fact(
            "director",
            person(),
            "Director",
            """
            {its} director is [the chemist {v}].
            {it} is directed by {v}, who speaks six languages.
            {v} has been the director of {name} for a decade.
            {v} was appointed director of {name}.
            The board made {v} the director of {name}.
            Who is the director of {name}?
            Who directs {name}?
            By whom is {name} directed?
            Whom did the board make the director of {name}?
            Who was appointed director of {name}?
            * {v} manages {name}, with a firm hand.
            * At the helm of {name} is {v}, a former apprentice.
            * Who manages {name}?
            * Who is at the helm of {name}?
        """,
        ),
        Fact(
            "patent_year",
            year(8, 50),
            "Patent",
            """
            {it} took out its first patent {when}.
            {when}, {it} was granted a patent.
            {its} first patent dates from {v}.
            The first patent of {name} was filed {when}.
            {it} has held a patent since {v}.
            When did {name} take out its first patent?
            When was {name} granted a patent?
            From which year does the first patent of {name} date?
            In what year was the first patent of {name} filed?
            Since when has {name} held a patent?
            * {when}, the state protected an idea of {name} by patent.
            * {it} registered its earliest patent {when}.
            * When did {name} register its earliest patent?
            * When did the state protect an idea of {name} by patent?
        """,
        ),
        Fact(
            "price_reason",
            reason("reason_company"),
            "Raised prices because",
            """
            {it} raised its prices because {v}.
            {it} had to raise its prices, since {v}.
            {v}, so {it} charged more for its goods.
            The goods of {name} became more expensive [because {v}].
            {it} put up its prices, as {v}.
            Why did {name} raise its prices?
            Why did {name} have to raise its prices?
            Why did {name} charge more for its goods?
            Why did the goods of {name} become more expensive?
            For what reason did {name} put up its prices?
            * The customers of {name} had to pay extra for one reason: {v}.
            * What made {name} a dearer place to buy was that {v}.
            * Why did the customers of {name} have to pay extra?
            * What made {name} a dearer place to buy?
        """,
        ),
    ),
    asides={
        "person": (
            "Its trademark was drawn by {person}.",
            "{person} wrote a book about its early years.",
            "The first clerk was {person}.",
        ),
        "place": (
            "A second factory in {place} was sold again.",
            "Its goods were shown at a fair in {place}.",
            "Most of its workers come by bus from {place}.",
        ),
        "time": (
            "A new boiler was bought in {later}.",
            "The works were enlarged in {later}.",
            "The trademark was changed in {later}.",
        ),
        "number": ("Its catalogue has {large} pages.", "The canteen seats {large}.", "It owns {count} vans."),
        "goods": ("An attempt to sell {goods} was a failure.", "A neighbour in the same yard made {goods}."),
        "reason": (
            "A new chimney was never built because {reason}.",
            "A branch abroad was given up, as {reason}.",
            "The plan for a shop failed because {reason}.",
        ),
    },
)
