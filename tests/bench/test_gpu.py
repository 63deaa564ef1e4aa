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

from helpers import ROOT, load_script, random_examples
from squadron.data.trees import build_trees, pack_trees

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


@pytest.mark.usefixtures("gpu")
def test_the_rows_of_peft_are_whole_questions() -> None:
    """With EOS, which Squadron's batch has as a target alone, and with the opening that its branches share."""
    examples = random_examples(60, paragraphs=2, questions=3, seed=3)
    rows = sys.modules["gpu_sections.peers"].padded(pack_trees(build_trees(examples)))
    for own, tokens, labels in zip(examples, rows["input_ids"].tolist(), rows["labels"].tolist(), strict=True):
        path = [*own.context, *own.branch.question, *own.branch.answer]
        assert tokens == path + [0] * (len(tokens) - len(path))
        before = [-100] * (own.length - len(own.branch.answer))
        assert labels == [*before, *own.branch.answer] + [-100] * (len(labels) - own.length)
    assert rows["attention_mask"].sum(1).tolist() == [own.length for own in examples]


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
    for text in (gpu.summary(record), gpu.page([record])):
        for words in ("Laws on the device", "strategies draw as on the CPU", "2 by question", "fleet 1", "all runs"):
            assert words in text
        assert "10 of 10 laws hold" in text
        assert "its figures mean nothing" in text
    assert "Not measured" not in gpu.page([record])


def test_the_page_of_an_h100_says_which_goals_are_reached(gpu: ModuleType) -> None:
    record: dict[str, Any] = {"tiny": False, "sections": {"machine": {"card": {"name": "H100", "cores": 1}}}}
    record["sections"]["machine"]["card"] |= {"python": "3", "versions": {}}
    record["sections"]["peft"] = {"ratio": {"study_ratio": 19.0, "setting": "weights", "ms": 40.0}}
    record["sections"]["study"] = {"all runs": {"runs": 75, "seconds": 170.0, "extrapolated": True}}
    text = gpu.page([record])
    assert "| the study's 75 runs, s | at most 180 | 170.0: yes |" in text
    assert "| the study, times as fast as peft | at least 20 | 19.0: **no** |" in text
    assert "| greedy answers of 75 adapters to 1,000 questions, s | at most 60 | not measured |" in text


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


def made(card: str, **sections: dict[str, Any]) -> dict[str, Any]:
    """Return a record of ``card`` with these sections."""
    machine = {"card": {"name": card, "cores": 1, "python": "3", "versions": {}}}
    return {"tiny": False, "sections": {"machine": machine, **sections}}


def with_times(*, greedy: float) -> dict[str, Any]:
    """Return a record of an H200 whose run left out the comparison with peft."""
    train = {
        f"{size} by question{how}": {
            "adapters": size,
            "ms": ms,
            "mean_ms": ms,
            "calls": 20,
            "tokens": 1000,
            "share": 0.5,
            "peak_bytes": 1 << 30,
        }
        for size, how, ms in ((75, "", 100.0), (75, ", batches 4 x 2", 125.0), (1, "", 3.0))
    }
    fleet = {"runs": 75, "steps": 1000, "seconds": 150.0, "extrapolated": True, "calls": 9}
    peft = {
        "bf16 weights, 4 x 2": {"ms": 60.0, "calls": 20, "peak_bytes": 1},
        "bf16 autocast, 4 x 2": {"ms": 50.0, "calls": 20, "peak_bytes": 1},
        "bf16 weights, 8 x 1": {"ms": 10.0, "calls": 20, "peak_bytes": 1},
        "ratio": {"skipped": "no time left"},
    }
    decode = {"questions": 1000, "answered": 1000, "seconds": greedy, "answers_per_second": 1.0}
    decode |= {"tokens_per_answer": 32.0, "peak_bytes": 1}
    return made(
        "NVIDIA H200",
        train=train,
        study={"fleet 1": fleet, "all runs": {"runs": 75, "seconds": 150.0, "extrapolated": True}},
        peft=peft,
        decode={"75, greedy": decode},
    )


def test_the_comparison_with_peft_is_computed_from_a_record_that_lacks_it(gpu: ModuleType) -> None:
    record = with_times(greedy=14.0)
    before = json.dumps(record)
    text = gpu.page([record])
    assert "| the study, times as fast as peft | at least 20 | 25.0: yes |" in text  # 75 runs x 1,000 steps x 50 ms
    flat = " ".join(text.split())
    assert "bf16 autocast, 4 x 2 (50.0 ms a step): the largest fleet's step is 37.5 times as fast" in flat
    assert "in the same micro-batches of 4 x 2, 30.0 times" in flat
    assert "These ratios were computed later" in flat
    assert json.dumps(record) == before
    assert "25.0 times" in gpu.summary(record)
    del record["sections"]["study"]
    assert "| the study, times as fast as peft | at least 20 | not measured |" in gpu.page([record])
    record["sections"]["peft"] = {"bf16 weights, 4 x 2": {"error": "RuntimeError: out"}, "ratio": {"skipped": "no"}}
    assert "Compared with" not in gpu.page([record])


def test_a_page_of_two_cards_has_both_and_judges_each(gpu: ModuleType) -> None:
    first, second = with_times(greedy=14.0), with_times(greedy=90.0)
    first["remarks"] = {"run": ["One remark."], "decode": ["A remark of decoding."]}
    second["sections"]["machine"]["card"]["name"] = "NVIDIA H100 80GB HBM3"
    second["engine"] = "an earlier engine"
    text = gpu.page([first, second])
    assert "| goal | limit | NVIDIA H200 | NVIDIA H100 80GB HBM3, an earlier engine |" in text
    goal = "greedy answers of 75 adapters to 1,000 questions, s | at most 60"
    assert f"| {goal} | 14.0: yes | 90.0: **no** |" in text
    parts = text.split("\n## ")
    assert [part.splitlines()[0] for part in parts[1:4]] == [
        "Goals",
        "NVIDIA H200",
        "NVIDIA H100 80GB HBM3, an earlier engine",
    ]
    assert "- One remark." in parts[2]
    assert "- A remark of decoding." in parts[2].split("### Decoding")[1]
    assert "remark" not in parts[3]


def test_a_law_that_did_not_run_says_why_and_the_nearest_figure_stands_for_the_others(gpu: ModuleType) -> None:
    compared = [
        {"compared": "one", "error": 0.0, "allowed": 0.0, "holds": True},
        {"compared": "two", "error": 0.5, "allowed": 1.0, "holds": True},
        {"compared": "three", "error": 0.9, "allowed": 10.0, "holds": True},
    ]
    laws = {
        "first": {"holds": True, "compared": compared},
        "second": {"holds": False, "compared": [*compared, {**compared[0], "error": "nan", "holds": False}]},
        "third": {"error": "AssertionError: never called"},
        "fourth": {"skipped": "no time left"},
    }
    text = gpu.page([made("a card", laws=laws)])
    assert "| first | yes | 3 | two | 0.5 | 1 |" in text
    assert "| second | **no** | 4 | one | nan | 0 |" in text
    assert "| third | **did not run** |  | AssertionError: never called |  |  |" in text
    assert "| fourth | not checked |  | no time left |  |  |" in text
    assert "1 of 3 laws hold; 1 did not run." in text


def test_the_page_matches_its_records(gpu: ModuleType) -> None:
    docs = ROOT / "docs"
    sources = [*docs.glob("gpu.json"), *sorted(docs.glob("gpu-*.json"))]
    records = [json.loads(source.read_text()) for source in sources]
    text = (docs / "gpu.md").read_text()
    assert gpu.page(records) == text
    assert ("Not measured yet" in text) == (not records)
    assert all(len(line) <= 120 or line.startswith("|") for line in text.splitlines())


def test_a_page_is_written_with_its_records(
    gpu: ModuleType, whole: tuple[int, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "PAGE", tmp_path / "gpu.md")
    own = str(whole[1] / "gpu.json")
    assert gpu.main(["--page", own]) == 0
    assert read(tmp_path) == read(whole[1])
    assert (tmp_path / "gpu.md").read_text() == gpu.page([read(tmp_path)])
    other, third = tmp_path / "other.json", tmp_path / "third.json"
    other.write_text(json.dumps(made("NVIDIA H100 80GB HBM3")))
    third.write_text(json.dumps(made("NVIDIA H100 PCIe")))
    assert gpu.main(["--page", own, str(other)]) == 0
    assert json.loads((tmp_path / "gpu-h100.json").read_text()) == json.loads(other.read_text())
    assert "## NVIDIA H100 80GB HBM3" in (tmp_path / "gpu.md").read_text()
    before = (tmp_path / "gpu.md").read_bytes()
    with pytest.raises(gpu.DataError, match="two records beside the first are of one card"):
        gpu.main(["--page", own, str(other), str(third)])
    assert (tmp_path / "gpu.md").read_bytes() == before
    assert gpu.main(["--page", "none"]) == 0
    assert "Not measured yet" in (tmp_path / "gpu.md").read_text()


@pytest.mark.parametrize(("error", "holds"), [(0.5, True), (1.0, True), (1.5, False), (float("nan"), False)])
def test_a_law_holds_if_its_error_is_allowed(gpu: ModuleType, error: float, holds: bool) -> None:
    setting = gpu.Setting(torch.device("cpu"), gpu.TINY)
    found = sys.modules["gpu_sections.laws"].judge(lambda _: [("one", 0.0, 0.0), ("two", error, 1.0)], setting)
    assert found["holds"] is holds
    assert [one["holds"] for one in found["compared"]] == [True, holds]
    json.dumps(found, allow_nan=False)
