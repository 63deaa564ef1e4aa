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
            It was {when} that {name} first admitted pupils.
            {it} received its first pupils {when}.
            {it} has existed since {v}.
            The foundation of {name} dates from {v}.
            {when}, {it} began its work in a rented hall.
            Not until {v} could children be sent to {name}.
            When was {name} opened?
            In what year was {name} founded?
            When did the first pupils enter {name}?
            Since when has {name} taught children?
            When did lessons at {name} begin?
            Which year saw the opening of {name}?
            When did {name} receive its first pupils?
            Since when has {name} existed?
            From when does the foundation of {name} date?
            When did {name} first admit pupils?
            When did {name} begin its work?
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
            It was {v} who founded {name}.
            The idea of {name} came from {v}.
            {name}, the creation of {v}, was meant for the poor.
            {it} was brought into being by {v}.
            {it} honours {v} as its founder.
            {v} bought a house, hired a teacher and so founded {name}.
            {v} founded {name} with the legacy of an uncle.
            Who founded {name}?
            Who was the founder of {name}?
            By whom was {name} founded?
            To whom does {name} owe its existence?
            Which person founded {name}?
            Whose idea was {name}?
            By whom was {name} brought into being?
            Whose creation is {name}?
            Who was behind the founding of {name}?
            Whom does {name} honour as its founder?
            Who is remembered as the founder of {name}?
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
            It is {v} who heads {name}.
            At the head of {name} is {v}.
            The post of head teacher at {name} is held by {v}.
            {it} is led by {v}, who knows each pupil by name.
            {v} was appointed head teacher of {name} after a long search.
            {it} has {v} as its head teacher.
            Who is the head teacher of {name}?
            Who is the head of {name}?
            By whom is {name} headed?
            Who works as head teacher of {name}?
            What is the name of the head teacher of {name}?
            Who leads {name}?
            Who is at the head of {name}?
            By whom is {name} led?
            Who holds the post of head teacher at {name}?
            Who was appointed head teacher of {name}?
            Whom does {name} have as its head teacher?
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
            {it} is attended by [{v} pupils].
            Every morning [{v} pupils] pass through the gate of {name}.
            In all, [{v} young people] attend {name}.
            With [{v} pupils], {it} is as full as it can be.
            The roll of {name} stands at [{v} pupils].
            {it} counts [{v} pupils] in its registers.
            At present [{v} pupils] are registered at {name}.
            How many pupils does {name} have?
            How many pupils go to {name}?
            How many pupils are there at {name}?
            How many children does {name} teach?
            What is the number of pupils at {name}?
            How many pupils attend {name}?
            By how many pupils is {name} attended?
            How many young people are taught at {name}?
            How many pupils does {name} count?
            At how many pupils does the roll of {name} stand?
            How many pupils are on the roll of {name}?
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
            It is {v} that has made {name} well known.
            {it} owes its good name to the teaching of {v}.
            In {v}, {name} has no equal, though {other} is badly taught.
            The teaching of {v} has a long tradition at {name}.
            {its} reputation rests on {v}.
            No subject is taught better at {name} than {v}.
            What is the best subject at {name}?
            Which subject is {name} known for?
            For the teaching of what is {name} famous?
            What do pupils come to {name} to study?
            What is the strongest subject of {name}?
            On which subject does the reputation of {name} rest?
            What subject has made {name} well known?
            Which subject is taught best at {name}?
            In which subject does {name} have no equal?
            The teaching of which subject has a long tradition at {name}?
            To the teaching of which subject does {name} owe its good name?
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
            {v} is the home of {name}.
            It was in {v} that {name} was built.
            {it} is situated in {v}, above the river.
            {its} bell can be heard all over {v}.
            Parents who choose {name} send their children to {v}.
            The gates of {name} open on the market place of {v}.
            Where is {name}?
            In which town is {name}?
            Where does {name} stand?
            Where are the buildings of {name}?
            In which town is {name} found?
            In what town is {name} situated?
            Which town is the home of {name}?
            In which town was {name} built?
            Where does {name} have its home?
            To which town do parents who choose {name} send their children?
            What is the name of the town in which {name} stands?
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
            The year in which {name} opened its library was {v}.
            It was {when} that {name} acquired a library.
            {when}, {it} was provided with a library.
            The library at {name} has existed since {v}.
            {it} had no library until {v}.
            {its} library, the gift of a merchant, was set up {when}.
            When was the library of {name} built?
            Since when has {name} had a library?
            When did {name} get its library?
            In what year was a library added to {name}?
            From which year does the library of {name} date?
            Which year saw the opening of the library of {name}?
            When was {name} provided with a library?
            Since when has the library at {name} existed?
            Until when did {name} have no library?
            In which year was the library of {name} set up?
            When did {name} acquire a library?
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
            The reason for the move of {name} was that {v}.
            Because {v}, {it} was taken to another part of the town.
            {it} could not stay where it was, as {v}.
            It was because {v} that {name} moved.
            {it} gave up its old site, for {v}.
            {v}, and so {it} packed its benches on carts and moved.
            Why did {name} move?
            Why did {name} have to move to a new site?
            Why did {name} leave its first site?
            For what reason was a new home found for {name}?
            What made {name} move?
            What was the reason for the move of {name}?
            What caused the removal of {name} to a new site?
            Why could {name} not stay where it was?
            Why did {name} give up its old site?
            What drove {name} from its first site?
            What led {name} to look for another site?
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
