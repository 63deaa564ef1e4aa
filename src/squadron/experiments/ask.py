"""Answer one question by every strategy, with one adapter, with several, or with the base alone."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from squadron.data.validation import LONGEST_QUESTION
from squadron.decoding.strategies import resolve_strategies
from squadron.encodings import decode_text
from squadron.errors import ConfigError, DataError, option
from squadron.experiments.load_run import open_run, run_base
from squadron.experiments.pocket import base_location
from squadron.experiments.predictor import Answerer, checked_context
from squadron.experiments.published import open_adapter, require_base
from squadron.files import MOST_BYTES, read_bounded
from squadron.model.checkpoint import load_base
from squadron.model.tokenizer import load_tokenizer
from squadron.options.core import AskOptions
from squadron.runs.places import Tell, quiet
from squadron.training.precision import dtype_rule, resolve_device


def ask(options: AskOptions, *, tell: Tell = quiet) -> dict[str, Any]:
    """Answer one question; return the answers with their places in the context and their probabilities.

    ``tell`` says where a base was found that is not where it was.
    Raises a :class:`squadron.errors.SquadronError` for any problem that a user can cause.
    """
    runs = [*([options.run] if options.run else []), *options.compare]
    require_base("ask", options.adapter, options.base)
    if not runs and not options.base:
        raise ConfigError(f"ask: give {option('run')} for an adapter, or {option('base')} for a base alone")
    context = read_context(options.context)
    if not options.question.strip():
        raise ConfigError("ask: the question is empty; write one")
    if len(options.question) > LONGEST_QUESTION:
        raise ConfigError(
            f"ask: the question has {len(options.question):,} characters; at most {LONGEST_QUESTION:,} are accepted"
        )
    device = resolve_device(options.device)
    dtype = dtype_rule(options.precision, device)
    strategies = resolve_strategies(options.decoding)
    by_base: dict[str, list[str]] = {}
    for run in runs:
        by_base.setdefault(run_base(Path(run), options.base, tell=tell), []).append(run)
    own = [options.adapter] if options.adapter else []  # on the base itself, which is else asked alone
    alone: list[tuple[str, list[str]]] = [(options.base, own)] if options.base else []
    answers: list[dict[str, Any]] = []
    for name, members in [*alone, *by_base.items()]:
        base = load_base(base_location(name), offline=options.offline, dtype=dtype, device=device)
        adapters = tuple(
            open_adapter(one, base, offline=options.offline).weights
            if members is own
            else open_run(Path(one), base=base).adapter
            for one in members
        )
        answerer = Answerer(
            base,
            load_tokenizer(base.folder, vocab_size=base.model.config.vocab_size),
            tuple(members) or (name,),
            adapters,
        )
        answers += answerer.answer(
            context,
            options.question,
            strategies=strategies,
            max_new_tokens=options.max_new_tokens,
            seed=options.seed,
        )
    return {"question": options.question, "context": context, "answers": answers}


def read_context(source: str) -> str:
    """Return the text of the context, from a file or standard input."""
    try:
        if source == "-":
            data = read_bounded(sys.stdin.buffer, MOST_BYTES)
        else:
            with Path(source).open("rb") as stream:
                data = read_bounded(stream, MOST_BYTES)
        if data is None:
            raise DataError(f"{option('context', source)}: over {MOST_BYTES:,} bytes; give a shorter text")
        text = decode_text(data, option("context", source), error=DataError)
    except OSError as problem:
        raise DataError(
            f"{option('context', source)}: cannot be read ({problem.strerror}); "
            f"give a text file, or - for standard input"
        ) from None
    return checked_context(text, source=option("context", source))
