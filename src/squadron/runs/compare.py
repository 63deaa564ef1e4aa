"""Test whether one run is better than another, from their predictions on the same questions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from squadron.data.prepared import Split, load_split
from squadron.errors import ConfigError, RunError, option
from squadron.options.runs import RunsCompareOptions
from squadron.runs.layout import RECORD, SCORES, answers_stem
from squadron.runs.places import Tell, find_data, quiet
from squadron.runs.reader import RunFile, ScoresFile
from squadron.scoring.evaluation import compare, score
from squadron.scoring.metrics import Normalization
from squadron.scoring.predictions import read_gold_probabilities, read_predictions
from squadron.scoring.results import Scores


def compare_runs(options: RunsCompareOptions, *, tell: Tell = quiet) -> dict[str, Any]:
    """Test the second run against the first, question by question; differences are second minus first, in points.

    P(gold) is compared if both were evaluated with it. ``tell`` says where data was found that is not where it was.
    Raises :class:`RunError` if a run has no such scores, or the two answered different questions.
    """
    paths = Path(options.first), Path(options.second)
    answered = [_answered(path, options) for path in paths]
    if answered[0] != answered[1]:
        raise RunError(
            f"{paths[1]}: answered other questions than {paths[0]} on {options.split}; evaluate both on the same data"
        )
    split = _questions(paths, options, tell)
    if split.sha256 != answered[0]["sha256"]:
        raise RunError(
            f"{option('data')}: the {options.split} questions are not those that were answered (the file changed); "
            f"evaluate both runs again, or name the data they answered"
        )
    rule = options.normalize or _common_rule(paths, options)
    scores = [_scored(path, split, options, rule) for path in paths]
    return {
        "split": options.split,
        "decoding": options.decoding,
        "normalize": rule,
        **{
            which: {"run": str(path), "exact_match": own.exact_match, "f1": own.f1, **_gold(own)}
            for which, path, own in zip(("first", "second"), paths, scores, strict=True)
        },
        **compare(*scores, seed=options.seed).to_json(),
    }


def _gold(scores: Scores) -> dict[str, float]:
    return {} if scores.p_gold is None else {"p_gold": scores.p_gold.mean}


def _answered(path: Path, options: RunsCompareOptions) -> dict[str, Any]:
    """Return which questions a run answered: the checksum of their file and the limit on their number."""
    splits = ScoresFile.read(path / SCORES).splits
    split = splits.get(options.split)
    if split is None or options.decoding not in split.decodings:
        found = [f"{name} by {', '.join(one.decodings)}" for name, one in splits.items()]
        raise RunError(
            f"{path}: has no scores on {options.split} by {options.decoding} (it has {'; '.join(found)}); "
            f"make them with: squadron evaluate"
        )
    return {"sha256": split.sha256, "limit": split.limit}


def _common_rule(paths: tuple[Path, Path], options: RunsCompareOptions) -> Normalization:
    """Return the normalization that the scores of both runs are after. Raises :class:`RunError` if there are two."""
    first, second = (ScoresFile.read(path / SCORES).find(options.split, options.decoding) for path in paths)
    assert first is not None, paths  # that there are scores was checked before
    assert second is not None, paths
    if first.normalize != second.normalize:
        raise RunError(
            f"{paths[1]}: scored after the {second.normalize} normalization, and {paths[0]} after the "
            f"{first.normalize} one; compare them by one with {option('normalize', first.normalize)} or "
            f"{option('normalize', second.normalize)}"
        )
    return first.normalize


def _questions(paths: tuple[Path, Path], options: RunsCompareOptions, tell: Tell) -> Split:
    if options.data is not None:
        return load_split(options.data, options.split)
    for path in paths:
        if (path / RECORD).is_file():
            record = RunFile.read(path / RECORD)
            if record.config.data is not None:
                return load_split(find_data(path, record.content, tell=tell), options.split)
    raise ConfigError(f"{option('data')}: missing; neither {paths[0]} nor {paths[1]} says which questions it answered")


def _scored(path: Path, split: Split, options: RunsCompareOptions, rule: Normalization) -> Scores:
    stem = path / "predictions" / answers_stem(options.decoding, options.split)
    predictions = read_predictions(f"{stem}.json")
    # With --limit only the first questions were asked; every question that was asked has a prediction.
    golds = {name: own for name, own in split.dataset.golds().items() if name in predictions}
    dataset = split.dataset
    return score(
        predictions,
        golds,
        version=dataset.version,
        normalize=rule,
        clusters=dataset.clusters(),
        gold_probabilities=read_gold_probabilities(f"{stem}.details.json"),
        seed=options.seed,
    )
