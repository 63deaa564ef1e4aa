"""Span search of one row in plain steps: the reference of :class:`squadron.decoding.span_search.SpanSearch`."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from squadron.decoding.span import Span, SpanIndex

Ints = npt.NDArray[np.int64]


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
            tokens = np.unique(self.index.tokens[self.index.start_nodes])
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
