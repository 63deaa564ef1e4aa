"""Evaluate runs, or a base alone, on a split, and write predictions, their details and scores."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from squadron.data.prepared import MANIFEST, Split, load_split, prepared_hashes
from squadron.data.squad import Dataset
from squadron.decoding.strategies import PARAMETERS, Strategy, recorded_parameters, resolve_strategies
from squadron.errors import ConfigError, RunError, option
from squadron.experiments.environment import peak_memory_bytes
from squadron.experiments.load_run import open_run
from squadron.experiments.places import absolute_base
from squadron.experiments.pocket import base_location
from squadron.experiments.predict import answer_questions, first_questions
from squadron.experiments.published import open_adapter, require_base
from squadron.experiments.scores import Subject, refuse_foreign_results, score_answers, write_evaluation
from squadron.files import sha256_file
from squadron.model.checkpoint import Base, DtypeRule, load_base
from squadron.model.fleet import Fleet
from squadron.model.tokenizer import Tokenizer, load_tokenizer
from squadron.model.trainable import Trainable
from squadron.options.core import EvaluateOptions
from squadron.runs.folder import RunFolder
from squadron.runs.layout import HEADLINE, RECORD, SCORES, SWEEP
from squadron.runs.places import DIGITS, Tell, find_data
from squadron.runs.reader import ScoresFile
from squadron.tracking.progress import Reporter
from squadron.training.precision import dtype_rule, precision_name, resolve_device

_NOT_SETTINGS = {"run", "base", "adapter", "data", "split", "decoding", "normalize", "out", "offline"}
_BASE_MAX_LENGTH = 256
"""Longest prompt of a base without a run, in tokens: the study's."""


@dataclass(frozen=True, slots=True)
class _Opened:
    """The model to evaluate, its questions, and the folder for the answers."""

    subject: Subject
    base: Base
    fleet: Fleet | None
    max_length: int
    out: Path | None


def evaluate(options: EvaluateOptions, *, reporter: Reporter | None = None) -> dict[str, Any]:
    """Answer every question of the split by every strategy, score the answers and write both.

    Returns the scores of the first strategy at the top level and those of every strategy under ``decodings``. Raises a
    :class:`squadron.errors.SquadronError` for any problem that a user can cause.
    """
    reporter = reporter or Reporter()
    _strategies(options)  # reports unknown strategies before anything is loaded
    device = resolve_device(options.device)
    opened = _open(options, device, dtype_rule(options.precision, device), reporter.note)
    subject, base = opened.subject, opened.base
    dataset = selected_questions(subject.split, options)
    if opened.out is not None:
        refuse_foreign_results(opened.out, subject.split.name, strategy_names(options))
    remarks = [subject.split.dataset.summary()]
    reporter.start("answering", len(dataset), "question")
    began = time.perf_counter()
    try:
        (decodings,) = evaluate_fleet(
            base,
            load_tokenizer(base.folder, vocab_size=base.model.config.vocab_size),
            opened.fleet,
            [subject],
            [opened.out],
            options,
            max_length=opened.max_length,
            progress=reporter.reach,
            remark=remarks.append,
        )
    finally:
        reporter.finish()
    seconds = time.perf_counter() - began
    for name, record in decodings.items():
        if record["nan_answers"]:
            reporter.note(f"{name}: {record['nan_answers']:,} answers ended at a logit that is not a number")
    if any(remarks):
        reporter.note(f"evaluation data: {'; '.join(filter(None, remarks))}")
    first = next(iter(decodings.values()))
    return {
        "run": options.run,
        "base": subject.name,
        **({"adapter": options.adapter} if options.adapter else {}),
        "split": subject.split.name,
        "precision": precision_name(base.model.dtype),
        "max_length": opened.max_length,
        "normalize": subject.normalize,
        **{key: first[key] for key in HEADLINE},
        "decodings": decodings,
        "seconds": seconds,
        "questions_per_second": len(dataset) / seconds,
        "peak_memory_bytes": peak_memory_bytes(device),
        "out": None if opened.out is None else str(opened.out),
    }


def evaluate_fleet(
    base: Base,
    tokenizer: Tokenizer,
    fleet: Trainable | None,
    subjects: Sequence[Subject],
    outs: Sequence[Path | None],
    options: EvaluateOptions,
    *,
    max_length: int,
    progress: Callable[[int], None] | None = None,
    remark: Callable[[str], None] | None = None,
) -> list[dict[str, Any]]:
    """Answer the same questions with every adapter of a fleet, or with the base alone, in one pass; score and write.

    ``subjects`` and ``outs`` have one entry per adapter; nothing is written for an entry of None in ``outs``. If
    questions were left out or lost context, ``remark`` is called with a line that says so. Returns the scores by
    strategy of each adapter.
    """
    dataset = selected_questions(subjects[0].split, options)
    positions = base.model.config.n_positions
    if options.max_new_tokens >= positions:
        raise ConfigError(
            f"{option('max_new_tokens', options.max_new_tokens)}: this base has {positions} positions; lower it"
        )
    if options.max_length is not None and options.max_length > positions:
        raise ConfigError(f"{option('max_length', options.max_length)}: this base has {positions} positions; lower it")
    answers = answer_questions(
        base.model,
        tokenizer,
        dataset,
        max_prompt=min(max_length, positions - options.max_new_tokens),
        max_new_tokens=options.max_new_tokens,
        strategies=_strategies(options),
        fleet=fleet,
        samples=options.samples,
        seed=options.seed,
        suppress_eos=options.suppress_eos,
        progress=progress,
        score_golds=True,
    )
    if remark is not None and (cut_off := next(iter(answers.values()))[0].truncation.summary()):
        remark(cut_off)
    settings = options.model_dump(mode="json", exclude=_NOT_SETTINGS)
    recorded = recorded_parameters(settings)
    settings = {name: value for name, value in settings.items() if name not in PARAMETERS or name in recorded}
    every = []
    for k, (subject, out) in enumerate(zip(subjects, outs, strict=True)):
        decodings = {name: score_answers(found[k], dataset, subject.normalize) for name, found in answers.items()}
        if out is not None:
            own = {name: found[k] for name, found in answers.items()}
            write_evaluation(out, subject, dataset, own, decodings, settings)
        every.append(decodings)
    return every


def selected_questions(split: Split, options: EvaluateOptions) -> Dataset:
    """Return the questions of a split that are to be answered: the first ``limit`` of them, or all."""
    return split.dataset if options.limit is None else first_questions(split.dataset, options.limit)


def strategy_names(options: EvaluateOptions) -> list[str]:
    """Return the names of the requested strategies, with ``all`` expanded."""
    return [strategy.name for strategy in _strategies(options)]


def _strategies(options: EvaluateOptions) -> tuple[Strategy, ...]:
    strategies = resolve_strategies(options.decoding, **options.model_dump(include=set(PARAMETERS)))
    if options.samples > 1 and not any(strategy.sample for strategy in strategies):
        raise ConfigError(
            f"{option('samples', options.samples)}: no chosen strategy samples; "
            f"add {option('decoding', 'top-k')} or nucleus"
        )
    return strategies


def _open(options: EvaluateOptions, device: torch.device, dtype: DtypeRule, tell: Tell) -> _Opened:
    """Load the base, the questions and, if there is a run, its adapter."""
    require_base("evaluate", options.adapter, options.base, options.run)
    if options.run is None and options.base is None:
        raise ConfigError(f"evaluate: give either a run folder, or {option('base')} for a base without adapter")
    out = None if options.out is None else Path(options.out)
    if out is not None:
        _require_own_folder(out, options.run)
    if options.run is None:
        assert options.base is not None
        if options.data is None:
            raise ConfigError(
                f"{option('data')}: missing; give a prepared folder or a SQuAD file to evaluate the base on"
            )
        split = load_split(options.data, options.split)
        base = load_base(base_location(options.base), offline=options.offline, dtype=dtype, device=device)
        adapter = None if options.adapter is None else open_adapter(options.adapter, base, offline=options.offline)
        sha256 = None if adapter is None else adapter.sha256
        rule = options.normalize or "official"
        subject = Subject(absolute_base(options.base), base.sha256, sha256, split, options.limit, rule)
        fleet = None if adapter is None else Fleet.from_weights(base.model.config, [adapter.weights], device=device)
        return _Opened(subject, base, fleet, options.max_length or _BASE_MAX_LENGTH, out)
    run = open_run(
        Path(options.run), base_place=options.base, offline=options.offline, dtype=dtype, device=device, tell=tell
    )
    config = run.folder.record["config"]
    split = _split_of_run(options, run.folder, tell)
    fleet = Fleet.from_weights(run.base.model.config, [run.adapter], device=device)
    max_length = options.max_length or int(config["max_length"])
    original_base = run.folder.record["base"]["sha256"]  # after full fine-tuning, run.base is the trained model
    rule = options.normalize or config.get("normalize", "official")
    subject = Subject(config["base"], original_base, sha256_file(run.weights), split, options.limit, rule)
    return _Opened(subject, run.base, fleet, max_length, out or run.folder.path)


def _require_own_folder(out: Path, run: str | None) -> None:
    """Refuse to write scores into the folder of another run, of a sweep, or of prepared questions."""
    if out.exists() and not out.is_dir():
        raise RunError(f"{option('out', out)}: a file; give a folder")
    own = run is not None and out.is_dir() and out.samefile(run)
    for record, what in ((RECORD, "a run"), (SWEEP, "a sweep"), (MANIFEST, "prepared questions")):
        if not own and (out / record).exists():
            raise RunError(f"{option('out', out)}: holds {what} ({record}); choose another folder")


def _is_own_split(split: Split, data: Path, folder: RunFolder) -> bool:
    """Return True if a split is of the data that a run was trained on, or a file, which has its own name anyway."""
    if not data.is_dir():
        return True
    facts, hashes = folder.record["data"], prepared_hashes(data)
    for name in ("train", "validation"):
        recorded = (facts.get(name) or {}).get("sha256")
        if recorded is not None and hashes.get(name) != recorded:
            return False
    scored = folder.path / SCORES
    before = ScoresFile.read(scored).splits.get(split.name) if scored.is_file() else None
    return before is None or before.sha256 in (None, split.sha256)


def _split_of_run(options: EvaluateOptions, folder: RunFolder, tell: Tell) -> Split:
    """Return the questions to evaluate a run on: those of ``--data``, else a split of the data it was trained on."""
    if options.data is not None:
        split = load_split(options.data, options.split)
        if _is_own_split(split, Path(options.data), folder):
            return split
        # Under another name, so that the run's own scores stay beside these.
        return dataclasses.replace(split, name=f"{Path(options.data).resolve().name}.{options.split}")
    data = find_data(folder.path, folder.record, tell=tell)
    if not Path(data).is_dir():
        raise ConfigError(
            f"{option('data')}: missing; {folder.path} was trained on a plain file, so name other questions"
        )
    was, now = folder.record["data"]["train"]["sha256"], load_split(data, "train").sha256
    if was != now:
        raise RunError(
            f"{folder.path}: {data} was prepared again after this run was trained (the sha256 of train was "
            f"{was[:DIGITS]}..., is {now[:DIGITS]}...), and other splits may now hold its training questions; "
            f"name questions with {option('data')}"
        )
    return load_split(data, options.split)
