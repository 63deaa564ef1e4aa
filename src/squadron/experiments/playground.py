"""The playground without its page: the models to choose from, example paragraphs, and answers side by side."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from squadron.data.prepared import load_split
from squadron.data.squad import Dataset, Paragraph
from squadron.decoding.strategies import resolve_strategies
from squadron.errors import ConfigError, RunError, SquadronError
from squadron.experiments.load_run import open_run, run_base, untouched_base
from squadron.experiments.places import absolute_base
from squadron.experiments.pocket import base_location
from squadron.experiments.predictor import Answerer, checked_context
from squadron.experiments.published import open_adapter, require_base
from squadron.model.checkpoint import Base, load_base
from squadron.model.lora import AdapterWeights
from squadron.model.tokenizer import load_tokenizer
from squadron.options.core import PlaygroundOptions
from squadron.pocket.base import NAME as POCKET
from squadron.pocket.world import make_dataset
from squadron.runs.board import Board, read_board
from squadron.runs.folder import RunFolder
from squadron.runs.layout import RECORD, SWEEP
from squadron.runs.places import find_data
from squadron.runs.reader import RunFile, SweepFile
from squadron.scoring.metrics import Normalization, answer_scores
from squadron.training.precision import dtype_rule, resolve_device

LONGEST_QUESTION = 2_000
"""Most characters in a question; the longest in SQuAD has a few hundred."""
MOST_MODELS = 6
"""Most models that answer one question side by side, limited so that the page stays readable."""
_EXAMPLES = 8
"""Number of example paragraphs."""


@dataclass(frozen=True, slots=True)
class Choice:
    """A model to choose: a base alone, or with the adapter of a run or one of PEFT's. ``label`` is the name to show."""

    label: str
    base: str
    run: Path | None
    adapter: str | None = None

    @property
    def key(self) -> str:
        """A unique identifier; labels may repeat, since runs in two folders may have the same name."""
        if self.adapter is not None:
            return f"adapter:{self.adapter}"
        return f"base:{self.base}" if self.run is None else f"run:{self.run}"

    @property
    def is_untouched(self) -> bool:
        """True for a base alone."""
        return self.run is None and self.adapter is None


class Playground:
    """Bases and adapters to ask; bases are loaded on first use and cached. One question is answered at a time."""

    def __init__(self, options: PlaygroundOptions) -> None:
        """Check the named folders. Raises a :class:`SquadronError` if one of them is not usable."""
        require_base("playground", options.adapter, options.base)
        self.options = options
        self._device = resolve_device(options.device)
        self._dtype = dtype_rule(options.precision, self._device)
        self._sweep = None if options.sweep is None else Path(options.sweep)
        self._runs = tuple(Path(run) for run in options.runs)
        self._bases: dict[str, Base] = {}
        self._busy = threading.Lock()
        for run in self._runs:
            RunFolder.open(run)  # fails early if a folder is not a run
        self.board()
        first = self.choices()[0]
        base = self._base(first.base)  # fails early if a base or an adapter is missing
        self._adapter = None
        if options.adapter is not None:
            self._adapter = open_adapter(options.adapter, base, offline=options.offline).weights
        self.examples = self._find_examples()

    def board(self) -> Board:
        """Read the current state of the runs; their sweep may still be running."""
        return read_board(self._sweep, self._runs)

    def choices(self) -> tuple[Choice, ...]:
        """Return the models to choose from: bases first, then adapters in the leaderboard's order."""
        adapters = []
        bases = [absolute_base(self.options.base)] if self.options.base else []
        if self.options.adapter is not None:
            adapters.append(Choice(self.options.adapter, bases[0], None, self.options.adapter))
        for row in self.board().rows:
            try:
                if row.can_answer:
                    given = self.options.base
                    adapters.append(Choice(row.name, run_base(row.path, given), row.path))
                    bases.append(untouched_base(row.path, given))
            except SquadronError:
                continue  # a run that cannot be opened is only listed on the board
        bases = list(dict.fromkeys(bases)) or [POCKET]
        return (*(Choice(f"{name} (untouched)", name, None) for name in bases), *adapters)

    def ask(self, context: str, question: str, models: Sequence[str], decoding: Sequence[str]) -> dict[str, Any]:
        """Answer the question with the models of these keys, by these strategies.

        Returns ``context``, ``question``, ``golds`` (empty unless the question is an example's) and ``models``: for
        each, its label and the records of :meth:`squadron.experiments.predictor.Answerer.answer`. With golds, each
        record also has ``exact_match`` and ``f1`` (0 to 1), all after the normalization that the runs share, else the
        official one. Raises a :class:`SquadronError` for any problem that a user can cause.
        """
        context, question = checked_context(context, source="the context"), question.strip()
        if not question:
            raise ConfigError("the question is empty; write one")
        if len(question) > LONGEST_QUESTION:
            raise ConfigError(
                f"the question has {len(question):,} characters; at most {LONGEST_QUESTION:,} are accepted"
            )
        chosen = [choice for choice in self.choices() if choice.key in models]
        if not chosen:
            raise ConfigError("no model is chosen; choose one or more")
        if len(chosen) > MOST_MODELS:
            raise ConfigError(f"{len(chosen)} models are chosen; at most {MOST_MODELS} can answer side by side")
        if not decoding:
            raise ConfigError("no decoding strategy is chosen; choose one or more")
        strategies = resolve_strategies(tuple(decoding))
        answers: list[dict[str, Any]] = []
        with self._busy:
            for answerer in self._answerers(chosen):
                answers += answerer.answer(
                    context,
                    question,
                    strategies=strategies,
                    max_new_tokens=self.options.max_new_tokens,
                    seed=self.options.seed,
                )
        golds = self._golds(context, question)
        rule = _normalization([choice.run for choice in chosen if choice.run is not None])
        for answer in answers if golds else ():
            answer["exact_match"], answer["f1"] = answer_scores(answer["answer"], golds, normalize=rule)
        by_model = [
            {"label": choice.label, "answers": [answer for answer in answers if answer["model"] == choice.key]}
            for choice in chosen
        ]
        return {"context": context, "question": question, "golds": golds, "models": by_model}

    def _answerers(self, chosen: Sequence[Choice]) -> list[Answerer]:
        """Return an answerer for each chosen base alone, and one per base for its chosen adapters as a fleet."""
        found = []
        for name in dict.fromkeys(choice.base for choice in chosen):
            base = self._base(name)
            tokenizer = load_tokenizer(base.folder, vocab_size=base.model.config.vocab_size)
            own = [choice for choice in chosen if choice.base == name]
            found += [Answerer(base, tokenizer, (choice.key,)) for choice in own if choice.is_untouched]
            adapters = {choice.key: self._weights(choice, base) for choice in own if not choice.is_untouched}
            if adapters:
                found.append(Answerer(base, tokenizer, tuple(adapters), tuple(adapters.values())))
        return found

    def _weights(self, choice: Choice, base: Base) -> AdapterWeights:
        if choice.run is not None:
            return open_run(choice.run, base=base).adapter
        assert self._adapter is not None
        return self._adapter

    def _base(self, name: str) -> Base:
        if name not in self._bases:
            self._bases[name] = load_base(
                base_location(name), offline=self.options.offline, dtype=self._dtype, device=self._device
            )
        return self._bases[name]

    def _golds(self, context: str, question: str) -> list[str]:
        """Return the gold answers if this is an example's question about its own paragraph, else an empty list."""
        for paragraph in self.examples:
            if paragraph.context.strip() == context:
                for asked in paragraph.questions:
                    if asked.text.strip() == question:
                        return list(dict.fromkeys(answer.text for answer in asked.answers))
        return []

    def _find_examples(self) -> tuple[Paragraph, ...]:
        """Return example paragraphs from the sweep's data, else from a run's data, else from the pocket world."""
        candidates: list[Path | None] = []
        if self._sweep is not None:
            candidates += [self._sweep / "data", _dataset_of(self._sweep)]
        candidates += [_data_of(run) for run in self._runs]
        for folder in filter(None, candidates):
            for split in ("test", "validation"):
                try:
                    found = load_split(folder, split).dataset
                except (SquadronError, OSError):
                    continue  # moved, changed or without such a split: examples are optional
                return _with_questions(found)
        return _with_questions(make_dataset("test", 6 * _EXAMPLES, seed=self.options.seed))


def _normalization(runs: Sequence[Path]) -> Normalization:
    """Return the normalization of answers that all of these runs were trained with; the official one if they differ."""
    rules: set[Normalization] = {RunFile.read(run / RECORD).config.normalize for run in runs}
    return rules.pop() if len(rules) == 1 else "official"


def _with_questions(dataset: Dataset) -> tuple[Paragraph, ...]:
    """Return the first paragraphs that have questions."""
    return tuple(paragraph for paragraph in dataset.paragraphs if paragraph.questions)[:_EXAMPLES]


def _dataset_of(sweep: Path) -> Path | None:
    """Return the data set that a sweep's record names; None if it names none or cannot be read."""
    try:
        found = SweepFile.read(sweep / SWEEP).config.get("dataset")
    except RunError:
        return None
    return Path(found) if isinstance(found, str) else None


def _data_of(run: Path) -> Path | None:
    """Return the data that a run was trained on; None if its record cannot be read or the data is gone."""
    try:
        record = RunFile.read(run / RECORD)
        return None if record.config.data is None else Path(find_data(run, record.content))
    except RunError:
        return None
