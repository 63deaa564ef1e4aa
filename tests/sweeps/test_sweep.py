"""Sweeps: runs equal single runs, failures do not affect others, and each fleet is run by one process."""

from __future__ import annotations

import contextlib
import csv
import errno
import json
import os
import re
import shutil
import signal
import threading
import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from filelock import FileLock
from safetensors.torch import load_file

from squadron.errors import ConfigError, InterruptedRunError, RunError
from squadron.experiments import training_job
from squadron.experiments.evaluate import evaluate
from squadron.experiments.train import train
from squadron.experiments.training_job import FleetTrainer
from squadron.options.core import EvaluateOptions, TrainOptions
from squadron.options.runs import RunsListOptions, RunsPruneOptions
from squadron.options.sweep import SweepOptions
from squadron.runs import folder as run_folder
from squadron.runs.folder import RunFolder
from squadron.runs.listing import list_runs
from squadron.runs.maintenance import prune
from squadron.runs.study import read_study
from squadron.runs.sweep_folder import SweepFolder
from squadron.sweeps import coordinator, worker
from squadron.sweeps.grid import PlannedRun
from squadron.sweeps.halving import standing
from squadron.sweeps.sweep import sweep
from squadron.tracking.events import Listener, RunEnded, RunScored, RunStarted, Stepped
from squadron.tracking.progress import Reporter

GRID = """
base: {epochs: 2, eval_questions: 0}
grid: {rank: [2, 5], lr: [1.0e-2, 5.0e-2], targets: [attention, query-value+attention]}
evaluate: {max_new_tokens: 5}
"""
SMALL = GRID.replace(", query-value+attention", "")
Options = Callable[..., SweepOptions]


@pytest.fixture
def options(byte_base_dir: Path, small_data: Path, tmp_path: Path) -> Options:
    """Return ``make(config text, out="name", **more)``, which makes the options of a sweep."""

    def make(config: str = GRID, out: str = "sweep", **more: Any) -> SweepOptions:
        path = tmp_path / "config.yaml"
        path.write_text(config)
        given = {"precision": "fp32", "fleet_size": 4, **more}
        return SweepOptions(
            config=str(path), base=str(byte_base_dir), dataset=str(small_data), out=str(tmp_path / out), **given
        )

    return make


@pytest.fixture(scope="module")
def whole(byte_base_dir: Path, small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The folder and the result of the sweep of ``GRID``, undisturbed."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "config.yaml").write_text(GRID)
    chosen = SweepOptions(
        config=str(folder / "config.yaml"),
        base=str(byte_base_dir),
        dataset=str(small_data),
        out=str(folder / "sweep"),
        precision="fp32",
        fleet_size=4,
    )
    return folder / "sweep", sweep(chosen)


def adapter(run: Path | str, name: str = "adapter") -> dict[str, torch.Tensor]:
    return load_file(Path(run) / name / "adapter_model.safetensors")


def apart(a: Mapping[str, torch.Tensor], b: Mapping[str, torch.Tensor]) -> float:
    """Return the largest relative distance of two adapters' matrices; rounding, amplified by AdamW, is 0.001."""
    assert a.keys() == b.keys()
    return max(float((tensor - b[name]).norm() / tensor.norm()) for name, tensor in a.items())


def statuses(result: Mapping[str, Any]) -> dict[str, str]:
    return {run["name"]: run["status"] for run in result["runs"]}


def test_every_run_equals_the_same_run_by_train_and_evaluate(options: Options, tmp_path: Path) -> None:
    result = sweep(options(GRID.replace("lr:", "seed: [0, 3], lr:")))
    assert len(result["runs"]) == 16
    assert set(statuses(result).values()) == {"done"}
    different = []
    for run in result["runs"][:: len(result["runs"]) // 5]:
        folder = tmp_path / "sweep" / "runs" / run["name"]
        record = json.loads((folder / "run.json").read_text())
        alone = tmp_path / "alone" / run["name"]
        train(TrainOptions(**{**record["config"], "out": str(alone)}))
        own, other = adapter(folder), adapter(alone)
        assert apart(own, other) < 0.01
        different.append(own)
        scores = evaluate(EvaluateOptions(run=str(alone), precision="fp32", max_new_tokens=5))
        assert (scores["exact_match"], scores["f1"]) == (run["exact_match"], run["f1"])
        predictions = [(path / "predictions" / "greedy.json").read_bytes() for path in (folder, alone)]
        assert predictions[0] == predictions[1]
    assert len(different) == 6
    same_shape = [one for one in different if one[min(one)].shape == different[0][min(one)].shape]
    assert len(same_shape) > 1
    assert apart(same_shape[0], same_shape[1]) > 0.1


def test_a_fleet_of_one_is_a_single_run_to_the_bit(options: Options, tmp_path: Path) -> None:
    sweep(options(fleet_size=1))
    folder = tmp_path / "sweep" / "runs" / "r5-lr1e-2-query-value+attention"
    config = json.loads((folder / "run.json").read_text())["config"]
    alone = tmp_path / "alone"
    train(TrainOptions(**{**config, "out": str(alone)}))
    evaluate(EvaluateOptions(run=str(alone), precision="fp32", max_new_tokens=5))
    names = [path.relative_to(alone) for path in alone.rglob("*") if path.is_file()]
    same = [name for name in names if name.name not in ("run.json", ".lock", "checkpoint.safetensors")]
    assert len(same) == 9
    for name in same:
        assert (folder / name).read_bytes() == (alone / name).read_bytes(), name


def test_out_of_memory_halves_the_fleet_and_continues(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = SMALL.replace("eval_questions: 0", "eval_questions: 0, checkpoint_seconds: 0")
    whole = sweep(options(config, "whole"))
    step, sizes = FleetTrainer.step, []

    def small_memory(self: FleetTrainer) -> Any:
        sizes.append((self.fleet.size, self.step_number))
        # The second step needs more than the first.
        if self.fleet.size > 1 + (self.step_number < 2):
            raise torch.OutOfMemoryError("CUDA out of memory")
        return step(self)

    monkeypatch.setattr(FleetTrainer, "step", small_memory)
    result = sweep(options(config))
    assert set(statuses(result).values()) == {"done"}
    assert {size for size, _ in sizes} == {4, 2, 1}
    assert (1, 0) not in sizes  # the halves of a fleet that had begun continue from its checkpoint
    assert (1, 2) in sizes
    for run in whole["runs"]:
        a, b = (adapter(tmp_path / one / "runs" / run["name"], "last") for one in ("whole", "sweep"))
        assert apart(a, b) < 0.01
    again = sweep(options(config), resume=True)
    assert [run["f1"] for run in again["runs"]] == [run["f1"] for run in result["runs"]]


OUT_OF_MEMORY = {
    "allocator": lambda: torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.30 GiB."),
    "cublas": lambda: RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    "machine": MemoryError,
}
"""One of each type. The test of trials has further forms, tests/test_errors.py all that are recognised."""


@pytest.mark.parametrize("form", OUT_OF_MEMORY)
def test_every_type_of_out_of_memory_halves_fleets_in_training_and_in_evaluation(
    options: Options, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """What a fleet had allocated is free before the halves are tried."""
    step, answer = FleetTrainer.step, worker.evaluate_fleet
    lost: list[weakref.ref[Any]] = []
    sizes: dict[str, list[int]] = {"step": [], "answer": []}

    def run_out(what: str, fleet: Any, most: int) -> None:
        assert [own() for own in lost] == [None] * len(lost), "tensors of a fleet that did not fit are still there"
        sizes[what].append(fleet.size)
        if fleet.size > most:
            lost.extend((weakref.ref(fleet), weakref.ref(fleet.values)))
            raise OUT_OF_MEMORY[form]()

    def small_step(self: FleetTrainer) -> Any:
        run_out("step", self.fleet, 2)
        return step(self)

    def small_answer(base: Any, tokenizer: Any, fleet: Any, *rest: Any, **more: Any) -> Any:
        run_out("answer", fleet, 1)
        return answer(base, tokenizer, fleet, *rest, **more)

    monkeypatch.setattr(FleetTrainer, "step", small_step)
    monkeypatch.setattr(worker, "evaluate_fleet", small_answer)
    result = sweep(options(SMALL))
    assert set(statuses(result).values()) == {"done"}
    assert sizes["step"][0] == 4
    assert set(sizes["step"][1:]) == {2}
    assert sizes["answer"] == [2, 1, 1, 2, 1, 1]
    assert len(lost) == 6


def test_a_run_that_does_not_fit_alone_fails_alone(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    make = training_job.make_trainer

    def small_memory(inputs: Any, runs: Any, *rest: Any) -> Any:
        if any(run.rank == 5 and run.lr == 0.05 for run in runs):
            raise MemoryError("no room")
        return make(inputs, runs, *rest)

    monkeypatch.setattr(training_job, "make_trainer", small_memory)
    result = sweep(options())
    failed = {run["name"]: run["reason"] for run in result["runs"] if run["status"] == "failed"}
    assert sorted(failed) == ["r5-lr5e-2-attention", "r5-lr5e-2-query-value+attention"]
    for reason in failed.values():
        assert re.search("out of memory even alone: .* a step needs about .* GB .*; lower --batch-size 4 or", reason)
    assert [run["status"] for run in result["runs"]] == ["done"] * 6 + ["failed"] * 2


def test_a_bad_run_and_a_full_disk_do_not_affect_the_others(
    options: Options, whole: tuple[Path, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from squadron.training import optimizer

    step, save = optimizer.FleetAdamW.step, training_job.save_checkpoint

    def wild(self: Any, rates: Any, active: Any) -> None:
        first_of_its_fleet = [1e30, *rates[1:]] if self.fleet.specs[0].rank == 2 and self.steps[0] == 3 else rates
        step(self, first_of_its_fleet, active)

    def full(path: Path, *rest: Any) -> None:
        if path.name.startswith("02"):
            raise OSError(errno.ENOSPC, "No space left on device")
        save(path, *rest)

    with monkeypatch.context() as patch:
        patch.setattr(optimizer.FleetAdamW, "step", wild)
        patch.setattr(training_job, "save_checkpoint", full)
        result = sweep(options())
    assert [run["status"] for run in result["runs"]] == ["done"] * 3 + ["diverged"] + ["failed"] * 4
    by_name = {run["name"]: run for run in result["runs"]}
    assert "lower the learning rate" in result["runs"][3]["reason"]
    assert all("No space left on device" in run["reason"] for run in result["runs"][4:])
    assert [run["rank"] for run in result["runs"]] == list(range(1, 9))
    for run in whole[1]["runs"]:
        if by_name[run["name"]]["status"] == "done":
            a, b = (adapter(home / "runs" / run["name"]) for home in (whole[0], tmp_path / "sweep"))
            assert all(torch.equal(a[name], b[name]) for name in a)
    # The same command does the rest; the run that diverged stays so.
    again = sweep(options(), resume=True)
    assert [run["status"] for run in again["runs"]] == ["done"] * 7 + ["diverged"]


def test_an_interrupt_finishes_the_step_and_the_same_command_resumes(
    options: Options, whole: tuple[Path, Any], tmp_path: Path
) -> None:
    class Impatient(Listener):
        def stepped(self, event: Stepped) -> None:
            if event.step == 4 and event.run == "r5-lr1e-2-query-value+attention":
                os.kill(os.getpid(), signal.SIGINT)

    with pytest.raises(InterruptedRunError, match=r"stopped with 4 of 8 runs done; nothing is lost: .* resume=True"):
        sweep(options(), listeners=[Impatient()])
    record = json.loads((tmp_path / "sweep" / "sweep.json").read_text())
    assert record["status"] == "interrupted"
    assert sorted({run["status"] for run in record["runs"]}) == ["done", "interrupted"]
    result = sweep(options(), resume=True)
    assert [run["f1"] for run in result["runs"]] == [run["f1"] for run in whole[1]["runs"]]
    for run in whole[1]["runs"]:
        a, b = (adapter(home / "runs" / run["name"], "last") for home in (whole[0], tmp_path / "sweep"))
        assert all(torch.equal(a[name], b[name]) for name in a)


def test_one_process_coordinates_and_others_can_join(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    working: set[str] = set()
    run_fleet, both = worker.SweepJob.run_fleet, threading.Barrier(2)

    def noted(self: Any, fleet: str, rung: int | None) -> None:
        name = threading.current_thread().name
        if name not in working:
            working.add(name)
            both.wait(60)  # each has a fleet before either continues
        run_fleet(self, fleet, rung)

    monkeypatch.setattr(worker.SweepJob, "run_fleet", noted)
    results: dict[str, Any] = {}
    ended: list[tuple[str, str]] = []

    class Ends(Listener):
        def run_ended(self, event: RunEnded) -> None:
            ended.append((event.run, threading.current_thread().name))

    def coordinate() -> None:
        results["coordinator"] = sweep(options(fleet_size=2), listeners=[Ends()])

    coordinator_thread = threading.Thread(target=coordinate, name="coordinator")
    coordinator_thread.start()
    while not (tmp_path / "sweep" / "sweep.json").is_file():
        coordinator_thread.join(0.01)
        assert coordinator_thread.is_alive()
    with pytest.raises(RunError, match="in use by another process; add join=True to help it"):
        sweep(options(fleet_size=2), resume=True)
    with pytest.raises(RunError, match=r"^join .*: fleet_size is 2 there and 3 here"):
        sweep(options(fleet_size=3), join=True)
    results["helper"] = sweep(options(fleet_size=2), join=True, listeners=[Ends()])
    coordinator_thread.join()
    assert len({name for _, name in ended}) == 2
    assert sorted(run for run, _ in ended) == sorted(statuses(results["coordinator"]))
    assert set(statuses(results["coordinator"]).values()) == {"done"}
    assert json.loads((tmp_path / "sweep" / "sweep.json").read_text())["status"] == "done"


def test_joining_does_not_write_the_record_and_can_be_interrupted_while_waiting(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = "base: {epochs: 1, eval_questions: 0}\ngrid: {rank: [2]}\n"
    sweep(options(small))
    place = tmp_path / "sweep" / "sweep.json"
    done = place.read_bytes()
    assert sweep(options(small), join=True)["status"] == "joined"
    assert place.read_bytes() == done
    # If the coordinator has not planned yet, a joined process waits until a person interrupts it.
    place.write_text(json.dumps({**json.loads(done), "status": "running", "fleets": []}))
    asked: list[float] = []

    def pause(seconds: float) -> None:
        assert not asked, "continued to wait"
        asked.append(seconds)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr("squadron.sweeps.coordinator.time.sleep", pause)
    with (
        FileLock(tmp_path / "sweep" / ".lock"),
        pytest.raises(InterruptedRunError, match="run the same command with join=True"),
    ):
        sweep(options(small), join=True)
    assert asked


def test_one_joined_process_takes_over_if_the_coordinator_was_killed_before_it_planned(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = "base: {epochs: 1, eval_questions: 0}\ngrid: {rank: [2, 3]}\nevaluate: {max_new_tokens: 5}\n"
    chosen = options(small, fleet_size=1)

    class Killed(BaseException):
        """Not caught by any handler of the sweep, like the kill of a process."""

    def killed(*_: Any, **__: Any) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(coordinator, "plan_fleets", killed)
        with pytest.raises(Killed):
            sweep(chosen)
    place = tmp_path / "sweep" / "sweep.json"
    left = json.loads(place.read_text())
    assert (left["status"], left["fleets"]) == ("running", [])
    both, ended, notes = threading.Barrier(2), [], []
    take, results = RunFolder.try_take, {}

    def together(self: RunFolder) -> bool:
        if isinstance(self, SweepFolder) and not both.broken:
            with contextlib.suppress(threading.BrokenBarrierError):
                both.wait(60)  # both find at the same time that there is no coordinator
            both.abort()
        return take(self)

    class Ends(Listener):
        def run_ended(self, event: RunEnded) -> None:
            ended.append(event.run)

    class Notes(Reporter):
        def note(self, text: str) -> None:
            notes.append(text)

    def join(name: str) -> None:
        results[name] = sweep(chosen, join=True, listeners=[Ends()], reporter=Notes())

    monkeypatch.setattr(RunFolder, "try_take", together)
    helpers = [threading.Thread(target=join, args=(name,)) for name in "ab"]
    for helper in helpers:
        helper.start()
    for helper in helpers:
        helper.join()
    assert sorted(result["status"] for result in results.values()) == ["done", "joined"]
    assert [note for note in notes if "coordinator is gone" in note] == [
        f"{tmp_path / 'sweep'}: its coordinator is gone and had planned nothing; this process coordinates now"
    ]
    record = json.loads(place.read_text())
    assert (record["status"], len(record["fleets"])) == ("done", 2)
    assert sorted(ended) == sorted(run["name"] for run in record["runs"])


def test_an_interrupted_process_that_took_over_says_to_resume(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = "base: {epochs: 1, eval_questions: 0}\ngrid: {rank: [2]}\n"
    sweep(options(small))
    place = tmp_path / "sweep" / "sweep.json"
    place.write_text(json.dumps({**json.loads(place.read_text()), "status": "running", "fleets": []}))

    def stop(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(coordinator, "plan_fleets", stop)
    with pytest.raises(InterruptedRunError, match="run the same command with resume=True"):
        sweep(options(small), join=True)
    assert json.loads(place.read_text())["status"] == "interrupted"


def test_questions_are_prepared_within_the_folder(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = tmp_path / "room" / "here"
    here.mkdir(parents=True)
    monkeypatch.chdir(here)
    small = (
        "base: {epochs: 1, eval_questions: 0, max_length: 512, train_size: 4, val_size: 2, test_size: 1}\nseeds: 1\n"
    )
    pocket = options(small).model_copy(update={"dataset": "pocket", "out": "."})
    assert set(statuses(sweep(pocket)).values()) == {"done"}
    assert (here / "data" / "data.json").is_file()
    more = pocket.model_copy(update={"train_size": 6})
    with pytest.raises(RunError, match=r"data_options was .* and is now"):
        sweep(more, resume=True)
    # What a killed process left is made again; the old questions are removed only once the new ones are ready.
    left = here / ".data.squadron-0a1b2c3d.part"
    left.mkdir()
    (left / "train.json").write_text("{")
    sweep(more, replace=True)
    assert json.loads((here / "data" / "data.json").read_text())["settings"]["train_size"] == 6
    assert [path.name for path in here.glob(".*.part")] == []
    assert [path.name for path in here.parent.iterdir()] == ["here"]  # that may be on another disk, or not writable
    (here / "data").rename(here / "elsewhere")  # as if the coordinator was killed before it moved them there
    with pytest.raises(
        RunError, match=r"^join \.: its questions are not there yet; .* resume=True instead of join=True"
    ):
        sweep(more, join=True)


def test_halving_drops_the_worst_after_a_few_epochs(options: Options, tmp_path: Path) -> None:
    config = SMALL.replace("epochs: 2, eval_questions: 0", "epochs: 4, eval_questions: 9")
    result = sweep(options(config, halving=3))
    status = statuses(result)
    assert sorted(status.values()) == ["done"] * 2 + ["stopped"] * 2
    decision = json.loads((tmp_path / "sweep" / "fleets" / "rung-2.json").read_text())
    assert sorted(decision["kept"]) == sorted(name for name, own in status.items() if own == "done")
    stopped = [run for run in result["runs"] if run["status"] == "stopped"]
    assert all(run["f1"] is not None and "dropped after epoch 2 by --halving" in run["reason"] for run in stopped)
    lines = {name: (tmp_path / "sweep" / "runs" / name / "metrics.jsonl").read_text().splitlines() for name in status}
    steps = {name: max(json.loads(line)["step"] for line in own) for name, own in lines.items()}
    assert {steps[name] for name, own in status.items() if own == "done"} == {12}
    assert {steps[name] for name, own in status.items() if own == "stopped"} == {6}
    # A run that continued equals the same run without halving.
    sweep(options(config, "whole"))
    for name in decision["kept"]:
        a, b = (adapter(tmp_path / one / "runs" / name, "last") for one in ("sweep", "whole"))
        assert apart(a, b) < 0.01


def test_a_sweep_ranks_drops_and_chooses_by_p_gold(options: Options, tmp_path: Path) -> None:
    config = SMALL.replace("epochs: 2, eval_questions: 0", "epochs: 4, eval_questions: 9")
    given = options(config, halving=3, by="p_gold")
    result = sweep(given)
    home = tmp_path / "sweep"
    rows = {run["name"]: run for run in result["runs"]}
    decision = json.loads((home / "fleets" / "rung-2.json").read_text())
    at_rung = {name: standing(SweepFolder(home, {}).run_metrics(name), 6, "p_gold") for name in rows}
    best_two = sorted(rows, key=lambda name: at_rung[name] or (0.0, 0.0, 0.0))[:1:-1]
    assert decision["kept"] == best_two
    assert decision["threshold"][0] == min((at_rung[name] or (0.0,))[0] for name in best_two)
    assert all("had P(gold) " in run["reason"] for run in rows.values() if run["status"] == "stopped")
    done = [run["p_gold"] for run in result["runs"] if run["status"] == "done"]
    assert len(set(done)) == 2
    assert done == sorted(done, reverse=True)
    assert result["best"] == result["runs"][0]["name"]
    assert (result["by"], result["winner"]["by"]) == ("p_gold", "p_gold")
    assert result["winner"]["p_gold_difference"] == pytest.approx(done[0] - done[1], abs=1e-6)
    assert [setting["p_gold_mean"] for setting in result["settings"]] == done
    # Every reader takes the sweep's metric.
    assert json.loads((home / "sweep.json").read_text())["config"]["by"] == "p_gold"
    table = list(csv.DictReader((home / "leaderboard.csv").read_text().splitlines()))
    assert [float(row["p_gold"]) for row in table[:2]] == done
    assert float(table[0]["p_gold_low"]) < done[0] < float(table[0]["p_gold_high"])
    order = [run["name"] for run in result["runs"]]
    listed = list_runs(RunsListOptions(folder=str(home)))
    assert (listed["by"], [run["name"] for run in listed["runs"]]) == ("p_gold", order)
    study = read_study(home)
    assert (study.by, [run.name for run in study.runs]) == ("p_gold", order)
    score = study.runs[0].score("validation", "greedy")
    assert score is not None
    assert (score.p_gold, study.runs[0].curve.validations[-1].p_gold) != (None, None)
    assert study.baseline is not None
    assert study.baseline.scores["validation"]["greedy"].p_gold is not None
    with pytest.raises(RunError, match="by"):
        sweep(options(config, halving=3), resume=True)
    assert [run["name"] for run in sweep(given, resume=True)["runs"]] == order


def test_seeds_are_replicates_with_mean_and_deviation(options: Options) -> None:
    config = "base: {epochs: 3, eval_questions: 0}\ngrid: {rank: [2], lr: [1.0e-5, 5.0e-2]}\n"
    result = sweep(options(config, seeds=3))
    assert len(result["runs"]) == 6
    assert sorted({run["changes"]["seed"] for run in result["runs"]}) == [0, 1, 2]
    best = result["settings"][0]
    assert best["changes"] in ({"rank": 2, "lr": 0.05}, {"rank": 2, "lr": 1e-5})
    own = [run["f1"] for run in result["runs"] if run["name"] in best["runs"]]
    assert len(own) == 3
    mean = sum(own) / 3
    assert best["f1_mean"] == pytest.approx(mean)
    assert best["f1_deviation"] == pytest.approx((sum((value - mean) ** 2 for value in own) / 2) ** 0.5)
    winner = result["winner"]
    assert winner["f1_difference"] == pytest.approx(best["f1_mean"] - result["settings"][1]["f1_mean"])
    low, high = winner["f1_difference_interval"]
    assert low <= winner["f1_difference"] <= high
    assert winner["significant"] == (winner["p_value"] < 0.05 and low > 0)


def test_the_best_run_and_the_base_are_scored_as_the_configuration_says(options: Options, tmp_path: Path) -> None:
    config = GRID + "best: {split: test, decoding: [greedy, top-k], max_new_tokens: 4}\n"
    result = sweep(options(config))
    folders = [tmp_path / "sweep" / "runs" / result["best"], tmp_path / "sweep" / "baseline"]
    for folder in folders:
        splits = json.loads((folder / "scores.json").read_text())["splits"]
        assert {name: list(own["decodings"]) for name, own in splits.items()} == {
            "validation": ["greedy"],
            "test": ["greedy", "top-k"],
        }
    assert result["best"] == result["runs"][0]["name"]


def test_a_resumed_sweep_skips_pruned_runs(options: Options, tmp_path: Path) -> None:
    config = "base: {epochs: 1, eval_questions: 0}\ngrid: {rank: [2, 3, 5]}\nevaluate: {max_new_tokens: 5}\n"
    before = sweep(options(config))
    best, *losers = [run["name"] for run in before["runs"]]
    lacked = read_study(tmp_path / "sweep").missing
    prune(RunsPruneOptions(folder=str(tmp_path / "sweep"), keep=1, yes=True))
    started: list[str] = []

    class Starts(Listener):
        def run_started(self, event: RunStarted) -> None:
            started.append(event.run)

    after = sweep(options(config), resume=True, listeners=[Starts()])
    assert started == []
    assert after["best"] == best
    assert after["runs"] == [run if run["name"] == best else {**run, "pruned": True} for run in before["runs"]]
    assert (after["settings"], after["winner"]) == (before["settings"], before["winner"])
    assert read_study(tmp_path / "sweep").missing == lacked
    with pytest.raises(RunError, match="its weights were pruned; to train a pruned run again, remove its folder"):
        evaluate(EvaluateOptions(run=str(tmp_path / "sweep" / "runs" / losers[0])))
    # A pruned run can be trained again, in the sweep or alone.
    shutil.rmtree(tmp_path / "sweep" / "runs" / losers[0])
    again = sweep(options(config), resume=True, listeners=[Starts()])
    assert started == [losers[0]]
    assert {run["name"]: run["f1"] for run in again["runs"]} == {run["name"]: run["f1"] for run in before["runs"]}
    assert [run["name"] for run in again["runs"] if run.get("pruned")] == losers[1:]
    path = tmp_path / "sweep" / "runs" / losers[1]
    train(TrainOptions(**json.loads((path / "run.json").read_text())["config"]), resume=True)
    assert "pruned" not in json.loads((path / "run.json").read_text())


def test_a_resumed_sweep_replaces_scores_that_were_made_otherwise(options: Options, tmp_path: Path) -> None:
    config = "base: {epochs: 1, eval_questions: 0}\ngrid: {rank: [2, 3]}\nevaluate: {max_new_tokens: 5}\n"
    config += "best: {max_new_tokens: 4}\n"  # of the same questions
    before = sweep(options(config))
    home = tmp_path / "sweep" / "runs"
    paths = [home / run["name"] / "predictions" / "greedy.json" for run in before["runs"]]
    second = before["runs"][1]["name"]
    made = paths[1].read_bytes()
    evaluate(EvaluateOptions(run=str(home / second), precision="fp32", max_new_tokens=1))
    assert paths[1].read_bytes() != made
    after = sweep(options(config), resume=True)
    assert {**after, "seconds": 0} == {**before, "seconds": 0}
    assert paths[1].read_bytes() == made
    # A pruned run cannot be scored again.
    evaluate(EvaluateOptions(run=str(home / second), precision="fp32", max_new_tokens=1))
    record = home / second / "run.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "pruned": True}))
    shutil.rmtree(home / second / "adapter")
    assert sweep(options(config), resume=True)["runs"][0] == before["runs"][0]
    board = json.loads((tmp_path / "sweep" / "leaderboard.json").read_text())
    (unranked,) = [run for run in board["runs"] if run["f1"] is None]
    assert (unranked["name"], unranked["status"], unranked["pruned"]) == (second, "done", True)
    assert unranked["reason"] == (
        "not ranked, as it was evaluated with max_new_tokens 1 instead of 5; to have it ranked, remove its folder (its "
        "weights were pruned) and give --resume"
    )
    assert len(board["settings"]) == 1


def test_the_best_of_a_resumed_sweep_is_one_that_has_its_weights(options: Options, tmp_path: Path) -> None:
    config = "base: {epochs: 1, eval_questions: 0}\ngrid: {rank: [2, 3]}\nevaluate: {max_new_tokens: 5}\n"
    first, second = [run["name"] for run in sweep(options(config))["runs"]]
    record = tmp_path / "sweep" / "runs" / first / "run.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "pruned": True}))  # as if another metric had chosen
    shutil.rmtree(record.parent / "adapter")
    config += "best: {split: test, max_new_tokens: 4}\n"
    place = tmp_path / "sweep" / "sweep.json"
    left = json.loads(place.read_text())
    final = {"split": "test", "decoding": ["greedy"], "max_new_tokens": 4, "limit": None}
    place.write_text(json.dumps({**left, "config": {**left["config"], "best": final}}))
    after = sweep(options(config), resume=True)
    assert [run["name"] for run in after["runs"]] == [first, second]
    assert after["best"] == second


def test_events_are_in_order_and_each_run_ends_once(options: Options) -> None:
    heard: list[tuple[str, str]] = []

    class Recorder(Listener):
        def run_started(self, event: RunStarted) -> None:
            heard.append((event.run, "started"))

        def run_ended(self, event: RunEnded) -> None:
            heard.append((event.run, event.status))

        def run_scored(self, event: RunScored) -> None:
            heard.append((event.run, f"scored {event.split} {event.decoding}"))

    class Broken(Listener):
        def stepped(self, event: Stepped) -> None:
            raise ValueError(f"no {event.run}")

    notes: list[str] = []

    class Notes(Reporter):
        def note(self, text: str) -> None:
            notes.append(text)

    result = sweep(options(), listeners=[Broken(), Recorder()], reporter=Notes())
    for run in result["runs"]:
        own = [what for name, what in heard if name == run["name"]]
        assert own == ["started", "done", "scored validation greedy"]
    assert [
        note for note in notes if "Broken failed and is dropped, the runs continue: ValueError: no r2" in note
    ] == notes


def test_a_source_can_give_runs_in_batches(options: Options, tmp_path: Path) -> None:
    seen: list[list[str]] = []

    class OneByOne:
        """Propose the next rank once the last one has its score."""

        def ask(self, results: Any) -> tuple[PlannedRun, ...]:
            seen.append([run["name"] for run in results])
            assert all(run["f1"] is not None for run in results)
            if len(results) == 2:
                return ()
            rank = len(results) + 2
            return (PlannedRun(f"r{rank}", {"rank": rank}, {"rank": rank, "epochs": 1, "eval_questions": 0}),)

    result = sweep(options(), source=OneByOne())
    assert [len(names) for names in seen] == [0, 1, 2]
    assert sorted(statuses(result)) == ["r2", "r3"]
    before = adapter(tmp_path / "sweep" / "runs" / "r3")
    again = sweep(options(), source=OneByOne(), resume=True)
    assert again["runs"] == result["runs"]
    assert all(torch.equal(tensor, before[name]) for name, tensor in adapter(tmp_path / "sweep/runs/r3").items())
    assert SweepFolder.open(tmp_path / "sweep").record["fleets"] == ["01", "02"]


def test_all_problems_are_reported_before_anything_starts(options: Options, small_squad: Path, tmp_path: Path) -> None:
    bad = options("grid: {rank: [], lr: [1.0e-3, 2]}\nspeed: 3\n", halving=3, ray_address="auto")
    with pytest.raises(ConfigError) as told:
        sweep(bad.model_copy(update={"base": str(tmp_path / "nothing")}))
    text = str(told.value)
    for part in ("grid.rank", "grid.lr[1] 2", "speed", f"base='{tmp_path / 'nothing'}'", "ray_address='auto'"):
        assert part in text, part
    assert not (tmp_path / "sweep").exists()
    with pytest.raises(ConfigError, match="max_length 999: this base has 512 positions"):
        sweep(options("base: {max_length: 999}\nseeds: 2\n"))
    with pytest.raises(ConfigError, match="eval_questions is 0"):
        sweep(options(halving=2))
    blind = GRID.replace("eval_questions: 0", "train_size: 9, val_size: 0, test_size: 2") + "best: {split: test}"
    without = options(blind.replace("max_new", "split: test, max_new"), halving=2)
    with pytest.raises(ConfigError, match="halving=2: compares runs on validation questions, and there are none"):
        sweep(without.model_copy(update={"dataset": str(small_squad)}))
    with pytest.raises(ConfigError, match=r"train_size=3: .* is prepared already; leave it out"):
        sweep(options(train_size=3))
    assert not (tmp_path / "sweep").exists()


def test_options_of_data_that_are_not_used_are_noted(options: Options, monkeypatch: pytest.MonkeyPatch) -> None:
    notes: list[str] = []

    class Listener(Reporter):
        def note(self, text: str) -> None:
            notes.append(text)

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("squadron.sweeps.sweep.SweepRun", stop)
    given = options("base: {train_size: 9, val_size: 4}\ngrid: {rank: [2, 3]}\n")
    with pytest.raises(InterruptedRunError):
        sweep(given, reporter=Listener())
    assert notes == [f"dataset {given.dataset}: prepared already; of the configuration, not used: train_size, val_size"]


def test_a_killed_replacement_is_the_new_sweep_and_can_be_resumed(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = "base: {epochs: 1, eval_questions: 0}\ngrid: {rank: [2, 3]}\n"
    sweep(options(small))
    home, other = tmp_path / "sweep", options(small.replace("3", "4"))

    class Killed(BaseException):
        """Not caught by any handler, like the kill of a process."""

    def half(folder: Path, *_: object, **__: object) -> None:
        shutil.rmtree(folder / "fleets")
        (folder / "runs" / "r2" / "run.json").unlink()
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(run_folder, "remove_owned", half)
        with pytest.raises(Killed):
            sweep(other, replace=True)
    with pytest.raises(RunError, match="is being replaced; wait for it, or give the command that replaces it again"):
        sweep(other, join=True)
    assert set(statuses(sweep(other, resume=True)).values()) == {"done"}
    assert sorted(path.name for path in (home / "runs").iterdir()) == ["r2", "r4"]
    assert "replacing" not in json.loads((home / "sweep.json").read_text())


def test_a_folder_is_resumed_or_replaced_only_on_request(options: Options, tmp_path: Path) -> None:
    small = "base: {epochs: 1, eval_questions: 0}\ngrid: {rank: [2, 3]}\n"
    sweep(options(small))
    with pytest.raises(RunError, match="a sweep is there already"):
        sweep(options(small))
    with pytest.raises(RunError, match=r"grid was .* and is now"):
        sweep(options(small.replace("3", "4")), resume=True)
    result = sweep(options(small.replace("3", "4")), replace=True)
    assert sorted(statuses(result)) == ["r2", "r4"]
    assert not (tmp_path / "sweep" / "runs" / "r3").exists()
