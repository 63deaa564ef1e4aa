"""Make the typed keywords of the Python API from the options: ``python -m squadron.options.keywords``.

Writes ``src/squadron/options/typed.py``, which editors complete and type checkers check; a test compares.
"""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from squadron.options import reporting, requests, runs
from squadron.options.core import (
    FLAG,
    PLACE,
    AskOptions,
    BaseInitOptions,
    DemoOptions,
    EvaluateOptions,
    ExportOptions,
    Options,
    PrepareOptions,
    ScoreOptions,
)
from squadron.options.sweep import SweepSettings

Function = TypeVar("Function", bound=Callable[..., Any])

REQUESTS: Mapping[str, type[Options]] = {
    "PrepareKeywords": PrepareOptions,
    "TrainKeywords": requests.TrainRequest,
    "EvaluateKeywords": EvaluateOptions,
    "SweepKeywords": requests.SweepRequest,
    "ReproduceKeywords": requests.ReproduceRequest,
    "DemoKeywords": DemoOptions,
    "AskKeywords": AskOptions,
    "ScoreKeywords": ScoreOptions,
    "ExportKeywords": ExportOptions,
    "AnalyzeKeywords": reporting.AnalyzeOptions,
    "ReportKeywords": reporting.ReportOptions,
    "InitBaseKeywords": BaseInitOptions,
    "DoctorKeywords": Options,
    "ListRunsKeywords": runs.RunsListOptions,
    "ShowRunKeywords": runs.RunsShowOptions,
    "CompareRunsKeywords": runs.RunsCompareOptions,
    "PruneRunsKeywords": runs.RunsPruneOptions,
    "PromoteRunKeywords": runs.RunsPromoteOptions,
}
"""The options of each function of :mod:`squadron.api`, by the name of its keywords' type."""

_BASES: Mapping[str, type[Options]] = {"CommonKeywords": Options, "StudyKeywords": SweepSettings}
_HEAD = '''"""The keywords of the functions in :mod:`squadron.api`, with their types.

Made by ``python -m squadron.options.keywords``; a test compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Literal, Required, TypedDict
'''


def source() -> str:
    """Return the module of typed keywords as Python code."""
    return _HEAD + "".join(f"\n\n{_class(name, options)}" for name, options in {**_BASES, **REQUESTS}.items())


def takes(options: type[Options]) -> Callable[[Function], Function]:
    """Give a function with ``**keywords`` the signature that its options have: names, types and defaults."""

    def signed(function: Function) -> Function:
        own = [one for one in inspect.signature(function).parameters.values() if one.kind is one.KEYWORD_ONLY]
        fields = options.model_fields.items()
        # What has to be given comes first, and what every function takes comes last.
        order = sorted(fields, key=lambda item: (not item[1].is_required(), item[0] in Options.model_fields))
        named = [_parameter(name, field) for name, field in order]
        function.__signature__ = inspect.Signature([*named, *own])  # type: ignore[attr-defined]
        return function

    return signed


def _parameter(name: str, field: FieldInfo) -> inspect.Parameter:
    default = inspect.Parameter.empty if field.is_required() else field.default
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=_typed(field))


def _class(name: str, options: type[Options]) -> str:
    parent, inherited = _parent(name, options)
    about = f"{_function(name)}" if name not in _BASES else "every function" if options is Options else "studies"
    lines = [f"class {name}({parent}, total=False):", f'    """Keywords of {about}."""']
    own = {key: field for key, field in options.model_fields.items() if key not in inherited}
    lines += [""] if own else []
    for key, field in own.items():
        written = _typed(field)
        lines.append(f"    {key}: {f'Required[{written}]' if field.is_required() else written}")
        lines += _documented(_in_python(field.description or ""))
    return "\n".join(lines) + "\n"


def _parent(name: str, options: type[Options]) -> tuple[str, set[str]]:
    """Return the class of keywords to inherit from, and the keywords that it has: none if a type differs."""
    for base, shared in [*_BASES.items()][::-1]:
        fields = shared.model_fields
        same = issubclass(options, shared) and all(
            _typed(options.model_fields[key]) == _typed(fields[key]) for key in fields
        )
        if base != name and same:
            return base, set(fields)
    return "TypedDict", set()


def _in_python(text: str) -> str:
    """Return a help text with the names of keywords where it has flags."""
    return FLAG.sub(lambda flag: f"`{flag[1].replace('-', '_')}`", text)


def _documented(text: str) -> list[str]:
    """Return a field's help as the docstring that editors show."""
    return [f'    """{text}"""'] if len(text) <= 108 else ['    """', *_wrapped(text), '    """']


def _wrapped(text: str) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width=116, initial_indent="    ", subsequent_indent="    ")


def _function(name: str) -> str:
    words = "".join(f"_{one.lower()}" if one.isupper() else one for one in name.removesuffix("Keywords"))
    return f":func:`squadron.{words.lstrip('_')}`"


def _typed(field: FieldInfo) -> str:
    """Return the type of a field as code."""
    return _written(Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation)


def _written(annotation: Any) -> str:
    """Return a type as code. A list may be any sequence, and a place may be a path."""
    origin = get_origin(annotation)
    if origin is Annotated:
        kind, *marks = get_args(annotation)
        return _written(kind) + (" | PathLike[str]" if PLACE in marks else "")
    if origin in (Union, types.UnionType):
        return " | ".join(_written(one) for one in get_args(annotation))
    if origin is tuple:
        return f"Sequence[{_written(get_args(annotation)[0])}]"
    if origin is Literal:
        return f"Literal[{', '.join(repr(one).replace(chr(39), chr(34)) for one in get_args(annotation))}]"
    return "None" if annotation is types.NoneType else str(annotation.__name__)


if __name__ == "__main__":
    target = Path(__file__).with_name("typed.py")
    target.write_text(source(), encoding="utf-8")
    sys.stderr.write(f"{target}\n")
