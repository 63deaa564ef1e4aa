"""Span search: decoding held to the context's own token runs, so that an answer is always a span of the context.

An index over the context is an automaton: nodes are tokens with the characters they cover, an edge leads to the token
that follows, and an answer is a path from a node where a word starts to one where a character ends. A row keeps the
nodes it may be at, so that repeated phrases stay open until a token tells them apart. Each step costs what the open
nodes cost, not a scan of the context.

An answer follows ``Answer:`` and so begins with a space. Most words of a context have one too, and their tokens fit as
they lie. A word behind a quote, a bracket or a line break has none: ``(NASA)`` holds the tokens of ``NASA``, the
answer is spelled `` NASA``, and those are other tokens. Where an encoder is at hand, such a word gets a second
spelling: the tokens of a space and the text up to the next blank, which then lead back to the context's own. So does a
word that begins a sentence, with a small letter: its capital is the sentence's, and a model that answers ``dark oak``
means ``Dark oak``. Without an encoder words can only be begun as they lie. They are not begun in their middle.

A row takes the likeliest of the allowed tokens; EOS is allowed wherever a path may end. Everything lies within the
part of the context that the prompt sees.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from squadron.data.encoding import EncodedContext, Encoder

Ints = npt.NDArray[np.int64]
Place = tuple[int, int]
_ENDS = ".!?\n"
_BETWEEN = " \"'“‘«(["
"""What may stand between the end of a sentence and the next one's first word."""


class SpanIndex:
    """The automaton of one context, for prompts that see its first ``visible`` tokens."""

    def __init__(self, context: EncodedContext, visible: int, encoder: Encoder | None = None) -> None:
        """Build it; the cost is linear in the context, and so is the size."""
        self._text = context.text
        self._tokens: list[int] = []
        self._follow: list[int] = []  # the node behind, -1 where there is none
        self._stop: list[int] = []  # the character behind the token where an answer may end there, else -1
        self._starts: list[Place] = []  # a node where an answer may begin, and its first character
        self._add_context(context, visible, encoder)
        self.tokens: Ints = np.array(self._tokens, dtype=np.int64)
        self.follow: Ints = np.array(self._follow, dtype=np.int64)
        self.stop: Ints = np.array(self._stop, dtype=np.int64)
        starts = np.array(self._starts, dtype=np.int64).reshape(-1, 2)
        self.start_nodes: Ints = starts[:, 0]
        self.start_characters: Ints = starts[:, 1]
        self.start_tokens: Ints = np.unique(self.tokens[self.start_nodes])

    def _add_context(self, context: EncodedContext, visible: int, encoder: Encoder | None) -> None:
        prefix = sum(1 for _, stop in context.offsets if stop < 0)
        places = _with_blanks(context.offsets[prefix:], begin=-1)
        stops = [self._end(places, i) for i in range(len(places))][: max(visible - prefix, 0)]
        while stops and stops[-1] < 0:  # from what is left, an end can be reached from everywhere
            stops.pop()
        count = len(stops)
        self._tokens += context.tokens[prefix : prefix + count]
        self._follow += [*range(1, count), -1] if count else []
        self._stop += stops
        node_at = {start: i for i, (start, _) in enumerate(places[:count]) if i == 0 or places[i - 1][1] <= start}
        limit = stops[-1] if stops else 0
        for start, node in node_at.items():
            word = start
            if self._spaced(start):
                word = start + 1
                self._starts.append((node, word))
            elif not self._begins_word(start) or (start - 1 in node_at and self._spaced(start - 1)):
                continue
            elif encoder is None:
                self._starts.append((node, word))
            else:
                self._respell(word, self._text[word], limit, node_at, encoder)
            small = self._text[word].lower()
            if encoder is not None and small != self._text[word] and len(small) == 1 and self._opens_sentence(word):
                self._respell(word, small, limit, node_at, encoder)

    def _respell(self, start: int, letter: str, limit: int, node_at: dict[int, int], encoder: Encoder) -> None:
        """A way in for the word at ``start``, spelled with a space before it and ``letter`` for its first character."""
        blank = next((i for i in range(start, limit) if self._text[i].isspace()), limit)
        tokens, offsets = encoder.encode_with_offsets(f" {letter}{self._text[start + 1 : blank]}")
        places = [(low + start - 1, high + start - 1) for low, high in _with_blanks(offsets, begin=0)]
        first = len(self._tokens)
        self._tokens += tokens
        self._follow += range(first + 1, first + len(tokens))
        self._follow.append(node_at.get(blank, -1))
        # The space alone, where it is a token, is no answer: it stands for none of the context's characters.
        self._stop += [self._end(places, i) if stop > start else -1 for i, (_, stop) in enumerate(places)]
        self._starts.append((first, start))

    def _end(self, places: Sequence[Place], i: int) -> int:
        """The character behind token ``i`` where an answer may end with it: with a whole character, not a blank."""
        stop = places[i][1]
        whole = i + 1 == len(places) or places[i + 1][0] >= stop
        return stop if whole and stop > 0 and not self._text[stop - 1].isspace() and stop > places[i][0] else -1

    def _spaced(self, at: int) -> bool:
        """Is there one space at this character, the prompt's own before the context included, and a word behind it?"""
        text = self._text
        return (at == -1 or text[at] == " ") and at + 1 < len(text) and not text[at + 1].isspace()

    def _opens_sentence(self, at: int) -> bool:
        """Is the character at ``at`` the first of a sentence or of a line?"""
        before = at - 1
        while before >= 0 and self._text[before] in _BETWEEN:
            before -= 1
        return before < 0 or self._text[before] in _ENDS

    def _begins_word(self, at: int) -> bool:
        if at < 0 or self._text[at].isspace():
            return False
        return at == 0 or not (self._text[at - 1].isalnum() and self._text[at].isalnum())


class SpanPath:
    """Where one row stands in its index: the nodes it may be at, and the first character of each path."""

    def __init__(self, index: SpanIndex) -> None:
        self.index = index
        self.span: Place = (0, 0)  # the last place where an answer could have ended
        self._nodes: Ints | None = None  # None before the first token
        self._characters: Ints = index.start_characters
        self._may_end = len(index.start_nodes) == 0  # where there is nothing to say, EOS is all there is

    def allowed(self, eos_id: int, suppress_eos: bool) -> Ints:
        """The tokens that may come next, ascending; EOS alone where the path cannot go on."""
        if self._nodes is None:
            tokens = self.index.start_tokens
        else:
            follow = self.index.follow[self._nodes]
            tokens = np.unique(self.index.tokens[follow[follow >= 0]])
        if len(tokens) == 0 or (self._may_end and not suppress_eos):
            tokens = np.union1d(tokens, [eos_id])
        return tokens

    def take(self, token: int) -> None:
        """Emit an allowed ``token`` that is not EOS."""
        index = self.index
        nodes = index.start_nodes if self._nodes is None else index.follow[self._nodes]
        here = (nodes >= 0) & (index.tokens[nodes] == token)
        self._nodes, self._characters = nodes[here], self._characters[here]
        assert len(self._nodes) > 0, f"token {token} does not go on from here"
        stops = index.stop[self._nodes]
        self._may_end = bool((stops >= 0).any())
        if self._may_end:
            first = int(np.flatnonzero(stops >= 0)[0])
            self.span = (int(self._characters[first]), int(stops[first]))


def likeliest_allowed(logits: Tensor, paths: Sequence[SpanPath], eos_id: int, suppress_eos: bool) -> Tensor:
    """The likeliest allowed token of each path, from its row of ``logits`` ``[n, V]``; the paths go on with it.

    Returns ``[n]`` int64 on the logits' device.
    """
    allowed = [path.allowed(eos_id, suppress_eos) for path in paths]
    width = max(len(tokens) for tokens in allowed)
    ids = np.zeros((len(paths), width), dtype=np.int64)
    padding = np.ones((len(paths), width), dtype=np.bool_)
    for row, tokens in enumerate(allowed):
        ids[row, : len(tokens)] = tokens
        padding[row, : len(tokens)] = False
    table = torch.from_numpy(ids).to(logits.device)
    scores = logits.gather(-1, table).masked_fill(torch.from_numpy(padding).to(logits.device), -math.inf)
    best = scores.max(-1)
    chosen = table.gather(-1, best.indices[:, None])[:, 0]
    # Where logits are NaN, whoever asked sees that they are, and stops.
    going = (best.values > -math.inf) & (chosen != eos_id)
    for path, token, goes in zip(paths, chosen.tolist(), going.tolist(), strict=True):
        if goes:
            path.take(token)
    return chosen


def _with_blanks(offsets: Sequence[Place], *, begin: int) -> list[Place]:
    """Places of tokens with the blanks before each counted to it, as they are; some tokenizers trim them away."""
    places: list[Place] = []
    behind = begin
    for start, stop in offsets:
        places.append((min(start, behind), max(start, stop)))
        behind = max(behind, stop)
    return places
