"""Command-line options made from the typed options of a verb, so that help and types come from one place."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

from squadron.cli.output import Console, guarded
from squadron.options.core import Options, checked, flag_name
from squadron.tracking.trackers import TRACKERS

_JSON = typer.Option("--json", help="Print one JSON object to standard output and nothing else.")
_DEBUG = typer.Option("--debug", help="Show the whole trace of an error.")

TRACK = ((), f"Log to {', '.join(TRACKERS)}, beside the runs; repeat it for several.")
"""The flag of verbs that train, for ``extra``: names for :func:`squadron.tracking.trackers.open_trackers`."""


def verb(
    app: typer.Typer,
    name: str,
    options: type[Options],
    *,
    extra: Mapping[str, tuple[Any, str]] | None = None,
) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Register a function as the verb ``name``, with a flag for each field of ``options``.

    The function is called with the checked options, a :class:`Console`, and the values of ``extra`` (name to default
    and help: flags that say how to run, not what); it returns the exit code. Its docstring is the verb's help.
    """
    extra = extra or {}

    def register(function: Callable[..., int]) -> Callable[..., int]:
        def run(call_context: typer.Context, **values: Any) -> None:
            console = Console(json_output=values.pop("json_output"), debug=values.pop("debug"))
            more = {key: values.pop(key) for key in extra}

            def call() -> int:
                # What was not typed is the model's own to fill in: it may ask what was.
                given = {key: value for key, value in values.items() if _was_typed(call_context, key)}
                return function(checked(options, given), console, **more)

            raise typer.Exit(guarded(call, console))

        # What is the verb's own comes first; what every verb has, last.
        fields = options.model_fields.items()
        own = sorted(fields, key=lambda item: (item[0] in Options.model_fields, not _is_argument(item[1])))
        parameters = [_parameter(key, field) for key, field in own]
        parameters += [_extra(key, default, text) for key, (default, text) in extra.items()]
        parameters += [
            _keyword("json_output", Annotated[bool, _JSON], False),
            _keyword("debug", Annotated[bool, _DEBUG], False),
        ]
        parameters.insert(0, _keyword("call_context", typer.Context, inspect.Parameter.empty))
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        app.command(name, help=inspect.getdoc(function))(run)
        return function

    return register


def list_flags(options: type[Options]) -> set[str]:
    """The flags that take several values."""
    fields = options.model_fields.items()
    return {flag_name(key) for key, field in fields if _plain(field.annotation)[1] and not _is_argument(field)}


def _is_argument(field: FieldInfo) -> bool:
    """Whether a value is given by its place and not by a flag."""
    return isinstance(field.json_schema_extra, dict) and bool(field.json_schema_extra.get("argument"))


def _parameter(key: str, field: FieldInfo) -> inspect.Parameter:
    kind, many = _plain(field.annotation)
    described = field.description or ""
    argument = _is_argument(field)
    required = field.is_required()
    default = None if field.default is PydanticUndefined else field.default
    if many and argument:
        return _keyword(key, Annotated[list[str] | None, typer.Argument(help=described, metavar=key.upper())], None)
    if many:
        # The default is the model's own; click would show a list of one as its text.
        shown = " ".join(map(str, default)) if default else False
        info = typer.Option(flag_name(key), help=described, show_default=shown)
        return _keyword(key, Annotated[list[str] | None, info], None)
    if kind is bool:
        return _keyword(key, Annotated[bool, typer.Option(flag_name(key), help=described)], default)
    if argument:
        info = typer.Argument(help=described, metavar=key.upper())
        annotation = Annotated[str, info] if required else Annotated[str | None, info]
        return _keyword(key, annotation, inspect.Parameter.empty if required else None)
    info = typer.Option(flag_name(key), help=described, show_default=default is not None)
    if required:
        return _keyword(key, Annotated[kind, info], inspect.Parameter.empty)
    return _keyword(key, Annotated[kind | None, info], default)


def _extra(key: str, default: Any, text: str) -> inspect.Parameter:
    """A flag of how to run: on or off, or a list where the default is a tuple."""
    if isinstance(default, tuple):
        # click hands an empty list over, not the default.
        return _keyword(key, Annotated[list[str], typer.Option(flag_name(key), help=text, show_default=False)], [])
    return _keyword(key, Annotated[type(default), typer.Option(flag_name(key), help=text)], default)


def _was_typed(context: typer.Context, key: str) -> bool:
    source = context.get_parameter_source(key)
    return source is not None and source.name != "DEFAULT"


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _plain(annotation: Any) -> tuple[Any, bool]:
    """The type to parse, and whether several may be given. Limits and None are the model's to check."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _plain(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        (kind,) = [kind for kind in get_args(annotation) if kind is not types.NoneType]
        return _plain(kind)
    if origin is tuple:
        return str, True
    return annotation, False
