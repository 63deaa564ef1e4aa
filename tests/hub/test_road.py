"""The whole road from the hub: prepare, train, evaluate, export, load back; and the same once the hub has moved on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hub_fixtures import SQUAD, base_files, squad_files
from loopback_hub import Hub
from squadron.cli.main import main
from squadron.model.checkpoint import load_base, random_model, save_model
from squadron.model.config import read_config
from squadron.options.base import checked
from squadron.options.sweep import ReproduceOptions
from squadron.reporting.report import write_report

GPT2 = "openai-community/gpt2"


def run(*words: object) -> None:
    """Run a command, which must succeed."""
    with pytest.raises(SystemExit) as ended:
        main([*map(str, words), "--device", "cpu"])
    assert ended.value.code == 0


def read(path: Path) -> Any:
    return json.loads(path.read_text())


def test_prepare_train_evaluate_export_and_load_back_also_when_the_hub_moves_on(
    hub: Hub, byte_base_dir: Path, small_squad: Path, tmp_path: Path
) -> None:
    base_commit = hub.put("models", GPT2, base_files(byte_base_dir))
    data_commit = hub.put("datasets", SQUAD, squad_files(small_squad))
    hub.fail("GET /cdn", times=2, cut=200, reset=True)
    data, one, merged = tmp_path / "data", tmp_path / "one", tmp_path / "merged"
    run(
        "prepare",
        "--dataset",
        "squad",
        "--train-size",
        "all",
        "--val-size",
        6,
        "--test-split",
        "official",
        "--out",
        data,
    )
    fast = ["--epochs", 1, "--eval-questions", 0, "--max-steps", 2, "--precision", "fp32"]
    run("train", "--base", "gpt2", "--data", data, "--out", one, *fast)
    record = read(one / "run.json")
    assert record["base"]["hub"] == {"id": GPT2, "commit": base_commit}
    assert record["data"]["train"]["hub"]["commit"] == data_commit

    save_model(random_model(read_config(byte_base_dir / "config.json"), seed=7), tmp_path / "newer")
    hub.put("models", GPT2, base_files(byte_base_dir) | base_files(tmp_path / "newer"))
    assert load_base("gpt2").sha256 != record["base"]["sha256"]
    run("evaluate", one, "--split", "test", "--max-new-tokens", 3)
    assert read(one / "scores.json")["questions"] == 9
    run("train", "--base", "gpt2", "--data", data, "--out", one, *fast, "--resume")
    run("export", one, "--to", "merged", "--out", merged)
    exported = load_base(str(merged))
    run("evaluate", "--base", merged, "--data", data, "--max-new-tokens", 3)
    assert exported.model.config == load_base("gpt2").model.config

    sent = len(hub.log)
    run("evaluate", one, "--max-new-tokens", 3, "--offline")
    assert len(hub.log) == sent
    # On another machine the commit comes from the hub.
    (tmp_path / "cache").rename(tmp_path / "elsewhere")
    run("evaluate", one, "--max-new-tokens", 3)
    assert any(base_commit in asked.path for asked in hub.log[sent:])


def test_scores_on_other_data_stand_beside_the_runs_own(
    byte_base_dir: Path, small_data: Path, small_squad: Path, tmp_path: Path
) -> None:
    one, other = tmp_path / "one", tmp_path / "other"
    run(
        "prepare",
        "--dataset",
        small_squad,
        "--train-size",
        9,
        "--val-size",
        4,
        "--test-size",
        3,
        "--seed",
        5,
        "--out",
        other,
    )
    run("train", "--base", byte_base_dir, "--data", small_data, "--out", one, "--max-steps", 1, "--eval-questions", 0)
    short = ["--max-new-tokens", 3]
    run("evaluate", one, *short)
    own, answers = read(one / "scores.json"), (one / "predictions" / "greedy.json").read_bytes()
    run("evaluate", one, "--data", other, *short)
    run("evaluate", one, "--data", other, "--split", "test", *short)
    run("evaluate", one, "--data", small_squad, *short)
    now = read(one / "scores.json")
    assert now["splits"]["validation"] == own["splits"]["validation"]
    assert {key: value for key, value in now.items() if key != "splits"} == {
        key: value for key, value in own.items() if key != "splits"
    }
    assert {
        name: len(read(one / "predictions" / f"greedy{end}.json"))
        for name, end in (
            ("validation", ""),
            ("other", ".other.validation"),
            ("test", ".other.test"),
            ("file", ".small"),
        )
    } == {"validation": 9, "other": 4, "test": 3, "file": 36}
    assert (one / "predictions" / "greedy.json").read_bytes() == answers
    run("evaluate", one, "--data", small_data, *short)  # its own data, by its name
    assert set(read(one / "scores.json")["splits"]) == {"validation", "other.validation", "other.test", "small.json"}


def test_a_study_keeps_to_its_commits_and_its_report_tells_them(
    hub: Hub, byte_base_dir: Path, small_squad: Path, tmp_path: Path
) -> None:
    base_commit = hub.put("models", GPT2, base_files(byte_base_dir))
    data_commit = hub.put("datasets", SQUAD, squad_files(small_squad))
    more = "base: {epochs: 1, eval_questions: 0, val_size: 4, train_size: 3, test_size: 2}\n"
    more += "evaluate: {max_new_tokens: 2}\n"
    (tmp_path / "one.yaml").write_text(more + "grid: {rank: [2]}\n")
    (tmp_path / "two.yaml").write_text(more + "grid: {rank: [2, 3]}\n")
    out = tmp_path / "study"
    words = ["--base", "gpt2", "--dataset", "squad", "--train-size", "all", "--test-split", "official", "--out", out]
    words += ["--precision", "fp32", "--fleet-size", 1]
    run("sweep", tmp_path / "one.yaml", *words)
    splits = read(out / "data" / "data.json")["splits"]
    # The four questions for validation end within a paragraph: the others on it are not for training.
    assert {name: one["questions"] for name, one in splits.items()} == {"train": 21, "validation": 4, "test": 9}
    save_model(random_model(read_config(byte_base_dir / "config.json"), seed=7), tmp_path / "newer")
    newest = hub.put("models", GPT2, base_files(byte_base_dir) | base_files(tmp_path / "newer"))
    run("sweep", tmp_path / "two.yaml", *words, "--resume")
    assert not any(newest in asked.path for asked in hub.log)  # nothing of it is fetched, not even to be checked
    for name in ("r2", "r3"):
        assert read(out / "runs" / name / "run.json")["base"]["hub"]["commit"] == base_commit
    report = write_report(out, lang="en", format="html").read_text()
    assert base_commit in report
    assert data_commit in report


def test_reproduce_takes_the_official_protocol() -> None:
    given = {"base": "gpt2", "dataset": "squad", "out": "study", "preset": "paper", "train_size": "all"}
    options = checked(ReproduceOptions, {**given, "test_split": "official"})
    assert (options.train_size, options.test_size, options.test_split) == ("all", "all", "official")
    assert checked(ReproduceOptions, given).test_size is None


def test_a_run_on_revisions_records_their_commits_and_opens_them_again(
    hub: Hub, byte_base_dir: Path, small_squad: Path, tmp_path: Path
) -> None:
    base_commit = hub.put("models", "me/tiny", base_files(byte_base_dir), "v1")
    hub.put("models", "me/tiny", {"README.md": "nothing is on main"})
    data_commit = hub.put("datasets", SQUAD, squad_files(small_squad))
    hub.put("datasets", SQUAD, squad_files(small_squad, validation=20))
    data, one = tmp_path / "data", tmp_path / "one"
    sizes = ["--train-size", 8, "--val-size", 4, "--test-size", 2]
    run("prepare", "--dataset", f"squad@{data_commit}", *sizes, "--out", data)
    fast = ["--max-steps", 1, "--eval-questions", 0, "--precision", "fp32"]
    run("train", "--base", "me/tiny@v1", "--data", data, "--out", one, *fast)
    record = read(one / "run.json")
    assert record["base"]["hub"] == {"id": "me/tiny", "commit": base_commit, "revision": "v1"}
    assert record["data"]["train"]["hub"]["commit"] == record["data"]["train"]["hub"]["revision"] == data_commit
    hub.put("models", "me/tiny", {"README.md": "the tag has moved"}, "v1")
    run("evaluate", one, "--max-new-tokens", 2)
