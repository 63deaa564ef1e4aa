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
            It was {when} that {name} began to trade.
            {name}, founded {when}, has stayed in the same family.
            The beginnings of {name} go back to {v}.
            {its} foundation took place {when}, with little more than a handcart.
            The business of {name} was begun {when}.
            The foundation of {name} is dated to {v} on its letterhead.
            When was {name} founded?
            In what year was {name} founded?
            Since when has {name} been in business?
            When was {name} established?
            From when does the founding of {name} date?
            When did {name} begin to trade?
            Which year saw the foundation of {name}?
            To when do the beginnings of {name} go back?
            In which year was {name} established?
            When was the business of {name} begun?
            What year is given for the founding of {name}?
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
            The chambers in which {name} has its head office are in {v}.
            It is in {v} that {name} has its head office.
            {v} has been the seat of {name} from the start.
            The board of {name} meets at the head office in {v}.
            {name}, with headquarters in {v}, has buyers on every continent.
            Letters to {name} must be addressed to its head office in {v}.
            {its} central office stands in {v}, and not in {other}.
            Where is the head office of {name}?
            Where is {name} based?
            In which town are the headquarters of {name}?
            Where does {name} have its base?
            Which town is home to the head office of {name}?
            In what town is {name} based?
            Where does {name} keep its headquarters?
            Where is the central office of {name}?
            Where does the board of {name} meet?
            To which town must letters to {name} be addressed?
            Where does {name} have its seat?
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
            Stalls all over the country sell the {v} of {name}.
            It is {v} that {name} produces.
            {v} are the speciality of {name}.
            {name}, a maker of {v}, sells to shops in every town.
            The wealth of {name} comes from {v}.
            Customers turn to {name} for {v}, and to its rivals for {other}.
            {its} craftsmen are skilled at making {v}.
            What does {name} make?
            What is {name} best known for?
            What is the main product of {name}?
            What does the factory of {name} produce?
            With what did {name} earn its name?
            What is the speciality of {name}?
            Of what is {name} a maker?
            What goods does {name} produce?
            For what do customers turn to {name}?
            What are the craftsmen of {name} skilled at making?
            From what does the wealth of {name} come?
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
            {it} pays wages to [{v} craftsmen and clerks].
            The workforce of {name} is made up of [{v} men and women].
            There are [{v} people] in the pay of {name}.
            {its} workforce is {v} strong.
            No fewer than [{v} people] earn their wages at {name}.
            {it} keeps [{v} hands] busy from morning to night.
            The number of people employed by {name} has reached {v}.
            How many people does {name} employ?
            How many employees does {name} have?
            How many men and women work for {name}?
            What does the staff of {name} number?
            How many people are employed by {name} today?
            How many people are in the pay of {name}?
            How large is the workforce of {name}?
            What number of people does {name} employ?
            How many people earn their wages at {name}?
            How many hands does {name} keep busy?
            Of how many men and women is the workforce of {name} made up?
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
            {v} presides over the board of {name} as its director.
            It is {v} who directs {name}.
            {v} conducts the affairs of {name}.
            {it} is headed by {v}, who began there as a clerk.
            {it} has {v} for a director.
            The post of director of {name} is held by {v}.
            {v}, the present director of {name}, knows all the workers by name.
            Who is the director of {name}?
            Who directs {name}?
            By whom is {name} directed?
            Whom did the board make the director of {name}?
            Who was appointed director of {name}?
            By whom is {name} headed?
            Who holds the post of director of {name}?
            Who is the head of {name}?
            Who conducts the affairs of {name}?
            Whom does {name} have for a director?
            What is the name of the present director of {name}?
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
            It was {when} that {name} obtained its first patent.
            The year in which {name} took out a patent was {v}.
            The patent office granted {name} its first patent {when}.
            The first patent of {name} was issued {when}.
            Not until {v} did {name} file a patent.
            {when}, an invention of {name} was patented for the first time.
            When did {name} take out its first patent?
            When was {name} granted a patent?
            From which year does the first patent of {name} date?
            In what year was the first patent of {name} filed?
            Since when has {name} held a patent?
            In which year did {name} obtain its first patent?
            Which year saw the first patent of {name}?
            When was the first patent of {name} issued?
            When was an invention of {name} first patented?
            When did the patent office grant {name} its first patent?
            What was the year in which {name} took out a patent?
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
            The trouble was that {v}, and so {name} raised its prices.
            The reason for the higher prices of {name} was that {v}.
            It was [because {v}] that {name} raised its prices.
            {it} had no choice but to charge more, for {v}.
            The fact that {v} drove up the prices of {name}.
            {it} blamed its new price list on the fact that {v}.
            Once {v}, the prices of {name} went up.
            Why did {name} raise its prices?
            Why did {name} have to raise its prices?
            Why did {name} charge more for its goods?
            Why did the goods of {name} become more expensive?
            For what reason did {name} put up its prices?
            What was the reason for the higher prices of {name}?
            What drove up the prices of {name}?
            On what did {name} blame its new price list?
            Why did the prices of {name} go up?
            What forced {name} to charge more?
            Why was there no choice for {name} but to charge more?
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
