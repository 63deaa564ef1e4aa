"""Expeditions."""

from __future__ import annotations

from squadron.pocket.tables import Fact, Kind, count, date, measure, one_of, person, place, reason, year

EXPEDITION = Kind(
    "expedition",
    "expedition",
    names=("the {surname} Expedition", "the {surname} and {surname} Expedition"),
    era=(1790, 1935),
    opening=(
        "{name} was a journey of exploration that cost a fortune.",
        "{name} was a journey to the far north.",
        "{name} was a scientific journey with many quarrels.",
        "{name} was a bold journey, poorly planned.",
    ),
    companion=(
        "On the same errand {c} took another way.",
        "It followed the example of {c}.",
        "Newspapers compared it with {c}.",
    ),
    facts=(
        Fact(
            "departure_date",
            date(0, 3),
            "Departure",
            """
            {it} set out {when}.
            {when}, {it} left home to the sound of bells.
            {it} started {when}, a month late.
            The departure of {name} was {when}.
            {it} departed {when}, in thick fog.
            It was {when} that {name} set out.
            {its} journey began {when}, in a cold rain.
            {it} took to the road {when}.
            {when}, after a farewell dinner, {it} departed.
            Not until {v} was {name} able to set out.
            The men and women of {name} left home {when}.
            When did {name} set out?
            In what year did {name} set out?
            When did {name} start?
            When was the departure of {name}?
            When did {name} leave home?
            When did the journey of {name} begin?
            Which year saw the departure of {name}?
            When did {name} take to the road?
            In which year did {name} depart?
            When was {name} able to set out?
            When did the men and women of {name} leave home?
            * {it} got under way {when}, after many delays.
            * The travellers of {name} said goodbye {when}.
            * When did {name} get under way?
            * When did the travellers of {name} say goodbye?
        """,
        ),
        Fact(
            "leader",
            person(),
            "Leader",
            """
            {its} leader was [the geologist {v}].
            {it} was led by {v}.
            {v} led {name}, despite a bad knee.
            {v} was the leader of {name}.
            The society chose {v} to lead {name}.
            At the helm of {name} stood {v}, its leader.
            It was {v} who led {name}.
            The command of {name} was given to {v}.
            {v} took charge of {name}, though others had more experience.
            The person chosen to lead {name} was [the surveyor {v}].
            {it} had {v} for its leader.
            {v} commanded {name} and wrote its official account.
            Who was the leader of {name}?
            Who led {name}?
            By whom was {name} led?
            Whom did the society choose to lead {name}?
            Under whose lead was {name}?
            To whom was the command of {name} given?
            Who took charge of {name}?
            Under whose command was {name}?
            Who was chosen to lead {name}?
            Whom did {name} have for its leader?
            Who commanded {name}?
            * At the head of {name} went {v}, with a silver whistle.
            * {it} was in the hands of {v}, a careful planner.
            * Who went at the head of {name}?
            * In whose hands was {name}?
        """,
        ),
        Fact(
            "port",
            place(),
            "Set out from",
            """
            {it} set out from {v}.
            {its} starting point was {v}.
            {it} started from {v}, with a full purse.
            From {v}, {it} went north.
            {v} was the place from which {name} set out.
            On the quay in {v}, people waved as {name} set out.
            It was from {v} that {name} set out.
            The people of {v} watched {name} go.
            {it} assembled in {v} and started from there.
            {v} was chosen as the starting point of {name}, in place of {other}.
            {it} had {v} as its point of departure.
            Setting out from {v}, {it} soon lost sight of the last farm.
            From where did {name} set out?
            What was the starting point of {name}?
            From which town did {name} start?
            Where did {name} start?
            Which was the place from which {name} set out?
            What town was the starting point of {name}?
            From what town did {name} set out?
            What was the point of departure of {name}?
            Where did the journey of {name} start?
            Which town was chosen as the starting point of {name}?
            The people of which town watched {name} go?
            * {it} took its leave of the world in {v}.
            * The long road of {name} began in {v}.
            * Where did the long road of {name} begin?
            * In which town did {name} take its leave of the world?
        """,
        ),
        Fact(
            "goal",
            one_of("goal"),
            "Goal",
            """
            {it} was sent to find {v}.
            {its} goal was {v}, not {other}.
            {it} was looking for {v}.
            The aim of {name} was to reach {v}.
            {it} hoped to reach {v} before winter.
            It was {v} that {name} set out to find.
            {its} object was {v}, which few believed in.
            {it} was fitted out in order to find {v}.
            The destination of {name} was {v}.
            All the hopes of {name} were set on {v}.
            {it} aimed for {v}, though some wanted to try for {other}.
            What was {name} sent to find?
            What was the goal of {name}?
            What was {name} looking for?
            What was it the aim of {name} to reach?
            What did {name} hope to reach?
            What was the destination of {name}?
            What did {name} set out to find?
            What was the object of {name}?
            On what were the hopes of {name} set?
            What did {name} aim for?
            What was {name} fitted out to find?
            * {it} went in search of {v}, which is on no map.
            * The purpose of {name} was the discovery of {v}.
            * What did {name} go in search of?
            * The discovery of what was the purpose of {name}?
        """,
        ),
        Fact(
            "members",
            count(5, 140),
            "Members",
            """
            {it} had [{v} members].
            Some [{v} people] took part in {name}.
            {it} consisted of [{v} men and women].
            There were [{v} members] in {name}.
            {it} numbered {v}, not counting the cook.
            There were [{v} souls] in {name}, all of them volunteers.
            The number of members of {name} was {v}.
            At its start {name} was {v} strong.
            A total of [{v} members] joined {name}.
            All [{v} members] of {name} were paid the same.
            No fewer than [{v} people] went with {name}.
            {it} counted [{v} heads], dogs left aside.
            How many members did {name} have?
            How many people took part in {name}?
            Of how many men and women did {name} consist?
            How many members were there in {name}?
            How many did {name} number?
            What was the number of members of {name}?
            How many members joined {name}?
            How many people went with {name}?
            How many heads did {name} count?
            Of how many members did {name} consist?
            What was the strength of {name} at its start?
            * Some [{v} travellers] signed up for {name}.
            * A party of {v} made up {name}.
            * How many travellers signed up for {name}?
            * How large a party made up {name}?
        """,
        ),
        Fact(
            "distance",
            measure(150, 7900, "kilometres"),
            "Distance",
            """
            {it} covered {v}.
            {it} travelled {v} in all.
            {its} route was {v} long.
            In all {it} covered a distance of {v}.
            {it} marched {v} through empty country.
            The distance covered by {name} was {v}.
            The path of {name} ran for {v} through forest and marsh.
            All in all, {v} were covered by {name}.
            On foot and by boat, {it} made its way over {v}.
            By its own reckoning {name} had gone {v}.
            {its} march was one of {v}.
            How far did {name} travel?
            What distance did {name} cover?
            How long was the route of {name}?
            How many kilometres did {name} travel in all?
            How far did {name} march?
            What was the distance covered by {name}?
            How many kilometres did {name} cover?
            For how many kilometres did the path of {name} run?
            Over what distance did {name} make its way?
            How long was the march of {name}?
            How far had {name} gone by its own reckoning?
            * Some {v} lay behind {name} at the end.
            * The log of {name} records a journey of {v}.
            * How much lay behind {name} at the end?
            * How long a journey does the log of {name} record?
        """,
        ),
        Fact(
            "return_year",
            year(5, 9),
            "Return",
            """
            {it} came home {when}.
            {it} returned {when}, in rags.
            {when}, {it} was back.
            The return of {name} was celebrated {when}.
            {it} came back {when}, to everyone's surprise.
            It was {when} that {name} came home.
            The year of the return of {name} was {v}.
            Not until {v} did {name} return.
            {name}, long given up for lost, came home {when}.
            {its} homecoming was {when}, in the middle of the night.
            The wanderings of {name} were over {when}.
            When did {name} come home?
            When did {name} return?
            In what year was {name} back?
            When was the return of {name}?
            When did {name} come back?
            What was the year of the return of {name}?
            In which year did {name} come home?
            When was the homecoming of {name}?
            When were the wanderings of {name} over?
            In what year did {name} return?
            When was {name} home at last?
            * {it} saw its native land again {when}.
            * The survivors of {name} were welcomed {when}.
            * When did {name} see its native land again?
            * When were the survivors of {name} welcomed?
        """,
        ),
        Fact(
            "turn_reason",
            reason("reason_expedition"),
            "Turned back because",
            """
            {it} turned back because {v}.
            {it} had to give up, since {v}.
            {v}, so {it} turned back.
            {it} was a failure [because {v}].
            {it} went no further, as {v}.
            The trouble was that {v}, and so {name} turned back.
            The reason why {name} failed was that {v}.
            It was [because {v}] that {name} turned back.
            {it} was forced to turn round, for {v}.
            {it} would have gone on, but {v}.
            The failure of {name} was due to the fact that {v}.
            On finding that {v}, {name} made for home.
            Why did {name} turn back?
            Why did {name} have to give up?
            Why was {name} a failure?
            For what reason did {name} go no further?
            What made {name} turn back?
            What was the reason why {name} failed?
            To what was the failure of {name} due?
            Why was {name} forced to turn round?
            Why could {name} not go on?
            What forced {name} to turn back?
            Why did {name} make for home?
            * The retreat of {name} had a clear cause: {v}.
            * What put an end to {name} was that {v}.
            * What put an end to {name}?
            * What was the cause of the retreat of {name}?
        """,
        ),
    ),
    asides={
        "person": (
            "The diary of {person}, the cook, is the best source.",
            "Sketches were made by {person}.",
            "The doctor, {person}, stayed behind in the first winter.",
        ),
        "place": ("The flag is on show in {place}.", "A stop in {place} lasted three weeks."),
        "time": (
            "A report was printed in {later}.",
            "A play about it was staged in {later}.",
            "One of its camps was found again in {later}.",
        ),
        "number": ("It took {count} mules.", "The report has {large} pages.", "It spent {count} nights in one cave."),
        "goal": ("On the way back it came upon {goal}.", "Some still believed in {goal}."),
        "reason": (
            "A second journey never took place because {reason}.",
            "A ship was not bought, as {reason}.",
            "The prize was never paid because {reason}.",
        ),
    },
)
