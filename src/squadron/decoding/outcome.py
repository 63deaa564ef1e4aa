"""The outputs of K adapters for R rows, as tensors that grow on the device and are copied to the host once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from squadron.decoding.result import Generation

READ_EVERY = 4
"""Tokens from one read of the finished flags on an accelerator to the next: each read makes the host wait for it."""


@dataclass(slots=True)
class Outcome:
    """What K adapters emitted for R rows.

    ``tokens`` ``[K, R, steps]`` int64 and ``lengths`` ``[K, R]`` int64 are without EOS. ``log_probability`` ``[K, R]``
    is float64, ``stopped`` ``[K, R]`` bool, and ``span`` ``[K, R, 2]`` int64.
    """

    tokens: Tensor
    lengths: Tensor
    log_probability: Tensor
    stopped: Tensor
    span: Tensor

    @classmethod
    def empty(cls, fleet_size: int, rows: int, steps: int, device: torch.device) -> Outcome:
        """Return outputs without tokens."""
        shape = (fleet_size, rows)
        return cls(
            tokens=torch.zeros(*shape, steps, dtype=torch.int64, device=device),
            lengths=torch.zeros(shape, dtype=torch.int64, device=device),
            log_probability=torch.zeros(shape, dtype=torch.float64, device=device),
            stopped=torch.zeros(shape, dtype=torch.bool, device=device),
            span=torch.zeros(*shape, 2, dtype=torch.int64, device=device),
        )

    def keep(self, rows: Tensor) -> Outcome:
        """Return the outputs of ``rows`` ``[R']`` int64 alone."""
        return Outcome(
            self.tokens[:, rows],
            self.lengths[:, rows],
            self.log_probability[:, rows],
            self.stopped[:, rows],
            self.span[:, rows],
        )

    def put(self, rows: Tensor, part: Outcome) -> None:
        """Set the outputs of ``rows`` ``[R']`` int64 to those of ``part``."""
        self.tokens[:, rows] = part.tokens
        self.lengths[:, rows] = part.lengths
        self.log_probability[:, rows] = part.log_probability
        self.stopped[:, rows] = part.stopped
        self.span[:, rows] = part.span

    def generations(self, spans: Sequence[bool]) -> list[list[Generation]]:
        """Return the outputs by adapter and row, in one copy to the host; ``spans`` are True for rows with a span."""
        steps = self.tokens.shape[-1]
        columns = [self.lengths, self.log_probability.view(torch.int64), self.stopped.to(torch.int64)]
        packed = torch.cat([self.tokens, self.span, torch.stack(columns, -1)], -1).cpu()
        log_probability = packed[..., -2].contiguous().view(torch.float64).tolist()
        return [
            [
                Generation(
                    tokens=tuple(row[: row[-3]]),
                    log_probability=value,
                    stopped=bool(row[-1]),
                    span=(row[steps], row[steps + 1]) if has_span else None,
                )
                for row, value, has_span in zip(rows, values, spans, strict=True)
            ]
            for rows, values in zip(packed.tolist(), log_probability, strict=True)
        ]


class FinishedReader:
    """Tells the host which rows all adapters have finished: on a CPU at once, else at times and a token later.

    An accelerator goes on with the next token while the flags are copied. There is no read at the first 4 tokens, since
    the outputs are read at the end: so there is at most one read for every 4 tokens.
    """

    def __init__(self, *, on_host: bool) -> None:
        self.on_host = on_host
        self._copied: tuple[Tensor, torch.cuda.Event | None] | None = None

    def read(self, finished: Tensor, step: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]] | None:
        """Return the flags ``[R]`` of rows, or None if they are not known.

        ``finished`` ``[K, R]`` bool are those of the adapters after ``step`` tokens. Flags that an accelerator returns
        can be a token old; the rows must be the same then.
        """
        if self.on_host:
            return finished.all(0).numpy()
        if self._copied is not None:
            flags, event = self._copied
            self._copied = None
            if event is not None:
                event.synchronize()
            return flags.numpy()
        if step % READ_EVERY == 0 and step > READ_EVERY:
            flags, event = finished.all(0).to("cpu", non_blocking=True), None
            if finished.device.type == "cuda":
                event = torch.cuda.Event()
                event.record(torch.cuda.current_stream(finished.device))
            self._copied = flags, event
        return None
