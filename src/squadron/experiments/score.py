"""Score a file of predictions, whoever made them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from squadron.data.sources import load_data
from squadron.errors import ConfigError, argument, option
from squadron.options.core import ScoreOptions
from squadron.scoring.evaluation import compare
from squadron.scoring.evaluation import score as score_predictions
from squadron.scoring.predictions import read_null_odds, read_scored_predictions
from squadron.scoring.results import Scores

OFFICIAL_THRESHOLD = 1.0
"""The official v2.0 script's default: a question whose no-answer score is above it gets the empty answer."""


def score(options: ScoreOptions) -> dict[str, Any]:
    """Score a file of predictions, and test it against another if one is given.

    Golds are read as the official scripts read them: their texts alone, wherever these stand in the context, and in
    v2.0 a question that has golds is answerable. ``set_aside`` names the rows that cannot be scored, ``repaired`` what
    was read differently than the data has it. In v2.0 no-answer scores, from ``null_odds`` or the predictions
    themselves, give the best thresholds, and a score above 1 means no answer, as in the official script.
    Raises :class:`squadron.errors.DataError` for a file that is not what it should be.
    """
    data = load_data(options.data, offline=options.offline, texts_only=True, subject=argument("data", options.data))
    golds, clusters = data.golds(), data.clusters()
    if options.null_odds is not None and data.version == "1.1":
        raise ConfigError(
            f"{option('null_odds', options.null_odds)}: {options.data} is SQuAD v1.1, which has an answer to every "
            f"question; leave it out"
        )

    def scored(path: str, null_odds: str | None = None) -> Scores:
        predictions = read_scored_predictions(Path(path))
        doubts = predictions.doubts if null_odds is None else read_null_odds(Path(null_odds))
        if null_odds is None and (data.version == "1.1" or doubts is None or not golds.keys() <= doubts.keys()):
            doubts = None
        return score_predictions(
            predictions.texts,
            golds,
            version=data.version,
            normalize=options.normalize,
            clusters=clusters,
            no_answer_scores=doubts,
            no_answer_threshold=None if doubts is None else OFFICIAL_THRESHOLD,
            seed=options.seed,
        )

    scores = scored(options.predictions, options.null_odds)
    record = {
        **scores.to_json(),
        "set_aside": [str(finding) for finding in data.set_aside],
        "repaired": [str(finding) for finding in data.repaired],
        "summary": data.summary(),
    }
    if options.against is not None:
        record["against"] = compare(scored(options.against), scores, seed=options.seed).to_json()
    return record
