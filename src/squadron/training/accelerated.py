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
import numpy.typing as npt
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
from squadron.training.memory import pass_tokens
from squadron.training.optimizer import FleetAdamW

GRAPH_TOKENS = 1 << 16
"""Tokens of all adapters up to which a step is replayed as a graph: starting its operations takes longer than they."""
_PADDED_TOKENS, _PADDED_ROWS, _PADDED_TREES = 64, 64, 16
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
    """A step's passes, ready for upload, and the place of each pass's first token in the step."""

    packed: Packed
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
        memory_bytes: int | None = None,
    ) -> None:
        """``way`` and ``memory_bytes``, the memory of the device, are found out if None."""
        self.model, self.fleet, self.optimizer, self.before = model, fleet, optimizer, before
        self.way = way or choose_way(fleet.device, model.dtype)
        self.checkpoint_activations = checkpoint_activations
        if memory_bytes is None and fleet.device.type == "cuda":
            memory_bytes = torch.cuda.get_device_properties(fleet.device).total_memory
        self.pass_tokens = pass_tokens(model.config, dtype=model.dtype, memory_bytes=memory_bytes)
        self._second = fleet.second_matrices()
        self._graphs: dict[Layout, _Graph] = {}
        self._records = self._has_run = False
        self._stream: torch.cuda.Stream | None = None

    def settings(
        self,
        targets: float,
        *,
        coefficients: npt.NDArray[np.float32],
        scales: Sequence[float] | None,
        seeds: Sequence[int],
    ) -> Arrays:
        """Return what a step needs to know of the adapters, an entry or a row for each.

        ``targets`` is the step's number of them, ``coefficients`` are those of the optimizer, ``scales`` those of fp16
        losses, or None, and ``seeds`` those of dropout.
        """
        given = np.ones(self.fleet.size) if scales is None else np.array(scales)
        found: Arrays = {
            "coefficients": coefficients,
            "loss_factors": (given / targets).astype(np.float32),  # the gradients of the summed losses
            "per_target": np.full(self.fleet.size, 1 / targets, dtype=np.float32),
            **self.fleet.dropout_arrays(seeds),
        }
        if scales is not None:
            found["gradient_factors"] = (1 / given).astype(np.float32)
        return found

    def prepare(self, batches: Sequence[MicroBatch], settings: Arrays) -> Prepared:
        """Return a step's micro-batches in as few passes as the size of a pass allows.

        :meth:`launch` overwrites ``settings``, which have the shapes of this step's.
        """
        most = self.pass_tokens // self.fleet.size
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
        is_short = len(joined) == 1 and len(joined[0].tokens) * self.fleet.size <= GRAPH_TOKENS and self.way == "fused"
        if is_short:
            padded = pad_batch(joined[0], tokens=_PADDED_TOKENS, rows=_PADDED_ROWS)
            trees = -(-len(padded.shapes) // _PADDED_TREES) * _PADDED_TREES
            passes = [pad_blocks(batch_arrays(padded, self.way), trees)]
        else:
            passes = [batch_arrays(batch, self.way) for batch in joined]
        arrays = dict(settings)
        for number, own in enumerate(passes):
            arrays |= {f"{number}.{name}": array for name, array in own.items()}
        return Prepared(pack(arrays, self.fleet.device), first_tokens, is_short)

    def launch(self, prepared: Prepared, settings: Arrays) -> Tensor:
        """Start a step; return the mean losses and the norms of the gradients, ``[2, K]`` float32 on the device."""
        prepared.packed.write(settings)
        if prepared.is_short and self._records:
            graph = self._graph(prepared.packed)
            if graph is not None:
                return graph.replay(prepared.packed)
        # The first step runs as it is in any case: it compiles the kernels, which a recording must not.
        self._records = self._records or (not self._has_run and self.fleet.device.type == "cuda")
        self._has_run = True
        return self._run(prepared.packed.upload(self.fleet.device), prepared.first_tokens)

    def _graph(self, packed: Packed) -> _Graph | None:
        """Return the recorded step of a layout; None if there is no memory for it."""
        if packed.layout not in self._graphs:
            # One stream for all graphs: memory that one of them has freed is used again on the same stream alone.
            self._stream = self._stream or torch.cuda.Stream(self.fleet.device)
            other = next(iter(self._graphs.values()), None)
            try:
                self._graphs[packed.layout] = _Graph(self, packed, self._stream, other)
            except Exception as problem:
                if not is_out_of_memory(problem):
                    raise
                self._records = False  # graphs keep their memory; without them the steps may fit
                self._graphs.clear()
        if not self._records:
            torch.cuda.empty_cache()
        return self._graphs.get(packed.layout)

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
        pool = torch.cuda.graph_pool_handle() if other is None else other.graph.pool()
        steps.fleet.refresh()
        stream.wait_stream(torch.cuda.current_stream(device))
        collects = gc.isenabled()
        gc.disable()  # to free an old tensor of another stream would end the recording
        try:
            # Unlike torch.cuda.graph, give no memory back first: a run records a graph for each length.
            with torch.cuda.stream(stream):
                self.graph.capture_begin(pool)
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
