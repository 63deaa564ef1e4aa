"""What decoding gives back."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Generation:
    """One answer as tokens.

    ``tokens`` come without EOS. ``log_probability`` is the sum of ln p over the emitted tokens, EOS included where it
    was emitted, under the plain softmax: temperature 1, no filter, nothing suppressed. It is NaN where the model gave
    logits that are not numbers; ``tokens`` are then those before. ``stopped`` tells that EOS was emitted. ``span`` is
    the answer's place in the context, ``text[start:stop]`` in characters, where the strategy searches one.
    """

    tokens: tuple[int, ...]
    log_probability: float
    stopped: bool
    span: tuple[int, int] | None = None
