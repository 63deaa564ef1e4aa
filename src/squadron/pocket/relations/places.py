"""Relations whose answer is a town."""

from __future__ import annotations

from squadron.pocket.tables import Spec, place

PLACES: tuple[tuple[str, Spec, str], ...] = (
    (
        "stands",
        place(),
        """
        {x} is in {v}.
        {x} stands in {v}.
        {x} is situated in {v}.
        {x} is located in {v}.
        {x} can be seen in {v}.
        {x} is kept in {v}.
        Travellers in {v} always ask for {x}.
        {x} has its seat in {v}.
        {x} has its home in {v}.
        Those who want to see {x} go to {v}.
        {x} is quartered in {v}.
        Where is {x}?
        Where does {x} stand?
        In which town is {x} situated?
        In which town is {x} located?
        In which town can {x} be seen?
        Where is {x} kept?
        Where do travellers always ask for {x}?
        In which town does {x} have its seat?
        Where does {x} have its home?
        Where does one go to see {x}?
        In which town is {x} quartered?
    """,
    ),
    (
        "came_from",
        place(),
        """
        {x} comes from {v}.
        {x} was brought from {v}.
        {x} was made in {v}.
        {x} was constructed in {v}.
        {x} is a product of {v}.
        The craftsmen of {v} made {x}.
        {v} is where {x} was born, as people say.
        {x} was shipped from {v}.
        Where does {x} come from?
        From which town was {x} brought?
        Where was {x} made?
        In what town was {x} constructed?
        Of which town is {x} a product?
        The craftsmen of which town made {x}?
        Where was {x} born, as people say?
        From where was {x} shipped?
    """,
    ),
    (
        "moved_to",
        place(),
        """
        {x} was moved to {v}.
        {x} was sent to {v}.
        {x} ended up in {v}.
        {x} found a new place in {v}.
        The last journey of {x} led to {v}.
        {v} received {x} with a brass band.
        {x} was lent to {v}.
        Where was {x} moved to?
        To which town was {x} sent?
        Where did {x} end up?
        Where did {x} find a new place?
        To which town did the last journey of {x} lead?
        Which town received {x}?
        To which town was {x} lent?
    """,
    ),
    (
        "near",
        place(),
        """
        {x} looks out on {v}.
        {x} lies near {v}.
        {x} is not far from {v}.
        The nearest town to {x} is {v}.
        {x} is a short walk from {v}.
        Just outside {v} one comes to {x}.
        {x} throws its shadow on {v}.
        On which town does {x} look out?
        Near which town does {x} lie?
        Not far from which town is {x}?
        What is the nearest town to {x}?
        From which town is {x} a short walk?
        Just outside which town does one come to {x}?
        On which town does {x} throw its shadow?
    """,
    ),
)
