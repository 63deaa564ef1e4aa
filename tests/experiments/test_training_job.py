"""Law 4 from data to answers: a run in a fleet answers as the same run alone. Also the plans of fleets."""

from __future__ import annotations

import itertools
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from squadron.experiments.inputs import Inputs
from squadron.experiments.predict import answer_questions
from squadron.experiments.trainables import run_parameters
from squadron.experiments.training_job import make_trainer
from squadron.model.config import SIZES
from squadron.options.core import TrainOptions
from squadron.sweeps.fleets import plan_fleets
from squadron.training.subset import subset

RUNS: tuple[dict[str, Any], ...] = (
    {"rank": 2, "lr": 0.02, "schedule": "linear"},
    {"rank": 5, "target_modules": ("all",), "lr": 0.01, "dropout": 0.2, "weight_decay": 0.1},
    {"rank": 3, "target_modules": ("query-value",), "alpha": 8.0, "lr": 0.05, "gradient_clipping": 0.5},
)


def run_options(**own: Any) -> TrainOptions:
    return TrainOptions(**{"base": "b", "data": "d", "out": "o", "epochs": 3, **own})


@pytest.mark.parametrize("order", ["question", "paragraph"])
def test_a_fleet_gives_what_its_runs_give_alone(order: str, inputs: Inputs) -> None:
    assert inputs.validation is not None
    asked = inputs.validation.dataset

    def trained(*runs: dict[str, Any]) -> tuple[torch.Tensor, list[dict[str, str]]]:
        trainer = make_trainer(inputs, [run_options(order=order, **run) for run in runs])
        results = [trainer.step() for _ in range(trainer.total_steps)]
        assert sum(result.questions for result in results) == 3 * 20
        fleet, model = trainer.fleet, inputs.base.model
        answers = answer_questions(model, inputs.tokenizer, asked, fleet=fleet, max_prompt=256, max_new_tokens=6)[
            "greedy"
        ]
        return torch.tensor(results[-1].losses), [one.predictions() for one in answers]

    losses, answers = trained(*RUNS)
    assert len({str(one) for one in answers}) == 3
    for k, run in enumerate(RUNS):
        loss, (own,) = trained(run)
        torch.testing.assert_close(losses[k], loss[0], rtol=1e-4, atol=1e-4)
        assert answers[k] == own


def test_some_runs_of_a_fleet_continue_as_a_smaller_fleet(inputs: Inputs) -> None:
    whole = make_trainer(inputs, [run_options(**run) for run in RUNS])
    for _ in range(3):
        whole.step()
    some = subset(whole, [2, 0])
    before = [whole.fleet.values[k][whole.fleet.owned[k]] for k in (2, 0)]
    for place, numbers in enumerate(before):
        assert torch.equal(some.fleet.values[place][some.fleet.owned[place]], numbers)
    assert some.fleet.values.shape[1] < whole.fleet.values.shape[1]
    for _ in range(3):
        one, other = whole.step(), some.step()
        assert [one.losses[2], one.losses[0]] == pytest.approx(other.losses, rel=1e-4)
        assert (one.learning_rates[2], one.learning_rates[0]) == other.learning_rates
    for place, k in enumerate((2, 0)):
        numbers = whole.fleet.values[k][whole.fleet.owned[k]]
        moved = some.fleet.values[place][some.fleet.owned[place]]
        assert (moved - numbers).norm() < 0.01 * numbers.norm()
        assert (moved - before[place]).norm() > 0.01 * numbers.norm()


@pytest.mark.parametrize("own", [*RUNS, {"method": "full"}])
def test_trainable_parameters_are_counted_before_training(own: dict[str, Any], inputs: Inputs) -> None:
    run = run_options(**own)
    counted = make_trainer(inputs, [run]).fleet.trainable_parameters(0)
    assert run_parameters(run, inputs.base.model) == counted


@given(
    ranks=st.lists(st.sampled_from([1, 2, 4, 8, 64]), min_size=1, max_size=40),
    seeds=st.integers(1, 3),
    size=st.integers(1, 20),
    at_least=st.integers(1, 8),
)
def test_every_run_is_in_one_fleet_of_similar_runs(ranks: list[int], seeds: int, size: int, at_least: int) -> None:
    runs = {
        f"{number}": run_options(rank=rank, seed=number % seeds, lr=1e-3 / (1 + number))
        for number, rank in enumerate(ranks)
    }
    fleets = plan_fleets(runs, SIZES["gpt2"], size=size, at_least=at_least)
    assert sorted(name for fleet in fleets for name in fleet) == sorted(runs)
    assert all(1 <= len(fleet) <= size for fleet in fleets)
    assert len(fleets) >= min(at_least, len(runs))
    assert all(len({runs[name].seed for name in fleet}) == 1 for fleet in fleets)
    for seed in range(seeds):
        own = [[runs[name].rank for name in fleet] for fleet in fleets if runs[fleet[0]].seed == seed]
        # In the order of ranks, so that the fleets' ranges of ranks do not overlap; and of nearly equal size.
        assert [rank for fleet in own for rank in fleet] == sorted(rank for fleet in own for rank in fleet)
        assert max(map(len, own), default=0) - min(map(len, own), default=0) <= 1


def test_the_study_is_planned_in_fleets_of_similar_rank() -> None:
    modules = ("attention", "attention+mlp", "query-value+attention")
    runs = {
        f"{rank} {rate} {targets}": run_options(rank=rank, lr=rate, target_modules=(targets,))
        for rank in (4, 8, 16, 32, 64)
        for rate in (7e-5, 1e-4, 2e-4, 5e-4, 1e-3)
        for targets in modules
    }
    fleets = plan_fleets(runs, SIZES["gpt2"], size=25)
    assert [len(fleet) for fleet in fleets] == [25] * 3
    # A fleet that has the MLP in one adapter computes it for all, so these runs are by themselves.
    assert [sum("mlp" in name for name in fleet) for fleet in fleets] == [0, 0, 25]
    # query-value+attention has three parts in c_attn, so that its rank counts three times there.
    tops = [{runs[name].rank * (3 if "query" in name else 1) for name in fleet} for fleet in fleets[:2]]
    assert all(max(one) <= min(other) for one, other in itertools.pairwise(tops))
