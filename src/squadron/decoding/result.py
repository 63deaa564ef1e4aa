"""The result of decoding."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Generation:
    """One answer as tokens.

    ``tokens`` are without EOS. ``log_probability`` is the sum of ln p (nats) over the emitted tokens, including EOS if
    it was emitted, under the plain softmax: temperature 1, no filter, nothing suppressed. It is NaN if the model's
    logits were not finite; ``tokens`` are then those before. ``stopped`` is True if EOS was emitted. ``span`` is the
    answer's span of the context, ``text[start:stop]`` in characters, if the strategy is span search.
    """

    tokens: tuple[int, ...]
    log_probability: float
    stopped: bool
    span: tuple[int, int] | None = None
