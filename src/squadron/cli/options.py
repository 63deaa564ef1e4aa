"""Make command-line flags from the typed options of a verb, so that help and types have one source."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable
from typing import Annotated, Any, Union, get_args, get_origin

import typer
from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined
from typer.core import TyperCommand

from squadron.cli.lists import spread_lists
from squadron.cli.output import Console, guarded
from squadron.options.base import Model, Options, checked, flag_name

_JSON = typer.Option("--json", help="Print one JSON object to standard output and nothing else.")
_DEBUG = typer.Option("--debug", help="Show the full traceback of an error.")


def verb(
    app: typer.Typer, name: str, options: type[Model]
) -> Callable[[Callable[[Model, Console], int]], Callable[[Model, Console], int]]:
    """Register a function as the verb ``name``, with a flag for each field of ``options``.

    The function is called with the checked options and a :class:`Console`; it returns the exit code. Its docstring is
    the verb's help.
    """

    def register(function: Callable[[Model, Console], int]) -> Callable[[Model, Console], int]:
        def run(call_context: typer.Context, **values: Any) -> None:
            console = Console(json_output=values.pop("json_output"), debug=values.pop("debug"))

            def call() -> int:
                # Pass only flags that were typed: the model fills in defaults and can see which fields were set.
                given = {key: value for key, value in values.items() if _was_typed(call_context, key)}
                return function(checked(options, given), console)

            raise typer.Exit(guarded(call, console, options.model_fields))

        # The verb's own options come first, the common ones last.
        fields = options.model_fields.items()
        own = sorted(fields, key=lambda item: (item[0] in Options.model_fields, not _marked(item[1], "argument")))
        parameters = [_parameter(key, field) for key, field in own]
        parameters += [
            _keyword("json_output", Annotated[bool, _JSON], False),
            _keyword("debug", Annotated[bool, _DEBUG], False),
        ]
        parameters.insert(0, _keyword("call_context", typer.Context, inspect.Parameter.empty))
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        app.command(name, help=inspect.getdoc(function), cls=_command(options))(run)
        return function

    return register


def _command(options: type[Options]) -> type[TyperCommand]:
    """Return the class of a verb's command, whose list options take several values after one flag."""

    class Command(TyperCommand):
        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            return super().parse_args(ctx, spread_lists(options, args))

    return Command


def _marked(field: FieldInfo, mark: str) -> bool:
    """Return True if a field has this mark: ``argument`` (positional) or ``repeated`` (one flag per value)."""
    return isinstance(field.json_schema_extra, dict) and bool(field.json_schema_extra.get(mark))


def _parameter(key: str, field: FieldInfo) -> inspect.Parameter:
    kind, many = _parsed_type(field.annotation)
    described = field.description or ""
    argument = _marked(field, "argument")
    required = field.is_required()
    default = None if field.default is PydanticUndefined else field.default
    if many and argument:
        return _keyword(key, Annotated[list[str] | None, typer.Argument(help=described, metavar=key.upper())], None)
    if many:
        # The model fills in the default; click would show a one-item list as plain text.
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


def _was_typed(context: typer.Context, key: str) -> bool:
    source = context.get_parameter_source(key)
    return source is not None and source.name != "DEFAULT"


def _keyword(name: str, annotation: Any, default: Any) -> inspect.Parameter:
    return inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=annotation, default=default)


def _parsed_type(annotation: Any) -> tuple[Any, bool]:
    """Return the type to parse, and True if several values may be given. The model checks limits and None."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _parsed_type(get_args(annotation)[0])
    if origin in (Union, types.UnionType):
        kinds = [kind for kind in get_args(annotation) if kind is not types.NoneType]
        return _parsed_type(kinds[0]) if len(kinds) == 1 else (str, False)  # the model tells a number from a word
    if origin is tuple:
        return str, True
    return annotation, False
