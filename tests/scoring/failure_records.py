"""Answer records for tests of failure analysis: one by hand, and arbitrary ones."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import strategies as st

from squadron.scoring.answers import AnswerRecord

CONTEXT = (
    "The American Football Conference (AFC) champion Denver Broncos defeated the National Football Conference (NFC) "
    "champion Carolina Panthers 24–10 to earn their third Super Bowl title. The game was played on February 7, 2016, "
    "at Levi's Stadium in the San Francisco Bay Area at Santa Clara, California. Linebacker Von Miller was named MVP "
    "after his club forced seven turnovers, which cost $1.2 million; kicker Graham Gano missed. It was announced on "
    "October 16, 2012, that Johann Gerhard Lessing and the Duke of York had bid for natural grass, and that a small "
    "number of well-known judges from 15 clubs found the owner guilty."
)


def record(prediction: str, *golds: str, **changes: object) -> AnswerRecord:
    """Return a record of a question about the context with these golds and this prediction."""
    plain = AnswerRecord("q", "Who won?", CONTEXT, golds, prediction, 3, True, -1.0, False, CONTEXT)
    return replace(plain, **changes)  # type: ignore[arg-type]


PIECES = [
    "the",
    "Denver",
    "Broncos",
    "seven",
    "7",
    "2016",
    "$",
    "1.2",
    "million",
    "’s",
    "-",
    " ",
    "”",
    "of",
    "not",
    "É",
    "東",
]
TEXTS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=8).map(" ".join),
    st.lists(st.sampled_from(CONTEXT.split()), max_size=12).map(" ".join),
    st.tuples(st.integers(0, 500), st.integers(1, 80)).map(lambda place: CONTEXT[place[0] : sum(place)]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=15),
)
RECORDS = st.builds(
    AnswerRecord,
    question_id=st.uuids().map(str),
    question=TEXTS,
    context=st.one_of(st.just(CONTEXT), TEXTS),
    golds=st.lists(TEXTS, min_size=1, max_size=3).map(tuple),
    prediction=TEXTS,
    tokens=st.integers(0, 20),
    stopped=st.booleans(),
    log_probability=st.one_of(st.none(), st.floats(-50, 0), st.just(float("nan"))),
    truncated=st.booleans(),
    visible_context=TEXTS,
    answer_start=st.one_of(st.none(), st.integers(0, 900)),
)
