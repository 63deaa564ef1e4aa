"""``benchmarks/gpu.py`` runs all of its code on a CPU, keeps what it has, and needs no more than a GPU machine has."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from helpers import ROOT, load_script

Cases = Callable[[], Iterator[tuple[str, Callable[[], dict[str, Any]]]]]
MakeSection = Callable[[Cases], None]
SECTIONS = ["machine", "laws", "train", "study", "peft", "decode", "profile"]
LACKING = ("pydantic", "typer", "ruamel", "altair", "vl_convert", "datasets", "trl", "typst", "optuna", "ray", "gradio")
"""Packages of Squadron's that a machine with a GPU need not have."""


@pytest.fixture(scope="module")
def gpu() -> ModuleType:
    return load_script("benchmarks/gpu.py")


@pytest.fixture
def make_section(gpu: ModuleType, monkeypatch: pytest.MonkeyPatch) -> MakeSection:
    """A function that replaces all sections by one, ``made``, with the cases that its argument returns."""

    def replace(cases: Cases) -> None:
        made = {"made": lambda _: cases()}
        monkeypatch.setattr(gpu, "SECTIONS", made)
        monkeypatch.setattr(sys.modules["gpu_sections.running"], "SECTIONS", made)

    return replace


def read(out: Path) -> dict[str, Any]:
    record: dict[str, Any] = json.loads((out / "gpu.json").read_text())
    return record


@pytest.fixture(scope="module")
def whole(gpu: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> tuple[int, Path]:
    """The exit code and the folder of a run of everything in tiny sizes."""
    out = tmp_path_factory.mktemp("gpu")
    return gpu.main(["--tiny", "--device", "cpu", "--out", str(out)]), out


def test_every_case_of_every_section_runs_and_every_law_holds(whole: tuple[int, Path]) -> None:
    code, out = whole
    sections = read(out)["sections"]
    assert list(sections) == SECTIONS
    for section, cases in sections.items():
        assert cases, section
        for name, case in cases.items():
            assert not case.keys() & {"error", "skipped"}, (section, name, case)
            assert case["case_seconds"] > 0
    for name, law in sections["laws"].items():
        assert law["holds"], (name, law)
        assert law["compared"]
    assert code == 0
    fleet, alone = sections["train"]["2 by question"], sections["train"]["1 by question"]
    assert fleet["tokens"] == alone["tokens"]
    assert 1.5 < fleet["flops"] / alone["flops"] < 2.5
    assert sections["study"]["all runs"]["runs"] == 2 * 15
    assert sections["decode"]["2, greedy"]["answered"] == 6
    assert sections["peft"]["ratio"]["study_ratio"] > 0
    assert len(sections["profile"]["step of 2"]["top"]) == 25


def test_results_are_few_small_files_without_paths(whole: tuple[int, Path]) -> None:
    files = sorted(file.name for file in whole[1].iterdir())
    assert {"gpu.json", "gpu.log", "trace.json.gz"} < set(files)
    assert len(files) <= 8
    assert all(file.stat().st_size < 1 << 24 for file in whole[1].iterdir())
    assert str(ROOT) not in (whole[1] / "gpu.json").read_text()


def test_the_table_and_the_page_have_every_section(gpu: ModuleType, whole: tuple[int, Path]) -> None:
    record = read(whole[1])
    for text in (gpu.summary(record), gpu.page(record)):
        for words in ("Laws on the device", "strategies draw as on the CPU", "2 by question", "fleet 1", "all runs"):
            assert words in text
        assert "10 of 10 laws hold" in text
        assert "its figures mean nothing" in text
    assert "Not measured" not in gpu.page(record)


def test_the_page_of_an_h100_says_which_goals_are_reached(gpu: ModuleType) -> None:
    record: dict[str, Any] = {"tiny": False, "sections": {"machine": {"card": {"name": "H100", "cores": 1}}}}
    record["sections"]["machine"]["card"] |= {"python": "3", "versions": {}}
    record["sections"]["peft"] = {"ratio": {"study_ratio": 19.0, "setting": "weights", "ms": 40.0}}
    record["sections"]["study"] = {"all runs": {"runs": 75, "seconds": 170.0, "extrapolated": True}}
    text = gpu.page(record)
    assert "| the study's 75 runs, s | at most 180 | 170.0 | yes |" in text
    assert "| the study, times as fast as peft | at least 20 | 19.0 | **no** |" in text
    assert "| greedy answers of 75 adapters to 1,000 questions, s | at most 60 |  | not measured |" in text


def test_a_case_that_fails_is_recorded_and_the_others_go_on(
    gpu: ModuleType, make_section: MakeSection, tmp_path: Path
) -> None:
    def fail() -> dict[str, Any]:
        raise ValueError("first line\nsecond line")

    cases = [("breaks", fail), ("works", lambda: {"figure": 1})]
    make_section(lambda: iter(cases))
    assert gpu.main(["--tiny", "--device", "cpu", "--out", str(tmp_path), "--sections", "made"]) == 1
    found = read(tmp_path)["sections"]["made"]
    assert found["breaks"]["error"] == "ValueError: first line"
    assert found["works"]["figure"] == 1
    log = (tmp_path / "gpu.log").read_text()
    assert "Traceback" in log
    assert "second line" in log


def test_a_run_that_was_cut_short_keeps_what_it_had_and_resumes(
    gpu: ModuleType, make_section: MakeSection, tmp_path: Path
) -> None:
    calls: list[str] = []

    def case(name: str) -> dict[str, Any]:
        calls.append(name)
        if calls == ["a", "b"]:
            raise KeyboardInterrupt
        return {"figure": len(calls)}

    make_section(lambda: ((name, functools.partial(case, name)) for name in "abc"))
    arguments = ["--tiny", "--device", "cpu", "--out", str(tmp_path), "--sections", "made"]
    with pytest.raises(KeyboardInterrupt):
        gpu.main(arguments)
    assert list(read(tmp_path)["sections"]["made"]) == ["a"]
    assert gpu.main([*arguments, "--resume"]) == 0
    assert calls == ["a", "b", "b", "c"]
    assert (tmp_path / "gpu.log").read_text().count("made: a:") == 1


def test_what_does_not_fit_in_the_time_is_left_out_with_a_note(gpu: ModuleType, tmp_path: Path) -> None:
    assert gpu.main(["--tiny", "--device", "cpu", "--out", str(tmp_path), "--budget", "0"]) == 0
    cases = [case for section in read(tmp_path)["sections"].values() for case in section.values()]
    assert len(cases) > 40
    assert all(case == {"skipped": "no time left"} for case in cases)


def test_an_unusable_device_leads_to_a_fresh_process(
    gpu: ModuleType, make_section: MakeSection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An illegal access on a GPU makes every further call of its process fail."""
    restarted: list[Any] = []

    def poison() -> dict[str, Any]:
        monkeypatch.setattr(torch, "zeros", lambda *_, **__: 1 / 0)
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    def restart(arguments: list[str]) -> None:
        restarted.append((arguments, read(tmp_path)["sections"]["made"]))
        monkeypatch.undo()

    make_section(lambda: iter([("poison", poison)]))
    monkeypatch.setattr(gpu, "restart_process", restart)
    arguments = ["--tiny", "--device", "cpu", "--out", str(tmp_path), "--sections", "made"]
    gpu.main(arguments)
    ((given, found),) = restarted
    assert given == arguments
    assert found["poison"]["error"].startswith("RuntimeError: CUDA error")


def test_it_needs_nothing_that_a_gpu_machine_lacks(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    for name in LACKING:
        (blocked / name).mkdir(parents=True)
        (blocked / name / "__init__.py").write_text(f"raise ModuleNotFoundError('blocked: {name}')\n")
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / "benchmarks" / "gpu.py"),
            "--tiny",
            "--device",
            "cpu",
            "--out",
            str(tmp_path / "out"),
            "--sections",
            "machine,train,decode",
        ],
        cwd=tmp_path,
        env={"PATH": "", "PYTHONPATH": str(blocked), "HOME": str(tmp_path), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert len(read(tmp_path / "out")["sections"]["train"]) > 10


def test_an_unknown_section_is_named(gpu: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        gpu.main(["--sections", "machine,trian"])
    assert "trian is unknown; sections are machine, laws, train" in capsys.readouterr().err


def test_the_page_matches_its_record(gpu: ModuleType) -> None:
    source = ROOT / "docs" / "gpu.json"
    record = json.loads(source.read_text()) if source.is_file() else None
    text = (ROOT / "docs" / "gpu.md").read_text()
    assert gpu.page(record) == text
    assert ("Not measured yet" in text) == (record is None)
    assert all(len(line) <= 120 or line.startswith("|") for line in text.splitlines())


def test_a_page_is_written_with_its_record(
    gpu: ModuleType, whole: tuple[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "PAGE", tmp_path / "gpu.md")
    assert gpu.main(["--page", str(whole[1] / "gpu.json")]) == 0
    assert read(tmp_path) == read(whole[1])
    assert (tmp_path / "gpu.md").read_text() == gpu.page(read(tmp_path))


@pytest.mark.parametrize(("error", "holds"), [(0.5, True), (1.0, True), (1.5, False), (float("nan"), False)])
def test_a_law_holds_if_its_error_is_allowed(gpu: ModuleType, error: float, holds: bool) -> None:
    setting = gpu.Setting(torch.device("cpu"), gpu.TINY)
    found = sys.modules["gpu_sections.laws"].judge(lambda _: [("one", 0.0, 0.0), ("two", error, 1.0)], setting)
    assert found["holds"] is holds
    assert [one["holds"] for one in found["compared"]] == [True, holds]
    json.dumps(found, allow_nan=False)
