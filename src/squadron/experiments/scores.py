"""The files of an evaluation: predictions, their log-probabilities, the failure analysis, and ``scores.json``."""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from squadron.data.prepared import Split
from squadron.data.splits import SPLITS
from squadron.data.squad import Dataset
from squadron.decoding.strategies import PARAMETERS, STRATEGIES, is_random, strategy_parts
from squadron.experiments.predict import Answers
from squadron.files import write_json
from squadron.marks import is_failures, is_predictions, is_scores
from squadron.options.core import EvaluateOptions
from squadron.ownership import Check, refuse_overwrite
from squadron.runs.layout import HEADLINE, SCORES, answers_stem
from squadron.runs.reader import ScoresFile
from squadron.scoring.answers import answer_statistics
from squadron.scoring.evaluation import score
from squadron.scoring.failures import write_failures
from squadron.scoring.metrics import MORE_METRICS, Normalization
from squadron.scoring.predictions import GOLD_KEY, write_predictions

_DECIDING = ("max_new_tokens", "max_length", "limit", "suppress_eos")
"""Settings of an evaluation on which the scores by every strategy depend.

Device and number format are not among them: a sweep may be resumed on another machine.
"""
_DECIDING_DRAWS = ("samples", "seed")
"""Further settings on which the scores by a strategy that draws at random depend."""
_PART_KEYS = ("exact_match", "f1", "p_gold", "questions", "exact_match_interval", "f1_interval", "p_gold_interval")


@dataclass(frozen=True, slots=True)
class Subject:
    """What was evaluated: a base and an adapter by checksum, on the first ``limit`` questions of a split.

    ``normalize`` names what makes answers alike before they are scored.
    """

    name: str
    base_sha256: str
    adapter_sha256: str | None
    split: Split
    limit: int | None
    normalize: Normalization = "official"

    def about(self) -> dict[str, Any]:
        """Return the facts in which scores must agree to be comparable within one file."""
        return {
            "sha256": self.split.sha256,
            "limit": self.limit,
            "base_sha256": self.base_sha256,
            "adapter_sha256": self.adapter_sha256,
        }

    def scores_in(self, split: Mapping[str, Any]) -> dict[str, Any]:
        """Return the scores by strategy in a file's record of the split; none if they are of another subject."""
        same = all(split.get(key) == value for key, value in self.about().items())
        found: dict[str, Any] = split.get("decodings", {}) if same else {}
        # Older files do not name the official rule.
        return {name: own for name, own in found.items() if own.get("normalize", "official") == self.normalize}


def write_evaluation(
    out: Path,
    subject: Subject,
    dataset: Dataset,
    answers: Mapping[str, Answers],
    decodings: Mapping[str, Any],
    settings: Mapping[str, Any],
) -> None:
    """Write answers and scores, by strategy, into a folder; ``scores.json`` comes last, when all else is written.

    Scores of answers that are to be replaced are removed first, so that a process that is killed leaves answers without
    scores, but never scores of other answers.
    """
    _drop_scores(out, subject, decodings)
    for name, own in answers.items():
        _write_answers(out, name, subject, dataset, own)
    _write_scores(out, subject, decodings, settings)


def refuse_foreign_results(out: Path, split: str, strategies: Sequence[str]) -> None:
    """Raise :class:`RunError` if an evaluation would overwrite a file in ``out`` that no evaluation wrote."""
    checks: dict[str, Check] = {SCORES: is_scores}
    for stem in (answers_stem(name, split) for name in strategies):
        checks |= {f"predictions/{stem}.details.json": is_predictions, f"predictions/{stem}.json": is_predictions}
        checks[f"failures/{stem}.json"] = is_failures
    for name, check in checks.items():
        refuse_overwrite(out / name, check, what="part of an evaluation")


def has_scores(out: Path, subject: Subject, strategies: Sequence[str], evaluation: EvaluateOptions) -> bool:
    """Return True if the folder has scores of this subject by all these strategies, as ``evaluation`` makes them."""
    if not (out / SCORES).is_file():
        return False
    found = subject.scores_in(ScoresFile.read(out / SCORES).content["splits"].get(subject.split.name, {}))
    return all(
        name in found and not other_settings(name, found[name].get("settings", {}), evaluation) for name in strategies
    )


def other_settings(strategy: str, recorded: Mapping[str, Any], evaluation: EvaluateOptions) -> str:
    """Return in which ``recorded`` settings scores by a strategy differ from those of ``evaluation``; "" if in none.

    Only settings on which the scores by this strategy depend count. Older scores have no settings and do not differ; a
    setting that they lack had its default.
    """
    if not recorded:
        return ""
    was, asked = (_deciding(strategy, own) for own in (recorded, evaluation.model_dump(mode="json")))
    return ", ".join(
        f"{name} {_told(was[name])} instead of {_told(asked[name])}" for name in was if was[name] != asked[name]
    )


def _deciding(strategy: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings on which the scores by a strategy depend, with defaults filled in."""
    names = _DECIDING + (_DECIDING_DRAWS if is_random(strategy) else ())
    found = {name: settings.get(name, EvaluateOptions.model_fields[name].default) for name in names}
    for name, parameter in PARAMETERS.items():
        if parameter.owner in strategy_parts(strategy):
            given = settings.get(name)
            found[name] = getattr(STRATEGIES[parameter.owner], name) if given is None else given
    return found


def _told(value: Any) -> str:
    return "the default" if value is None else str(value)


def score_answers(answers: Answers, dataset: Dataset, normalize: Normalization = "official") -> dict[str, Any]:
    """Return the scores of one strategy: of the first sample, with mean and deviation over several samples."""
    golds, clusters = dataset.golds(), dataset.clusters()
    no_answer_scores = _no_answer_scores(answers) if dataset.version == "2.0" else None
    gold = answers.gold_probabilities()
    every = [
        score(
            answers.predictions(sample),
            golds,
            version=dataset.version,
            normalize=normalize,
            clusters=clusters,
            no_answer_scores=no_answer_scores if sample == 0 else None,
            gold_probabilities=gold if sample == 0 else None,
        )
        for sample in range(answers.samples)
    ]
    record: dict[str, Any] = {
        **every[0].to_json(),
        **answer_statistics(answers.records(dataset)),
        "nan_answers": sum(math.isnan(one.log_probability) for made in answers.generations.values() for one in made),
        "truncation": answers.truncation.to_json(),
    }
    if MORE_METRICS:
        first = answers.predictions()
        record["more_metrics"] = {
            name: 100
            * statistics.fmean(metric(first[one], accepted) if one in first else 0.0 for one, accepted in golds.items())
            for name, metric in MORE_METRICS.items()
        }
    parts = dataset.parts()
    if parts:
        record["parts"] = {}
        for name, ids in parts.items():
            asked = {one: golds[one] for one in ids}
            own = score(answers.predictions(), asked, normalize=normalize, clusters=clusters, gold_probabilities=gold)
            record["parts"][name] = {key: value for key, value in own.to_json().items() if key in _PART_KEYS}
    if len(every) > 1:
        for name in ("exact_match", "f1"):
            values = [getattr(one, name) for one in every]
            record[f"{name}_samples"] = {"mean": statistics.fmean(values), "deviation": statistics.stdev(values)}
    return record


def _no_answer_scores(answers: Answers) -> dict[str, float]:
    """Return the negative log-probability of each first answer, for SQuAD 2.0's best no-answer thresholds."""
    scores = {}
    for name, made in answers.generations.items():
        value = -made[0].log_probability if made else math.inf
        scores[name] = value if math.isfinite(value) else sys.float_info.max
    return scores


def _write_answers(out: Path, decoding: str, subject: Subject, dataset: Dataset, answers: Answers) -> None:
    """Write predictions in the official format, their details, and the failure analysis.

    The details have log-probabilities, of the answer and of the likeliest gold, spans, and whether generation stopped
    at EOS.
    """
    stem = answers_stem(decoding, subject.split.name)
    gold = answers.gold_log_probability
    details = {
        name: [
            {
                "text": text,
                "tokens": len(one.tokens),
                "stopped": one.stopped,
                # JSON has no NaN, which an adapter with non-finite weights gives.
                "log_probability": _finite(one.log_probability),
                **({"span": list(one.span)} if one.span is not None else {}),
                **({} if gold is None else {GOLD_KEY: _finite(gold.get(name))}),
            }
            for text, one in zip(answers.texts[name], generations, strict=True)
        ]
        for name, generations in answers.generations.items()
    }
    # Details first: predictions without details are not recognized as Squadron's.
    write_json(out / "predictions" / f"{stem}.details.json", details)
    write_predictions(out / "predictions" / f"{stem}.json", answers.predictions())
    about = {"model": subject.name, "split": subject.split.name, "decoding": decoding}
    write_failures(
        out / "failures" / f"{stem}.json",
        answers.records(dataset),
        version=dataset.version,
        normalize=subject.normalize,
        about=about,
    )


def _finite(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _drop_scores(out: Path, subject: Subject, strategies: Container[str]) -> None:
    """Remove the scores on the subject's split by these strategies, and those of another subject.

    The headline goes with its scores.
    """
    path, split = out / SCORES, subject.split.name
    before = ScoresFile.read(path).content if path.is_file() else {}
    splits = dict(before.get("splits", {}))
    own = splits.pop(split, None)
    if own is None:
        return
    kept = {name: scores for name, scores in subject.scores_in(own).items() if name not in strategies}
    if kept.keys() == own["decodings"].keys():
        return
    if kept:
        splits[split] = {**own, "decodings": kept}
    gone = before.get("split") == split and before.get("decoding") not in kept
    headline = {} if gone else {key: value for key, value in before.items() if key not in ("schema", "splits")}
    write_json(path, {"schema": 1, **headline, "splits": splits})


def _write_scores(out: Path, subject: Subject, decodings: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
    """Add these scores to the folder's by split and strategy; the first strategy's become the headline.

    Scores on other data than the run's own leave its headline as it is.

    Existing scores of another base, adapter or set of questions under the same split name, or after another
    normalization, are dropped.
    """
    path = out / SCORES
    about = subject.about()
    before_all = ScoresFile.read(path).content if path.is_file() else {}
    splits: dict[str, Any] = dict(before_all.get("splits", {}))
    kept = subject.scores_in(splits.get(subject.split.name, {}))
    for name, record in decodings.items():
        kept[name] = {**record, "settings": dict(settings)}
    splits[subject.split.name] = {**about, "decodings": kept}
    name, first = next(iter(decodings.items()))
    headline = {"split": subject.split.name, "decoding": name, **{key: first[key] for key in HEADLINE if key in first}}
    if before_all.get("split") in SPLITS and subject.split.name not in SPLITS:
        headline = {key: before_all[key] for key in headline if key in before_all}  # other data has no headline here
    write_json(path, {"schema": 1, **headline, "splits": splits})
