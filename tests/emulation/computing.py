"""What the emulated device computes with: PyTorch's operators on the CPU, or on ``meta`` where shapes are enough."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

aten = torch.ops.aten
Operator = Any  # torch._ops.OpOverload

INDEXING = {
    aten.index.Tensor,
    aten.index_put.default,
    aten.index_put_.default,
    aten._index_put_impl_.default,
    aten._unsafe_index.Tensor,
    aten._unsafe_index_put.default,
}
"""Operators whose second argument is a list of indices."""
_WIDE = {
    getattr(getattr(aten, name), "dtype", None): getattr(aten, name).default
    for name in ("mm", "bmm", "addmm", "baddbmm")
}
"""Products of 16-bit matrices with a float32 result, which the CPU has no kernel for, and their plain form."""


def tensors_of(*trees: Any) -> list[Tensor]:
    """Return the tensors of an operator's arguments or results, in order."""
    found: list[Tensor] = []
    for tree in trees:
        if isinstance(tree, Tensor):
            found.append(tree)
        elif isinstance(tree, (list, tuple)):
            if tree:
                found += tensors_of(*tree)
        elif isinstance(tree, dict) and tree:
            found += tensors_of(*tree.values())
    return found


def map_tensors(function: Callable[[Tensor], Any], tree: Any) -> Any:
    """Return an operator's arguments or results with each tensor replaced."""
    if isinstance(tree, Tensor):
        return function(tree)
    if isinstance(tree, (list, tuple)):
        return type(tree)([map_tensors(function, part) for part in tree])
    if isinstance(tree, dict):
        return {name: map_tensors(function, part) for name, part in tree.items()}
    return tree


def compute(func: Operator, args: tuple[Any, ...], kwargs: dict[str, Any], *, shapes_only: bool) -> Any:
    """Run ``func`` on tensors of the CPU, or with ``shapes_only`` on ``meta`` if floating point takes part in it."""
    if func in _WIDE:
        plain = _WIDE[func]
        matrices = [x.to(torch.float32) for x in args if isinstance(x, Tensor)]
        assert args[len(matrices)] == torch.float32 or kwargs.get("out_dtype") == torch.float32, (func, args)
        kwargs = {key: value for key, value in kwargs.items() if key != "out_dtype"}
        return compute(plain, tuple(matrices), kwargs, shapes_only=shapes_only)
    return _compute_shapes(func, args, kwargs) if shapes_only else func(*args, **kwargs)


def _compute_shapes(func: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run ``func`` on ``meta`` if floating point takes part in it, and on the CPU otherwise."""
    tensors = tensors_of(args, kwargs)
    if func is aten._local_scalar_dense.default and args[0].is_meta:
        return numbers(args[0]).item()
    if func is aten.copy_.default and args[1].is_meta and not args[0].is_meta:
        return args[0].copy_(numbers(args[1]))
    if func in INDEXING:
        args = (args[0], [index for mask in args[1] for index in _positions(mask)], *args[2:])
    if not tensors:
        made = func(*args, **kwargs | {"device": "meta"})
        return made if made.is_floating_point() else func(*args, **kwargs)
    dtype = kwargs.get("dtype")
    becomes_floats = dtype is not None and dtype.is_floating_point
    if becomes_floats or any(x.is_meta or x.is_floating_point() for x in tensors):
        with torch.inference_mode(False):
            args, kwargs = map_tensors(lambda x: x.to("meta"), (args, kwargs))
        if kwargs.get("device") is not None:
            kwargs = {**kwargs, "device": "meta"}
    return func(*args, **kwargs)


def _positions(index: Tensor | None) -> Sequence[Tensor | None]:
    """Return the indices that stand for ``index``: a mask without values selects everything."""
    if index is None or index.dtype != torch.bool:
        return [index]
    return (torch.ones(index.shape, dtype=torch.bool) if index.is_meta else index).nonzero(as_tuple=True)


def numbers(tensor: Tensor) -> Tensor:
    """Return ``tensor`` on the CPU: ones, or False, in place of numbers that are not known."""
    if not tensor.is_meta:
        return tensor
    make = torch.zeros if tensor.dtype == torch.bool else torch.ones
    return make(tensor.shape, dtype=tensor.dtype)
