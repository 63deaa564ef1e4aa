"""An emulated accelerator: tensors of a device type of their own, ``gpu``, that are computed on the CPU.

It keeps a GPU's rules (no mixed devices, no CPU generator, no ``numpy()``), and counts what a GPU's time goes to:
launches, waits of the host, copies, bytes, memory. So the accelerator path of the engine runs in the tests with real
numbers. It proves neither a GPU's kernels nor its speed.

The name of the device type is global, so the device needs a process of its own. Use::

    with emulated_device() as counts:
        model = move(model)
        ...
        counts.syncs, counts.operations, counts.memory.peak

With ``shapes_only``, tensors of floating point are shapes without numbers, and those of integers are computed. So the
counts of a large model take seconds. What the host reads of them is 1, or False.

It rests on private interfaces of PyTorch 2.13.
"""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Iterator, Sequence
from typing import Any, cast
from unittest import mock

import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.backend_registration import _setup_privateuseone_for_python_backend

from squadron.model.gpt2 import GPT2

from .computing import INDEXING, Operator, compute, map_tensors, numbers, tensors_of
from .counts import Counts, tensor_bytes

_setup_privateuseone_for_python_backend("gpu")

DEVICE = torch.device("gpu:0")
aten = torch.ops.aten

_READING = {
    aten._unique2.default,
    aten.bincount.default,
    aten.masked_select.default,
    aten.nonzero.default,
    aten.unique_consecutive.default,
    aten.unique_dim.default,
}
"""Operators whose result has a size that the host waits for."""
_FREE = {
    "_has_compatible_shallow_copy_type",
    "_reshape_alias",
    "_unsafe_view",
    "detach",
    "empty",
    "empty_like",
    "empty_permuted",
    "empty_strided",
    "is_same_size",
    "lift_fresh",
    "new_empty",
    "new_empty_strided",
    "set_data",
    "split_with_sizes",
    "unsafe_split",
    "unsafe_split_with_sizes",
}
"""Operators that launch nothing, besides views: they allocate, or rename."""
_PICKING = {aten.embedding.default, aten.gather.default, aten.index.Tensor, aten.index_select.default}
"""Operators that read of their first argument only what they return."""
_OVERWRITING = {aten.copy_.default, aten.fill_.Scalar, aten.fill_.Tensor, aten.zero_.default}
"""Operators that do not read their first argument."""


class DeviceTensor(Tensor):
    """A tensor on the emulated device; ``inner``, on the CPU or on ``meta``, holds its numbers."""

    inner: Tensor
    __torch_function__ = torch._C._disabled_torch_function_impl  # the dispatcher alone makes these tensors

    @staticmethod
    def __new__(cls, inner: Tensor) -> DeviceTensor:
        with torch.inference_mode(False):  # a view of a normal tensor must be a normal tensor
            made = torch.Tensor._make_wrapper_subclass(
                cls,
                inner.shape,
                strides=inner.stride(),
                storage_offset=inner.storage_offset(),
                dtype=inner.dtype,
                device=DEVICE,
            )
        return cast(DeviceTensor, made)

    def __init__(self, inner: Tensor) -> None:
        self.inner = inner

    def __repr__(self, *, tensor_contents: object = None) -> str:
        return f"DeviceTensor({self.inner!r})"

    def numpy(self, *args: object, **kwargs: object) -> Any:  # noqa: ARG002
        """Refuse, as a GPU's tensor does."""
        raise TypeError("can't convert gpu:0 device type tensor to numpy; copy it to the host first")

    __array__ = numpy

    @property
    def data(self) -> Tensor:
        """The tensor without its history."""
        return cast(Tensor, torch.Tensor.data.__get__(self))  # type: ignore[attr-defined]

    @data.setter
    def data(self, value: DeviceTensor) -> None:
        torch.Tensor.data.__set__(self, value)  # type: ignore[attr-defined]
        self.inner = value.inner

    def tolist(self) -> Any:
        """Return the numbers as nested lists: the host waits for them."""
        _counts().add("read", "tolist", tensor_bytes([self.inner]))
        return numbers(self.inner.detach()).tolist()

    @classmethod
    def __torch_dispatch__(
        cls, func: Operator, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        # A tensor that outlives its block, such as one that autograd holds.
        return _run(func, tuple(args), kwargs or {})


class _State:
    counts: Counts | None = None
    shapes_only = False


def _counts() -> Counts:
    assert _State.counts is not None, "use this tensor within emulated_device()"
    return _State.counts


@contextlib.contextmanager
def emulated_device(*, shapes_only: bool = False) -> Iterator[Counts]:
    """Make the device ``gpu:0`` usable within the block, and yield its counts."""
    before = torch._C._only_lift_cpu_tensors()
    torch._C._set_only_lift_cpu_tensors(True)  # torch.tensor(..., device="gpu") makes a CPU tensor and copies it
    _State.counts, _State.shapes_only = Counts(), shapes_only
    fused = mock.patch.object(nn.functional, "scaled_dot_product_attention", _fused_attention)
    try:
        # Modes belong to a thread, so the backward pass must run on this one.
        with torch.autograd.set_multithreading_enabled(False), fused, _Mode():
            yield _State.counts
    finally:
        torch._C._set_only_lift_cpu_tensors(before)
        _State.counts = None


def move(model: GPT2) -> GPT2:
    """Return a copy of ``model`` on the device, with the same dtypes and ``requires_grad``."""
    with torch.device("meta"):
        copy = GPT2(model.config)
    copy.load_state_dict({name: value.detach().to(DEVICE) for name, value in model.named_parameters()}, assign=True)
    for own, other in zip(copy.parameters(), model.parameters(), strict=True):
        own.requires_grad_(other.requires_grad)
    return copy.train(model.training)


class _Mode(TorchDispatchMode):
    def __torch_dispatch__(
        self, func: Operator, types: Sequence[type], args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        return _run(func, tuple(args), kwargs or {})


def _run(func: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run one operator: check the rules, count, compute on the inner tensors, and wrap the results."""
    tensors = tensors_of(args, kwargs)
    target = next((x.type for x in (kwargs.get("device"), *args) if type(x) is torch.device), None)
    if target != "gpu" and not any(isinstance(x, DeviceTensor) for x in tensors):
        return _run_on_host(func, args, kwargs)
    if _is_composite(func):
        with _Mode():  # inference mode hands over composite operators whole
            return func.decompose(*args, **kwargs)
    name = _name(func)
    _check(func, args, kwargs, tensors)
    inner_args, inner_kwargs = map_tensors(_unwrap, args), map_tensors(_unwrap, kwargs)
    if target is not None:
        inner_kwargs["device"] = "cpu"
    inner_kwargs.pop("pin_memory", None)
    out = compute(func, inner_args, inner_kwargs, shapes_only=_State.shapes_only)
    _count(func, name, args, kwargs, target, out)
    if func is aten._local_scalar_dense.default:
        return out
    if target == "cpu":
        return numbers(out)
    return _wrap_results(func, args, kwargs, out)


@functools.cache
def _name(func: Operator) -> str:
    return str(func).split(".")[1]


@functools.cache
def _is_composite(func: Operator) -> bool:
    return torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CompositeImplicitAutograd")


def _run_on_host(func: Operator, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    """Run an operator of the CPU. Memory is pinned in name alone: this build of PyTorch may know no accelerator."""
    if kwargs.get("pin_memory"):
        kwargs = {**kwargs, "pin_memory": False}
    if func is aten._pin_memory.default:
        return args[0].clone()
    return func(*args, **kwargs)


def _check(func: Operator, args: tuple[Any, ...], kwargs: dict[str, Any], tensors: list[Tensor]) -> None:
    """Raise ``RuntimeError`` where a GPU would: tensors of two devices, or a generator of the CPU."""
    if isinstance(kwargs.get("generator"), torch.Generator):
        raise RuntimeError(f"{func}: expected a 'gpu' generator, found a 'cpu' one")
    if kwargs.get("device") is not None or func is aten.copy_.default:
        return  # a copy, or a tensor like another one
    own = args[0] if args and isinstance(args[0], Tensor) else None
    if func in INDEXING:
        # Indices of the CPU are copied to the device, but not the reverse.
        assert own is not None
        if not isinstance(own, DeviceTensor):
            raise RuntimeError(f"{func}: a tensor of the CPU is indexed or filled by one of the device")
        tensors = [own, *(x for x in tensors_of(args[2:]) if x.dim() > 0)]
    elif torch.Tag.pointwise in func.tags or func in (aten.fill_.Tensor, aten.masked_fill_.Tensor):
        # A number in a tensor of the CPU may stand beside tensors of the device, and only there.
        ranked = [x for x in tensors if x.dim() > 0]
        if isinstance(own, DeviceTensor) or not func._schema.is_mutable:
            tensors = ranked or [x for x in tensors if isinstance(x, DeviceTensor)]
    found = {"gpu" if isinstance(x, DeviceTensor) else "cpu" for x in tensors}
    if len(found) > 1 or (found == {"cpu"}):
        shapes = ", ".join(f"{'gpu' if isinstance(x, DeviceTensor) else 'cpu'} {list(x.shape)}" for x in tensors)
        raise RuntimeError(f"{func}: expected all tensors on the same device, found {shapes}")


def _count(
    func: Operator, name: str, args: tuple[Any, ...], kwargs: dict[str, Any], target: str | None, out: Any
) -> None:
    """Count the launch, the waits and the copies of one operator."""
    counts = _counts()
    for tensor in tensors_of(out):
        if target != "cpu" and not (func is aten.copy_.default and not isinstance(args[0], DeviceTensor)):
            counts.memory.add(tensor)
    if func in (aten.copy_.default, aten._to_copy.default):
        is_copy = func is aten.copy_.default
        source = args[1] if is_copy else args[0]
        to_device = isinstance(args[0], DeviceTensor) if is_copy else target != "cpu"
        if isinstance(source, DeviceTensor) != to_device:
            patient = kwargs.get("non_blocking", is_copy and len(args) > 2 and args[2])
            size = tensor_bytes([_unwrap(source)])
            if to_device:
                counts.add("asynchronous upload" if patient else "upload", name, size)
            else:
                counts.add("asynchronous read" if patient else "read", name, size)
    if func in INDEXING:
        for index in (x for x in args[1] if x is not None):
            if not isinstance(index, DeviceTensor):
                counts.add("upload", f"{name} with an index of the CPU", tensor_bytes([index]))
            elif index.dtype in (torch.bool, torch.uint8):
                counts.add("read", f"{name} with a mask", 0)
    is_value = isinstance(out, (bool, int, float)) and name not in _FREE  # item(), equal() and the like
    if is_value or func in _READING or (func is aten.repeat_interleave.Tensor and kwargs.get("output_size") is None):
        counts.add("read", name, 0)
    if not (func.is_view or name in _FREE):
        counts.add("launch", name, _moved(func, args, kwargs, out))


def _moved(func: Operator, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> int:
    """Return the bytes that an operator reads and writes."""
    inputs = [_unwrap(x) for x in tensors_of(args, kwargs)]
    name = func.name()
    if func in _OVERWRITING or name.startswith("aten::new_") or name.endswith("_like"):
        return tensor_bytes(inputs[1:]) + tensor_bytes(tensors_of(out))
    if func in _PICKING:
        return tensor_bytes(inputs[1:]) + 2 * tensor_bytes(tensors_of(out))
    if func in INDEXING:  # index_put
        return tensor_bytes(inputs[1:-1]) + 3 * tensor_bytes(inputs[-1:])
    return tensor_bytes(inputs) + tensor_bytes(tensors_of(out))


def _wrap_results(func: Operator, args: tuple[Any, ...], kwargs: dict[str, Any], out: Any) -> Any:
    """Return ``out`` as tensors of the device; an argument that was changed in place is returned itself."""
    sources = _changed_arguments(func)
    given = [kwargs[name] if name in kwargs else args[place] for place, name in sources if name]
    if not given:
        return map_tensors(DeviceTensor, out)
    if len(sources) == 1:
        return given[0]
    own = iter(given)
    return tuple(
        next(own) if name else map_tensors(DeviceTensor, value) for value, (_, name) in zip(out, sources, strict=True)
    )


@functools.cache
def _changed_arguments(func: Operator) -> list[tuple[int, str]]:
    """Return, for each result, the place and the name of the argument that it is; an empty name if it is a new one."""
    found = []
    for result in func._schema.returns:
        written = result.alias_info is not None and result.alias_info.is_write
        places = [
            (place, argument.name)
            for place, argument in enumerate(func._schema.arguments)
            if written and argument.alias_info and argument.alias_info.before_set == result.alias_info.before_set
        ]
        found.append(places[0] if places else (0, ""))
    return found


def _unwrap(x: Tensor) -> Tensor:
    return x.inner if isinstance(x, DeviceTensor) else x


_sdpa = nn.functional.scaled_dot_product_attention


def _fused_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    attn_mask: Tensor | None = None,
    *,
    is_causal: bool = False,
    scale: float | None = None,
) -> Tensor:
    """Attend as the fused kernel that a GPU has: one launch, and three in backward."""
    if not isinstance(q, DeviceTensor):
        return _sdpa(q, k, v, attn_mask=attn_mask, is_causal=is_causal, scale=scale)
    return cast(Tensor, _Fused.apply(q, k, v, attn_mask, is_causal, scale))  # type: ignore[no-untyped-call]


class _Fused(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, q: DeviceTensor, k: DeviceTensor, v: DeviceTensor, mask: Any, causal: bool, scale: float | None
    ) -> Tensor:
        ctx.options = {"is_causal": causal, "scale": scale}
        out = _attend(*(_unwrap(x) for x in (q, k, v, mask)), **ctx.options)
        _launch("fused attention", 1, [q, k, v, mask], out)
        result = DeviceTensor(out)
        ctx.save_for_backward(q, k, v, mask, result)  # the kernel keeps its result too
        return result

    @staticmethod
    def backward(ctx: Any, *gradients: Any) -> tuple[Tensor | None, ...]:
        q, k, v, mask, _ = ctx.saved_tensors
        leaves = [x.inner.detach().requires_grad_() for x in (q, k, v)]
        with torch.enable_grad():
            out = _attend(*leaves, _unwrap(mask), **ctx.options)
        found = torch.autograd.grad(out, leaves, gradients[0].inner)
        _launch("fused attention, backward", 3, [q, k, v, mask, gradients[0], q], *found)
        return *(DeviceTensor(x) for x in found), None, None, None


def _attend(q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None, **options: Any) -> Tensor:
    if q.is_meta:
        return (q.sum() + k.sum() + v.sum()) * q.detach()  # the shape, and a graph to all three
    return _sdpa(q, k, v, attn_mask=mask, **options)


def _launch(name: str, times: int, inputs: Sequence[Tensor | None], *outputs: Tensor) -> None:
    counts = _counts()
    for number in range(times):
        moved = tensor_bytes([_unwrap(x) for x in inputs if x is not None]) + tensor_bytes(outputs)
        counts.add("launch", name, 0 if number else moved)
    for tensor in outputs:
        counts.memory.add(tensor)
