"""Score a file of predictions, whoever made them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from squadron.data.sources import load_data
from squadron.options.core import ScoreOptions
from squadron.scoring.evaluation import compare
from squadron.scoring.evaluation import score as score_predictions
from squadron.scoring.predictions import read_predictions
from squadron.scoring.results import Scores


def score(options: ScoreOptions) -> dict[str, Any]:
    """Score a file of predictions, and compare it with another one by a paired test if one is given.

    ``set_aside`` lists the bad rows of the data, whose questions do not count; the official script would count them.
    ``rewritten`` lists the golds that are compared in their context's Unicode form and line ends, not in the file's;
    the official script would compare with the file's. Raises :class:`squadron.errors.DataError` for an invalid file.
    """
    data = load_data(options.data, offline=options.offline)
    golds, clusters = data.golds(), data.clusters()

    def scored(path: str) -> Scores:
        predictions = read_predictions(Path(path))
        return score_predictions(predictions, golds, version=data.version, clusters=clusters, seed=options.seed)

    scores = scored(options.predictions)
    record = {
        **scores.to_json(),
        "set_aside": [str(finding) for finding in data.set_aside],
        "rewritten": [str(finding) for finding in data.rewritten],
    }
    if options.against is not None:
        record["against"] = compare(scored(options.against), scores, seed=options.seed).to_json()
    return record
