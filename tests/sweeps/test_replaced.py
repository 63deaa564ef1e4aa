"""A sweep is replaced only while no joined process works on it, and one that comes later finds another sweep."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock

from squadron.errors import RunError
from squadron.options.sweep import SweepOptions
from squadron.runs.sweep_folder import SweepFolder
from squadron.sweeps.coordinator import RunSource, SweepRun
from squadron.sweeps.sweep import sweep

CONFIG = "base: {epochs: 1, eval_questions: 0}\ngrid: {rank: [2]}\nevaluate: {max_new_tokens: 2}\n"


@pytest.fixture(scope="module")
def made(byte_base_dir: Path, small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> SweepOptions:
    """The options of a sweep that is done."""
    home = tmp_path_factory.mktemp("replaced")
    (home / "config.yaml").write_text(CONFIG)
    given = {"base": str(byte_base_dir), "dataset": str(small_data), "out": str(home / "sweep")}
    options = SweepOptions(config=str(home / "config.yaml"), precision="fp32", fleet_size=1, **given)
    sweep(options)
    return options


@pytest.fixture
def options(made: SweepOptions, tmp_path: Path) -> SweepOptions:
    """The options of a copy of it."""
    shutil.copytree(made.out, tmp_path / "sweep")
    return made.model_copy(update={"out": str(tmp_path / "sweep")})


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files by their paths in the folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def change(path: Path, *keys: str, to: Any) -> None:
    """Change one value of a JSON file."""
    content = json.loads(path.read_text())
    place = content
    for key in keys[:-1]:
        place = place[key]
    place[keys[-1]] = to
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(("lock", "part"), [("fleets/01.lock", "fleets/01"), ("runs/r2/.lock", "runs/r2")])
def test_a_sweep_is_not_replaced_while_a_process_works_on_a_part_of_it(
    options: SweepOptions, lock: str, part: str
) -> None:
    home = Path(options.out)
    before = contents(home)
    words = (
        rf"^replace .*sweep: another process still works on {part}, maybe one that joined .*; wait for it, or stop it$"
    )
    with FileLock(home / lock), pytest.raises(RunError, match=words):
        sweep(options, replace=True)
    assert contents(home) == before


def test_a_process_that_takes_a_part_meanwhile_stops_the_replacement(options: SweepOptions) -> None:
    home = Path(options.out)
    config: dict[str, Any] = {}
    fresh = SweepFolder.create(home, config, kind="sweep", resume=False, replace=True, may_differ=set())
    before = contents(home)
    with FileLock(home / "fleets" / "01.lock"), pytest.raises(RunError, match="still works on fleets/01"):
        fresh.begin()
    assert contents(home) == before
    assert fresh.replaces
    fresh.begin()
    assert sorted(path.name for path in home.iterdir()) == [".lock", "sweep.json"]
    fresh.release()


@pytest.mark.parametrize(
    ("keys", "value"), [(("config", "base_options", "epochs"), 9), (("data", "train", "sha256"), "9" * 64)]
)
def test_a_joined_process_does_not_work_on_the_sweep_that_replaced_its_own(
    options: SweepOptions, monkeypatch: pytest.MonkeyPatch, keys: tuple[str, ...], value: Any
) -> None:
    home, join = Path(options.out), SweepRun.join

    def late(self: SweepRun, source: RunSource) -> dict[str, Any]:
        change(home / "sweep.json", *keys, to=value)
        shutil.rmtree(home / "runs")
        return join(self, source)

    monkeypatch.setattr(SweepRun, "join", late)
    with pytest.raises(RunError, match=r"^join .*: it has another sweep, or other data, by now than when this process"):
        sweep(options, join=True)
    assert not (home / "runs").exists()


@pytest.mark.parametrize(
    ("keys", "value", "words"),
    [
        (("config", "lr"), 9.0, r"lr was 9\.0 and is now 0\.\d+"),
        (("data", "train", "sha256"), "9" * 64, "the sha256 of train was 9{64}, is [0-9a-f]{64}"),
    ],
)
def test_a_run_that_ended_in_another_sweep_is_not_taken_for_one_of_this(
    options: SweepOptions, keys: tuple[str, ...], value: Any, words: str
) -> None:
    run = Path(options.out) / "runs" / "r2"
    change(run / "run.json", *keys, to=value)
    before = contents(run)
    with pytest.raises(RunError, match=rf"r2: .*{words}, so it is not a run of this sweep; remove it, and give the"):
        sweep(options, resume=True)
    assert contents(run) == before
    shutil.rmtree(run)
    assert sweep(options, resume=True)["status"] == "done"
