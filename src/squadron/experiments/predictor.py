"""A loaded base with adapters that answers single questions, for ``ask`` and the playground."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from squadron.data.squad import Dataset, Paragraph, Question
from squadron.data.validation import LONGEST_CONTEXT, text_without_controls
from squadron.decoding.result import Generation
from squadron.decoding.strategies import Strategy
from squadron.errors import ConfigError, DataError, option
from squadron.experiments.predict import answer_questions
from squadron.model.checkpoint import Base
from squadron.model.fleet import Fleet
from squadron.model.lora import AdapterWeights
from squadron.model.tokenizer import Tokenizer

_ASKED = "asked"


@dataclass(frozen=True, slots=True)
class Answerer:
    """A base and its adapters; ``names[k]`` is the name of adapter ``k``, or of the base if there are no adapters."""

    base: Base
    tokenizer: Tokenizer
    names: tuple[str, ...]
    adapters: tuple[AdapterWeights, ...] = ()

    def answer(
        self, context: str, question: str, *, strategies: Sequence[Strategy], max_new_tokens: int, seed: int
    ) -> list[dict[str, Any]]:
        """Answer one question by every strategy and adapter, in one pass over the context.

        Each record has ``model``, ``decoding``, ``answer``, ``place`` (start and stop in the context, in characters;
        None if the answer is not in it), ``probability`` (None if it is not a number), ``stopped`` and ``seen`` (the
        number of characters of the context that the model saw). Raises :class:`ConfigError` or :class:`DataError` if
        the question does not fit the context window.
        """
        config = self.base.model.config
        if max_new_tokens >= config.n_positions:
            raise ConfigError(
                f"{option('max_new_tokens', max_new_tokens)}: this base has {config.n_positions} positions; lower it"
            )
        paragraph = Paragraph("", context, (Question(_ASKED, question, ()),))
        found = answer_questions(
            self.base.model,
            self.tokenizer,
            Dataset((paragraph,), "2.0", "one question"),
            max_prompt=config.n_positions - max_new_tokens,
            max_new_tokens=max_new_tokens,
            strategies=strategies,
            fleet=Fleet.from_weights(config, self.adapters, device=self.base.model.device) if self.adapters else None,
            seed=seed,
        )
        records = []
        for k, name in enumerate(self.names):
            for decoding, by_adapter in found.items():
                answers = by_adapter[k]
                if not answers.generations[_ASKED]:
                    raise DataError("the question does not fit the model; shorten it")
                generation, text = answers.generations[_ASKED][0], answers.texts[_ASKED][0]
                records.append(
                    {
                        "model": name,
                        "decoding": decoding,
                        "answer": text,
                        "place": _place(generation, text, context),
                        "probability": None
                        if math.isnan(generation.log_probability)
                        else math.exp(generation.log_probability),
                        "stopped": generation.stopped,
                        "seen": len(answers.cut.get(_ASKED, context)),
                    }
                )
        return records


def checked_context(text: str, *, source: str) -> str:
    """Return a context without surrounding whitespace. Raises :class:`DataError` if it is empty or too long."""
    text = text_without_controls(text).strip()
    if not text:
        raise DataError(f"{source}: empty; give the text to answer from")
    if len(text) > LONGEST_CONTEXT:
        raise DataError(f"{source}: {len(text):,} characters; at most {LONGEST_CONTEXT:,} are accepted")
    return text


def _place(generation: Generation, text: str, context: str) -> list[int] | None:
    """Return the place of an answer in its context: its span if it has one, else the first occurrence of its text."""
    start = generation.span[0] if generation.span else context.find(text) if text else -1
    return [start, start + len(text)] if start >= 0 else None
