"""A run may be moved, copied, renamed or opened from elsewhere, and so may its base and its data."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from squadron.errors import ModelError, RunError
from squadron.experiments.ask import ask
from squadron.experiments.evaluate import evaluate
from squadron.experiments.export import export
from squadron.experiments.playground import Playground
from squadron.experiments.train import train
from squadron.files import sha256_file
from squadron.model import hub
from squadron.model.checkpoint import random_model, save_model
from squadron.model.config import read_config
from squadron.model.tokenizer import load_tokenizer
from squadron.options.base import checked
from squadron.options.core import AskOptions, EvaluateOptions, ExportOptions, PlaygroundOptions, TrainOptions
from squadron.options.runs import RunsCompareOptions
from squadron.runs.compare import compare_runs
from squadron.runs.places import find_data
from squadron.runs.study import read_study
from squadron.tracking.progress import Reporter

FAST: dict[str, Any] = {"precision": "fp32", "eval_questions": 0, "epochs": 1}


@pytest.fixture(autouse=True)
def asked_of_the_hub(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Record every name that is asked of the hub; the local cache is empty."""
    asked: list[str] = []

    def snapshot(_: str, name: str, *, subject: str, offline: bool) -> None:
        if not offline:
            asked.append(name)
        raise ModelError(f"{subject}: the hub did not give it")

    monkeypatch.setattr(hub, "open_snapshot", snapshot)
    return asked


@pytest.fixture
def home(byte_base_dir: Path, small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a base and data."""
    home = tmp_path / "home"
    shutil.copytree(byte_base_dir, home / "models" / "base")
    shutil.copytree(small_data, home / "data")
    (tmp_path / "context.txt").write_text("It was built in 1932.")
    monkeypatch.chdir(home)
    return home


class Notes(Reporter):
    """Keeps the lines that the user is shown."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def trained(out: str = "runs/one", *, base: str = "models/base", data: str = "data", **more: Any) -> Path:
    train(TrainOptions(base=base, data=data, out=out, **{**FAST, "max_steps": 1, **more}))
    return Path(out)


def f1(run: Path, **more: Any) -> float:
    options = {"run": str(run), "precision": "fp32", "limit": 2, "max_new_tokens": 2, **more}
    return float(evaluate(checked(EvaluateOptions, options))["f1"])


def record(run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((run / "run.json").read_text())
    return found


def make_old(run: Path, **config: str) -> None:
    """Rewrite a record as older versions wrote it, with relative paths."""
    content = record(run)
    content["config"] |= config
    content["base"] |= {"name": content["config"]["base"]}
    content["base"].pop("local", None)
    (run / "run.json").write_text(json.dumps(content))


def another_base(like: Path, folder: Path) -> Path:
    shutil.copytree(like, folder)
    save_model(random_model(read_config(like / "config.json"), seed=99), folder)
    return folder


def test_records_hold_absolute_paths_and_pocket_as_it_is_typed(home: Path) -> None:
    run = trained()
    assert record(run)["config"]["base"] == record(run)["base"]["name"] == str(home / "models" / "base")
    assert record(run)["config"]["data"] == str(home / "data")
    assert trained("two", base="models/../models/base", data="../home/data").is_dir()
    assert record(Path("two"))["config"]["data"] == str(home / "data")
    assert record(Path("two"))["config"]["base"] == str(home / "models" / "base")
    pocket = trained("three", base="pocket")
    assert record(pocket)["config"]["base"] == record(pocket)["base"]["name"] == "pocket"
    alone = {"base": "models/base", "data": "data", "limit": 1, "max_new_tokens": 1}
    assert evaluate(checked(EvaluateOptions, alone))["base"] == str(home / "models" / "base")


@pytest.mark.usefixtures("home")
def test_a_run_is_moved_renamed_and_copied_and_opened_from_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained()
    before = f1(run)
    shutil.copytree(run, tmp_path / "copy")
    run.rename(tmp_path / "renamed")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    for place in (tmp_path / "renamed", Path("../copy")):
        assert f1(place) == before
        question = {"question": "When?", "context": "../context.txt", "decoding": "greedy", "max_new_tokens": 1}
        assert len(ask(checked(AskOptions, {"run": str(place), **question}))["answers"]) == 1
        export(ExportOptions(run=str(place), out=str(tmp_path / f"{place.name}-exported"), to="merged"))
    compared = RunsCompareOptions(first=str(tmp_path / "renamed"), second="../copy")
    assert compare_runs(compared)["first"]["f1"] == pytest.approx(before)


def test_a_base_that_is_gone_is_one_line_and_never_asked_of_the_hub(
    home: Path, tmp_path: Path, asked_of_the_hub: list[str]
) -> None:
    run, old = trained(), trained("runs/old")
    make_old(old, base="models/base", data="data")
    (home / "models").rename(home / "elsewhere")
    question = {"question": "When?", "context": str(tmp_path / "context.txt")}
    for place, named in ((run, str(home / "models" / "base")), (old, "models/base")):
        problem = f"{place}: was trained on the base {named}, which is not there any more; say where it is now with "
        for call in (
            lambda run=place: f1(run),
            lambda run=place: export(ExportOptions(run=str(run), out=str(tmp_path / "out"))),
            lambda run=place: ask(checked(AskOptions, {"run": str(run), **question})),
        ):
            with pytest.raises(RunError) as told:
                call()
            assert str(told.value) == problem + "base='DIR'"
            assert told.value.for_command_line() == problem + "--base DIR"
    assert asked_of_the_hub == []


@pytest.mark.usefixtures("home")
def test_a_name_of_the_hub_is_still_asked_of_it(asked_of_the_hub: list[str]) -> None:
    run = trained()
    content = record(run)
    content["config"]["base"], content["base"]["local"] = "owner/name", False
    (run / "run.json").write_text(json.dumps(content))
    with pytest.raises(Exception, match="the hub did not give it"):
        f1(run)
    assert asked_of_the_hub == ["owner/name"]


def test_base_says_where_a_moved_base_is_and_its_checksum_decides(home: Path, tmp_path: Path) -> None:
    run = trained()
    full = trained("runs/full", method="full", lr=1e-3)
    before = f1(run)
    (home / "models" / "base").rename(tmp_path / "moved")
    other = another_base(tmp_path / "moved", tmp_path / "other")
    hashes = [sha256_file(folder / "model.safetensors")[:12] for folder in (tmp_path / "moved", other)]
    assert f1(run, base="../moved") == before
    f1(full, base="../moved")
    refused = f"was trained on another base than .*other.*{hashes[0]}.*{hashes[1]}.*say where it is with base="
    for one in (run, full):
        with pytest.raises(RunError, match=refused):
            f1(one, base=str(other))
    export(ExportOptions(run=str(run), out="exported", base="../moved", to="merged"))
    with pytest.raises(RunError, match=refused):
        export(ExportOptions(run=str(run), out="exported-too", base=str(other)))
    question = {"question": "When?", "context": str(tmp_path / "context.txt"), "decoding": "greedy"}
    asked = ask(checked(AskOptions, {"run": str(run), "base": "../moved", "max_new_tokens": 1, **question}))
    assert [answer["model"] for answer in asked["answers"]] == ["../moved", str(run)]
    with pytest.raises(RunError, match=refused):
        ask(checked(AskOptions, {"run": str(run), "base": str(other), **question}))
    playground = Playground(PlaygroundOptions(runs=(str(run),), base="../moved", precision="fp32"))
    assert [(choice.base, choice.run) for choice in playground.choices()] == [
        (str(tmp_path / "moved"), None),
        (str(tmp_path / "moved"), run),
    ]


def test_data_that_is_gone_is_one_line_and_data_says_where_it_is(home: Path, tmp_path: Path) -> None:
    run = trained()
    before = f1(run)
    (home / "data").rename(tmp_path / "moved")
    with pytest.raises(RunError, match=f"was trained on the data {home / 'data'}, which is not there any more; say"):
        f1(run)
    assert f1(run, data="../moved") == before


def test_old_relative_paths_are_tried_from_the_current_folder_and_from_beside_the_run(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = trained("one")
    make_old(run, base="models/base", data="data")
    before = f1(run)
    monkeypatch.chdir(tmp_path)
    assert f1(home / "one") == before
    # What has these names in the current folder is something else: the checksum decides.
    another_base(home / "models" / "base", tmp_path / "models" / "base")
    (tmp_path / "data").mkdir()
    assert f1(home / "one") == before


def test_a_resumed_run_compares_base_and_data_by_their_checksums(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained("whole", max_steps=3)
    run = trained()
    make_old(run, base="models/base", data="data")
    (home / "models" / "base").rename(tmp_path / "moved-base")
    (home / "data").rename(tmp_path / "moved-data")
    run.rename(tmp_path / "renamed")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    places = {"base": "../moved-base", "data": "../moved-data", "out": "../renamed"}
    other = another_base(tmp_path / "moved-base", tmp_path / "other")
    before = (tmp_path / "renamed" / "run.json").read_bytes()
    with pytest.raises(RunError, match=r"resume .*renamed: base: its sha256 was \w+, is \w+"):
        train(TrainOptions(**{**FAST, **places, "base": str(other), "max_steps": 3}), resume=True)
    assert (tmp_path / "renamed" / "run.json").read_bytes() == before
    summary = train(TrainOptions(**{**FAST, **places, "max_steps": 3}), resume=True)
    assert summary["steps"] == 3
    assert record(tmp_path / "renamed")["config"]["base"] == str(tmp_path / "moved-base")
    for name in ("metrics.jsonl", "last/adapter_model.safetensors"):
        assert (tmp_path / "renamed" / name).read_bytes() == (home / "whole" / name).read_bytes()


@pytest.mark.usefixtures("home")
def test_a_run_moved_together_with_its_base_and_data_opens_and_says_where_they_are(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked_of_the_hub: list[str]
) -> None:
    run = trained()
    f1(run)
    before = f1(run)
    (tmp_path / "far").mkdir()
    moved = home.rename(tmp_path / "far" / "new-home")
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    place = moved / "runs" / "one"
    base = (
        f"{place}: {home / 'models' / 'base'} is not there any more; {moved / 'models' / 'base'} is the same, "
        "by its sha256, and is used"
    )
    data = f"{place}: {home / 'data'} is not there any more; {moved / 'data'} is the same, by its sha256, and is used"
    reporter = Notes()
    found = {"run": str(place), "precision": "fp32", "limit": 2, "max_new_tokens": 2}
    assert evaluate(checked(EvaluateOptions, found), reporter=reporter)["f1"] == before
    assert reporter.notes[:2] == [base, data]
    told: list[str] = []
    question = {"question": "When?", "context": str(tmp_path / "context.txt"), "decoding": "greedy"}
    ask(checked(AskOptions, {"run": str(place), "max_new_tokens": 1, **question}), tell=told.append)
    exporting = Notes()
    export(ExportOptions(run=str(place), out=str(tmp_path / "exported"), to="merged"), reporter=exporting)
    told += exporting.notes
    shutil.copytree(place, moved / "runs" / "two")
    compare_runs(RunsCompareOptions(first=str(place), second=str(moved / "runs" / "two")), tell=told.append)
    assert told == [base, base, data]
    assert read_study(place, tell=told.append).data.path == moved / "data"
    assert told[3:] == [data]
    assert Playground(PlaygroundOptions(runs=(str(place),), precision="fp32")).choices()[1].run == place
    assert asked_of_the_hub == []


def test_what_only_has_the_same_name_is_not_taken_for_what_was_moved(home: Path, tmp_path: Path) -> None:
    run = trained()
    moved = home.rename(tmp_path / "new-home")
    place = moved / run
    (moved / "models" / "base").rename(tmp_path / "old-base")
    another_base(tmp_path / "old-base", moved / "models" / "base")
    with pytest.raises(RunError, match=f"base {home / 'models' / 'base'}, which is not there any more; say where"):
        f1(place)
    (moved / "data" / "data.json").write_text("{}")
    with pytest.raises(RunError, match=f"the data {home / 'data'}, which is not there any more; say where it is now"):
        f1(place, base=str(tmp_path / "old-base"))
    assert read_study(place).data.path is None


def test_a_plain_file_of_questions_is_found_by_its_checksum(home: Path, tmp_path: Path) -> None:
    shutil.copy(home / "data" / "train.json", home / "questions.json")
    run = trained(data="questions.json")
    sha256 = record(run)["data"]["train"]["sha256"]
    moved = home.rename(tmp_path / "new-home")
    told: list[str] = []
    assert find_data(moved / run, {**record(moved / run)}, tell=told.append) == str(moved / "questions.json")
    assert (len(told), sha256) == (1, sha256_file(moved / "questions.json"))
    (moved / "questions.json").write_text("[]")
    with pytest.raises(RunError, match="which is not there any more"):
        find_data(moved / run, record(moved / run))


def test_a_record_names_the_end_token_of_the_base(home: Path) -> None:
    assert record(trained())["base"]["end_token"] == load_tokenizer(home / "models" / "base").eos
