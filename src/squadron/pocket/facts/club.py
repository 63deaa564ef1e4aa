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
            It was {when} that a handful of enthusiasts founded {name}.
            {it} was set up {when} by a few office clerks.
            The foundation of {name} took place {when}.
            {name}, established {when}, is still run by volunteers.
            The oldest minutes date the birth of {name} to {v}.
            {its} story begins {when}, around a kitchen table.
            When was {name} founded?
            In what year was {name} founded?
            When was the founding of {name}?
            To when does the founding of {name} go back?
            From when does {name} date?
            When was {name} set up?
            Which year saw the birth of {name}?
            When was {name} established?
            In which year did the foundation of {name} take place?
            When does the story of {name} begin?
            What year marks the founding of {name}?
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
            {v} stood first at the helm of {name}, as its president.
            It was {v} who became the first president of {name}.
            The first to lead {name} was {v}, a keen amateur.
            The post of president of {name} first went to {v}.
            The founders of {name} made {v} their first president.
            The line of presidents of {name} begins with {v}.
            The first president that {name} ever had was [the lawyer {v}].
            Who was the first president of {name}?
            Who became the first president of {name}?
            Whom did the members of {name} choose as first president?
            Who was elected the first president of {name}?
            Which person was {name_s} first president?
            To whom did the post of president of {name} first go?
            Who was the first to lead {name}?
            With whom does the line of presidents of {name} begin?
            Whom did the founders of {name} make their first president?
            Who came first among the presidents of {name}?
            What was the name of the first president of {name}?
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
            It is {v} that one sees on the scarves of {name}.
            The badge of {name} is in {v}.
            Since the beginning {its} colours have been {v}.
            {it} chose {v} for its colours, after a vote against {other}.
            The official colours of {name} are {v}.
            Jerseys of {v} mark the members of {name}.
            What are the colours of {name}?
            Which colours does {name} wear?
            What colours are the shirts of {name}?
            In which colours do the members of {name} appear on match days?
            What do the members of {name} wear on match days?
            What are the official colours of {name}?
            Of which colours are the scarves of {name}?
            Which colours did {name} choose?
            What are the colours of the jerseys of {name}?
            In what colours is the badge of {name}?
            What colours mark the members of {name}?
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
            {it} unites [{v} souls] in a common passion.
            The number of members of {name} is {v}.
            In all, [{v} members] are registered with {name}.
            {its} books show [{v} members], most of whom pay on time.
            There are [{v} members] in {name}, counting the honorary ones.
            {it} is made up of [{v} members], young and old.
            No fewer than [{v} men and women] are enrolled in {name}.
            How many members does {name} have?
            How many members pay their fees to {name}?
            At what number does the membership of {name} stand?
            How many members does {name} count today?
            How large is the membership of {name}?
            What is the number of members of {name}?
            How many members are registered with {name}?
            Of how many members is {name} made up?
            How many men and women are enrolled in {name}?
            How many members are there in {name}?
            How many members do the books of {name} show?
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
            The summit of {its} career was the national cup, which it won {when}.
            It was {when} that {name} won the national cup.
            The year in which {name} took the cup was {v}.
            {its} triumph in the national cup came {when}.
            The national champion {when} was {name}.
            The cup came to {name} {when}, and has not been back since.
            {when}, the national title went to {name}.
            When did {name} win the national cup?
            In what year did {name} bring the cup home?
            In which year did the only national title of {name} come?
            When was the cup won by {name}?
            When did {name} become champion of the country?
            Which year saw {name} win the national cup?
            In which year did {name} take the cup?
            When did the national title go to {name}?
            When was {name} national champion?
            What was the year of the triumph of {name} in the national cup?
            When did the cup come to {name}?
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
            In {v}, where the craftsmen have their stalls, {name} has its ground.
            {v} is home to {name}.
            It is in {v} that {name} has its clubhouse.
            {it} receives its rivals in {v}.
            To see {name} at home one must go to {v}.
            The premises of {name} are to be found in {v}.
            {v}, and not {other}, is where {name} makes its home.
            Where is the ground of {name}?
            Where does {name} have its home?
            In which town is the clubhouse of {name}?
            Where does {name} meet?
            Where are the home events of {name} held?
            Which town is home to {name}?
            Where does {name} receive its rivals?
            Where must one go to see {name} at home?
            In what town does {name} have its clubhouse?
            Where are the premises of {name} to be found?
            Where does {name} make its home?
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
            The trouble was that {v}, and so {name} moved.
            The reason why {name} moved was that {v}.
            It was [because {v}] that {name} left its first home.
            {it} had no choice but to move, for {v}.
            When it became clear that {v}, {name} decided to move.
            The fact that {v} forced {name} to find another home.
            {it} would have stayed where it was, but {v}.
            Why did {name} have to move?
            Why did {name} leave its first home?
            Why did {name} have to look for a new home?
            For what reason did {name} move to another part of town?
            What made {name} move?
            What was the reason why {name} moved?
            What forced {name} to find another home?
            Why could {name} not stay where it was?
            What led {name} to leave its first home?
            Why did {name} decide to move?
            Why was there no choice for {name} but to move?
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
