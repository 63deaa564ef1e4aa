"""Spread the values of a list option, ``--decoding greedy span``, into one flag per value, as the parser needs them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, get_args, get_origin

from squadron.options.base import Options, flag_name, is_argument


def spread_lists(options: type[Options], arguments: Sequence[str]) -> list[str]:
    """Write ``--flag a b`` as ``--flag a --flag b``, for the options of one verb that take several values.

    A value after the first may be meant for the verb's positional arguments (the question of ``ask``). If some of those
    are not given elsewhere, they get the values at a list's end that are not among the option's known choices; a
    required one that is still missing gets the last value of the last list, best of one that takes any values.
    """
    groups = list(_groups(options, arguments))
    wanted = [key for key in options.model_fields if is_argument(options, key)]
    given = sum(len(values) for flag, values in groups if flag is None)
    missing = len(wanted) - given
    required = sum(options.model_fields[key].is_required() for key in wanted) - given
    lists = [(flag, values) for flag, values in groups[::-1] if flag is not None and flag in list_flags(options)]
    loose: dict[int, list[str]] = {}

    def loosen(values: list[str]) -> None:
        nonlocal missing, required
        loose.setdefault(id(values), []).insert(0, values.pop())
        missing, required = missing - 1, required - 1

    for flag, values in lists:
        choices = _choices(options, flag)
        while choices and missing > 0 and len(values) > 1 and not set(values[-1].split("+")) <= choices:
            loosen(values)
    for _, values in sorted(lists, key=lambda group: bool(_choices(options, group[0]))):
        while required > 0 and len(values) > 1:
            loosen(values)
    spread: list[str] = []
    for name, values in groups:
        if name is None:
            spread += values
        elif name in list_flags(options):
            spread += [word for value in values for word in (name, value)] or [name]
        else:
            spread += [name, *values]
        spread += loose.get(id(values), [])
    return spread


def list_flags(options: type[Options]) -> set[str]:
    """Return the flags that take several values after one flag."""
    return {
        flag_name(key)
        for key, field in options.model_fields.items()
        if get_origin(field.annotation) is tuple
        and not is_argument(options, key)
        and not _extra(options, key, "repeated")
    }


def _groups(options: type[Options], arguments: Sequence[str]) -> list[tuple[str | None, list[str]]]:
    """Return the flags with the values that follow them; positional arguments have no flag (None)."""
    lists = list_flags(options)
    single = {
        flag_name(key)
        for key, field in options.model_fields.items()
        if field.annotation is not bool and flag_name(key) not in lists and not is_argument(options, key)
    }
    groups: list[tuple[str | None, list[str]]] = []
    only_positional = False
    for argument in arguments:
        flag, values = groups[-1] if groups else (None, [])
        takes_more = flag in lists or (flag in single and not values)
        if only_positional:
            groups.append((None, [argument]))
        elif argument == "--" and not (flag in single and not values):
            only_positional = True
            groups.append((argument, []))
        elif takes_more and (flag in single or argument == "-" or not argument.startswith("-")):
            values.append(argument)
        elif argument.startswith("-") and argument != "-":
            groups.append((argument, []))
        else:
            groups.append((None, [argument]))
    return groups


def _choices(options: type[Options], flag: str) -> set[str]:
    """Return the known values of a list option; empty if it takes any."""
    key = next(key for key in options.model_fields if flag_name(key) == flag)
    item = get_args(options.model_fields[key].annotation)[0]
    return set(get_args(item)) if get_origin(item) is Literal else set(_extra(options, key, "choices") or ())


def _extra(options: type[Options], key: str, name: str) -> Any:
    extra = options.model_fields[key].json_schema_extra
    return extra.get(name) if isinstance(extra, dict) else None
