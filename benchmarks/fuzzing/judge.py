"""What every command keeps to, whatever its input: :func:`faults` says in which way one did not."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator

from fuzzing.sandbox import MOST_BYTES, MOST_SECONDS, Outcome
from squadron.temporaries import final_name
from squadron.visible import escaped

_BAD_WORDS = re.compile(
    r"Traceback \(most recent|panicked at|a bug in Squadron|\b\w*Warning: |out of memory|File too large|cannot allocate"
)
_MOST_ERROR = 4000
"""Characters of one error: above this, a text of the input was shown whole."""


def faults(outcome: Outcome) -> list[str]:
    """Return in what ways a command failed to keep to the rules; an empty list if it kept to all."""
    return list(_faults(outcome))


def _faults(outcome: Outcome) -> Iterator[str]:
    if outcome.swollen or outcome.peak_bytes > MOST_BYTES:
        yield f"memory: {outcome.peak_bytes / 1e9:.1f} GB, over {MOST_BYTES / 1e9:.0f} GB; in {outcome.place}"
    if outcome.hung:
        yield f"hang: {outcome.seconds:.1f} s, over {MOST_SECONDS:.0f} s; in {outcome.place}"
    elif outcome.code < 0 and not outcome.swollen:
        yield f"ended by {signal.Signals(-outcome.code).name}: {outcome.err[-300:]!r}"
    elif outcome.code not in outcome.command.codes and not outcome.swollen:
        yield f"exit code {outcome.code}: {outcome.err[-600:]!r}"
    both = outcome.out + outcome.err
    if found := _BAD_WORDS.search(both):
        yield f"says {found[0]!r}: {both[max(found.start() - 200, 0) : found.end() + 400]!r}"
    if escaped(both, keep="\n") != both:
        odd = next(letter for letter in both if escaped(letter, keep="\n") != letter)
        yield f"prints {odd!r} as it is: {both[max(both.index(odd) - 100, 0) :][:200]!r}"
    if outcome.code == 2:
        yield from _error_faults(outcome)
    elif outcome.code == 0 and "--json" in outcome.command.words:
        yield from _json_faults(outcome.out)
    for path in outcome.changed:
        yield f"{'leaves behind' if final_name(path.rpartition('/')[2].split()[0]) else 'outside'}: {path}"
    yield from (f"event: {event}" for event in outcome.events)


def _error_faults(outcome: Outcome) -> Iterator[str]:
    """Yield what is wrong with the output of a command that refused its input: one line, after lines of progress."""
    begun = outcome.err.count("squadron: error: ")
    last = outcome.err.rpartition("squadron: error: ")[2]
    if begun < 1 or not outcome.err.endswith("\n"):
        yield f"exit code 2 without an error: {outcome.err[-300:]!r}"
    elif any(not line.startswith("  ") for line in last.split("\n")[1:-1]):
        yield f"more than one line: {outcome.err[-600:]!r}"
    elif max(map(len, last.split("\n"))) > _MOST_ERROR:
        yield f"an error of {len(last):,} characters: {last[:200]!r}"
    if outcome.out:
        yield f"exit code 2, and yet a result: {outcome.out[:200]!r}"


def _json_faults(text: str) -> Iterator[str]:
    """Yield what is wrong with an output that is to be one JSON object."""

    def refuse(name: str) -> None:
        raise ValueError(name)

    try:
        if not isinstance(json.loads(text, parse_constant=refuse), dict):
            yield f"--json prints no object: {text[:200]!r}"
    except ValueError as problem:
        yield f"--json prints no JSON ({problem}): {text[:200]!r}"
