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
            When was {name} born?
            In what year was {name} born?
            What is the date on which {name} was born?
            When did the life of {name} begin?
            At what date was {name} born?
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
            Where was {name} born?
            In which town was {name} born?
            What was the birthplace of {name}?
            Of which town was {name} a native?
            Where did {name} grow up?
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
            Who taught {name}?
            Who was the teacher of {name}?
            From whom did {name} learn the trade?
            By whom was {name} trained?
            Whose pupil was {name}?
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
            Where did {name} study?
            In which town did {name} go to college?
            Where was {name} a student?
            Which town did {name} go to in order to study?
            Where was the college that {name} attended?
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
            What did {name} invent?
            What is {name} known for?
            Which invention made {name} famous?
            What is the best-known invention of {name}?
            What is {name} remembered for inventing?
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
            Who was {name} married to?
            Whom did {name} marry?
            Who was the husband or wife of {name}?
            To whom was {name} married?
            Who married {name}?
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
            How many children did {name} have?
            How many children were there in the house of {name}?
            How many children did {name} bring up?
            Of how many children was {name} the parent?
            How many sons and daughters did {name} have?
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
            When did {name} win a prize?
            In what year did the academy give {name} its medal?
            When did {name} receive the prize of the academy?
            When was {name} awarded a medal?
            When did the academy award {name} a prize?
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
            Why did {name} go abroad?
            Why did {name} leave the country?
            Why did {name} move abroad?
            What made {name} emigrate?
            For what reason did {name} leave for a foreign country?
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
