"""Clubs."""

from __future__ import annotations

from squadron.pocket.tables import Fact, Kind, count, date, one_of, person, place, reason, year

CLUB = Kind(
    "club",
    "club",
    names=(
        "the {river} Rowing Club",
        "the {river} Football Club",
        "the {river} Chess Club",
        "the {river} Cycling Club",
        "the {river} Skating Club",
    ),
    era=(1850, 1960),
    opening=(
        "{name} is one of the older clubs in the region.",
        "{name} is a club for amateurs.",
        "{name} has outlived most of its rivals.",
        "{name} is a small club with a long memory.",
    ),
    companion=(
        "{c} is its oldest rival.",
        "Most of its matches have been against {c}.",
        "It is often confused with {c}.",
    ),
    facts=(
        Fact(
            "founding_date",
            date(0, 3),
            "Founded",
            """
            {it} was founded {when} in the back room of an inn.
            {when}, a group of friends founded {name}.
            Founded {when}, {it} has never missed a season.
            The members date the founding of {name} to {v}.
            {its} founding goes back to {v}, when rents were low.
            When was {name} founded?
            In what year was {name} founded?
            When was the founding of {name}?
            To when does the founding of {name} go back?
            From when does {name} date?
            * {it} came into being {when}, after a lost bet.
            * {it} has been in existence since {v}, wars included.
            * When did {name} come into being?
            * Since when has {name} been in existence?
        """,
        ),
        Fact(
            "first_president",
            person(),
            "First president",
            """
            {its} first president was [the baker {v}].
            The members chose {v} as the first president of {name}.
            {v} was elected the first president of {name}.
            {it} had {v} as its first president.
            At the first meeting of {name}, {v} became president.
            Who was the first president of {name}?
            Who became the first president of {name}?
            Whom did the members of {name} choose as first president?
            Who was elected the first president of {name}?
            Which person was {name_s} first president?
            * {v} was the earliest to preside over {name}.
            * The chair of {name} was taken first by {v}, who held it for years.
            * Who was the earliest to preside over {name}?
            * By whom was the chair of {name} first taken?
        """,
        ),
        Fact(
            "colours",
            one_of("colours"),
            "Colours",
            """
            {its} colours are {v}, as on the old town flag.
            The shirts of {name} are {v}, while those of the juniors are {other}.
            {it} has always worn {v}.
            The members of {name} wear {v} on match days.
            {v} are the colours of {name}.
            What are the colours of {name}?
            Which colours does {name} wear?
            What colours are the shirts of {name}?
            In which colours do the members of {name} appear on match days?
            What do the members of {name} wear on match days?
            * {its} players dress in {v}, from cap to sock.
            * A flag of {v} flies wherever {name} competes.
            * What do the players of {name} dress in?
            * In which shades do the players of {name} compete?
        """,
        ),
        Fact(
            "members",
            count(30, 900),
            "Members",
            """
            {it} has [{v} members], most of them under thirty.
            Some [{v} members] pay their fees to {name}.
            The membership of {name} stands at {v}.
            With [{v} members], {it} is the largest of its kind in the valley.
            {it} counts [{v} members] today.
            How many members does {name} have?
            How many members pay their fees to {name}?
            At what number does the membership of {name} stand?
            How many members does {name} count today?
            How large is the membership of {name}?
            * About [{v} people] belong to {name} at present.
            * The roll of {name} lists [{v} names].
            * How many people belong to {name}?
            * How many names are on the roll of {name}?
        """,
        ),
        Fact(
            "cup_year",
            year(15, 60),
            "Won the cup",
            """
            {it} won the national cup {when}.
            {its} only national title came {when}.
            {when}, {it} brought the cup home.
            The cup was won by {name} {when}, against all odds.
            {when}, {it} became champion of the country.
            When did {name} win the national cup?
            In what year did {name} bring the cup home?
            In which year did the only national title of {name} come?
            When was the cup won by {name}?
            When did {name} become champion of the country?
            * The greatest victory of {name} fell {when}, in pouring rain.
            * {when}, {it} beat all the others to the trophy.
            * In which year did the greatest victory of {name} fall?
            * When did {name} beat all the others to the trophy?
        """,
        ),
        Fact(
            "ground_place",
            place(),
            "Home",
            """
            {it} has its home in {v}, beside the gasworks.
            The ground of {name} is in {v}.
            {its} clubhouse is in {v}, a short ride away.
            {it} meets in {v} on most evenings.
            Home events of {name} are held in {v}.
            Where is the ground of {name}?
            Where does {name} have its home?
            In which town is the clubhouse of {name}?
            Where does {name} meet?
            Where are the home events of {name} held?
            * {it} is quartered in {v}, in a former barn.
            * {v} is the seat of {name}, and the trams stop at the door.
            * Which town is the seat of {name}?
            * Where is {name} quartered?
        """,
        ),
        Fact(
            "move_reason",
            reason("reason_club"),
            "Moved because",
            """
            {it} had to move because {v}.
            {it} left its first home, since {v}.
            {v}, so {it} had to look for a new home.
            {it} moved to another part of town [because {v}].
            The move of {name} was forced on it, as {v}.
            Why did {name} have to move?
            Why did {name} leave its first home?
            Why did {name} have to look for a new home?
            For what reason did {name} move to another part of town?
            What made {name} move?
            * {it} gave up its old quarters for a plain reason: {v}.
            * What cost {name} its old quarters was that {v}.
            * What cost {name} its old quarters?
            * Why did {name} give up its old quarters?
        """,
        ),
    ),
    asides={
        "person": (
            "Its song was written by {person}.",
            "{person}, who kept the minutes for decades, never competed.",
            "The best-known member of recent years is {person}.",
        ),
        "time": (
            "Women have been admitted since {later}.",
            "A fire destroyed most of the trophies in {later}.",
            "A junior section was added in {later}.",
        ),
        "place": (
            "A friendly match against a team from {place} is held every spring.",
            "Many of the younger members come from {place}.",
            "A branch in {place} lasted only two seasons.",
        ),
        "colours": (
            "The junior section wears {colours}.",
            "A short trial of {colours} pleased nobody.",
        ),
        "number": (
            "The stand holds {large} spectators.",
            "The library of the club has {count} books.",
            "The record crowd was {large}.",
        ),
        "reason": (
            "A second pitch was never built because {reason}.",
            "The plan for a new roof failed, as {reason}.",
            "The summer ball was dropped because {reason}.",
        ),
    },
)
