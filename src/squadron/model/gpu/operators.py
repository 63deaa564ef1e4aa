"""The operators ``torch.ops.squadron.*``: fused steps of the engine that are one kernel, or a few, on a GPU.

Each has its meaning in :mod:`squadron.model.gpu.reference`, which runs wherever there is no kernel; on CUDA with Triton
a kernel of :mod:`squadron.model.gpu.launch` runs. Only the accelerator path of the engine calls them. None records
gradients; the autograd functions around them do.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from squadron.model.gpu import reference

HAS_TRITON = importlib.util.find_spec("triton") is not None
_TABLES = "Tensor query_blocks, Tensor key_blocks, Tensor? rows, Tensor context_end, Tensor branch_start, int heads"
_MASK = "Tensor seeds, Tensor thresholds, Tensor factors, Tensor? rows, int site, int first_token"
SCHEMAS = {
    "add_layer_norm": "(Tensor residual, Tensor delta, Tensor weight, Tensor bias, float epsilon) "
    "-> (Tensor, Tensor, Tensor, Tensor)",
    "add_layer_norm_backward": "(Tensor d_normalized, Tensor? d_total, Tensor total, Tensor weight, Tensor mean, "
    "Tensor scale) -> (Tensor, Tensor)",
    "tree_attention": f"(Tensor q, Tensor k, Tensor v, {_TABLES}) -> (Tensor, Tensor)",
    "query_gradient_": "(Tensor d_out, Tensor q, Tensor k, Tensor v, Tensor out, Tensor lse, Tensor query_blocks, "
    "Tensor? rows, Tensor context_end, Tensor branch_start, int heads, Tensor(a!) d_q) -> Tensor",
    "key_gradient_": f"(Tensor d_out, Tensor q, Tensor k, Tensor v, Tensor lse, Tensor delta, {_TABLES}, "
    "Tensor(a!) d_k, Tensor(b!) d_v) -> ()",
    "cross_entropy": "(Tensor logits, Tensor labels, Tensor weights, ScalarType? gradient_dtype) -> (Tensor, Tensor)",
    "dropout": f"(Tensor x, {_MASK}) -> Tensor",
    "dropout_add_": f"(Tensor(a!) total, Tensor x, {_MASK}) -> ()",
    "adamw_": "(Tensor(a!) values, Tensor gradients, Tensor(b!) mean, Tensor(c!) square, Tensor(d!) before, "
    "Tensor coefficients, Tensor losses, Tensor norms, Tensor second) -> ()",
}
"""The operators' schemas by name."""


def _shapes_of_attention(q: Tensor, k: Tensor, v: Tensor, *tables: Any) -> tuple[Tensor, Tensor]:  # noqa: ARG001
    precise = torch.promote_types(q.dtype, torch.float32)
    return torch.empty_like(q, memory_format=torch.contiguous_format), q.new_empty(
        q.shape[0], tables[-1], q.shape[1], dtype=precise
    )


def _shapes_of_query_gradient(d_out: Tensor, *others: Any) -> Tensor:  # noqa: ARG001
    lse: Tensor = others[4]
    return torch.empty_like(lse)


_META: dict[str, Callable[..., Any]] = {
    "tree_attention": _shapes_of_attention,
    "query_gradient_": _shapes_of_query_gradient,
    "key_gradient_": lambda *_: None,
}
"""Shapes of the operators whose reference reads the tables; for the others the reference gives them."""


def _launch(name: str) -> Callable[..., Any]:
    """Return a function that imports Triton on its first call: importing it takes a second, which a CPU never needs."""

    def run(*arguments: Any) -> Any:
        from squadron.model.gpu import launch

        return getattr(launch, name)(*arguments)

    return run


_LIBRARY = torch.library.Library("squadron", "DEF")
for _name, _schema in SCHEMAS.items():
    _LIBRARY.define(_name + _schema)
    _LIBRARY.impl(_name, getattr(reference, _name), "CompositeExplicitAutograd")
    if _name in _META:
        _LIBRARY.impl(_name, _META[_name], "Meta")
    if HAS_TRITON:
        _LIBRARY.impl(_name, _launch(_name), "CUDA")
