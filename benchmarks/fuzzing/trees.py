"""Damage to JSON by its structure: wrong types, missing keys, numbers out of bounds, deep nesting, hostile texts."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Callable
from typing import Any

TEXTS = (
    *("", " ", "x", "0", "-1", "1e5", "NaN", "nan", "null", "true", "é" * 70, "-rf", "--replace", "~", ".", "..", "/"),
    *("a\x00b", "\x1b[31mred\x1b[0m", "\x07\x08\r", "\u202egnp.exe\u202c", "\u2028", "\ufeff", "\ufdd0", "\U0010ffff"),
    *("\ud800", "a\udfffb", "\u200c", "🦊", "%s%n%x", "{0}{x!r}", "{{ 7*7 }}", "${7*7}", "<script>alert(1)</script>"),
    *("=1+1", "#eval", "$x$", "a/b", "a\\b", "C:\\x", "a\nb", "a b", "con", "*", "[x]", "owner/name", "gpt2", "pocket"),
    *("../../elsewhere/made", "../../../elsewhere/made", "x" * 300, "x" * 5000, "y" * 200_000, "2.0", "v9", "cuda"),
    *("1999-01-01", "attention", "greedy", "full", "fp16", "bf16", "train", "done", "failed", "optuna", "linear"),
)
NUMBERS = (0, 1, 2, 3, -1, -2, 7, 10**3, 2**31 - 1, 2**31, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**63) - 1, 10**400)
FRACTIONS = (0.5, -0.0, 1e-320, 1e-9, 1.5, 1e9, 1e308, -1e308, float("nan"), float("inf"), float("-inf"))
RAW = (
    "1" + "0" * 5000,
    "1e999",
    "-1e999",
    "[" * 100_000 + "]" * 100_000,
    "[" * 90 + "]" * 90,
    '{"a":' * 5000 + "1" + "}" * 5000,
)
"""Values that are written as they stand, since no Python value becomes them."""
_MARK = "\ue000raw{}\ue000"


def damaged_tree(tree: Any, draw: random.Random) -> Any:
    """Return a copy of the data with one to three changes of its structure."""
    tree = copy.deepcopy(tree)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        tree = _changed(tree, draw)
    return tree


def json_text(tree: Any, draw: random.Random) -> bytes:
    """Return the JSON of damaged data, mostly in UTF-8; marks of :data:`RAW` become what they stand for."""
    ascii_only = draw.random() < 0.5
    text = json.dumps(tree, ensure_ascii=ascii_only, indent=draw.choice((None, None, 1)))
    for number, raw in enumerate(RAW):
        mark = json.dumps(_MARK.format(number), ensure_ascii=ascii_only)
        text = text.replace(mark, raw)
    if draw.random() < 0.03:
        return b"\xff\xfe" + text.encode("utf-16-le", "surrogatepass")
    return (b"\xef\xbb\xbf" if draw.random() < 0.03 else b"") + text.encode("utf-8", "surrogatepass")


def hostile_value(draw: random.Random) -> Any:
    """Return a value that a reader may not expect."""
    kinds: tuple[Callable[[], Any], ...] = (
        lambda: draw.choice(TEXTS),
        lambda: draw.choice(NUMBERS),
        lambda: draw.choice(FRACTIONS),
        lambda: draw.choice((None, True, False)),
        lambda: draw.choice(([], {}, [[]], [None], [1, "x"], {"": None}, {"a": {"b": []}}, [{}], [[1, 2], [3]])),
        lambda: [draw.choice(TEXTS), draw.choice(NUMBERS)],
        lambda: {draw.choice(TEXTS): draw.choice(NUMBERS)},
        lambda: _MARK.format(draw.randrange(len(RAW))),
    )
    return draw.choices(kinds, weights=(5, 5, 3, 4, 4, 1, 1, 1))[0]()


def _changed(tree: Any, draw: random.Random) -> Any:
    holder, key = _place(tree, draw)
    if holder is None:
        return hostile_value(draw)
    value = holder[key]
    change = draw.choices(
        ("replace", "remove", "add", "rename", "retype", "scale", "swap", "repeat", "splice"),
        weights=(8, 4, 2, 2, 4, 3, 2, 2, 2),
    )[0]
    if change == "remove":
        del holder[key]
    elif change == "add" and isinstance(holder, dict):
        holder[draw.choice((*TEXTS[:60], "schema", "version"))] = hostile_value(draw)
    elif change == "rename" and isinstance(holder, dict):
        holder[draw.choice((draw.choice(TEXTS), f"{key}x", str(key).upper()))] = holder.pop(key)
    elif change == "retype":
        holder[key] = _retyped(value, draw)
    elif change == "scale" and isinstance(value, (int, float)):
        holder[key] = draw.choice((value + 1, value - 1, -value, value * 10**6, value / 3, float(value)))
    elif change == "swap":
        other, at = _place(tree, draw)
        if other is not None:
            holder[key], other[at] = copy.deepcopy(other[at]), copy.deepcopy(value)
    elif change == "repeat" and isinstance(holder, list):
        holder[key:key] = [copy.deepcopy(value) for _ in range(draw.choice((1, 2, 40)))]
    elif change == "splice" and isinstance(value, str):
        at = draw.randrange(len(value) + 1)
        holder[key] = value[:at] + draw.choice(TEXTS) + value[at:]
    else:
        holder[key] = hostile_value(draw)
    return tree


def _place(tree: Any, draw: random.Random) -> tuple[Any, Any]:
    """Return a random container of the tree and a key in it; None twice for the tree itself."""
    holder, key, inner = None, None, tree
    while isinstance(inner, (dict, list)) and inner and (holder is None or draw.random() < 0.75):
        holder = inner
        key = draw.choice(list(holder)) if isinstance(holder, dict) else draw.randrange(len(holder))
        inner = holder[key]
    return (None, None) if draw.random() < 0.02 else (holder, key)


def _retyped(value: Any, draw: random.Random) -> Any:
    """Return the same content as another type."""
    if isinstance(value, dict):
        return draw.choice((list(value), list(value.values()), str(value), [value]))
    if isinstance(value, list):
        return draw.choice((dict(enumerate(map(str, value))), {str(k): one for k, one in enumerate(value)}, str(value)))
    if isinstance(value, str):
        return draw.choice((list(value[:50]), [value], {value: value}, len(value)))
    return draw.choice((str(value), [value], {"value": value}, [value] * 3))
