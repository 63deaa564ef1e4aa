"""``squadron``: the whole command line."""

from __future__ import annotations

import sys
from collections.abc import Sequence

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
from squadron.cli.options import list_flags
from squadron.options.base import Options
from squadron.options.bench import BenchScaleOptions, BenchTrainOptions
from squadron.options.core import AskOptions, EvaluateOptions, TrainOptions
from squadron.options.sweep import ReproduceOptions

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


def spread_lists(arguments: Sequence[str]) -> list[str]:
    """Write ``--flag a b`` as ``--flag a --flag b``, for the flags that take several values."""
    verbs: tuple[type[Options], ...] = (
        TrainOptions,
        EvaluateOptions,
        BenchTrainOptions,
        BenchScaleOptions,
        AskOptions,
        ReproduceOptions,
    )
    flags = {flag for options in verbs for flag in list_flags(options)}
    spread: list[str] = []
    current: str | None = None
    taken = 0
    for argument in arguments:
        if argument in flags:
            current, taken = argument, 0
        elif current is not None and not argument.startswith("-"):
            taken += 1
            if taken > 1:
                spread.append(current)
        else:
            current = None
        spread.append(argument)
    return spread


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit the process with its exit code."""
    build()(args=spread_lists(sys.argv[1:] if arguments is None else arguments), prog_name="squadron")
