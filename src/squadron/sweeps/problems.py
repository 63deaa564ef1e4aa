"""Collect and report all problems of a configuration."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails, InitErrorDetails, PydanticCustomError

from squadron.errors import ConfigError

MOST_RUNS = 10_000
_MOST_SHOWN = 30
"""Most problems to show; of the rest only the number is shown."""


def problem(text: str, value: Any, *key: int | str) -> InitErrorDetails:
    """Return a problem that no type check finds, for :func:`refuse`. ``key`` is the path in the file."""
    # As context, not as the template: the text may contain braces.
    return InitErrorDetails(type=PydanticCustomError("problem", "{text}", {"text": text}), loc=key, input=value)


_ELSEWHERE = {
    "r": "rank",
    "lora_r": "rank",
    "lora_alpha": "alpha",
    "lora_dropout": "dropout",
    "learning_rate": "lr",
    "target_modules": "targets",
    "num_train_epochs": "epochs",
    "per_device_train_batch_size": "batch_size",
    "gradient_accumulation_steps": "gradient_accumulation",
}
"""Names of options in peft and transformers, with ours."""


def refuse(problems: list[InitErrorDetails]) -> None:
    """Raise a :class:`ValidationError` with all problems, if there are any."""
    if problems:
        raise ValidationError.from_exception_data("configuration", problems)


def report(source: str, found: ValidationError, advice: Callable[[ErrorDetails], str]) -> ConfigError:
    """Return one error with a line for each problem: the key, the value and the text of ``advice``."""
    errors = found.errors(include_url=False)
    # pydantic counts valid values only: a list is not too short if its invalid values are reported.
    around = {error["loc"][:-1] for error in errors}
    errors = [error for error in errors if error["type"] != "too_short" or error["loc"] not in around]
    lines = [f"{source}: {len(errors)} {'problem' if len(errors) == 1 else 'problems'}; nothing was started"]
    for error in errors[:_MOST_SHOWN]:
        key = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in error["loc"])[1:]
        value = "" if error["type"] == "missing" else f" {_shown(error['input'])}"
        lines.append(f"{key or 'the file'}{value}: {advice(error)}")
    if len(errors) > _MOST_SHOWN:
        lines.append(f"... and {len(errors) - _MOST_SHOWN:,} more")
    return ConfigError("\n".join(lines))


def suggestion(word: str, known: Iterable[str]) -> str:
    """Return ``, perhaps rank`` if a known word is close to an unknown one, or is its name here; else an empty text."""
    words = list(known)
    ours = _ELSEWHERE.get(word)
    close = [ours] if ours in words else difflib.get_close_matches(word, words, n=1)
    return f", perhaps {close[0]}" if close else ""


def _shown(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= 60 else shown[:59] + "…"
