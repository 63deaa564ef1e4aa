"""One question: every strategy beside the other, with one adapter, several, or the base alone."""

from __future__ import annotations

import math
import sys
from pathlib import Path
from typing import Any

import torch

from squadron.data.squad import Dataset, Paragraph, Question
from squadron.data.validation import LONGEST_CONTEXT
from squadron.decoding.strategies import Strategy, resolve_strategies
from squadron.errors import ConfigError, DataError
from squadron.experiments.answering import answer_questions
from squadron.experiments.opening import open_run, run_base
from squadron.experiments.options import AskOptions
from squadron.experiments.pocket import base_location
from squadron.model.checkpoint import load_base
from squadron.model.lora import Fleet
from squadron.model.tokenizer import load_tokenizer
from squadron.training.precision import resolve_device, resolve_precision


def ask(options: AskOptions) -> dict[str, Any]:
    """Answer one question; return the answers with their place in the context and their probability.

    Raises a :class:`squadron.errors.SquadronError` for what a user can cause.
    """
    runs = [*([options.run] if options.run else []), *options.compare]
    if not runs and not options.base:
        raise ConfigError("ask: give --run for an adapter, or --base for a base alone")
    context = _context(options.context)
    if not options.question.strip():
        raise ConfigError("ask: the question is empty; write one")
    device = resolve_device(options.device)
    dtype = resolve_precision(options.precision, device)
    strategies = resolve_strategies(options.decoding)
    dataset = Dataset((Paragraph("", context, (Question("asked", options.question, ()),)),), "2.0", options.context)
    by_base: dict[str, list[str]] = {}
    for run in runs:
        by_base.setdefault(run_base(Path(run)), []).append(run)
    answers: list[dict[str, Any]] = []
    if options.base:
        answers += _answers(options, dataset, options.base, [], strategies, device, dtype)
    for base, members in by_base.items():
        answers += _answers(options, dataset, base, members, strategies, device, dtype)
    return {"question": options.question, "context": context, "answers": answers}


def _answers(
    options: AskOptions,
    dataset: Dataset,
    name: str,
    runs: list[str],
    strategies: tuple[Strategy, ...],
    device: torch.device,
    dtype: torch.dtype,
) -> list[dict[str, Any]]:
    """The answers of one base, alone or with the adapters of ``runs`` as one fleet."""
    base = load_base(base_location(name), offline=options.offline, dtype=dtype, device=device)
    config = base.model.config
    if options.max_new_tokens >= config.n_positions:
        raise ConfigError(f"--max-new-tokens {options.max_new_tokens}: this base has {config.n_positions} positions")
    adapters = [open_run(Path(run), base=base).adapter for run in runs]
    fleet = Fleet.from_weights(config, adapters, device=device) if adapters else None
    found = answer_questions(
        base.model,
        load_tokenizer(base.folder),
        dataset,
        max_prompt=config.n_positions - options.max_new_tokens,
        max_new_tokens=options.max_new_tokens,
        strategies=strategies,
        fleet=fleet,
        seed=options.seed,
    )
    context = dataset.paragraphs[0].context
    records = []
    for k, model in enumerate(runs or [name]):
        for strategy, by_adapter in found.items():
            if not by_adapter[k].generations["asked"]:
                raise DataError("ask: the question does not fit the model; shorten it")
            generation = by_adapter[k].generations["asked"][0]
            text = by_adapter[k].texts["asked"][0]
            start = generation.span[0] if generation.span else context.find(text) if text else -1
            records.append(
                {
                    "model": model,
                    "decoding": strategy,
                    "answer": text,
                    "place": [start, start + len(text)] if start >= 0 else None,
                    "probability": None
                    if math.isnan(generation.log_probability)
                    else math.exp(generation.log_probability),
                    "stopped": generation.stopped,
                }
            )
    return records


def _context(source: str) -> str:
    """The text of the context, from a file or standard input."""
    try:
        data = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        text = data.decode("utf-8").strip()
    except OSError as problem:
        raise DataError(f"--context {source}: cannot be read ({problem.strerror})") from None
    except UnicodeDecodeError as problem:
        raise DataError(f"--context {source}: byte {problem.start} is not UTF-8; save it as UTF-8") from None
    if not text:
        raise DataError(f"--context {source}: empty; give the text to answer from")
    if len(text) > LONGEST_CONTEXT:
        raise DataError(f"--context {source}: {len(text):,} characters; at most {LONGEST_CONTEXT:,} are taken")
    return text
