"""The benchmark is fair: every side gets the same batches, and their losses agree."""

from __future__ import annotations

from pathlib import Path

import pytest

from squadron.bench.plan import TrainPlan, plan_training
from squadron.bench.train import bench_training
from squadron.data.batches import Order
from squadron.errors import ConfigError, DataError
from squadron.options.bench import BenchTrainOptions


def plan(folder: Path, base: Path, data: Path, order: Order = "question", steps: int = 4) -> TrainPlan:
    return plan_training(
        folder,
        base=str(base),
        data=str(data),
        order=order,
        steps=steps,
        batch_size=4,
        max_length=256,
        rank=2,
        targets=("attn.c_attn",),
        precision="fp32",
        device="cpu",
        seed=0,
    )


@pytest.mark.parametrize("order", ["question", "paragraph"])
def test_a_plan_is_read_as_it_was_written(order: Order, byte_base_dir: Path, small_squad: Path, tmp_path: Path) -> None:
    made = plan(tmp_path, byte_base_dir, small_squad, order)
    assert len(made.examples) == sum(made.batch_sizes)
    assert made.batch_sizes == (4, 4, 4, 4) if order == "question" else set(made.batch_sizes) <= {3, 4, 5}
    assert len({one.branch.id for one in made.examples}) == len(made.examples)
    made.write(tmp_path / "plan.json")
    assert TrainPlan.read(tmp_path / "plan.json") == made
    with pytest.raises(DataError, match=r"steps=99: .* has 36 questions of 396 wanted"):
        plan(tmp_path, byte_base_dir, small_squad, steps=99)
    with pytest.raises(DataError, match=r"^data='nowhere': no such file; give a SQuAD file"):
        plan(tmp_path, byte_base_dir, Path("nowhere"))


@pytest.mark.usefixtures("sides_here")
def test_losses_of_all_sides_agree(byte_base_dir: Path, small_squad: Path) -> None:
    options = BenchTrainOptions(
        base=str(byte_base_dir),
        data=str(small_squad),
        order="paragraph",  # whose batches have unequal numbers of questions
        steps=4,
        rounds=1,
        batch_size=4,
        precision="fp32",
    )
    record = bench_training(options)
    assert set(record["sides"]) == {"squadron", "transformers+peft", "trl"}
    for figures in record["sides"].values():
        assert figures["examples_per_second"] > 0
        assert figures["peak_memory_bytes"] > 2**26
    # Four AdamW steps at 1e-3 change the loss by far more than this.
    assert max(record["largest_loss_difference"].values()) < 1e-3
    assert record["ratio"] == pytest.approx(
        record["sides"]["squadron"]["examples_per_second"]
        / record["sides"][record["fastest_peer"]]["examples_per_second"]
    )


def test_an_unknown_side_is_an_error(byte_base_dir: Path, small_squad: Path) -> None:
    with pytest.raises(ConfigError, match="sides='axolotl': unknown; sides are squadron"):
        bench_training(BenchTrainOptions(base=str(byte_base_dir), data=str(small_squad), sides=("axolotl",)))
