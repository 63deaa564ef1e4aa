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
            Chronicles give {v} as the year in which {name} was founded.
            It was {when} that the first houses of {name} were built.
            {it} has existed since {v}.
            The history of {name} begins {when}.
            {it} was established {when}, at the foot of a castle.
            {its} founders arrived {when}, with two carts and a cow.
            When was {name} founded?
            In what year was {name} founded?
            When did people first settle in {name}?
            When was {name} first settled?
            From which year does the founding of {name} date?
            Which year saw the founding of {name}?
            Since when has {name} existed?
            When does the history of {name} begin?
            When were the first houses of {name} built?
            When was {name} established?
            In which year did the founders of {name} arrive?
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
            The river on which {name} lies is the {v}.
            It is the {v} that flows through {name}.
            {it} is built on both banks of the {v}.
            {it} lies in the valley of the {v}.
            In {name} a stone bridge crosses the {v}, while the {other} is miles away.
            {it} owes its mills to the river {v}.
            A ferry once crossed the {v} in {name}.
            On which river does {name} lie?
            Which river flows through {name}?
            What is the name of the river in {name}?
            On the bank of which river does {name} stand?
            What river is {name} on?
            What is the river on which {name} lies?
            In the valley of which river does {name} lie?
            On the banks of which river was {name} built?
            Beside which river does {name} lie?
            What is the name of the river that runs through {name}?
            To which river does {name} owe its mills?
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
            {it} counts [{v} inhabitants].
            {its} population stands at {v}.
            With [{v} inhabitants], {it} has hardly grown for fifty years.
            Today [{v} people] call {name} their home.
            {it} is inhabited by [{v} people].
            Officials put the population of {name} at {v}.
            How many people live in {name}?
            What is the population of {name}?
            How many inhabitants does {name} have?
            How many people is {name} home to?
            How many inhabitants did {name} have at the last count?
            By how many people is {name} inhabited?
            What is the number of inhabitants of {name}?
            How large is the population of {name}?
            How many people call {name} their home?
            At what figure does the population of {name} stand?
            At what do officials put the population of {name}?
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
            It is {v} that the workshops of {name} produce.
            {it} earns its living with {v}.
            The making of {v} has a long tradition in {name}, unlike that of {other}.
            Every second family in {name} is employed in making {v}.
            Merchants come to {name} to buy {v}.
            {its} exports consist mainly of {v}.
            What is {name} known for making?
            What is the main product of {name}?
            By making what does {name} live?
            What do the workshops in {name} make?
            Which goods come from {name}?
            What does {name} produce?
            What goods are made in {name}?
            With which product does {name} earn its living?
            What do merchants come to {name} to buy?
            The making of what has a long tradition in {name}?
            Of what do the exports of {name} mainly consist?
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
            The year in which {name} got its railway was {v}.
            It was {when} that {name} was linked to the railway.
            {it} had no railway until {v}.
            The railway came to {name} {when}.
            {it} has been on the railway map since {v}.
            The station in {name} was opened {when}, to the sound of a brass band.
            {when}, the craftsmen of {name} cheered the first train.
            When did the railway reach {name}?
            In what year did {name} get its railway station?
            Since when has {name} had a railway line?
            When did the first train stop in {name}?
            When was {name} joined to the railway?
            Which year saw the arrival of the railway in {name}?
            When was {name} linked to the railway?
            Until when did {name} have no railway?
            When did the railway come to {name}?
            Since when has {name} been on the railway map?
            In which year was the station in {name} opened?
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
            It is on {v} that the market of {name} is held.
            The market day of {name} is {v}.
            {it} is at its liveliest on {v}, when the market is held.
            By an old right, {it} has its market on {v}.
            Anyone who likes markets should come to {name} on {v}, not on {other}.
            Once a week, on {v}, the centre of {name} becomes a market.
            The craftsmen of {name} sell their wares at the market every {v}.
            On which day is the market in {name} held?
            Which day is market day in {name}?
            When does the weekly market of {name} take place?
            On what day do farmers bring their goods to {name}?
            On what day of the week does {name} hold its market?
            What is the market day of {name}?
            Which day of the week is the market day of {name}?
            On which day does the market of {name} take place?
            When does {name} have its market?
            When is the market held in {name}?
            On which day should one come to the market in {name}?
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
            It is {v} who serves as mayor of {name}.
            The office of mayor in {name} is held by {v}.
            The residents of {name} chose {v} as mayor.
            {v}, the mayor of {name}, answers every letter.
            {its} affairs are in the hands of the mayor, {v}.
            {it} is governed by {v}, its mayor.
            Who is the mayor of {name}?
            Who was elected mayor of {name}?
            Who serves as mayor of {name}?
            Whom does {name} have as its mayor?
            What is the name of the mayor of {name}?
            Who holds the office of mayor in {name}?
            By whom is the office of mayor in {name} held?
            Whom did the residents of {name} choose as mayor?
            Who governs {name} as its mayor?
            Which person is mayor of {name}?
            In the hands of which mayor are the affairs of {name}?
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
            The reason why people left {name} was that {v}.
            Because {v}, {it} was deserted by many families.
            {it} could no longer feed its people, for {v}.
            It was because {v} that {name} lost so many people.
            {v}, and so half of the residents of {name} packed up and went.
            Families turned their backs on {name}, seeing that {v}.
            Why did many families leave {name}?
            Why did {name} lose many of its people?
            Why did {name} grow poor?
            For what reason did people move away from {name}?
            What made many people leave {name}?
            What was the reason why people left {name}?
            What drove many people from {name}?
            Why was {name} deserted by many families?
            Why did families turn their backs on {name}?
            What caused {name} to lose so many people?
            Why could {name} no longer feed its people?
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
