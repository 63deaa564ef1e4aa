"""A fleet's training step on an accelerator: one upload, no waiting until the end, one read.

Everything that a step's batches and the adapters' settings determine is made on the host and copied in one piece. The
passes, the guard against NaN and the update of all adapters then run without the host; meanwhile it prepares the next
step. Short steps are replayed as a CUDA graph, because starting their operations one by one takes longer than they do.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from squadron.data.trees import MicroBatch, join_batches, pad_batch
from squadron.errors import is_out_of_memory
from squadron.model.attention import TreeAttention, attention_arrays
from squadron.model.fleet import Fleet
from squadron.model.gpt2 import GPT2
from squadron.model.gpu.attention import Way, choose_way
from squadron.model.gpu.layout import pad_blocks
from squadron.model.lora import DeviceDropout
from squadron.model.trainable import Trainable
from squadron.model.transfer import Arrays, Layout, Packed, pack, views
from squadron.training.loss import summed_losses
from squadron.training.optimizer import FleetAdamW

PASS_TOKENS = 1 << 17
"""Tokens of all adapters in one pass: a step's micro-batches are joined up to these, which keep any GPU busy."""
GRAPH_TOKENS = 1 << 15
"""Tokens of all adapters up to which a step is replayed as a graph: starting its operations takes longer than they."""
_PADDED_TOKENS, _PADDED_ROWS, _PADDED_TREES = 64, 32, 16
"""Multiples to which the batches of graphs are padded, so that few graphs serve all steps."""


def batch_arrays(batch: MicroBatch, way: Way) -> Arrays:
    """Return everything that a pass over ``batch`` needs, by name."""
    return {
        "tokens": batch.tokens,
        "positions": batch.positions,
        "labels": batch.labels,
        "weights": batch.weights,
        "selected": batch.rows,
        **attention_arrays(batch.shapes, batch.rows, way),
    }


def pass_losses(
    model: GPT2,
    fleet: Trainable | None,
    tensors: dict[str, Tensor],
    way: Way,
    *,
    checkpoint_activations: bool = False,
) -> Tensor:
    """Return the summed loss (nats) of every adapter on the uploaded :func:`batch_arrays`, ``[K]`` float32."""
    hidden = model(
        tensors["tokens"],
        tensors["positions"],
        TreeAttention.from_tables(tensors, model.config.n_head, way),
        fleet=fleet,
        rows=tensors["selected"],
        checkpoint_activations=checkpoint_activations,
    )
    vocabulary = model.config.vocab_size
    return summed_losses(hidden, model.output_weight(), tensors["labels"], tensors["weights"], vocabulary=vocabulary)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A step's passes as arrays, and the place of each pass's first token in the step."""

    passes: tuple[Arrays, ...]
    first_tokens: tuple[int, ...]
    is_short: bool


class DeviceSteps:
    """Runs the training steps of ``fleet``; ``before`` ``[K, P]`` has its parameters before the latest update."""

    def __init__(
        self,
        model: GPT2,
        fleet: Fleet,
        optimizer: FleetAdamW,
        before: Tensor,
        *,
        way: Way | None = None,
        checkpoint_activations: bool = False,
    ) -> None:
        """``way`` is chosen by the device if None."""
        self.model, self.fleet, self.optimizer, self.before = model, fleet, optimizer, before
        self.way = way or choose_way(fleet.device)
        self.checkpoint_activations = checkpoint_activations
        self.pads_short_steps = self.way == "fused"
        self._second = fleet.second_matrices()
        self._graphs: dict[Layout, _Graph | None] = {}
        self._records = fleet.device.type == "cuda"
        self._stream: torch.cuda.Stream | None = None

    def prepare(self, batches: Sequence[MicroBatch]) -> Prepared:
        """Return a step's micro-batches in as few passes as the size of a pass allows."""
        most = PASS_TOKENS // self.fleet.size
        groups: list[list[MicroBatch]] = []
        room = 0
        for batch in batches:
            if groups and len(batch.tokens) <= room:
                groups[-1].append(batch)
            else:
                groups.append([batch])
                room = most
            room -= len(batch.tokens)
        joined = [join_batches(group) for group in groups]
        first_tokens = tuple(np.cumsum([0, *(len(batch.tokens) for batch in joined[:-1])]).tolist())
        if len(joined) > 1 or len(joined[0].tokens) * self.fleet.size > GRAPH_TOKENS or not self.pads_short_steps:
            return Prepared(tuple(batch_arrays(batch, self.way) for batch in joined), first_tokens, is_short=False)
        padded = pad_batch(joined[0], tokens=_PADDED_TOKENS, rows=_PADDED_ROWS)
        trees = -(-len(padded.shapes) // _PADDED_TREES) * _PADDED_TREES
        return Prepared((pad_blocks(batch_arrays(padded, self.way), trees),), first_tokens, is_short=True)

    def launch(self, prepared: Prepared, settings: Arrays) -> Tensor:
        """Start a step; return the mean losses and the norms of the gradients, ``[2, K]`` float32 on the device.

        ``settings`` have one entry per adapter: ``coefficients`` of the optimizer, ``loss_factors`` (the gradient of
        each summed loss), ``per_target`` (one over the number of targets), for fp16 ``gradient_factors``, which undo
        the scale of the loss, and the arrays of :meth:`Fleet.dropout_arrays`.
        """
        arrays = dict(settings)
        for number, own in enumerate(prepared.passes):
            arrays |= {f"{number}.{name}": array for name, array in own.items()}
        packed = pack(arrays, self.fleet.device)
        graph = self._graph(packed) if prepared.is_short and self._records else None
        if graph is not None:
            return graph.replay(packed)
        return self._run(packed.upload(self.fleet.device), prepared.first_tokens)

    def _graph(self, packed: Packed) -> _Graph | None:
        """Return the recorded step of a layout; None for its first step, which compiles the kernels that it needs."""
        layout = packed.layout
        if layout not in self._graphs:
            self._graphs[layout] = None
            return None
        if self._graphs[layout] is None:
            # One stream for all graphs: memory that one of them has freed is used again on the same stream alone.
            self._stream = self._stream or torch.cuda.Stream(self.fleet.device)
            others = [known for known in self._graphs.values() if known is not None]
            try:
                self._graphs[layout] = _Graph(self, packed, self._stream, others[0] if others else None)
            except Exception as problem:
                if not is_out_of_memory(problem):
                    raise
                self._records = False  # graphs keep their memory; without them the steps fit
        if not self._records:
            self._graphs.clear()
            torch.cuda.empty_cache()
            return None
        return self._graphs[layout]

    def _run(self, tensors: Mapping[str, Tensor], first_tokens: Sequence[int]) -> Tensor:
        """Run the passes of a step, and the update."""
        fleet = self.fleet
        fleet.gradients.zero_()
        total: Tensor | None = None
        for number, first_token in enumerate(first_tokens):
            prefix = f"{number}."
            own = {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
            dropout = None
            if "seeds" in tensors:
                dropout = DeviceDropout(tensors["seeds"], tensors["thresholds"], tensors["factors"], first_token)
            fleet.set_dropout(dropout)
            losses = pass_losses(self.model, fleet, own, self.way, checkpoint_activations=self.checkpoint_activations)
            losses.backward(tensors["loss_factors"])
            total = losses.detach() if total is None else total + losses.detach()
        assert total is not None, "a step has at least one pass"
        fleet.finish_gradients()
        if "gradient_factors" in tensors:
            fleet.gradients.mul_(tensors["gradient_factors"][:, None])
        results = torch.stack([total * tensors["per_target"], fleet.gradient_norms()])
        state = (fleet.values.detach(), fleet.gradients, self.optimizer.mean, self.optimizer.square, self.before)
        torch.ops.squadron.adamw_(*state, tensors["coefficients"], results[0], results[1], self._second)
        return results


class _Graph:
    """A step of one layout, recorded as a CUDA graph: replaying it starts all its operations at once."""

    def __init__(self, steps: DeviceSteps, packed: Packed, stream: torch.cuda.Stream, other: _Graph | None) -> None:
        """Record a step without running it; graphs share the memory of ``other``, since one runs at a time."""
        device = steps.fleet.device
        self.buffer = torch.empty(packed.host.shape, dtype=torch.uint8, device=device)
        self.graph = torch.cuda.CUDAGraph()
        pools = [] if other is None else [other.graph.pool()]
        steps.fleet.refresh()
        stream.wait_stream(torch.cuda.current_stream(device))
        collects = gc.isenabled()
        gc.disable()  # to free an old tensor of another stream would end the recording
        try:
            # Unlike torch.cuda.graph, give no memory back first: a run records a graph for each length.
            with torch.cuda.stream(stream):
                self.graph.capture_begin(*pools)
                try:
                    self.results = steps._run(views(self.buffer, packed.layout), (0,))
                finally:
                    self.graph.capture_end()
        finally:
            if collects:
                gc.enable()
        torch.cuda.current_stream(device).wait_stream(stream)

    def replay(self, packed: Packed) -> Tensor:
        """Run the step on other arrays of the same layout."""
        self.buffer.copy_(packed.host, non_blocking=True)
        self.graph.replay()
        return self.results.clone()
