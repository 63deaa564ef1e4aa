"""``squadron score``."""

from __future__ import annotations

from pathlib import Path

import rich.console
import typer

from squadron.cli.evaluate import interval
from squadron.cli.options import verb
from squadron.cli.output import Console, two_columns
from squadron.experiments.options import ScoreOptions


def add(app: typer.Typer) -> None:
    """Register the verb."""

    @verb(app, "score", ScoreOptions)
    def score(options: ScoreOptions, console: Console) -> int:
        """Score anybody's predictions by the official definitions, with intervals."""
        from squadron.data.sources import load_data
        from squadron.scoring.evaluation import score as run
        from squadron.scoring.predictions import read_predictions

        predictions = read_predictions(Path(options.predictions))
        data = load_data(options.data, offline=options.offline)
        scores = run(predictions, data.golds(), version=data.version, clusters=data.clusters(), seed=options.seed)
        record = scores.to_json()

        def show(out: rich.console.Console) -> None:
            out.print(
                two_columns(
                    [
                        ("exact match", f"{scores.exact_match:.2f} ({interval(record['exact_match_interval'])})"),
                        ("F1", f"{scores.f1:.2f} ({interval(record['f1_interval'])})"),
                        ("questions", f"{scores.questions:,}"),
                        ("without prediction", f"{len(scores.missing_ids):,}"),
                        ("predictions of no question", f"{len(scores.unknown_ids):,}"),
                    ]
                )
            )

        console.result(record, show)
        return 0
