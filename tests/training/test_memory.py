"""The estimate of a step's memory, against figures counted by hand, and the free memory of a device."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from squadron.data.encoding import Branch, Example
from squadron.model.config import SIZES, GPT2Config
from squadron.model.fleet import Fleet
from squadron.model.lora import LoraSpec
from squadron.training import memory
from squadron.training.memory import (
    fits,
    free_bytes,
    most_tokens,
    padded_parameters,
    plan_checkpointing,
    release_memory,
    step_memory,
)

CPU, GPU = torch.device("cpu"), torch.device("cuda")
SMALL = GPT2Config(vocab_size=100, n_positions=32, n_embd=10, n_layer=3, n_head=2, n_inner=40)


def test_the_bytes_of_a_step_are_those_counted_by_hand() -> None:
    def activations(*targets: str, checkpointed: bool = False) -> float:
        """Return the units of a fleet of 3 adapters on 7 tokens, less those after the last layer."""
        found = step_memory(
            SMALL,
            dtype=torch.float16,
            parameters=11,
            tokens=7,
            adapters=3,
            targets=targets,
            checkpoint_activations=checkpointed,
        )
        assert found.base == 2 * SMALL.parameter_count
        assert found.state == 5 * 4 * 11 * 3
        assert found.loss == 3 * 7 * 100 * (4 + 2)
        assert found.total - found.base == found.beyond_base == found.state + found.activations + found.loss
        return found.activations / (2 * 10 * 7 * 3) - 2

    # Three layers and the gradients of one. Residuals 2, queries, keys and values 3, attention's output 1, MLP 4.
    assert activations("attn.c_proj") == 4 * 10
    assert activations("attn.q") == activations("attention") == 4 * (10 + 1)
    assert activations("mlp.c_fc") == 4 * (10 + 1)
    assert activations("mlp.c_proj") == 4 * (10 + 4)
    assert activations("all") == 4 * 16
    # Three inputs of two parts each, and a layer with its gradients.
    assert activations("attention", checkpointed=True) == 3 * 2 + 2 * 11


def test_a_large_fleet_holds_one_chunk_of_logits_at_a_time() -> None:
    few, many = (
        step_memory(SIZES["gpt2"], dtype=torch.bfloat16, parameters=1, tokens=1000, adapters=adapters).loss
        for adapters in (1, 75)
    )
    assert few == 1000 * 50257 * 6
    assert many == 2**26 * 6


@pytest.mark.parametrize("targets", [("attention",), ("query-value+attention",), ("all",), ("attn.v", "mlp.c_proj")])
@pytest.mark.parametrize("rank", [1, 4, 8, 9])
def test_the_numbers_of_an_adapter_are_those_that_a_fleet_allocates(targets: tuple[str, ...], rank: int) -> None:
    allocated = Fleet(SMALL, [LoraSpec(rank=rank, targets=targets)]).values.numel()
    assert padded_parameters(SMALL, targets, rank, multiple=1) == allocated
    padded = padded_parameters(SMALL, targets, rank)
    assert padded >= allocated
    assert padded == padded_parameters(SMALL, targets, rank, multiple=8)
    if targets == ("attention",):
        assert padded == allocated * (8 * -(-rank // 8)) // rank


def test_activations_are_checkpointed_where_one_adapter_would_not_fit() -> None:
    """The published sizes on 16 GB, with 14.6 GB free: the two larger ones cannot hold eight full sequences."""
    for name, needed in (("gpt2", False), ("gpt2-medium", False), ("gpt2-large", True), ("gpt2-xl", True)):
        config = SIZES[name]
        free = int(14.6e9) - 2 * config.parameter_count
        parameters = padded_parameters(config, ["attention+mlp"], 32)
        given = {"dtype": torch.float16, "parameters": parameters, "tokens": 8 * 1024, "targets": ("attention+mlp",)}
        assert plan_checkpointing(config, free_bytes=free, **given) is needed, name  # type: ignore[arg-type]
        with_it = step_memory(config, checkpoint_activations=True, **given)  # type: ignore[arg-type]
        assert fits(with_it, free), name
    assert not plan_checkpointing(SIZES["gpt2-xl"], dtype=torch.float16, parameters=1, tokens=8192, free_bytes=None)


def test_a_step_fits_into_nine_tenths_of_the_free_memory() -> None:
    needed = step_memory(SMALL, dtype=torch.float32, parameters=1000, tokens=50)
    assert fits(needed, int(needed.beyond_base / 0.9) + 1)
    assert not fits(needed, int(needed.beyond_base / 0.9) - 1)
    assert not fits(needed, int(needed.beyond_base / 0.9) + 1, with_base=True)
    assert fits(needed, int(needed.total / 0.9) + 1, with_base=True)


def test_the_largest_batch_has_the_longest_questions() -> None:
    examples = [Example(n, (1,) * n, Branch(str(n), (2,), (3,))) for n in (4, 9, 1, 7)]
    assert most_tokens(examples, 2) == 11 + 9
    assert most_tokens(examples, 99) == 11 + 9 + 6 + 3


def test_memory_that_pytorch_keeps_for_reuse_is_free(monkeypatch: pytest.MonkeyPatch) -> None:
    figures = {"reserved": 700, "allocated": 300, "free": 5000}
    monkeypatch.setattr(torch.cuda, "mem_get_info", lambda _: (figures["free"], 16_000))
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: figures["reserved"])
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: figures["allocated"])
    assert free_bytes(GPU) == 5400

    def empty() -> None:
        figures.update(reserved=figures["allocated"], free=5400)

    monkeypatch.setattr(torch.cuda, "empty_cache", empty)
    release_memory(CPU)
    assert figures["free"] == 5000
    release_memory(GPU)
    assert figures["free"] == free_bytes(GPU) == 5400


def test_free_memory_is_bounded_by_the_containers_own_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "proc_bytes", lambda *_: 1 << 40)
    texts = {"memory.max": "5000\n", "memory.current": "2000\n"}
    real = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda self, *rest: texts.get(self.name) or real(self, *rest))
    assert free_bytes(CPU) == 3000
    texts["memory.stat"] = "anon 12\nfile 900\ninactive_file 700\n"
    assert free_bytes(CPU) == 3700  # files that are only cached make room
    texts["memory.max"] = "max\n"
    assert free_bytes(CPU) == 1 << 40
