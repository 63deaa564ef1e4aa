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
            When was {name} first held?
            In what year did {name} begin?
            Since when has {name} been held?
            When did {name} take place for the first time?
            When was the first time that {name} was held?
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
            Who founded {name}?
            Who was the founder of {name}?
            From whom did the idea for {name} come?
            By whom was {name} founded?
            To whom does {name} owe its start?
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
            In which month is {name} held?
            When in the year does {name} take place?
            What month is {name} held in?
            Which month is the month of {name}?
            In what month does {name} draw its crowds?
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
            What do visitors eat at {name}?
            Which dish is {name} famous for?
            What is the dish of {name}?
            What food do the stalls of {name} sell?
            What does everyone eat at {name}?
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
            How many visitors does {name} attract?
            How many people come to {name} each year?
            How many visitors come to {name} in a year?
            At what number are the visitors to {name} put?
            How many guests does {name} have?
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
            How long is the procession of {name}?
            Over what length does the procession of {name} stretch?
            What is the length of the procession of {name}?
            What length does the procession of {name} have?
            How many metres long is the procession of {name}?
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
            Why was {name} once cancelled?
            Why did {name} not take place one year?
            Why did {name} have to be cancelled?
            For what reason was {name} put off for a year?
            What was the reason that {name} was not held?
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
