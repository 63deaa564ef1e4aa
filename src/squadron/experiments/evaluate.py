"""Scores of a run, or of a base alone, on a split: predictions, their details and scores as files."""

from __future__ import annotations

import math
import statistics
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from squadron.data.prepared import Split, load_split
from squadron.data.squad import Dataset
from squadron.decoding.strategies import resolve_strategies
from squadron.errors import ConfigError, RunError
from squadron.experiments.answering import Answers, answer_questions, first_questions
from squadron.experiments.environment import peak_memory_bytes
from squadron.experiments.opening import open_run
from squadron.experiments.options import EvaluateOptions
from squadron.experiments.pocket import base_location, parts
from squadron.experiments.progress import Reporter
from squadron.experiments.run_folder import RunFolder
from squadron.files import read_json, sha256_file, write_json
from squadron.model.checkpoint import Base, load_base
from squadron.model.lora import Fleet
from squadron.model.tokenizer import load_tokenizer
from squadron.scoring.answers import answer_statistics
from squadron.scoring.evaluation import score
from squadron.scoring.failures import write_failures
from squadron.scoring.predictions import write_predictions
from squadron.training.precision import precision_name, resolve_device, resolve_precision

SCORES = "scores.json"
_PART = ("exact_match", "f1", "questions", "exact_match_interval", "f1_interval")
_HEADLINE = ("exact_match", "f1", "questions")
_NOT_SETTINGS = {"run", "base", "data", "split", "decoding", "out", "offline"}
_BASE_MAX_LENGTH = 256
"""Tokens: the study's longest prompt, where no run says otherwise."""


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is evaluated, and on what; ``base_sha256`` is the untouched base's, ``adapter`` that of what was trained."""

    name: str
    base: Base
    base_sha256: str
    fleet: Fleet | None
    split: Split
    max_length: int
    out: Path | None
    adapter: str | None


def evaluate(options: EvaluateOptions, *, reporter: Reporter | None = None) -> dict[str, Any]:
    """Answer every question of the split by every strategy, score the answers and write both.

    Returns the scores of the first strategy at the top level and of each under ``decodings``. Raises a
    :class:`squadron.errors.SquadronError` for what a user can cause.
    """
    reporter = reporter or Reporter()
    strategies = resolve_strategies(
        options.decoding,
        top_k=options.top_k,
        top_p=options.top_p,
        temperature=options.temperature,
        beams=options.beams,
    )
    device = resolve_device(options.device)
    dtype = resolve_precision(options.precision, device)
    subject = _subject(options, device, dtype)
    dataset = subject.split.dataset
    if options.limit is not None:
        dataset = first_questions(dataset, options.limit)
    positions = subject.base.model.config.n_positions
    if options.max_new_tokens >= positions:
        raise ConfigError(f"--max-new-tokens {options.max_new_tokens}: this base has {positions} positions")
    if options.max_length is not None and options.max_length > positions:
        raise ConfigError(f"--max-length {options.max_length}: this base has {positions} positions")
    reporter.start("answering", len(dataset), "question")
    began = time.perf_counter()
    try:
        answers = answer_questions(
            subject.base.model,
            load_tokenizer(subject.base.folder),
            dataset,
            max_prompt=min(subject.max_length, positions - options.max_new_tokens),
            max_new_tokens=options.max_new_tokens,
            strategies=strategies,
            fleet=subject.fleet,
            samples=options.samples,
            seed=options.seed,
            suppress_eos=options.suppress_eos,
            progress=reporter.reach,
        )
    finally:
        reporter.finish()
    seconds = time.perf_counter() - began
    decodings = {name: _scored(found[0], dataset) for name, found in answers.items()}
    for name, record in decodings.items():
        if record["nan_answers"]:
            reporter.note(f"{name}: {record['nan_answers']:,} answers ended at a logit that is no number")
    if subject.out is not None:
        for name, found in answers.items():
            _write_answers(subject.out, name, subject, dataset, found[0])
        _write_scores(subject.out, subject, decodings, options)
    first = next(iter(decodings.values()))
    return {
        "run": options.run,
        "base": subject.name,
        "split": subject.split.name,
        "precision": precision_name(dtype),
        "max_length": subject.max_length,
        **{key: first[key] for key in _HEADLINE},
        "decodings": decodings,
        "seconds": seconds,
        "questions_per_second": len(dataset) / seconds,
        "peak_memory_bytes": peak_memory_bytes(device),
        "out": None if subject.out is None else str(subject.out),
    }


def _subject(options: EvaluateOptions, device: torch.device, dtype: torch.dtype) -> _Subject:
    """Load the base, the adapter where there is a run, and the questions."""
    if (options.run is None) == (options.base is None):
        raise ConfigError("evaluate: give either a run folder, or --base for a base without adapter")
    out = None if options.out is None else Path(options.out)
    if options.run is None:
        assert options.base is not None
        if options.data is None:
            raise ConfigError("--data: missing; give a prepared folder or a SQuAD file to evaluate the base on")
        split = load_split(options.data, options.split, offline=options.offline)
        base = load_base(base_location(options.base), offline=options.offline, dtype=dtype, device=device)
        return _Subject(options.base, base, base.sha256, None, split, options.max_length or _BASE_MAX_LENGTH, out, None)
    run = open_run(Path(options.run), offline=options.offline, dtype=dtype, device=device)
    config = run.folder.record["config"]
    split = _split_of_run(options, run.folder)
    fleet = Fleet.from_weights(run.base.model.config, [run.adapter], device=device)
    max_length = options.max_length or int(config["max_length"])
    adapter = sha256_file(run.weights)
    began_as = run.folder.record["base"]["sha256"]
    return _Subject(config["base"], run.base, began_as, fleet, split, max_length, out or run.folder.path, adapter)


def _split_of_run(options: EvaluateOptions, folder: RunFolder) -> Split:
    """The questions to evaluate a run on: those asked for, else a split of the data that it was trained on."""
    if options.data is not None:
        return load_split(options.data, options.split, offline=options.offline)
    data = folder.record["config"]["data"]
    if not Path(data).is_dir():
        raise ConfigError(f"--data: missing; {folder.path} was trained on a plain file, so name other questions")
    if load_split(data, "train").sha256 != folder.record["data"]["train"]["sha256"]:
        raise RunError(
            f"{folder.path}: {data} was prepared anew since it was trained, and may hold its training questions "
            f"in other splits; name questions with --data"
        )
    return load_split(data, options.split)


def _scored(answers: Answers, dataset: Dataset) -> dict[str, Any]:
    """Scores of one strategy; with several samples, those of the first, and mean and spread over all."""
    golds, clusters = dataset.golds(), dataset.clusters()
    doubts = _doubts(answers) if dataset.version == "2.0" else None
    every = [
        score(
            answers.predictions(sample),
            golds,
            version=dataset.version,
            clusters=clusters,
            no_answer_scores=doubts if sample == 0 else None,
        )
        for sample in range(answers.samples)
    ]
    record: dict[str, Any] = {
        **every[0].to_json(),
        **answer_statistics(answers.records(dataset)),
        "nan_answers": sum(math.isnan(one.log_probability) for made in answers.generations.values() for one in made),
        "truncation": answers.truncation.to_json(),
    }
    halves = parts(list(golds))
    if halves:
        record["parts"] = {}
        for name, ids in halves.items():
            own = score(answers.predictions(), {one: golds[one] for one in ids}, clusters=clusters)
            record["parts"][name] = {key: value for key, value in own.to_json().items() if key in _PART}
    if len(every) > 1:
        for name in ("exact_match", "f1"):
            values = [getattr(one, name) for one in every]
            record[f"{name}_samples"] = {"mean": statistics.fmean(values), "deviation": statistics.stdev(values)}
    return record


def _doubts(answers: Answers) -> dict[str, float]:
    """How much each first answer is in doubt, for v2.0's best thresholds: its negative log-probability."""
    doubts = {}
    for name, made in answers.generations.items():
        value = -made[0].log_probability if made else math.inf
        doubts[name] = value if math.isfinite(value) else sys.float_info.max
    return doubts


def _stem(decoding: str, split: str) -> str:
    """``greedy`` for the validation split, ``greedy.test`` for another."""
    return decoding if split == "validation" else f"{decoding}.{split.removesuffix('.json')}"


def _write_answers(out: Path, decoding: str, subject: _Subject, dataset: Dataset, answers: Answers) -> None:
    """Predictions in the official format, beside them how sure the model was and whether it stopped, and what kinds of
    mistake it made."""
    stem = _stem(decoding, subject.split.name)
    write_predictions(out / "predictions" / f"{stem}.json", answers.predictions())
    details = {
        name: [
            {
                "text": text,
                "tokens": len(one.tokens),
                "stopped": one.stopped,
                # JSON has no NaN, which an adapter with broken numbers gives.
                "log_probability": one.log_probability if math.isfinite(one.log_probability) else None,
                **({"span": list(one.span)} if one.span is not None else {}),
            }
            for text, one in zip(answers.texts[name], generations, strict=True)
        ]
        for name, generations in answers.generations.items()
    }
    write_json(out / "predictions" / f"{stem}.details.json", details)
    about = {"model": subject.name, "split": subject.split.name, "decoding": decoding}
    write_failures(out / "failures" / f"{stem}.json", answers.records(dataset), version=dataset.version, about=about)


def _write_scores(out: Path, subject: _Subject, decodings: dict[str, Any], options: EvaluateOptions) -> None:
    """Add these scores to the folder's, by split and strategy, and put the first of them on top.

    Scores of another base or adapter, or of other questions under the same split's name, are dropped.
    """
    path = out / SCORES
    split = subject.split
    about = {
        "sha256": split.sha256,
        "limit": options.limit,
        "base_sha256": subject.base_sha256,
        "adapter_sha256": subject.adapter,
    }
    splits: dict[str, Any] = {}
    if path.is_file():
        splits = read_json(path, what="the scores of a run", error=RunError)["splits"]
    before = splits.get(split.name, {})
    same = all(before.get(key) == value for key, value in about.items())
    kept = before["decodings"] if before and same else {}
    settings = options.model_dump(mode="json", exclude=_NOT_SETTINGS)
    for name, record in decodings.items():
        kept[name] = {**record, "settings": settings}
    splits[split.name] = {**about, "decodings": kept}
    name, first = next(iter(decodings.items()))
    headline = {"split": split.name, "decoding": name, **{key: first[key] for key in _HEADLINE}}
    write_json(path, {"schema": 1, **headline, "splits": splits})
