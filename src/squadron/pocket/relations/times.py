"""Relations whose answer is a date or a year."""

from __future__ import annotations

from squadron.pocket.tables import Spec, date, year

TIMES: tuple[tuple[str, Spec, str], ...] = (
    (
        "opened",
        date(0, 60),
        """
        {x} was opened {when}.
        {x} opened its doors {when}.
        {x} was opened to the public {when}.
        {x} came into use {when}.
        {x} stood ready for use {when}.
        {x} went into service {when}.
        {x} was inaugurated {when}.
        {when}, the ribbon at {x} was cut.
        The public was first let in to {x} {when}.
        {x} has been in use since {v}.
        When was {x} opened?
        In what year did {x} open its doors?
        When was {x} opened to the public?
        When did {x} come into use?
        By which year did {x} stand ready for use?
        When did {x} go into service?
        Which year saw {x} inaugurated?
        In what year was the ribbon at {x} cut?
        When was the public first let in to {x}?
        Since when has {x} been in use?
    """,
    ),
    (
        "began",
        date(0, 60),
        """
        {x} was begun {when}.
        Work on {x} started {when}.
        The history of {x} starts {when}.
        {x} came into being {when}.
        The origins of {x} lie {when}.
        {when}, {x} was established.
        {x} dates from {v}.
        {x} has existed since {v}.
        The birth of {x} took place {when}.
        The first stone of {x} was laid {when}.
        {x} had its debut {when}.
        {when}, rails were laid to {x}.
        When was {x} begun?
        When did work on {x} start?
        With which year does the history of {x} start?
        In what year did {x} come into being?
        To which year do the origins of {x} go back?
        When was {x} established?
        From which year does {x} date?
        For how long, and since when, has {x} existed?
        Which year saw the birth of {x}?
        When was the first stone of {x} laid?
        Which year saw the debut of {x}?
        In what year were rails laid to {x}?
    """,
    ),
    (
        "closed",
        year(20, 90),
        """
        {x} was closed {when}.
        {x} shut its doors for good {when}.
        {x} met its end {when}.
        {x} was given up {when}.
        {when}, {x} was used for the last time.
        {x} came to an end {when}.
        {x} took leave of its friends {when}.
        {x} has been out of use since {v}.
        When was {x} closed?
        When did {x} shut its doors for good?
        When did {x} meet its end?
        When was {x} given up?
        When was {x} used for the last time?
        When did {x} come to an end?
        When did {x} take leave of its friends?
        Since when has {x} been out of use?
    """,
    ),
    (
        "destroyed",
        year(10, 90),
        """
        {x} was destroyed {when}.
        {x} burned down {when}.
        {when}, {x} was pulled down.
        {x} was cut into pieces {when}.
        {x} was demolished {when}.
        The wreckers took {x} {when}.
        {x} collapsed {when}.
        When was {x} destroyed?
        When did {x} burn down?
        When was {x} pulled down?
        In what year was {x} cut into pieces?
        When was {x} demolished?
        When did the wreckers take {x}?
        When did {x} collapse?
    """,
    ),
    (
        "enlarged",
        year(10, 90),
        """
        {x} was enlarged {when}.
        {x} was made bigger {when}.
        {when}, {x} was extended.
        {x} grew by a third {when}.
        {x} gained more room {when}.
        {when}, more space was made for {x}.
        {x} was given an extra half {when}.
        When was {x} enlarged?
        When was {x} made bigger?
        When was {x} extended?
        When did {x} grow by a third?
        When did {x} gain more room?
        When was more space made for {x}?
        When was {x} given an extra half?
    """,
    ),
    (
        "repaired",
        year(10, 90),
        """
        {x} was repaired {when}.
        {x} was restored {when}.
        {when}, {x} was put in order.
        {x} underwent a thorough cleaning {when}.
        {x} got its old glory back {when}.
        {x} was mended {when}.
        {when}, {x} was given a new coat of paint.
        {x} was put under the protection of the state {when}.
        When was {x} repaired?
        When was {x} restored?
        When was {x} put in order?
        When did {x} undergo a thorough cleaning?
        When did {x} get its old glory back?
        When was {x} mended?
        When was {x} given a new coat of paint?
        When did the state protect {x}?
    """,
    ),
    (
        "sold",
        date(5, 80),
        """
        {x} was sold {when}.
        {x} changed hands {when}.
        {when}, {x} was bought by a stranger.
        {x} was bought {when}.
        {x} found a buyer {when}.
        {x} went under the hammer {when}.
        When was {x} sold?
        When did {x} change hands?
        When was {x} bought?
        In what year was {x} bought by a stranger?
        When did {x} find a buyer?
        When did {x} go under the hammer?
    """,
    ),
    (
        "honoured",
        date(5, 80),
        """
        {x} won a prize {when}.
        {x} was honoured {when}.
        {when}, {x} was crowned with a gold medal.
        {x} received an award {when}.
        {x} was given first place {when}.
        The greatest triumph of {x} fell {when}.
        {x} took the trophy {when}.
        {x} beat its rivals in a contest {when}.
        The victory of {x} came {when}.
        When did {x} win a prize?
        When was {x} honoured?
        When was {x} crowned with a gold medal?
        When did {x} receive an award?
        When was {x} given first place?
        When did the greatest triumph of {x} fall?
        When did {x} take the trophy?
        In what year did {x} beat its rivals?
        When did the victory of {x} come?
    """,
    ),
    (
        "left",
        date(1, 70),
        """
        {x} was sent away {when}.
        {x} left {when}.
        {when}, {x} set out on a long journey.
        {x} got under way {when}.
        {x} departed {when}.
        {x} said goodbye {when}.
        When was {x} sent away?
        When did {x} leave?
        When did {x} set out on a long journey?
        In what year did {x} get under way?
        When did {x} depart?
        When did {x} say goodbye?
    """,
    ),
    (
        "returned",
        date(1, 70),
        """
        {x} came back {when}.
        {x} returned {when}.
        {when}, {x} was welcomed home.
        {x} was brought home {when}.
        {x} saw its old place again {when}.
        {x} reached home {when}.
        When did {x} come back?
        When did {x} return?
        When was {x} welcomed home?
        When was {x} brought home?
        When did {x} see its old place again?
        When did {x} reach home?
    """,
    ),
)
