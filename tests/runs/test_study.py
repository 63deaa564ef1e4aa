"""Reading studies: complete, partial, broken and single; missing parts are listed, and a bad run affects no other."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from made_study import MODULES, RANKS, RATES, STRATEGIES, make_study
from squadron.errors import RunError
from squadron.options.core import ADAPTER_OPTIONS
from squadron.reporting.analysis.study import analyze_study
from squadron.runs.records import Study
from squadron.runs.study import read_study


def lacks(study: Study) -> dict[str, int]:
    return {one.what: len(one.names) for one in study.missing}


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Four runs, to be broken."""
    return make_study(tmp_path / "sweep", ranks=(4, 8), rates=(1e-4, 1e-3), modules=("attention",), paragraphs=12)


def change(path: Path, **values: Any) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | values))


def test_a_whole_sweep_is_read_as_it_was_written(paper: Study, paper_folder: Path) -> None:
    board = json.loads((paper_folder / "leaderboard.json").read_text())["runs"]
    assert [run.name for run in paper.runs] == [row["name"] for row in board]
    assert len(paper.scored) == 75
    for run, row in zip(paper.scored, board, strict=True):
        score = paper.score(run)
        assert score is not None
        assert (score.f1, score.exact_match, list(score.f1_interval)) == (
            row["f1"],
            row["exact_match"],
            row["f1_interval"],
        )
        assert (run.rank, run.lr, run.modules) == tuple(row["changes"][axis] for axis in ("rank", "lr", "targets"))
        assert run.trainable_parameters == row["trainable_parameters"]
    assert paper.axes == {"rank": RANKS, "lr": RATES, "targets": MODULES}
    assert paper.best is not None
    assert set(paper.best.scores["test"]) == set(STRATEGIES)
    assert paper.baseline is not None
    assert paper.failures is not None
    assert paper.failures.model == paper.best.name
    assert sum(kind.questions for kind in paper.failures.kinds) == paper.failures.wrong > 0
    assert lacks(paper) == {"full_fine_tuning": 0, "seeds": 0}


def test_curves_are_epochs_of_steps(paper: Study) -> None:
    curve = paper.runs[0].curve
    assert len(curve.validations) == max(curve.epochs) == 3
    losses = dict(curve.epoch_losses())
    own = [loss for epoch, loss in zip(curve.epochs, curve.losses, strict=True) if epoch == 2 and loss is not None]
    assert losses[2] == pytest.approx(sum(own) / len(own))
    assert curve.last_steps()[3] == curve.steps[-1] == curve.validations[-1].step


def test_missing_parts_of_a_partial_sweep_are_listed(hostile_folder: Path) -> None:
    study = read_study(hostile_folder)
    found = lacks(study)
    assert (found["failed"], found["diverged"], found["unfinished"]) == (1, 1, 2)
    assert len(study.scored) == 12 - 4
    reasons = {run.status: run.reason for run in study.runs}
    assert reasons["diverged"] is not None
    assert study.runs[-1].status != "done"


def test_one_broken_run_does_not_affect_the_others(small: Path) -> None:
    names = [run.name for run in read_study(small).scored]
    (small / "runs" / names[0] / "run.json").write_text("{")
    (small / "runs" / names[1] / "metrics.jsonl").write_text('{"step": 1}\nnonsense\n{"step": 2}\n')
    study = read_study(small)
    assert [run.name for run in study.scored] == names[2:]
    assert study.lacks("unreadable") is not None
    broken = {run.name: run.reason or "" for run in study.runs if run.status == "failed"}
    assert "run.json: not JSON" in broken[names[0]]
    assert "metrics.jsonl: line 2" in broken[names[1]]


def test_a_truncated_last_line_is_dropped(small: Path) -> None:
    run = read_study(small).scored[0]
    path = run.path / "metrics.jsonl"
    path.write_text(path.read_text() + '{"step": 999, "lo')
    assert read_study(small).runs[0].curve == run.curve


def test_changed_questions_are_not_the_runs_questions(small: Path) -> None:
    manifest = json.loads((small / "data" / "data.json").read_text())
    manifest["splits"]["validation"]["sha256"] = "0" * 64
    (small / "data" / "data.json").write_text(json.dumps(manifest))
    study = read_study(small)
    assert study.data.path is None
    assert "data" in lacks(study)


def test_a_run_name_that_is_a_path_is_refused(small: Path) -> None:
    record = json.loads((small / "sweep.json").read_text())
    shutil.copytree(small / "runs" / record["runs"][0]["name"], small / "outside")
    for name in ("../outside", "..", "", "a/b", 7):
        record["runs"].append({"name": name, "changes": {}, "status": "done"})
    (small / "sweep.json").write_text(json.dumps(record))
    assert len(read_study(small).runs) == 4


def test_a_single_run_is_a_study(run_folder: Path) -> None:
    study = read_study(run_folder)
    assert (study.kind, study.status, len(study.scored), study.axes) == ("run", "done", 1, {})
    assert set(lacks(study)) == {"baseline", "full_fine_tuning", "seeds"}
    assert study.data.path is not None  # from its own record


def test_runs_without_a_sweep_are_described_by_their_differences(small: Path) -> None:
    (small / "sweep.json").unlink()
    (small / "leaderboard.json").unlink()
    study = read_study(small)
    assert study.axes == {"rank": (4, 8), "lr": (1e-4, 1e-3)}
    scores = [score.f1 for run in study.scored if (score := study.score(run)) is not None]
    assert scores == sorted(scores, reverse=True)


@pytest.mark.parametrize("place", [0, 2])
def test_a_broken_run_without_a_sweep_neither_hides_an_axis_nor_adds_one(small: Path, place: int) -> None:
    (small / "sweep.json").unlink()
    (small / "leaderboard.json").unlink()
    broken = sorted(run.name for run in (small / "runs").iterdir())[place]
    (small / "runs" / broken / "run.json").write_text("{")
    study = read_study(small)
    assert study.axes == {"rank": (4, 8), "lr": (1e-4, 1e-3)}
    (own,) = (run for run in study.runs if run.name == broken)
    assert own.changes == {}


def test_full_fine_tuning_without_a_sweep_has_no_axis_of_adapters(small: Path) -> None:
    (small / "sweep.json").unlink()
    (small / "leaderboard.json").unlink()
    first, *_ = sorted((small / "runs").iterdir())
    for path in (small / "runs").glob("*/run.json"):
        config = json.loads(path.read_text())["config"]
        full = {key: value for key, value in config.items() if key not in ADAPTER_OPTIONS}
        method = {"method": "full", **full} if path.parent == first else {"method": "lora", **config}
        change(path, config=method)
    study = read_study(small)
    assert study.axes == {"method": ("full", "lora"), "rank": (4, 8), "lr": (1e-4, 1e-3)}
    (own,) = (run for run in study.runs if run.name == first.name)
    assert not {"rank", "targets"} & own.changes.keys()


def test_runs_on_data_of_several_sizes_are_a_learning_curve(varied_folder: Path, tmp_path: Path) -> None:
    """The training questions differ from run to run, and the validation questions are the same for all."""
    sizes = {250: "a" * 64, 500: "b" * 64, 1000: "c" * 64}
    for run in sorted((varied_folder / "runs").glob("r4-lr1e-3-*")):
        shutil.copytree(run, tmp_path / "runs" / run.name)
        record = json.loads((run / "run.json").read_text())
        train = record["data"]["train"]
        change(
            tmp_path / "runs" / run.name / "run.json", data={"train": {**train, "sha256": sizes[train["questions"]]}}
        )
    shutil.copytree(varied_folder / "data", tmp_path / "data")
    study = read_study(tmp_path)
    assert study.axes == {"seed": (0, 1, 2), "train_size": (250, 500, 1000)}
    assert study.data.path == tmp_path / "data"
    effect = analyze_study(study).effect("train_size")
    assert effect is not None
    assert effect.verdict == "higher"
    assert [level.runs for level in effect.levels] == [3, 3, 3]


def test_the_record_of_a_sweep_has_the_runs_that_it_stopped(small: Path) -> None:
    record = json.loads((small / "sweep.json").read_text())
    record["runs"][0] |= {"status": "stopped", "reason": "dropped in rung 1"}
    change(small / "sweep.json", runs=record["runs"])
    study = read_study(small)
    (stopped,) = (run for run in study.runs if run.status == "stopped")
    assert stopped.reason == "dropped in rung 1"
    assert stopped.scores  # from before it was stopped
    assert len(study.scored) == 3


@pytest.mark.parametrize("content", ["nothing", "file", "empty"])
def test_a_folder_that_is_not_a_study_is_one_line(tmp_path: Path, content: str) -> None:
    folder = tmp_path / "folder"
    if content == "file":
        folder.write_text("x")
    elif content == "empty":
        folder.mkdir()
    with pytest.raises(RunError, match="folder") as told:
        read_study(folder)
    assert "\n" not in str(told.value)


def test_reading_and_analyzing_load_no_torch() -> None:
    code = (
        "import squadron.reporting.analyze, sys; assert 'torch' not in sys.modules and 'vl_convert' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": ":".join(sys.path)})


def test_what_train_and_evaluate_write_is_read(byte_base_dir: Path, small_data: Path, tmp_path: Path) -> None:
    """Unlike the made-up folders, these are real."""
    from squadron.experiments.evaluate import evaluate
    from squadron.experiments.train import train
    from squadron.options.core import EvaluateOptions, TrainOptions

    common: dict[str, Any] = {"base": str(byte_base_dir), "data": str(small_data), "precision": "fp32"}
    for rank in (2, 3):
        out = str(tmp_path / "runs" / f"r{rank}")
        made = train(TrainOptions(**common, out=out, rank=rank, epochs=2, eval_questions=2))
        for split in ("validation", "test"):
            evaluate(EvaluateOptions(run=out, split=split, decoding=("greedy", "span"), max_new_tokens=4))
    evaluate(EvaluateOptions(**common, out=str(tmp_path / "baseline"), max_new_tokens=4))
    study = read_study(tmp_path)
    assert study.axes == {"rank": (2, 3)}
    assert set(lacks(study)) == {"full_fine_tuning", "seeds"}
    assert study.data.path == small_data
    (second,) = (run for run in study.scored if run.rank == 3)
    assert second.trainable_parameters == made["trainable_parameters"]
    assert second.validation_loss == made["validation_loss"] == second.curve.validations[-1].loss
    assert second.train_questions == 20
    assert set(second.scores) == {"validation", "test"}
    found = analyze_study(study)
    effect = found.effect("rank")
    assert effect is not None
    assert effect.contrasts[0].questions == 9
    assert effect.verdict == "undecided"  # nine questions are too few
    assert found.decodings is not None
    assert [model.role for model in next(one for one in found.models if one.split == "validation").models] == [
        "baseline",
        "best",
    ]
