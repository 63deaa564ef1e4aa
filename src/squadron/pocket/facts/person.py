"""People, all of them inventors."""

from __future__ import annotations

from squadron.pocket.tables import Fact, Kind, count, date, one_of, person, place, reason

PERSON = Kind(
    "person",
    "inventor",
    names=("{first} {surname}|{surname}",),
    era=(1780, 1910),
    sexes=True,
    opening=(
        "{name} was an inventor and engineer.",
        "{name} was a self-taught mechanic and inventor.",
        "{name} was a maker of machines who came late to the trade.",
        "{name} was an inventor, remembered today by few outside the trade.",
        "Few inventors of the age were as restless as {name}.",
    ),
    companion=(
        "Another inventor of those years, {c}, is often taken for a relative.",
        "The workshop was shared with {c}, who was an inventor too.",
        "{c}, an inventor of the same circle, led a very different life.",
    ),
    facts=(
        Fact(
            "birth_date",
            date(0, 3),
            "Born",
            """
            {it} was born {when}, the youngest child of a miller.
            Born {when}, {it} grew up among the tools of the family smithy.
            {it} was born {when} and learned to read late.
            Church records show that {it} was born {when}.
            {when}, {it} was born into a family of weavers.
            It was {when} that {it} was born, the first child of a schoolmaster.
            {its} life began {when}, in the house of a carpenter.
            The census and the parish register agree that {it} was born {when}.
            {name}, who was born {when}, was an orphan at six.
            The only child of a ferryman, {it} was born {when}.
            {it} was born {when} to parents who could not write.
            When was {name} born?
            In what year was {name} born?
            What is the date on which {name} was born?
            When did the life of {name} begin?
            At what date was {name} born?
            On what date was {name} born?
            In which year was {name} born?
            What was the year in which {name} was born?
            When did {name_s} life begin?
            When was the inventor {name} born?
            What do the church records give as the date on which {name} was born?
            * The birth of {name} took place {when}, during a hard winter.
            * {it} came into the world {when}, as the family was packing to move.
            * When did {name} come into the world?
            * When did the birth of {name} take place?
        """,
        ),
        Fact(
            "birth_place",
            place(),
            "Birthplace",
            """
            {it} was a native of [the town of {v}].
            The house in {v} where {it} was born still stands.
            {it} was born and raised in {v}.
            {its} family had kept a shop in {v}, and there {it} was born.
            {its} birthplace was {v}, a quiet market town.
            It was in {v} that {it} was born.
            {it} came from {v}, a town of weavers.
            {its} home town was {v}.
            {v} counts {name} among its most famous sons and daughters.
            Born in {v}, {it} never lost the accent of the place.
            A plaque in {v} marks the house in which {name} was born.
            {it} was born in {v}, a place of a few hundred souls.
            Where was {name} born?
            In which town was {name} born?
            What was the birthplace of {name}?
            Of which town was {name} a native?
            Where did {name} grow up?
            What was the home town of {name}?
            What was {name_s} native town?
            From which town did {name} come?
            In what town did {name} first see the light of day?
            Where is the house in which {name} was born?
            Which town counts {name} among its natives?
            * {its} cradle stood in {v}, as the people there like to say.
            * {it} spent {its} childhood in {v}, the town of {its} birth.
            * Which town saw the birth of {name}?
            * Where did {name} spend {its} childhood?
        """,
        ),
        Fact(
            "teacher",
            person(),
            "Teacher",
            """
            {it} learned the trade from {v}, a strict old clockmaker.
            {its} teacher was [the clockmaker {v}].
            {v} taught {name} to draw and to cast metal.
            {it} was trained by {v}, who had no children.
            As a pupil of {v}, {it} filled forty notebooks with sketches.
            It was {v} who taught {name} the trade.
            {it} owed {its} training to {v}, a maker of fine instruments.
            {its} master was {v}, who praised nobody.
            {it} learned all that {it} knew of machines from {v}.
            {v} took {name} on as a pupil.
            Under the eye of {v}, {it} learned to file, to drill and to wait.
            {it} was trained by {v}, one of the best craftsmen of the age.
            Who taught {name}?
            Who was the teacher of {name}?
            From whom did {name} learn the trade?
            By whom was {name} trained?
            Whose pupil was {name}?
            Who taught {name} the trade?
            To whom did {name} owe {its} training?
            Who was {name_s} teacher?
            Under which master did {name} learn the trade?
            Who took {name} on as a pupil?
            By whom was {name} taught?
            * {it} served an apprenticeship under {v}, whose patience was famous.
            * Lessons with {v} gave {name} a love of exact work.
            * Under whom did {name} serve an apprenticeship?
            * Who gave lessons to {name}?
        """,
        ),
        Fact(
            "study_place",
            place(),
            "Studied in",
            """
            {it} studied mechanics in {v} for three years.
            {its} years as a student were spent in {v}.
            {it} took a course at the technical college in {v}.
            At the college of {v}, {it} studied by night and worked by day.
            {it} went to {v} to study, on money lent by an aunt.
            It was in {v} that {it} went to college.
            {its} studies began and ended in {v}.
            {it} attended the technical college in {v}.
            The college in {v} accepted {name} as a student.
            {it} enrolled at the college of {v} without the means to pay.
            {it} was a student in {v}, where {it} lived on bread and tea.
            Where did {name} study?
            In which town did {name} go to college?
            Where was {name} a student?
            Which town did {name} go to in order to study?
            Where was the college that {name} attended?
            In which town did {name} study?
            Where did {name} attend college?
            In what town was {name} enrolled at college?
            Which town was the scene of {name_s} studies?
            To which town did {name} go as a student?
            In which town was the college that accepted {name}?
            * A scholarship took {name} to the polytechnic in {v}.
            * {it} was educated in {v}, where {it} slept above a bakery.
            * In what town was {name} educated?
            * Which town gave {name} an education?
        """,
        ),
        Fact(
            "invention",
            one_of("invention"),
            "Invention",
            """
            {it} is known above all as the inventor of {v}.
            {its} best-known invention is {v}, which sold all over the country.
            {it} invented {v} almost by accident.
            {its} fame rests on {v}, not on {other}, which never worked.
            After many failures {it} built {v} that worked.
            It was {it} who invented {v}, as a court ruled in the end.
            {it} made {its} name with {v}.
            {it} owes {its} place in the history books to {v}.
            {its} greatest success was {v}, while {other}, built later, was a failure.
            Credit for the invention of {v} belongs to {name}.
            {it} took out a patent on {v}.
            What did {name} invent?
            What is {name} known for?
            Which invention made {name} famous?
            What is the best-known invention of {name}?
            What is {name} remembered for inventing?
            With what invention did {name} make {its} name?
            On what did {name} take out a patent?
            What was {name_s} greatest success?
            To what does {name} owe {its} place in the history books?
            What was invented by {name}?
            Credit for the invention of what belongs to {name}?
            * {it} devised {v}, and lived on the income from it.
            * The device that carried {its} name abroad was {v}.
            * What did {name} devise?
            * Which device is the work of {name}?
        """,
        ),
        Fact(
            "spouse",
            person(),
            "Married",
            """
            {it} married {v}, who kept the accounts.
            {it} was married to [the painter {v}].
            {v} and {name} married after a long engagement.
            {its} marriage to {v} was a happy one.
            Friends were surprised when {it} married {v}.
            {it} and {v} exchanged rings in a village church.
            {its} spouse, {v}, drew all the plans.
            It was {v} whom {it} married in the end.
            {it} found in {v} a clever and patient spouse.
            {its} marriage was to {v}, a friend from early days.
            {v} became the spouse of {name}.
            Who was {name} married to?
            Whom did {name} marry?
            Who was the husband or wife of {name}?
            To whom was {name} married?
            Who married {name}?
            Who was the spouse of {name}?
            What was the name of {name_s} spouse?
            Whose spouse was {name}?
            Whom did {name} take as a husband or wife?
            Who was it that {name} married?
            Who became the spouse of {name}?
            * {it} shared {its} life with {v}, whom {it} had met on a ferry.
            * The wedding of {name} and {v} was held in a barn.
            * With whom did {name} share a home and a life?
            * At the wedding of {name}, who was the other half of the couple?
        """,
        ),
        Fact(
            "children",
            count(3, 14),
            "Children",
            """
            {it} had [{v} children], all of whom could swim.
            {it} was the parent of [{v} children].
            There were [{v} children] in {its} house.
            {it} brought up [{v} children] on a small income.
            Of {its} [{v} children], only the eldest went into the trade.
            Over the years, [{v} children] were born to {name}.
            At {its} table sat [{v} children].
            {it} fed and clothed [{v} children] by selling toys.
            {it} left [{v} children], none of whom became an inventor.
            {its} household was full of noise, for {it} had [{v} children].
            {it} taught [{v} children] of {its} own to read.
            How many children did {name} have?
            How many children were there in the house of {name}?
            How many children did {name} bring up?
            Of how many children was {name} the parent?
            How many sons and daughters did {name} have?
            How many children were born to {name}?
            How many children did {name} leave?
            How many children grew up in the household of {name}?
            Of how many boys and girls was {name} the parent?
            How many children of {its} own did {name} have?
            How many children did {name} feed and clothe?
            * {it} raised a family of {v}, and no two of the children were alike.
            * In all, [{v} sons and daughters] called {name} their parent.
            * How large was the family that {name} raised?
            * What was the number of {name_s} children?
        """,
        ),
        Fact(
            "prize_date",
            date(30, 55),
            "Prize",
            """
            {when}, {it} won the gold medal of the academy.
            {it} received the prize of the academy {when}.
            The academy gave {name} its medal {when}.
            {when}, the academy awarded {name} a prize.
            It was only {when} that {it} won a prize.
            The gold medal of the academy went to {name} {when}.
            {its} hour came {when}, with a medal from the academy.
            It was {when} that the academy awarded its medal to {name}.
            Recognition came late: {it} won the prize of the academy {when}.
            {when}, the medal of the academy was presented to {name}.
            The prize of the academy was conferred on {name} {when}.
            When did {name} win a prize?
            In what year did the academy give {name} its medal?
            When did {name} receive the prize of the academy?
            When was {name} awarded a medal?
            When did the academy award {name} a prize?
            Which year saw {name} win a prize?
            When did the medal of the academy go to {name}?
            When was the medal of the academy presented to {name}?
            In which year did {name} win the gold medal of the academy?
            On what date did {name} receive a medal?
            When was the prize of the academy conferred on {name}?
            * The academy honoured {name} {when}, to loud applause.
            * {its} work was crowned by the academy {when}.
            * When did the academy honour {name}?
            * When was the work of {name} crowned?
        """,
        ),
        Fact(
            "move_reason",
            reason("reason_person"),
            "Left home because",
            """
            {it} went abroad because {v}.
            Since {v}, {it} moved abroad.
            {it} left the country, as {v}.
            {it} emigrated [because {v}].
            {v}, so {it} left for a foreign country.
            The reason why {it} went abroad was that {v}.
            Because {v}, {it} sought work in another country.
            {it} packed up and left the country, for {v}.
            It was because {v} that {it} emigrated.
            {v}, and so {it} took a boat to another country.
            {it} turned {its} back on the country, seeing that {v}.
            Why did {name} go abroad?
            Why did {name} leave the country?
            Why did {name} move abroad?
            What made {name} emigrate?
            For what reason did {name} leave for a foreign country?
            What was the reason for the emigration of {name}?
            What was {name_s} reason for going abroad?
            What led {name} to leave the country?
            Why did {name} seek work in another country?
            Why did {name} emigrate?
            What caused {name} to move abroad?
            * What drove {name} overseas was that {v}.
            * {it} chose to live overseas for one reason: {v}.
            * What drove {name} overseas?
            * Why did {name} choose to live overseas?
        """,
        ),
    ),
    asides={
        "person": (
            "A portrait by {person} hangs in the town hall.",
            "{person}, a cousin, later edited the letters.",
            "The first biography was written by {person}.",
            "A long quarrel with {person} about money was never settled.",
        ),
        "place": (
            "A street in {place} bears the name {name}.",
            "A visit to {place} was cut short by illness.",
            "The notebooks are kept in {place} today.",
        ),
        "time": (
            "A medal with the familiar portrait was struck in {later}.",
            "The letters were published in {later}.",
            "A small exhibition was held in {later}.",
        ),
        "number": (
            "The notebooks run to {large} pages.",
            "Some {large} letters have survived.",
            "The funeral was attended by {large} people.",
        ),
        "invention": (
            "A drawing of {invention} was found among the papers.",
            "A plan for {invention} came to nothing.",
            "A model of {invention}, made by a friend, is in the same room.",
        ),
        "reason": (
            "A second workshop was never opened because {reason}.",
            "A statue was planned, but it was given up because {reason}.",
            "The house was not made a museum, as {reason}.",
        ),
    },
)
