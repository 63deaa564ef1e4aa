"""``squadron runs``: lists read only files, comparison is a paired test, only requested files are removed or copied."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from cli.conftest import Squadron
from squadron import file_records
from squadron.data.prepared import load_split
from squadron.experiments.evaluate import evaluate
from squadron.experiments.train import train
from squadron.options.base import checked
from squadron.options.core import EvaluateOptions, TrainOptions
from squadron.options.runs import RunsListOptions, RunsPruneOptions
from squadron.runs import listing, maintenance
from squadron.scoring.predictions import read_gold_probabilities, write_predictions


def make_run(folder: Path, f1: float | None, *, status: str = "done", **config: Any) -> Path:
    """Write the files of a run folder that listing reads."""
    (folder / "adapter").mkdir(parents=True)
    (folder / "adapter" / "adapter_model.safetensors").write_text("x" * 100)
    (folder / "last").mkdir()
    (folder / "last" / "adapter_model.safetensors").write_text("x" * 50)
    (folder / "checkpoint.safetensors").write_text("x" * 500)
    settings = {"rank": 4, "lr": 1e-3, "target_modules": ["attention"], "alpha": 32.0, "out": str(folder), **config}
    record = {"schema": 1, "kind": "train", "status": status, "config": settings, "loss": 0.5, "seconds": 7.0}
    (folder / "run.json").write_text(json.dumps({**record, "trainable_parameters": 100 * settings["rank"]}))
    if f1 is not None:
        own = {"exact_match": f1 / 2, "f1": f1, "exact_match_interval": [0, 9], "f1_interval": [1, 8], "questions": 9}
        other = {**own, "f1": 100 - f1}
        splits = {"validation": {"decodings": {"greedy": own}}, "test": {"decodings": {"span": other}}}
        (folder / "scores.json").write_text(json.dumps({"schema": 1, "splits": splits}))
    return folder


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Four runs of a sweep, one of which failed before it had a folder."""
    home = tmp_path / "sweep"
    make_run(home / "runs" / "r4", 10.0)
    make_run(home / "runs" / "r8", 30.0, rank=8)
    make_run(home / "runs" / "r16", 20.0, rank=16)
    make_run(home / "runs" / "r32", None, rank=32, status="interrupted")
    planned = [{"name": "r4", "status": "done", "changes": {"rank": 4}}]
    planned += [{"name": "r64", "status": "failed", "changes": {"rank": 64}, "reason": "out of memory"}]
    (home / "sweep.json").write_text(json.dumps({"schema": 1, "kind": "sweep", "runs": planned}))
    return home


def names(record: dict[str, Any]) -> list[str]:
    return [run["name"] for run in record["runs"]]


def test_runs_are_listed_best_first_with_what_they_change(squadron: Squadron, sweep: Path) -> None:
    listed = squadron("runs", sweep, "--json")
    assert listed == squadron("runs", "list", sweep, "--json")
    assert names(listed.record) == ["r8", "r16", "r4", "r32", "r64"]
    first, *_, lost = listed.record["runs"]
    assert (first["exact_match"], first["f1"], first["status"]) == (15.0, 30.0, "done")
    assert first["changes"] == {"rank": 8, "lr": 1e-3, "targets": "attention"}
    assert (lost["status"], lost["reason"], lost["f1"]) == ("failed", "out of memory", None)
    assert names(squadron("runs", sweep, "--split", "test", "--decoding", "span", "--json").record)[:3] == [
        "r4",
        "r16",
        "r8",
    ]
    table = squadron("runs", sweep).out
    assert "30.0 (1.0–8.0)" in table
    assert "r64: out of memory" in table


def test_any_folder_of_run_folders_is_listed_and_so_is_one_run(squadron: Squadron, sweep: Path) -> None:
    make_run(sweep / "runs" / "other", 25.0, alpha=64.0)
    listed = squadron("runs", sweep / "runs", "--json").record
    assert names(listed) == ["r8", "other", "r16", "r4", "r32"]
    assert listed["runs"][1]["changes"]["alpha"] == 64.0  # listed now that the runs differ in it
    assert names(squadron("runs", sweep / "runs" / "r4", "--json").record) == ["r4"]


def test_equal_scores_are_in_order_of_validation_loss_then_name(squadron: Squadron, tmp_path: Path) -> None:
    for name, loss in (("a", 0.4), ("b", 0.3), ("c", 0.3), ("d", None)):
        record = make_run(tmp_path / name, 10.0) / "run.json"
        record.write_text(json.dumps({**json.loads(record.read_text()), "validation_loss": loss}))
    make_run(tmp_path / "e", 99.0, status="interrupted")
    assert names(squadron("runs", tmp_path, "--json").record) == ["b", "c", "a", "d", "e"]


def test_a_broken_run_is_listed_with_the_reason(squadron: Squadron, sweep: Path) -> None:
    (sweep / "runs" / "r4" / "run.json").write_text('{"schema": 1,')
    (sweep / "runs" / "r8" / "scores.json").write_text("[]")
    listed = squadron("runs", sweep, "--json").record["runs"]
    broken = {run["name"]: run["reason"] for run in listed if run["status"] == "unreadable"}
    assert set(broken) == {"r4", "r8"}
    assert "not JSON (line 1" in broken["r4"]
    assert "scores.json: a list is not an object; remove the file and evaluate the run again" in broken["r8"]


def test_a_folder_without_runs_is_an_error(squadron: Squadron, tmp_path: Path) -> None:
    for folder, words in ((tmp_path / "none", "no such folder"), (tmp_path, "no runs in it; give a sweep folder")):
        outcome = squadron("runs", folder)
        assert (outcome.code, outcome.out) == (2, "")
        assert words in outcome.err


def test_a_sweep_is_listed_in_its_own_ranking(squadron: Squadron, sweep: Path, tmp_path: Path) -> None:
    (sweep / "leaderboard.json").write_text(json.dumps({"schema": 1, "split": "test", "decoding": "span", "runs": []}))
    listed = squadron("runs", sweep, "--json").record
    assert (listed["split"], listed["decoding"]) == ("test", "span")
    assert names(listed)[:3] == ["r4", "r16", "r8"]  # by the test scores, which have the reverse order
    assert names(squadron("runs", sweep, "--split", "validation", "--decoding", "greedy", "--json").record)[0] == "r8"
    promoted = squadron("runs", "promote", sweep, "--out", tmp_path / "best", "--json").record
    assert promoted["run"].endswith("r4")
    pruned = squadron("runs", "prune", sweep, "--keep", "2", "--json").record
    assert pruned["pruned"] == ["r8"]


def test_a_thousand_runs_take_two_files_each(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files and imports take the time, so both are counted; no model is loaded (``benchmarks/runs.py`` measures it)."""
    record = make_run(tmp_path / "pattern", 10.0)
    for number in range(1000):
        folder = tmp_path / "many" / f"run{number}"
        folder.mkdir(parents=True)
        for name in ("run.json", "scores.json"):
            (folder / name).write_bytes((record / name).read_bytes())
    read: list[Path] = []
    plain = file_records.read_json
    monkeypatch.setattr(file_records, "read_json", lambda path, **more: (read.append(path), plain(path, **more))[1])
    found = listing.list_runs(RunsListOptions(folder=str(tmp_path / "many")))
    assert len(found["runs"]) == 1000
    assert len(read) == 2000
    code = (
        "import sys; from squadron.cli.main import main\n"
        f"try: main(['runs', {str(record)!r}])\n"
        "except SystemExit as ended: print(ended.code, [n for n in ('torch', 'scipy', 'datasets') if n in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 []"


def test_show_prints_options_and_every_score(squadron: Squadron, sweep: Path) -> None:
    run = sweep / "runs" / "r8"
    record = squadron("runs", "show", run, "--json").record
    assert record["record"]["config"]["rank"] == 8
    assert record["splits"]["test"]["decodings"]["span"]["f1"] == 70.0
    shown = squadron("runs", "show", run).out
    for words in ("trainable parameters", "rank", "span", "30.0 (1.0–8.0)"):
        assert words in shown


def test_scores_without_intervals_are_shown_without(squadron: Squadron, tmp_path: Path) -> None:
    scores = make_run(tmp_path / "old", 30.0) / "scores.json"
    content = json.loads(scores.read_text())
    for own in content["splits"]["validation"]["decodings"].values():
        del own["f1_interval"], own["exact_match_interval"]
    scores.write_text(json.dumps(content))
    for command in (("runs", tmp_path), ("runs", "show", tmp_path / "old")):
        shown = squadron(*command)
        assert (shown.code, shown.err) == (0, "")
        row = next(line for line in shown.out.splitlines() if "30.0" in line)
        assert ("15.0" in row, "(" in row) == (True, False)


def files(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def test_prune_removes_the_requested_files_and_only_with_yes(squadron: Squadron, sweep: Path) -> None:
    before = files(sweep)
    assert "choose what to remove" in squadron("runs", "prune", sweep).err
    shown = squadron("runs", "prune", sweep, "--checkpoints", "--json").record
    assert (shown["removed"], len(shown["paths"]), shown["bytes"]) == (False, 3, 1500)
    assert files(sweep) == before
    done = squadron("runs", "prune", sweep, "--checkpoints", "--last", "--yes", "--json").record
    assert (done["removed"], len(done["paths"]), done["bytes"]) == (True, 6, 1650)
    gone = before - files(sweep)
    # The interrupted run keeps its checkpoint: it can be resumed.
    assert gone == {
        f"runs/{name}/{file}"
        for name in ("r4", "r8", "r16")
        for file in ("checkpoint.safetensors", "last/adapter_model.safetensors")
    }


def test_prune_keeps_the_records_of_losing_runs(squadron: Squadron, sweep: Path, tmp_path: Path) -> None:
    before, listed = files(sweep), squadron("runs", sweep, "--json").record["runs"]
    shown = squadron("runs", "prune", sweep, "--keep", 2)
    assert "r4/adapter" in shown.out
    assert (
        "runs pruned: 1; record, scores and answers stay; to train a pruned run again, remove its folder" in shown.out
    )
    assert files(sweep) == before
    done = squadron("runs", "prune", sweep, "--keep", 2, "--yes", "--json").record
    assert (done["pruned"], done["bytes"]) == (["r4"], 650)
    weights = ("adapter/adapter_model.safetensors", "last/adapter_model.safetensors", "checkpoint.safetensors")
    assert before - files(sweep) == {f"runs/r4/{file}" for file in weights}
    assert squadron("runs", sweep, "--json").record["runs"] == [
        {**row, "pruned": True} if row["name"] == "r4" else row for row in listed
    ]
    assert "done, pruned" in squadron("runs", sweep).out
    assert "done, pruned" in squadron("runs", "show", sweep / "runs" / "r4").out
    again = squadron("runs", "prune", sweep, "--keep", 2, "--yes", "--json").record
    assert (again["pruned"], again["paths"]) == ([], [])
    refused = squadron("runs", "promote", sweep / "runs" / "r4", "--out", tmp_path / "best")
    assert (refused.code, "its weights were pruned; to train a pruned run again" in refused.err) == (2, True)
    # By the test scores r4 is the best. It counts neither as one of those to keep, nor as one to promote.
    by_test = ("--split", "test", "--decoding", "span")
    assert squadron("runs", "prune", sweep, "--keep", 1, *by_test, "--json").record["pruned"] == ["r8"]
    promoted = squadron("runs", "promote", sweep, *by_test, "--out", tmp_path / "best", "--json").record
    assert promoted["run"].endswith("r16")


def test_a_killed_prune_is_finished_by_the_next(
    squadron: Squadron, sweep: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        """Not caught by any handler, like a kill of the process."""

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(maintenance, "remove_owned", killed)
        with pytest.raises(Killed):
            maintenance.prune(RunsPruneOptions(folder=str(sweep), keep=2, yes=True))
    assert not (sweep / "runs" / "r4" / "checkpoint.safetensors").exists()
    assert (sweep / "runs" / "r4" / "adapter").exists()
    assert json.loads((sweep / "runs" / "r4" / "run.json").read_text())["pruned"]  # so it is not read as complete
    squadron("runs", "prune", sweep, "--keep", 2, "--yes")
    assert not (sweep / "runs" / "r4" / "adapter").exists()


def test_prune_skips_runs_that_are_in_use_or_links(squadron: Squadron, sweep: Path, tmp_path: Path) -> None:
    elsewhere = make_run(tmp_path / "elsewhere", 1.0)
    (sweep / "runs" / "link").symlink_to(elsewhere)
    before = files(elsewhere)
    with FileLock(sweep / "runs" / "r4" / ".lock"):
        record = squadron("runs", "prune", sweep, "--keep", 1, "--yes", "--json").record
    assert sorted(record["skipped"]) == ["link", "r4"]
    assert record["pruned"] == ["r16"]
    with FileLock(sweep / ".lock"):
        assert "its sweep is running" in squadron("runs", "prune", sweep, "--keep", 1, "--yes").err
    with_weights = [path.name for path in (sweep / "runs").iterdir() if (path / "adapter").is_dir()]
    assert sorted(with_weights) == ["link", "r32", "r4", "r8"]
    assert files(elsewhere) == before


def test_promote_copies_the_best_run(squadron: Squadron, sweep: Path, tmp_path: Path) -> None:
    out = tmp_path / "best-model"
    record = squadron("runs", "promote", sweep, "--out", out, "--json").record
    assert record == {"run": str(sweep / "runs" / "r8"), "out": str(out)}
    assert files(out) == {"adapter/adapter_model.safetensors", "run.json", "scores.json"}
    assert json.loads((out / "run.json").read_text())["promoted_from"] == record["run"]
    again = squadron("runs", "promote", sweep / "runs" / "r4", "--out", out)
    assert again.code == 2
    assert "exists already; add --replace" in again.err
    squadron("runs", "promote", sweep / "runs" / "r4", "--out", out, "--replace")
    assert json.loads((out / "run.json").read_text())["config"]["rank"] == 4
    listed = squadron("runs", sweep, "--promote", tmp_path / "other", "--json").record
    assert listed["promoted"]["run"].endswith("r8")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    assert "not a run folder" in squadron("runs", "promote", sweep, "--out", tmp_path / "mine", "--replace").err
    assert "that is to be copied" in squadron("runs", "promote", out, "--out", out, "--replace").err
    assert files(out)
    assert not list(tmp_path.glob(".*"))


def test_a_full_disk_ends_a_copy_in_one_line(
    squadron: Squadron, sweep: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: str, target: str, **__: object) -> None:
        Path(target).write_bytes(b"par")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), target)

    monkeypatch.setattr(shutil, "copyfile", full)
    outcome = squadron("runs", "promote", sweep, "--out", tmp_path / "best")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert f"{tmp_path / 'best'}/" in outcome.err
    assert "the disk is full (" in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["sweep"]


def test_without_scores_there_is_no_best_run(squadron: Squadron, tmp_path: Path) -> None:
    make_run(tmp_path / "runs" / "r4", None)
    outcome = squadron("runs", "promote", tmp_path / "runs", "--out", tmp_path / "best")
    assert "no run has scores on validation by greedy" in outcome.err
    assert not (tmp_path / "best").exists()


@pytest.fixture(scope="module")
def scored(tmp_path_factory: pytest.TempPathFactory, byte_base_dir: Path, small_data: Path) -> Path:
    """A sweep-like folder: the baseline and one run, both evaluated."""
    home = tmp_path_factory.mktemp("scored")
    common = {"base": str(byte_base_dir), "data": str(small_data)}
    small: dict[str, Any] = {"precision": "fp32", "max_new_tokens": 2}
    more = {"max_steps": 1, "precision": "fp32", "eval_questions": 0}
    train(checked(TrainOptions, {**common, "out": str(home / "run"), **more}))
    evaluate(checked(EvaluateOptions, {"run": str(home / "run"), **small}))
    evaluate(checked(EvaluateOptions, {**common, "out": str(home / "baseline"), **small}))
    # The byte base cannot learn to answer: write 7 correct answers of 9 for the run, 2 for the baseline.
    golds = load_split(small_data, "validation").dataset.golds()
    for name, right in (("run", 7), ("baseline", 2)):
        predictions = {one: own[0] if n < right else "no" for n, (one, own) in enumerate(golds.items())}
        write_predictions(home / name / "predictions" / "greedy.json", predictions)
    return home


def test_compare_is_a_paired_test_from_predictions(squadron: Squadron, scored: Path) -> None:
    record = squadron("runs", "compare", scored / "baseline", scored / "run", "--json").record
    assert record["questions"] == 9
    assert (record["first"]["exact_match"], record["second"]["exact_match"]) == (100 * 2 / 9, 100 * 7 / 9)
    assert record["exact_match"]["difference"] == pytest.approx(100 * 5 / 9)
    assert (record["mcnemar"]["only_first"], record["mcnemar"]["only_second"]) == (0, 5)
    own = [read_gold_probabilities(scored / name / "predictions/greedy.details.json") for name in ("baseline", "run")]
    first, second = (100 * sum((values or {}).values()) / 9 for values in own)
    assert first != second
    assert (record["first"]["p_gold"], record["second"]["p_gold"]) == (pytest.approx(first), pytest.approx(second))
    assert record["p_gold"]["difference"] == pytest.approx(second - first)
    turned = squadron("runs", "compare", scored / "run", scored / "baseline", "--json").record
    assert turned["f1"]["difference"] == -record["f1"]["difference"]
    assert turned["f1"]["p_value"] == record["f1"]["p_value"]
    shown = squadron("runs", "compare", scored / "baseline", scored / "run").out
    assert "by F1: " in shown
    assert "P(gold)" in shown


def test_a_run_from_before_p_gold_is_compared_without(squadron: Squadron, scored: Path, tmp_path: Path) -> None:
    for name in ("baseline", "run"):
        shutil.copytree(scored / name, tmp_path / name)
    path = tmp_path / "baseline" / "predictions" / "greedy.details.json"
    details = json.loads(path.read_text())
    for answers in details.values():
        for answer in answers:
            del answer["gold_log_probability"]
    path.write_text(json.dumps(details))
    compared = ("runs", "compare", tmp_path / "baseline", tmp_path / "run")
    record = squadron(*compared, "--json").record
    assert "p_gold" not in record
    assert record["exact_match"]["difference"] == pytest.approx(100 * 5 / 9)
    assert "P(gold)" not in squadron(*compared).out


def test_runs_that_cannot_be_compared_give_the_reason(squadron: Squadron, scored: Path, tmp_path: Path) -> None:
    run, baseline = scored / "run", scored / "baseline"
    assert "has no scores on validation by span" in squadron("runs", "compare", run, baseline, "--decoding", "span").err
    assert "neither" in squadron("runs", "compare", baseline, baseline).err
    other = shutil.copytree(run, tmp_path / "other")
    scores = json.loads((other / "scores.json").read_text())
    scores["splits"]["validation"]["limit"] = 5
    (other / "scores.json").write_text(json.dumps(scores))
    assert "answered other questions than" in squadron("runs", "compare", run, other).err
    assert squadron("runs", "compare", run, tmp_path / "none").code == 2
