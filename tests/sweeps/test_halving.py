"""Successive halving: the epochs, the runs that continue, and decisions that do not change."""

from __future__ import annotations

from pathlib import Path

import pytest

from squadron.errors import ConfigError
from squadron.runs.sweep_folder import SweepFolder
from squadron.sweeps.halving import decide, drop_reason, rung_epochs, standing


@pytest.mark.parametrize(
    ("epochs", "runs", "factor", "expected"),
    [(5, 75, 3, (1, 2)), (9, 75, 3, (1, 3)), (4, 8, 2, (1, 2)), (4, 3, 3, (2,)), (2, 75, 3, (1,)), (27, 9, 3, (3, 9))],
)
def test_the_epochs_after_which_runs_are_dropped(
    epochs: int, runs: int, factor: int, expected: tuple[int, ...]
) -> None:
    assert rung_epochs([epochs] * runs, runs, factor) == expected


def test_impossible_halving_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"the runs have \[2, 5\] epochs"):
        rung_epochs([5, 2], 2, 2)
    for epochs, runs in ((1, 75), (5, 2)):
        with pytest.raises(ConfigError, match="nothing to drop"):
            rung_epochs([epochs] * runs, runs, 3)


def test_a_standing_is_that_of_the_exact_step() -> None:
    line = {"step": 6, "validation_loss": 2.5, "validation_f1": 40.0, "validation_exact_match": 30.0}
    metrics = [{"step": 6, "loss": 1.0}, line, {"step": 12, "loss": 0.5}]
    assert standing(metrics, 6) == (40.0, 30.0, -2.5)
    assert standing(metrics, 12) is None
    assert standing([{**line, "validation_loss": None}], 6) == (40.0, 30.0, float("-inf"))


def test_the_best_continue_and_a_decision_is_final(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path, {})
    standings = {
        "a": (10.0, 5.0, -1.0),
        "b": (30.0, 5.0, -2.0),
        "c": (30.0, 5.0, -1.5),
        "d": (20.0, 9.0, -9.0),
        "e": (20.0, 8.0, -1.0),
    }
    decide(folder, 2, standings, 2)
    kept = {run for run, own in standings.items() if drop_reason(folder, 2, run, own) is None}
    assert kept == {"b", "c", "d"}
    reason = drop_reason(folder, 2, "e", standings["e"])
    assert reason is not None
    assert "after epoch 2 by --halving: F1 20.0, EM 8.0" in reason
    assert "the best 3 of 5 had F1 20.0 or more" in reason
    # A later run is compared with the worst that was kept, and does not change the decision.
    decide(folder, 2, {**standings, "f": (99.0, 99.0, 0.0)}, 2)
    assert drop_reason(folder, 2, "f", (99.0, 99.0, 0.0)) is None
    assert drop_reason(folder, 2, "g", (1.0, 1.0, 0.0)) is not None
    assert drop_reason(folder, 2, "d", standings["d"]) is None


def test_a_late_run_must_be_better_than_the_worst_that_was_kept(tmp_path: Path) -> None:
    """An equally good late run is dropped, since the other was in time."""
    folder = SweepFolder(tmp_path, {})
    decide(folder, 1, {"a": (30.0, 9.0, -2.0), "b": (20.0, 9.0, -2.0), "c": (10.0, 9.0, -2.0)}, 2)
    worst = (20.0, 9.0, -2.0)
    assert drop_reason(folder, 1, "b", worst) is None
    assert drop_reason(folder, 1, "late", worst) is not None
    for better in ((20.1, 0.0, -9.0), (20.0, 9.1, -9.0), (20.0, 9.0, -1.9)):
        assert drop_reason(folder, 1, "late", better) is None, better
    for worse in ((19.9, 99.0, 0.0), (20.0, 8.9, 0.0), (20.0, 9.0, -2.1)):
        assert drop_reason(folder, 1, "late", worse) is not None, worse


def test_a_loss_that_is_not_a_number_ranks_last_among_equal_scores(tmp_path: Path) -> None:
    folder = SweepFolder(tmp_path, {})
    broken = (20.0, 9.0, float("-inf"))
    decide(folder, 1, {"a": (30.0, 9.0, -2.0), "b": broken, "c": (10.0, 9.0, -2.0)}, 2)
    assert drop_reason(folder, 1, "late", broken) is not None
    assert drop_reason(folder, 1, "late", (20.0, 9.0, -99.0)) is None


def test_runs_may_be_compared_by_another_metric(tmp_path: Path) -> None:
    line = {"validation_loss": 2.5, "validation_f1": 40.0, "validation_exact_match": 30.0, "validation_p_gold": 20.0}
    metrics = [{"step": 6, **line}]
    assert standing(metrics, 6, "p_gold") == (20.0, 40.0, -2.5)
    assert standing(metrics, 6, "exact_match") == (30.0, 40.0, -2.5)
    folder = SweepFolder(tmp_path, {})
    decide(folder, 1, {"a": (20.0, 40.0, -2.5), "b": (10.0, 90.0, -1.0)}, 2)
    reason = drop_reason(folder, 1, "b", (10.0, 90.0, -1.0), "p_gold")
    assert reason is not None
    assert "P(gold) 10.0, F1 90.0 on the validation questions, the best 1 of 2 had P(gold) 20.0 or more" in reason
