"""Span search: decoding restricted to token sequences of the context, so that an answer is always one of its spans.

The index of a context is an automaton. Its nodes are tokens with the characters that they cover, an edge points to the
next token, and an answer is a path from a node at which a word starts to a node at which a character ends.
:mod:`squadron.decoding.span_search` follows the paths.

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

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

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


def _with_leading_space(offsets: Sequence[Span], *, begin: int) -> list[Span]:
    """Return the spans of tokens, each with the whitespace before it, which some tokenizers leave out."""
    spans: list[Span] = []
    previous_stop = begin
    for start, stop in offsets:
        spans.append((min(start, previous_stop), max(start, stop)))
        previous_stop = max(previous_stop, stop)
    return spans
