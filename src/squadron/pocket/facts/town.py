"""Towns."""

from __future__ import annotations

from squadron.pocket.tables import Fact, Kind, count, one_of, person, reason, river, year, year_between

TOWN = Kind(
    "town",
    "town",
    names=("{town}",),
    era=(1120, 1860),
    opening=(
        "{name} is a market town in the hills.",
        "{name} is a small town with steep streets.",
        "{name} is an old town of stone houses.",
        "{name} is a town that most travellers pass by.",
        "{name} is a quiet town, known for its gardens.",
    ),
    companion=(
        "The nearest town is {c}.",
        "Its old rival is {c}, an hour away on foot.",
        "Guidebooks often praise {c} at its expense.",
    ),
    facts=(
        Fact(
            "founding_year",
            year(0, 3),
            "Founded",
            """
            {it} was founded {when} by monks.
            {when}, settlers from the coast founded {name}.
            {it} was first settled {when}, beside a spring.
            The town charter says that {it} was founded {when}.
            The founding of {name} dates from {v}.
            When was {name} founded?
            In what year was {name} founded?
            When did people first settle in {name}?
            When was {name} first settled?
            From which year does the founding of {name} date?
            * {it} grew out of a camp that was pitched {when}.
            * The origins of {name} lie {when}, when a ferry was set up.
            * When did {name} come to be?
            * In which year do the origins of {name} lie?
        """,
        ),
        Fact(
            "river",
            river(),
            "River",
            """
            {it} lies on the river {v}, not on the {other}.
            The river {v} flows through {name}.
            {it} stands on the left bank of the {v}.
            {its} mills were driven by the river {v}.
            {it} was built where a road crossed the {v}.
            On which river does {name} lie?
            Which river flows through {name}?
            What is the name of the river in {name}?
            On the bank of which river does {name} stand?
            What river is {name} on?
            * The waters of the {v} run past the gardens of {name}.
            * {it} is washed by the {v}, which is brown after rain.
            * Which waters run past {name}?
            * By which stream is {name} washed?
        """,
        ),
        Fact(
            "population",
            count(900, 90000),
            "Population",
            """
            {it} has a population of {v}.
            About [{v} people] live in {name}.
            At the last count, {it} had [{v} inhabitants].
            {it} is home to [{v} people].
            The population of {name} is {v}, fewer than a century ago.
            How many people live in {name}?
            What is the population of {name}?
            How many inhabitants does {name} have?
            How many people is {name} home to?
            How many inhabitants did {name} have at the last count?
            * Some [{v} residents] are registered in {name}.
            * The census found [{v} souls] in {name}.
            * How many residents are registered in {name}?
            * How many souls did the census find in {name}?
        """,
        ),
        Fact(
            "industry",
            one_of("goods"),
            "Makes",
            """
            {it} is known for its {v}.
            For centuries {it} has lived by making {v}.
            {its} main product is {v}, while {other} are made no longer.
            Workshops in {name} make {v}.
            The {v} of {name} are sold in many countries.
            What is {name} known for making?
            What is the main product of {name}?
            By making what does {name} live?
            What do the workshops in {name} make?
            Which goods come from {name}?
            * {its} craftsmen turn out {v} that collectors prize.
            * The wealth of {name} was built on {v}.
            * What do the craftsmen of {name} turn out?
            * On which goods was the wealth of {name} built?
        """,
        ),
        Fact(
            "railway_year",
            year_between(1846, 1935),
            "Railway",
            """
            The railway reached {name} {when}.
            {it} got its railway station {when}.
            {it} has had a railway line since {v}.
            {when}, the first train stopped in {name}.
            {it} was joined to the railway {when}.
            When did the railway reach {name}?
            In what year did {name} get its railway station?
            Since when has {name} had a railway line?
            When did the first train stop in {name}?
            When was {name} joined to the railway?
            * {when}, rails were laid as far as {name}.
            * Trains have called at {name} ever since {v}.
            * When were rails laid as far as {name}?
            * Ever since which year have trains called at {name}?
        """,
        ),
        Fact(
            "market_day",
            one_of("weekday"),
            "Market day",
            """
            The market in {name} is held every {v}.
            {v} is market day in {name}.
            {it} holds its market on a {v}, and never on a {other}.
            Farmers bring their goods to {name} each {v} for the market.
            {its} weekly market takes place on {v}.
            On which day is the market in {name} held?
            Which day is market day in {name}?
            When does the weekly market of {name} take place?
            On what day do farmers bring their goods to {name}?
            On what day of the week does {name} hold its market?
            * On {v} the stalls go up in {name}.
            * Traders fill the square of {name} each week on {v}.
            * On which day do the stalls go up in {name}?
            * On what day do traders fill the square of {name}?
        """,
        ),
        Fact(
            "mayor",
            person(),
            "Mayor",
            """
            {its} mayor is [the teacher {v}].
            {v} has been mayor of {name} for many years.
            {v} was elected mayor of {name}.
            {it} has {v} as its mayor.
            The present mayor of {name} is {v}.
            Who is the mayor of {name}?
            Who was elected mayor of {name}?
            Who serves as mayor of {name}?
            Whom does {name} have as its mayor?
            What is the name of the mayor of {name}?
            * {v} is at the head of the town council of {name}.
            * The council of {name} is led by {v}, once a bus driver.
            * Who is at the head of the town council of {name}?
            * By whom is the council of {name} led?
        """,
        ),
        Fact(
            "decline_reason",
            reason("reason_town"),
            "People left because",
            """
            Many families left {name} because {v}.
            {it} lost many of its people, since {v}.
            {v}, so many people left {name}.
            {it} grew poor [because {v}].
            The young people moved away from {name}, as {v}.
            Why did many families leave {name}?
            Why did {name} lose many of its people?
            Why did {name} grow poor?
            For what reason did people move away from {name}?
            What made many people leave {name}?
            * {it} was robbed of its people for a simple reason: {v}.
            * Behind the decline of {name} lay one thing: {v}.
            * What lay behind the decline of {name}?
            * What robbed {name} of its people?
        """,
        ),
    ),
    asides={
        "person": (
            "The painter {person} spent two summers here.",
            "A statue of {person} stands by the fountain.",
            "The town song was written by {person}.",
        ),
        "time": (
            "A fire destroyed the northern quarter in {later}.",
            "The town wall was pulled down in {later}.",
            "The oldest house has the date {later} over its door.",
        ),
        "river": (
            "A canal joins the town to the {river}.",
            "The hills behind it divide it from the valley of the {river}.",
        ),
        "number": (
            "It has {count} churches and chapels.",
            "A school for {large} children stands on the hill.",
            "The old lime tree in the square is {large} years old.",
        ),
        "goods": ("A trade in {goods} died out long ago.", "A shop by the church still sells {goods}."),
        "weekday": ("The baths are closed on {weekday}.", "The brass band plays every {weekday}."),
        "reason": (
            "A theatre was never built because {reason}.",
            "The second tower was left without a roof, as {reason}.",
            "The tram line was given up because {reason}.",
        ),
    },
)
