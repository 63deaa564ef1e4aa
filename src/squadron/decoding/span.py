"""Span search: decoding restricted to token sequences of the context, so that an answer is always one of its spans.

The index of a context is an automaton. Its nodes are tokens with the characters that they cover, an edge points to the
next token, and an answer is a path from a node at which a word starts to a node at which a character ends. A row keeps
all nodes that match its tokens so far, so that repeated phrases remain possible until a token distinguishes them. A
step costs time in proportion to these nodes, without a scan of the context.

An answer follows ``Answer:`` and so begins with a space. Most words of a context are preceded by a space too, and their
tokens can be used as they are. A word after a quote, a bracket or a line break is not: ``(NASA)`` contains the tokens
of ``NASA``, but the answer is spelled `` NASA``, which has other tokens. With an encoder, such a word gets a second
spelling: the tokens of a space and the text up to the next whitespace, followed by the tokens of the context. So does
the first word of a sentence, spelled with a small letter: it is capitalized only for its position, and a model that
answers ``dark oak`` means ``Dark oak``. Without an encoder, answers can only start with the tokens of the context. An
answer never starts in the middle of a word.

A row takes the likeliest allowed token; EOS is allowed wherever an answer may end. All spans are within the part of the
context that the prompt sees.
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
Span = tuple[int, int]
"""Start and stop, in characters."""
_ENDS = ".!?\n"
_BETWEEN = " \"'“‘«(["
"""The characters that can be between the end of a sentence and the first word of the next."""


class SpanIndex:
    """The automaton of one context, for prompts that see its first ``visible`` tokens."""

    def __init__(self, context: EncodedContext, visible: int, encoder: Encoder | None = None) -> None:
        """Build the index, in time and size linear in the context.

        Without ``encoder``, no word has a second spelling.
        """
        self._text = context.text
        self._tokens: list[int] = []
        self._follow: list[int] = []  # the next node, -1 if there is none
        self._stop: list[int] = []  # the end of the token's characters if an answer may end there, else -1
        self._starts: list[tuple[int, int]] = []  # nodes where an answer may start, and its first character
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
        spans = _with_leading_space(context.offsets[prefix:], begin=-1)
        stops = [self._end(spans, i) for i in range(len(spans))][: max(visible - prefix, 0)]
        while stops and stops[-1] < 0:  # so that every remaining node can reach an end
            stops.pop()
        count = len(stops)
        self._tokens += context.tokens[prefix : prefix + count]
        self._follow += [*range(1, count), -1] if count else []
        self._stop += stops
        node_at = {start: i for i, (start, _) in enumerate(spans[:count]) if i == 0 or spans[i - 1][1] <= start}
        limit = stops[-1] if stops else 0
        for start, node in node_at.items():
            word = start
            if self._is_space_before_word(start):
                word = start + 1
                self._starts.append((node, word))
            elif not self._begins_word(start) or (start - 1 in node_at and self._is_space_before_word(start - 1)):
                continue
            elif encoder is None:
                self._starts.append((node, word))
            else:
                self._respell(word, self._text[word], limit, node_at, encoder)
            small = self._text[word].lower()
            if encoder is not None and small != self._text[word] and len(small) == 1 and self._opens_sentence(word):
                self._respell(word, small, limit, node_at, encoder)

    def _respell(self, start: int, letter: str, limit: int, node_at: dict[int, int], encoder: Encoder) -> None:
        """Add a spelling of the word at ``start``: with a space before it and ``letter`` as its first character."""
        space = next((i for i in range(start, limit) if self._text[i].isspace()), limit)
        tokens, offsets = encoder.encode_with_offsets(f" {letter}{self._text[start + 1 : space]}")
        spans = [(low + start - 1, high + start - 1) for low, high in _with_leading_space(offsets, begin=0)]
        first = len(self._tokens)
        self._tokens += tokens
        self._follow += range(first + 1, first + len(tokens))
        self._follow.append(node_at.get(space, -1))
        # If the space is a token of its own, no answer ends with it: it covers no character of the context.
        self._stop += [self._end(spans, i) if stop > start else -1 for i, (_, stop) in enumerate(spans)]
        self._starts.append((first, start))

    def _end(self, spans: Sequence[Span], i: int) -> int:
        """Return the end of token ``i`` if an answer may end there, else -1.

        It may end with a whole character that is not whitespace.
        """
        stop = spans[i][1]
        whole = i + 1 == len(spans) or spans[i + 1][0] >= stop
        return stop if whole and stop > 0 and not self._text[stop - 1].isspace() and stop > spans[i][0] else -1

    def _is_space_before_word(self, at: int) -> bool:
        """Return True if a word follows a space at ``at``; -1 is the prompt's space before the context."""
        text = self._text
        return (at == -1 or text[at] == " ") and at + 1 < len(text) and not text[at + 1].isspace()

    def _opens_sentence(self, at: int) -> bool:
        """Return True if the character at ``at`` is the first of a sentence or line."""
        before = at - 1
        while before >= 0 and self._text[before] in _BETWEEN:
            before -= 1
        return before < 0 or self._text[before] in _ENDS

    def _begins_word(self, at: int) -> bool:
        if at < 0 or self._text[at].isspace():
            return False
        return at == 0 or not (self._text[at - 1].isalnum() and self._text[at].isalnum())


class SpanPath:
    """The progress of one row in its index: the nodes that match its tokens, and the first character of each path."""

    def __init__(self, index: SpanIndex) -> None:
        self.index = index
        self.span: Span = (0, 0)  # of the longest answer so far that could end
        self._nodes: Ints | None = None  # None before the first token
        self._characters: Ints = index.start_characters
        self._may_end = len(index.start_nodes) == 0  # without any span, only EOS is allowed

    def allowed(self, eos_id: int, suppress_eos: bool) -> Ints:
        """Return the token ids that may come next, ascending; EOS alone if the path cannot be continued."""
        if self._nodes is None:
            tokens = self.index.start_tokens
        else:
            follow = self.index.follow[self._nodes]
            tokens = np.unique(self.index.tokens[follow[follow >= 0]])
        if len(tokens) == 0 or (self._may_end and not suppress_eos):
            tokens = np.union1d(tokens, [eos_id])
        return tokens

    def take(self, token: int) -> None:
        """Continue the path with an allowed ``token`` other than EOS."""
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


def take_likeliest(logits: Tensor, paths: Sequence[SpanPath], eos_id: int, suppress_eos: bool) -> Tensor:
    """Continue each path with its likeliest allowed token, by its row of ``logits`` ``[n, V]``.

    Returns the tokens, ``[n]`` int64 on the logits' device.
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
    # If logits are NaN the path stays as it is: the caller ends such rows.
    continues = (best.values > -math.inf) & (chosen != eos_id)
    for path, token, is_continued in zip(paths, chosen.tolist(), continues.tolist(), strict=True):
        if is_continued:
            path.take(token)
    return chosen


def _with_leading_space(offsets: Sequence[Span], *, begin: int) -> list[Span]:
    """Return the spans of tokens, each with the whitespace before it, which some tokenizers leave out."""
    spans: list[Span] = []
    previous_stop = begin
    for start, stop in offsets:
        spans.append((min(start, previous_stop), max(start, stop)))
        previous_stop = max(previous_stop, stop)
    return spans
