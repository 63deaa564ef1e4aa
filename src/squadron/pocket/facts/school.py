"""Schools."""

from __future__ import annotations

from squadron.pocket.tables import Fact, Kind, count, date, one_of, person, place, reason, year

SCHOOL = Kind(
    "school",
    "school",
    names=(
        "{surname} School",
        "{surname} College",
        "{surname} Academy",
        "{surname} Grammar School",
        "the {surname} School of Arts",
    ),
    era=(1640, 1950),
    opening=(
        "{name} is a school with a large garden.",
        "{name} is a small school with high standards.",
        "{name} is a school for day pupils and boarders.",
        "{name} is a school that changes slowly.",
    ),
    companion=(
        "Its great rival is {c}.",
        "Every autumn it plays against {c}.",
        "Some teachers also work at {c}.",
    ),
    facts=(
        Fact(
            "opening_date",
            date(0, 3),
            "Opened",
            """
            {it} was opened {when}.
            {when}, the first pupils entered {name}.
            {it} was founded {when} with twelve pupils.
            {it} has taught children since {v}.
            Lessons at {name} began {when}.
            When was {name} opened?
            In what year was {name} founded?
            When did the first pupils enter {name}?
            Since when has {name} taught children?
            When did lessons at {name} begin?
            * The first bell of {name} rang {when}.
            * {it} took in its earliest class {when}.
            * When did the first bell of {name} ring?
            * When did {name} take in its earliest class?
        """,
        ),
        Fact(
            "founder",
            person(),
            "Founder",
            """
            {it} was founded by [the widow {v}].
            {its} founder was {v}.
            {v} founded {name} with money from the wine trade.
            The founder of {name}, {v}, lived in the attic.
            {it} owes its existence to {v}.
            Who founded {name}?
            Who was the founder of {name}?
            By whom was {name} founded?
            To whom does {name} owe its existence?
            Which person founded {name}?
            * A gift from {v} made {name} possible.
            * {v} set up {name} against the wishes of the town.
            * Whose gift made {name} possible?
            * Who set up {name}?
        """,
        ),
        Fact(
            "head",
            person(),
            "Head teacher",
            """
            {its} head teacher is {v}.
            {v} is the head teacher of {name}.
            {it} is headed by [the historian {v}].
            {v} became head teacher of {name} at thirty.
            The head of {name} is {v}.
            Who is the head teacher of {name}?
            Who is the head of {name}?
            By whom is {name} headed?
            Who works as head teacher of {name}?
            What is the name of the head teacher of {name}?
            * Today {v} is in charge of {name}.
            * The person who directs {name} today is {v}.
            * Who is in charge of {name} today?
            * Who directs {name} today?
        """,
        ),
        Fact(
            "pupils",
            count(30, 1900),
            "Pupils",
            """
            {it} has [{v} pupils].
            Some [{v} pupils] go to {name}.
            There are [{v} pupils] at {name}.
            {it} teaches [{v} children].
            The number of pupils at {name} is {v}.
            How many pupils does {name} have?
            How many pupils go to {name}?
            How many pupils are there at {name}?
            How many children does {name} teach?
            What is the number of pupils at {name}?
            * Some {v} are enrolled at {name} this year.
            * Some [{v} boys and girls] fill the desks of {name}.
            * How many are enrolled at {name}?
            * How many boys and girls fill the desks of {name}?
        """,
        ),
        Fact(
            "subject",
            one_of("subject"),
            "Known for",
            """
            {it} is known for its lessons in {v}.
            The best subject at {name} is {v}.
            {it} is famous for the teaching of {v}, whereas {other} is not taught at all.
            Pupils come to {name} to study {v}.
            {its} strongest subject is {v}.
            What is the best subject at {name}?
            Which subject is {name} known for?
            For the teaching of what is {name} famous?
            What do pupils come to {name} to study?
            What is the strongest subject of {name}?
            * {it} excels in {v}, and has the medals to prove it.
            * The field in which {name} leads is {v}.
            * In what does {name} excel?
            * What is the field in which {name} leads?
        """,
        ),
        Fact(
            "town",
            place(),
            "Town",
            """
            {it} is in {v}.
            {it} stands on a hill in {v}.
            {it} is found in {v}, close to the station.
            {it} is a school in [the town of {v}].
            The buildings of {name} are in {v}.
            Where is {name}?
            In which town is {name}?
            Where does {name} stand?
            Where are the buildings of {name}?
            In which town is {name} found?
            * {it} is located in {v}, next to the post office.
            * Pupils of {name} walk to class through the lanes of {v}.
            * Where is {name} located?
            * In which town do pupils of {name} walk to class?
        """,
        ),
        Fact(
            "library_year",
            year(20, 70),
            "Library",
            """
            The library of {name} was built {when}.
            {it} has had a library since {v}.
            {it} got its library {when}.
            {when}, a library was added to {name}.
            {its} library dates from {v}.
            When was the library of {name} built?
            Since when has {name} had a library?
            When did {name} get its library?
            In what year was a library added to {name}?
            From which year does the library of {name} date?
            * {when}, a reading room was given to {name}.
            * Pupils of {name} have been able to borrow books since {v}.
            * When was a reading room given to {name}?
            * Since when have pupils of {name} been able to borrow books?
        """,
        ),
        Fact(
            "move_reason",
            reason("reason_school"),
            "Moved because",
            """
            {it} moved because {v}.
            {it} had to move to a new site, since {v}.
            {v}, so {it} moved.
            {it} left its first site [because {v}].
            A new home was found for {name}, as {v}.
            Why did {name} move?
            Why did {name} have to move to a new site?
            Why did {name} leave its first site?
            For what reason was a new home found for {name}?
            What made {name} move?
            * {it} changed its address on these grounds: {v}.
            * Behind the change of address of {name} was the fact that {v}.
            * On what grounds did {name} change its address?
            * What was behind the change of address of {name}?
        """,
        ),
    ),
    asides={
        "person": (
            "Its most famous pupil is {person}.",
            "{person} taught here for one unhappy term.",
            "The school song is by {person}.",
        ),
        "place": ("A summer camp is held in {place}.", "Many boarders come from {place}."),
        "time": ("A storm took off the roof in {later}.", "Uniforms were dropped in {later}."),
        "number": (
            "The garden has {count} apple trees.",
            "A year costs {large} crowns.",
            "It employs {count} teachers.",
        ),
        "subject": ("A club for {subject} meets after school.", "A course in {subject} had to be given up."),
        "reason": (
            "A swimming bath was never built because {reason}.",
            "The chapel was sold because {reason}.",
            "A second house was not opened, as {reason}.",
        ),
    },
)
