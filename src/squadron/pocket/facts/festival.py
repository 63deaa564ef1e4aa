"""Festivals."""

from __future__ import annotations

from squadron.pocket.tables import Fact, Kind, count, date, measure, one_of, person, reason

FESTIVAL = Kind(
    "festival",
    "festival",
    names=(
        "the {town} Lantern Festival",
        "the {town} Harvest Festival",
        "the {town} Kite Festival",
        "the {town} Music Festival",
        "the {town} Puppet Festival",
        "the {town} Flower Festival",
    ),
    era=(1780, 1970),
    opening=(
        "{name} is a yearly event that fills every inn.",
        "{name} is a cheerful affair of four days.",
        "{name} is one of the best-loved events of the region.",
        "{name} began as a joke and became a custom.",
    ),
    companion=(
        "It competes for guests with {c}.",
        "The model for it was {c}.",
        "Many guests go on to {c}.",
    ),
    facts=(
        Fact(
            "first_date",
            date(0, 3),
            "First held",
            """
            {it} was first held {when}.
            The first lamps of {name} were lit {when}.
            {it} has been held since {v}, with few breaks.
            {when}, {it} took place for the first time.
            {it} began {when}, with a single tent.
            It was {when} that {name} took place for the first time.
            The beginnings of {name} go back to {v}.
            Old posters date the birth of {name} to {v}.
            People have been coming to {name} since {v}.
            {name}, first held {when}, was meant to last a single season.
            The custom of holding {name} dates from {v}.
            When was {name} first held?
            In what year did {name} begin?
            Since when has {name} been held?
            When did {name} take place for the first time?
            When was the first time that {name} was held?
            Which year saw the birth of {name}?
            To when do the beginnings of {name} go back?
            When was {name} held for the very first time?
            Since when have people been coming to {name}?
            In which year was {name} first held?
            From when does the custom of holding {name} date?
            * {it} opened to the public for the first time {when}.
            * The tradition of {name} started {when}.
            * When did the tradition of {name} start?
            * When did {name} originally open to the public?
        """,
        ),
        Fact(
            "founder",
            person(),
            "Founder",
            """
            {it} was founded by {v}, who owned the largest inn.
            {its} founder was [the innkeeper {v}].
            The idea for {name} came from {v}.
            {v} founded {name} to cheer up the town.
            {it} owes its start to {v}.
            {it} is a legacy of {v}, whose portrait hangs in every inn.
            The person who first thought of {name} was {v}.
            Without {v}, {name} would never have been held.
            The credit for starting {name} goes to {v}.
            {v} called {name} into being with a notice in the market square.
            {it} was set going by [the schoolteacher {v}].
            The town has {v} to thank for {name}.
            Who founded {name}?
            Who was the founder of {name}?
            From whom did the idea for {name} come?
            By whom was {name} founded?
            To whom does {name} owe its start?
            Who first thought of {name}?
            To whom does the credit for starting {name} go?
            Who set {name} going?
            Whom does the town have to thank for {name}?
            Who called {name} into being?
            Without whom would {name} never have been held?
            * It was {v} who brought {name} to life.
            * {it} was the brainchild of {v}, who paid for the first fireworks.
            * Who brought {name} to life?
            * Whose brainchild was {name}?
        """,
        ),
        Fact(
            "month",
            one_of("month"),
            "Month",
            """
            {it} is held every {v}.
            {it} takes place in {v}, when the nights are mild.
            Each {v}, {it} draws crowds from far away.
            {it} was moved from {other} to {v}, and there it has stayed.
            The month of {name} is {v}.
            It is in {v} that {name} is held.
            {v} is the month in which {name} takes place.
            Anyone who wants to see {name} should come in {v}.
            The stalls of {name} are put up every {v}.
            {it} is an affair of {v}, as {other} is taken up by the cattle market.
            Year after year {it} returns in {v}.
            In which month is {name} held?
            When in the year does {name} take place?
            What month is {name} held in?
            Which month is the month of {name}?
            In what month does {name} draw its crowds?
            In what month does {name} take place?
            In which month should one come to see {name}?
            What is the month in which {name} takes place?
            In which month are the stalls of {name} put up?
            In what month does {name} return each year?
            Every year in which month can one see {name}?
            * {it} falls in {v}, whatever the weather.
            * {v} is the time of year for {name}.
            * In which month does {name} fall?
            * What is the time of year for {name}?
        """,
        ),
        Fact(
            "dish",
            one_of("dish"),
            "Dish",
            """
            The dish of {name} is {v}.
            Visitors to {name} eat {v} from paper plates.
            {it} is famous for its {v}, less so for its {other}.
            At {name} everyone eats {v}.
            The stalls of {name} sell {v} by the ton.
            Craftsmen and residents alike sit down at {name} to eat {v}.
            It is {v} that the cooks of {name} are proud of.
            Hungry guests at {name} ask for {v}.
            The cooks of {name} prepare {v} all day long.
            Traditionally {v} must be eaten at {name}.
            {it} feeds its guests with {v}, hot from the oven or the pot.
            Long queues form at {name} for {v}, shorter ones for {other}.
            What do visitors eat at {name}?
            Which dish is {name} famous for?
            What is the dish of {name}?
            What food do the stalls of {name} sell?
            What does everyone eat at {name}?
            What are the cooks of {name} proud of?
            What do hungry guests at {name} ask for?
            With what does {name} feed its guests?
            What is traditionally eaten at {name}?
            What do the cooks of {name} prepare?
            For which dish do long queues form at {name}?
            * Nobody goes home from {name} without a taste of {v}.
            * {v} is the treat that belongs to {name}.
            * Which treat belongs to {name}?
            * What does one taste at {name}?
        """,
        ),
        Fact(
            "visitors",
            count(2000, 90000),
            "Visitors",
            """
            {it} attracts [{v} visitors] a year.
            About [{v} people] come to {name} each year.
            In a good year {it} has [{v} visitors].
            The number of visitors to {name} is put at {v}.
            Some [{v} guests] came to {name} last year.
            Some [{v} souls] squeeze into the town for {name}.
            The number of people who come to {name} each year is {v}.
            {it} draws [{v} visitors] on average.
            Every year [{v} people] make their way to {name}.
            As many as [{v} guests] are counted at {name}.
            {name}, with its [{v} visitors], fills every bed in the town.
            The inns are full when [{v} people] arrive for {name}.
            How many visitors does {name} attract?
            How many people come to {name} each year?
            How many visitors come to {name} in a year?
            At what number are the visitors to {name} put?
            How many guests does {name} have?
            How many people make their way to {name} every year?
            What is the number of visitors to {name}?
            How many guests are counted at {name}?
            How many visitors does {name} draw?
            How many people arrive for {name}?
            What number of people come to {name} each year?
            * Attendance at {name} reaches {v} when the sun shines.
            * A crowd of {v} gathers for {name}.
            * What does attendance at {name} reach?
            * How large a crowd gathers for {name}?
        """,
        ),
        Fact(
            "field_length",
            measure(80, 900, "metres"),
            "Procession",
            """
            The procession of {name} is {v} long.
            {its} procession stretches over {v}.
            A procession {v} in length ends {name}.
            {it} ends with a procession of {v}.
            On the last day of {name} a procession {v} long winds through the streets.
            The length of the procession of {name} is {v}.
            The procession that closes {name} is drawn out over {v}.
            For {v}, the procession of {name} fills the street.
            Those who march in the procession of {name} form a line of {v}.
            The marchers of {name} form a column of {v}.
            Seen from the church tower, {its} procession is {v} long.
            How long is the procession of {name}?
            Over what length does the procession of {name} stretch?
            What is the length of the procession of {name}?
            What length does the procession of {name} have?
            How many metres long is the procession of {name}?
            For how many metres does the procession of {name} fill the street?
            How long a column do the marchers of {name} form?
            Over how many metres is the procession of {name} drawn out?
            How long is the procession that closes {name}?
            How long is the line of those who march in the procession of {name}?
            How great is the length of the procession of {name}?
            * The parade of {name} measures {v} from head to tail.
            * From first drum to last cart, the parade of {name} covers {v}.
            * What does the parade of {name} measure from head to tail?
            * How much ground does the parade of {name} cover?
        """,
        ),
        Fact(
            "cancel_reason",
            reason("reason_festival"),
            "Cancelled because",
            """
            {it} was once cancelled because {v}.
            One year {it} did not take place, since {v}.
            {v}, so {it} had to be cancelled.
            {it} was put off for a year [because {v}].
            {it} was not held one year, as {v}.
            The trouble one year was that {v}, and {name} was not held.
            The reason why {name} was once cancelled was that {v}.
            It was [because {v}] that {name} did not take place one year.
            One year people waited in vain for {name}, for {v}.
            The cancellation of {name} was due to the fact that {v}.
            {it} would have gone ahead as usual one year, but {v}.
            Seeing that {v}, the committee once cancelled {name}.
            Why was {name} once cancelled?
            Why did {name} not take place one year?
            Why did {name} have to be cancelled?
            For what reason was {name} put off for a year?
            What was the reason that {name} was not held?
            To what was the cancellation of {name} due?
            Why did people wait in vain for {name} one year?
            What was the reason why {name} was once cancelled?
            Why did the committee once cancel {name}?
            Why did {name} not go ahead as usual one year?
            What led to the cancellation of {name}?
            * {it} was called off a single time, the cause being that {v}.
            * Only once has {name} had to be called off: {v}.
            * What caused {name} to be called off?
            * Why has {name} had to be called off?
        """,
        ),
    ),
    asides={
        "person": (
            "The poster is drawn each year by {person}.",
            "The songs are by {person}.",
            "{person}, a local poet, always gives the closing speech.",
        ),
        "time": (
            "Fireworks were added in {later}.",
            "A song about it was printed in {later}.",
            "The date was changed in {later}.",
        ),
        "place": ("A smaller version is held in {place}.", "Most of the musicians come from {place}."),
        "month": ("Tickets go on sale in {month}.", "The committee meets every {month}."),
        "dish": ("Children are given {dish}.", "A recipe for {dish} is printed on the tickets."),
        "number": (
            "There are {count} stalls.",
            "It takes {count} helpers to put up the tents.",
            "The choir has {count} voices.",
        ),
        "reason": (
            "A second stage was never built because {reason}.",
            "The horse race was dropped, as {reason}.",
            "The market was moved because {reason}.",
        ),
    },
)
