"""Names of axes, options, models and values in the report's language."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePath
from typing import Any

from squadron.options.decoding import strategy_parts
from squadron.reporting.document.blocks import RichText, TextRun
from squadron.reporting.document.builder import Draft, name
from squadron.reporting.document.text import LONGEST_NAME, clipped
from squadron.runs.records import Study

_RATES = ("lr", "weight_decay", "dropout", "alpha", "gradient_clipping")
_MOST_NAMES = 8
"""Runs that a sentence names before it counts the others."""


def axis(draft: Draft, key: str) -> RichText:
    """Return the name of an axis, for use within a sentence."""
    if draft.say.has(f"axis.{key}"):
        return draft.say(f"axis.{key}")
    return draft.say("axis.other", axis=code(key))


def metric(draft: Draft, key: str) -> RichText:
    """Return the name of a metric, for use within a sentence."""
    return draft.say(f"metric.{key}") if draft.say.has(f"metric.{key}") else (code(key),)


def larger(draft: Draft, key: str) -> RichText:
    """Return the phrase for a larger value of an axis, for the start of a sentence."""
    if draft.say.has(f"larger.{key}"):
        return draft.say(f"larger.{key}")
    return draft.say("larger.other", axis=axis(draft, key))


def level(draft: Draft, key: str, value: Any) -> RichText:
    """Return a value of an axis or option."""
    if isinstance(value, bool) or value is None:
        return (code(str(value).lower()),)
    if isinstance(value, (int, float)):
        return (draft.say.number(value, "rate" if key in _RATES or isinstance(value, float) else "count"),)
    if isinstance(value, (list, tuple)):
        return (code(" ".join(map(str, value))),)
    if draft.say.has(f"option_value.{value}"):
        return draft.say(f"option_value.{value}")
    return (code(str(value)),)


def code(text: str) -> TextRun:
    """Return the name of an option or module, as code."""
    return TextRun(clipped(text, LONGEST_NAME), "code")


def base(draft: Draft, study: Study) -> RichText:
    """Return the name of the base model."""
    known = PurePath(study.base.name).name
    if known in ("pocket", "gpt2"):
        return draft.say(f"base.{known}")
    return draft.say("base.other", name=name(known))


def source(draft: Draft, study: Study) -> RichText:
    """Return the name of the data source."""
    known = PurePath(study.data.source or "?").name
    if known in ("pocket", "squad"):
        return draft.say(f"dataset.{known}")
    return draft.say("dataset.other", name=name(known))


def split(draft: Draft, key: str) -> RichText:
    """Return the name of a split."""
    return draft.say(f"split_name.{key}") if draft.say.has(f"split_name.{key}") else (name(key),)


def decoding(draft: Draft, key: str) -> RichText:
    """Return the name of a decoding strategy; of joined ones, their names with a plus between them."""
    parts = strategy_parts(key)
    if not all(draft.say.has(f"decoding_name.{part}") for part in parts):
        return (name(key),)
    named = [draft.say(f"decoding_name.{part}") for part in parts]
    return tuple(run for place, one in enumerate(named) for run in (*([TextRun(" + ")] if place else []), *one))


def status(draft: Draft, key: str) -> RichText:
    """Return the status of a run in words."""
    return draft.say(f"status.{key}") if draft.say.has(f"status.{key}") else (name(key),)


def kind(draft: Draft, key: str, label: str) -> RichText:
    """Return the name of a kind of mistake."""
    return draft.say(f"kind.{key}") if draft.say.has(f"kind.{key}") else (name(label),)


def names(draft: Draft, given: Sequence[str]) -> RichText:
    """Return the names of runs; if there are many, the first ones and the number of others."""
    listed: list[RichText] = [(name(one),) for one in given[:_MOST_NAMES]]
    if len(given) <= _MOST_NAMES:
        return draft.say.join(listed)
    runs = [run for index, one in enumerate(listed) for run in (*(draft.say("list.comma") if index else ()), *one)]
    return (*runs, TextRun(" "), *draft.say("missing.more", count=len(given) - _MOST_NAMES))
