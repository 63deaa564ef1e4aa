"""``squadron``: the whole command line."""

from __future__ import annotations

import functools
import io
import sys
from collections.abc import Sequence
from typing import Any

import typer

from squadron.cli import (
    analyze,
    ask,
    base,
    bench,
    doctor,
    evaluate,
    export,
    playground,
    pocket,
    prepare,
    report,
    reproduce,
    runs,
    score,
    sweep,
    train,
)
from squadron.cli.output import CLOSED_PIPE, flush_streams, ready_streams
from squadron.visible import escaped

_HELP = "Fine-tune GPT-2 with LoRA for question answering on SQuAD, as a whole study."


def build() -> typer.Typer:
    """Return the application with all its verbs."""
    app = typer.Typer(
        help=_HELP, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None
    )

    @app.callback(invoke_without_command=True)
    def squadron(
        version: bool = typer.Option(False, "--version", help="Print the version."),
    ) -> None:
        if version:
            from importlib.metadata import version as of

            typer.echo(of("squadron"))
            raise typer.Exit

    studying = (prepare, train, evaluate, sweep, reproduce, runs, ask, playground, score, analyze, report)
    for module in (*studying, export, base, doctor, bench, pocket):
        module.add(app)
    return app


@functools.cache
def parser() -> Any:
    """Return the parser of :func:`build`'s application.

    It takes longer to make than many a verb takes, so that a process that calls :func:`main` again makes it once.
    """
    return typer.main.get_command(build())


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit the process with its exit code."""
    ready_streams()
    code: int | str | None
    try:
        code = _run(sys.argv[1:] if arguments is None else arguments)
    except SystemExit as ended:
        # The library that parses exits with 1 if its help meets a closed pipe.
        code = CLOSED_PIPE if isinstance(ended.__context__, BrokenPipeError) else ended.code
    flush_streams()
    sys.exit(code)


def _run(arguments: Sequence[str]) -> int:
    try:
        code = parser()(args=list(arguments), prog_name="squadron", standalone_mode=False)
    except Exception as problem:
        if not hasattr(problem, "show"):  # what the parser raises for wrong usage
            raise
        text = io.StringIO()
        problem.show(file=text)
        sys.stderr.write(escaped(text.getvalue(), keep="\n"))
        return int(getattr(problem, "exit_code", 2))
    return code if isinstance(code, int) else 0
