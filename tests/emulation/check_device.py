"""The emulated device keeps a GPU's rules and counts what it is asked to do."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch
from torch import Tensor

from emulation.counts import Counts
from emulation.device import DEVICE, emulated_device
from squadron.decoding.sampling import draw
from squadron.training.loss import summed_losses


@torch.library.custom_op("emulation::add_picked", mutates_args=("total",), device_types="cpu")
def add_picked(x: Tensor, index: Tensor, total: Tensor) -> Tensor:
    """Add the rows ``index`` of ``x`` to ``total`` in place; return their sum."""
    picked = x[index]
    total.add_(picked)
    return picked.sum(0)


@add_picked.register_fake
def _(x: Tensor, index: Tensor, total: Tensor) -> Tensor:  # noqa: ARG001
    return x.new_empty(x.shape[1:])


@pytest.fixture
def counts() -> Iterator[Counts]:
    with emulated_device() as found:
        yield found


REFUSED: dict[str, Callable[[], object]] = {
    "labels on the CPU": lambda: summed_losses(
        torch.zeros(2, 4, 33, device=DEVICE),
        torch.zeros(50, 33, device=DEVICE),
        torch.zeros(4, dtype=torch.int64),
        torch.ones(4, device=DEVICE),
    ),
    "uniforms on the CPU": lambda: draw(torch.zeros(2, 9, device=DEVICE), torch.zeros(2, dtype=torch.float64)),
    "a sum of both devices": lambda: torch.zeros(3, device=DEVICE) + torch.zeros(3),
    "a device's number beside a CPU tensor": lambda: torch.zeros(3) + torch.tensor(1.0, device=DEVICE),
    "a CPU tensor changed by a device's": lambda: torch.zeros(3).add_(torch.zeros(3, device=DEVICE)),
    "a product of both devices": lambda: torch.zeros(3, 3, device=DEVICE) @ torch.zeros(3, 3),
    "a CPU tensor at a device's index": lambda: torch.zeros(3)[torch.zeros(2, dtype=torch.int64, device=DEVICE)],
    "a CPU tensor in an operator of a library": lambda: torch.ops.emulation.add_picked(
        torch.zeros(3, 2, device=DEVICE), torch.zeros(1, dtype=torch.int64), torch.zeros(1, 2, device=DEVICE)
    ),
    "a generator of the CPU": lambda: torch.rand(3, device=DEVICE, generator=torch.Generator()),
    "a mask drawn by the CPU's generator": lambda: torch.zeros(3, device=DEVICE).bernoulli_(
        0.5, generator=torch.Generator()
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused(counts: Counts, name: str) -> None:  # noqa: ARG001
    with pytest.raises(RuntimeError, match=r"same device|indexed or filled|'gpu' generator"):
        REFUSED[name]()


def test_numpy_is_refused(counts: Counts) -> None:  # noqa: ARG001
    for convert in (Tensor.numpy, lambda x: x.numpy(), torch.Tensor.__array__, __import__("numpy").asarray):
        with pytest.raises((TypeError, RuntimeError)):
            convert(torch.zeros(3, device=DEVICE))


READS: dict[str, Callable[[Tensor], object]] = {
    "item": lambda x: x[0].item(),
    "float": lambda x: float(x[0]),
    "int": lambda x: int(x[0]),
    "bool": lambda x: bool((x > 0).any()),
    "if": lambda x: 1 if x[0] > 0 else 2,
    "tolist": lambda x: x.tolist(),
    "cpu": lambda x: x.cpu(),
    "to": lambda x: x.to("cpu"),
    "copy_": lambda x: torch.empty(4).copy_(x),
    "nonzero": lambda x: x.nonzero(),
    "where": lambda x: torch.where(x > 0),
    "a mask": lambda x: x[x > 0],
    "masked_select": lambda x: x.masked_select(x > 0),
    "unique": lambda x: x.unique(),
    "bincount": lambda x: x.long().bincount(),
    "equal": torch.equal,
    "allclose": torch.allclose,
    "repeat_interleave": lambda x: torch.repeat_interleave(x, x.long()),
}


@pytest.mark.parametrize("inference", [False, True])
@pytest.mark.parametrize("name", READS)
def test_a_read_is_counted(counts: Counts, name: str, inference: bool) -> None:
    x = torch.ones(4, device=DEVICE)
    read = READS[name]
    counts.reset()
    with torch.inference_mode(inference):
        read(x, x) if name in ("equal", "allclose") else read(x)  # type: ignore[call-arg]
    assert counts.total("read") == counts.syncs == 1, counts.events


@pytest.mark.parametrize("inference", [False, True])
def test_uploads_are_told_apart(counts: Counts, inference: bool) -> None:
    x = torch.ones(4, 2, device=DEVICE)
    index = torch.tensor([0, 2])
    counts.reset()
    with torch.inference_mode(inference):
        index.to(DEVICE)
        index.to(DEVICE, torch.float32)
        torch.tensor([0, 2], device=DEVICE)
        x[index]
        x[:2] = torch.ones(2, 2)
    assert (counts.total("upload"), counts.total("asynchronous upload")) == (5, 0), counts.events
    counts.reset()
    host = torch.zeros(2, dtype=torch.int64, pin_memory=True)
    on_device = host.to(DEVICE, non_blocking=True)
    x[on_device].to("cpu", non_blocking=True)
    host.copy_(on_device, non_blocking=True)
    assert counts.syncs == 0
    assert (counts.total("asynchronous upload"), counts.total("asynchronous read")) == (1, 2), counts.events
    assert sum(size for event, size in counts.bytes.items() if event.kind == "asynchronous upload") == 16


def test_views_and_allocations_launch_nothing(counts: Counts) -> None:
    x = torch.ones(4, 6, device=DEVICE)
    counts.reset()
    x.view(2, 12).transpose(0, 1)[3:5].unsqueeze(0).expand(3, -1, -1).permute(2, 0, 1).detach()
    x.view(torch.int32).split(2)
    x.chunk(2, -1)
    torch.empty(3, device=DEVICE), torch.empty_like(x), x.new_empty(2)
    assert counts.operations == counts.syncs == 0, counts.events
    x + x
    torch.nn.functional.linear(x, x, x[:, 0])  # one launch: addmm
    assert counts.by("operator", "launch") == [("add", 1), ("addmm", 1)]
    assert counts.moved == 3 * 96 + (96 + 96 + 16 + 64)


@pytest.mark.parametrize("shapes_only", [False, True])
def test_an_operator_of_a_library_is_one_launch(shapes_only: bool) -> None:
    with emulated_device(shapes_only=shapes_only) as counts:
        x, total = torch.ones(3, 2, device=DEVICE), torch.zeros(2, 2, device=DEVICE)
        index = torch.tensor([0, 2], device=DEVICE)
        counts.reset()
        found = torch.ops.emulation.add_picked(x, index, total)
        assert counts.by("operator", "launch") == [("add_picked", 1)]
        assert counts.syncs == 0
        assert found.device == total.device == DEVICE
        assert found.shape == (2,)
        if not shapes_only:
            assert (total.tolist(), found.tolist()) == ([[1, 1], [1, 1]], [2, 2])


def test_16_bit_products_with_a_float32_result(counts: Counts) -> None:
    x = torch.full((2, 3), 1.0078125, dtype=torch.bfloat16).to(DEVICE)
    start = torch.ones(2, 2, device=DEVICE)
    counts.reset()
    products = [
        torch.mm(x, x.T, out_dtype=torch.float32),
        torch.bmm(x[None], x.T[None], out_dtype=torch.float32)[0],
        torch.addmm(start, x, x.T, out_dtype=torch.float32) - 1,
        torch.baddbmm(start[None], x[None], x.T[None], out_dtype=torch.float32, beta=2)[0] - 2,
    ]
    assert counts.operations == 4 + 2
    for product in products:
        assert product.dtype == torch.float32
        torch.testing.assert_close(product.cpu(), torch.full((2, 2), 3 * 1.0078125**2), rtol=1e-6, atol=0)


def test_memory_follows_storages(counts: Counts) -> None:
    memory = counts.memory
    x = torch.ones(1000, device=DEVICE, requires_grad=True)
    assert memory.live == 4000
    y = (x * 2).exp()  # exp keeps its result for the backward pass; the product is free again
    assert (memory.live, memory.peak) == (8000, 12000)
    total = y[:10].sum()
    del y
    assert memory.live == 8004, "autograd holds the result of exp"
    del total
    assert memory.live == 4000
    memory.reset_peak()
    x.detach().add_(1)
    assert memory.peak == memory.live == 4000
    assert sum(memory.at_peak.values()) == 4000


def test_events_name_the_line_of_the_package(counts: Counts) -> None:
    hidden, wte = torch.zeros(1, 4, 33, device=DEVICE), torch.zeros(50, 33, device=DEVICE)
    counts.reset()
    summed_losses(hidden, wte, torch.zeros(4, dtype=torch.int64, device=DEVICE), torch.ones(4, device=DEVICE))
    lines = [line for line, _ in counts.by("line", "launch")]
    assert any(line.startswith("training/loss.py:") for line in lines), lines


def test_shapes_only_computes_integers_alone() -> None:
    with emulated_device(shapes_only=True):
        table = torch.ones(7, 5, device=DEVICE)
        index = torch.arange(6, device=DEVICE)[torch.tensor([1, 3], device=DEVICE)]
        assert index.tolist() == [1, 3]
        assert table[index].shape == (2, 5)
        assert table[index > 2].shape == (1, 5)
        assert (index.float() * 0.5).inner.is_meta
        assert table.sum().item() == 1
