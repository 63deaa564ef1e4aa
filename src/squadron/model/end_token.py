"""Find the token that ends a sequence: GPT-2's ``<|endoftext|>``, or the one that a checkpoint's files name."""

from __future__ import annotations

import reprlib
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from squadron.errors import ModelError
from squadron.files import read_json

EOS = "<|endoftext|>"
_NAMING = ("tokenizer_config.json", "special_tokens_map.json")
"""The files that name the end token; ``config.json`` gives its id."""


def find_end_token(folder: Path, source: Path, ids: Mapping[str, int], special: Collection[str]) -> str:
    """Return the end token of the tokenizer in ``folder``, which has the tokens ``ids``; some of them are ``special``.

    ``eos_token`` of the tokenizer's configuration decides, then ``eos_token_id`` of ``config.json``, then
    ``<|endoftext|>``, then the only special token. An id without a token says nothing: libraries write GPT-2's 50256
    for smaller vocabularies too. Raises :class:`ModelError`, which names files and values, if the files contradict each
    other, if a name has no token, or if several tokens come into question. ``source`` is the tokenizer's own file.
    """
    named = _named(folder, source, ids)
    tokens = {number: token for token, number in ids.items()}
    config = folder / "config.json"
    given = [number for number in _given(config) if number in tokens]
    shown = " and ".join(f"{number} ({reprlib.repr(tokens[number])})" for number in given[:5])
    if named is not None:
        file, name = named
        if given and ids[name] not in given:
            raise ModelError(
                f"{config}: eos_token_id is {shown}, but eos_token in {file.name} is {reprlib.repr(name)} "
                f"({ids[name]}); make the two agree"
            )
        return name
    if len(given) > 1:
        raise ModelError(f"{config}: eos_token_id is {shown}; keep the one that ends an answer")
    if given:
        return tokens[given[0]]
    if EOS in ids:
        return EOS
    if len(special) == 1:
        return next(iter(special))
    which = ", ".join(map(reprlib.repr, sorted(special)[:5])) or "none"
    raise ModelError(
        f"{source}: the tokenizer has no {EOS} token (special tokens: {which}); "
        f"name its end token as eos_token in {folder / _NAMING[0]}"
    )


def _named(folder: Path, source: Path, ids: Mapping[str, int]) -> tuple[Path, str] | None:
    """Return the end token that the tokenizer's configuration names, with the file; None if it names none."""
    found: tuple[Path, str] | None = None
    for path in (folder / file for file in _NAMING):
        value = _object(path).get("eos_token")
        name = value.get("content") if isinstance(value, dict) else value
        if name is None:
            continue
        if not isinstance(name, str) or name not in ids:
            raise ModelError(f"{path}: eos_token is {reprlib.repr(name)}, which {source.name} lacks; correct it")
        if found is not None and found[1] != name:
            raise ModelError(
                f"{path}: eos_token is {reprlib.repr(name)}, but {reprlib.repr(found[1])} in {found[0].name}; "
                f"make the two agree"
            )
        found = found or (path, name)
    return found


def _given(path: Path) -> list[int]:
    """Return the ids that ``eos_token_id`` has: none, one, or a list's."""
    value = _object(path).get("eos_token_id")
    numbers = value if isinstance(value, list) else [] if value is None else [value]
    for number in numbers:
        if not isinstance(number, int) or isinstance(number, bool):
            raise ModelError(f"{path}: eos_token_id is {reprlib.repr(value)}; a token's id is expected")
    return list(dict.fromkeys(numbers))


def _object(path: Path) -> Mapping[str, Any]:
    """Return the JSON object of a file; an empty one if there is no file."""
    if not path.is_file():
        return {}
    value = read_json(path, what="a checkpoint's configuration", error=ModelError)
    if not isinstance(value, dict):
        raise ModelError(f"{path}: a JSON object is expected, not {type(value).__name__}")
    return value
