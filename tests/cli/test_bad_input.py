"""User errors: one line on standard error that names the cause, exit code 2, and no data lost."""

from __future__ import annotations

import json
import lzma
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from safetensors import SafetensorError

from squadron import files
from squadron.cli.output import Console, guarded


def complaint(outcome: Any, words: str, code: int = 2) -> None:
    assert outcome.code == code, outcome
    assert outcome.out == ""
    *before, last = outcome.err.splitlines()
    assert last.startswith("squadron: error: ")
    assert re.search(words, last), outcome.err
    assert all(line.startswith("step ") for line in before), before  # only progress


def folder_state(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def train(squadron: Any, byte_base_dir: Path, small_data: Path, tmp_path: Path) -> Any:
    """``train("--rank", 0)`` trains a few steps into ``tmp_path / "run"``."""

    def call(*arguments: object) -> Any:
        return squadron(
            *("train", "--base", byte_base_dir, "--data", small_data, "--out", tmp_path / "run", "--max-steps", 2),
            *("--precision", "fp32", "--eval-questions", 0, *arguments),
        )

    return call


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"question,answer\n", r"not JSON \(line 1, column 1"),
        (lzma.compress(b'{"version": "1.1", "data": []}' * 50)[:-20], "truncated or damaged"),
        (b'{"version": "1.1"}', "data is missing; a list is expected"),
        (b"", "the file is empty"),
    ],
)
def test_files_that_are_not_squad(squadron: Any, content: bytes, words: str, tmp_path: Path) -> None:
    source, out = tmp_path / "source.json.xz", tmp_path / "out"
    source.write_bytes(content)
    outcome = squadron("prepare", "--dataset", source, "--out", out)
    complaint(outcome, words)
    assert str(source) in outcome.err
    assert list(tmp_path.iterdir()) == [source]


def test_bad_rows_are_set_aside_counted_and_listed(squadron: Any, small_squad: Path, tmp_path: Path) -> None:
    content = json.loads(small_squad.read_text())
    paragraphs = [paragraph for article in content["data"] for paragraph in article["paragraphs"]]
    paragraphs[0]["qas"][0]["answers"] = []
    paragraphs[1]["qas"][0]["answers"][0]["text"] = "Nowhere"
    paragraphs[2]["qas"][0]["id"] = paragraphs[2]["qas"][1]["id"]
    paragraphs[3]["qas"][0]["question"] = ""
    paragraphs[4]["qas"][0]["question"] = "Which\x00town?"
    paragraphs[5]["context"] = "x" * 2**20
    # These are repaired, not rejected: a control character, Windows line ends, another normal form.
    paragraphs[6]["context"] = paragraphs[6]["context"].replace(". ", ".\r\n") + " Café."
    paragraphs[6]["qas"][0]["answers"] = [{"text": "Cafe\u0301", "answer_start": 0}]
    source = tmp_path / "source.json"
    source.write_bytes(json.dumps(content, indent=1).replace("\n", "\r\n").encode())
    sizes = ("--train-size", 20, "--val-size", 5, "--test-size", 3)
    prepared = squadron("prepare", "--dataset", source, "--out", tmp_path / "out", *sizes, "--json")
    assert prepared.code == 0, prepared.err
    assert prepared.record["questions"] == 36 - 4 - 3
    words = [
        "answers: empty",
        "'Nowhere' is not in the context",
        "id: already used",
        "question: empty",
        *["1,048,576 characters"] * 3,
    ]
    assert len(prepared.record["set_aside"]) == len(words)
    for finding, word in zip(prepared.record["set_aside"], words, strict=True):
        assert re.search(word, finding), finding
        assert "article 'Article" in finding
    # The line ends shift the answers after them by one character.
    words = ["control characters", "written as the context has it", "starts at 53, not 52"]
    for finding, word in zip(prepared.record["repaired"], words, strict=True):
        assert word in finding, finding
    manifest = json.loads((tmp_path / "out" / "data.json").read_text())
    assert manifest["set_aside"] == prepared.record["set_aside"]
    complaint(
        squadron("prepare", "--dataset", source, "--out", tmp_path / "strict", *sizes, "--strict"), "answers: empty"
    )
    assert not (tmp_path / "strict").exists()


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("prepare --out out --dataset suqad", r"--dataset suqad: no such file \(did you mean squad\?\); give a SQuAD "),
        ("prepare --out out --dataset folder", "--dataset folder: a folder; give a data file"),
        ("score none.json nowhere", "DATA nowhere: no such file; give a SQuAD file"),
        ("score none.json folder", "DATA folder: a folder; give a data file"),
        ("score none.json squad --offline", "DATA squad: no such file here, and squad is not .* run the same command"),
    ],
)
@pytest.mark.usefixtures("hub")
def test_data_that_is_not_there_is_named_as_it_was_given(
    squadron: Any, command: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    complaint(squadron(*command.split()), f"error: {words}")


def test_splits_larger_than_the_data(squadron: Any, small_squad: Path, tmp_path: Path) -> None:
    outcome = squadron("prepare", "--dataset", small_squad, "--out", tmp_path / "out")
    complaint(outcome, "--train-size 2000, --val-size 200, --test-size 5: .* has 36 usable questions; ask for fewer")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--rank", 0), "--rank 0: input should be greater than or equal to 1"),
        (("--rank", 100_000), "--rank 100000: at most 96 fits this base's width; lower it"),
        (("--seed", "9" * 20), "--seed 9{20}: input should be less than or equal to 9223372036854775807"),
        *(
            ((flag, "9" * 20), f"{flag} 9{{20}}: input should be less than or equal to 1000000000")
            for flag in ("--rank", "--epochs", "--max-length", "--max-steps", "--batch-size", "--eval-questions")
        ),
        (("--alpha", "1e400"), "--alpha inf: input should be a finite number"),
        (("--base", "caf\udce9"), r"--base caf\\udce9: not UTF-8; rename it"),
        (("--data", "caf\udce9"), r"--data caf\\udce9: not UTF-8; rename it"),
        (("--target-modules", "\udce9"), r"--target-modules .*: not UTF-8"),
        (("--lr", "nan"), "--lr nan: input should be a finite number"),
        (("--lr", "-1", "--rank", 0), "--rank 0: .*; --lr -1.0: "),
        (("--target-modules", "c_proj"), "c_proj: ambiguous.*attn.c_proj .* mlp.c_proj"),
        (("--target-modules", "attn.c_attn", "lm_head"), "lm_head: unknown; modules are attn.c_attn, "),
        (("--precision", "fp16"), "--precision fp16: a CPU emulates it, .*use fp32, or bf16, .*AMX"),
        (("--device", "tpu"), "--device tpu: unknown"),
        (("--max-length", 4096), "--max-length 4096: this base has 512 positions"),
        (("--max-length", 20), "--max-length 20: no question of .* fits; raise it"),
        (("--base", "nowhere/at/all"), "--base nowhere/at/all: not a folder"),
        (("--data", "nowhere"), "--data nowhere: no such folder; make one with"),
        (("--resume", "--replace"), "choose one"),
    ],
)
def test_impossible_options_are_refused(train: Any, arguments: tuple[object, ...], words: str, tmp_path: Path) -> None:
    complaint(train(*arguments), words)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    "arguments",
    [("train", "--rnak", 4), ("train", "--rank", "four"), ("prepare",), ("trian",), ("score", "--order")],
)
def test_unknown_flags_and_verbs_are_errors(squadron: Any, arguments: tuple[object, ...]) -> None:
    outcome = squadron(*arguments)
    assert outcome.code == 2
    assert outcome.out == ""
    assert "Error" in outcome.err


def test_paths_that_are_not_utf8_are_refused_before_anything_is_written(
    squadron: Any, byte_base_dir: Path, small_squad: Path, tmp_path: Path
) -> None:
    odd = f"{tmp_path}/caf\udce9"
    for call in (
        ("prepare", "--dataset", small_squad, "--out", odd),
        ("train", "--base", byte_base_dir, "--data", small_squad, "--out", odd),
        ("ask", "--base", byte_base_dir, "--context", odd, "Who?"),
        ("ask", "--base", byte_base_dir, "--context", small_squad, "Wh\udce9"),
        ("score", odd, small_squad),
        ("runs", odd),
        ("report", odd),
    ):
        complaint(squadron(*call), r"\\udce9: not UTF-8; rename it, or type it in UTF-8")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("flag", "value", "words"),
    [
        ("--samples", 100_000, "--samples 100000: input should be less than or equal to 1000"),
        ("--beams", 10**9, "--beams 1000000000: input should be less than or equal to 1000"),
        ("--top-k", "9" * 20, "--top-k 9{20}: input should be less"),
        ("--temperature", "1e400", "--temperature inf: input should be a finite number"),
    ],
)
def test_impossible_numbers_of_an_evaluation_are_refused(
    squadron: Any, byte_base_dir: Path, small_squad: Path, flag: str, value: object, words: str
) -> None:
    complaint(squadron("evaluate", "--base", byte_base_dir, "--data", small_squad, flag, value), words)


def test_a_rank_that_does_not_fit_ends_a_sweep_before_it_begins(
    squadron: Any, byte_base_dir: Path, small_squad: Path, tmp_path: Path
) -> None:
    config, out = tmp_path / "sweep.yaml", tmp_path / "out"
    arguments = ("sweep", config, "--base", byte_base_dir, "--dataset", small_squad, "--out", out)
    config.write_text("grid: {rank: [4, 97]}\n")
    complaint(squadron(*arguments), "--rank 97: at most 96 fits this base's width")
    config.write_text(f"grid: {{rank: [4, {10**20}]}}\n")
    listed = squadron(*arguments)
    assert listed.code == 2
    assert f"grid.rank[1] {10**20}: input should be less than or equal to 1000000000" in listed.err
    assert not out.exists()


def test_a_tokenizer_with_more_tokens_than_its_model_is_refused(
    squadron: Any, byte_base_dir: Path, small_squad: Path, tmp_path: Path
) -> None:
    base = Path(shutil.copytree(byte_base_dir, tmp_path / "base"))
    whole = json.loads((base / "tokenizer.json").read_text())
    whole["model"]["vocab"]["A"] = 999
    (base / "tokenizer.json").write_text(json.dumps(whole))
    context = tmp_path / "context.txt"
    context.write_text("A town.")
    for call in (
        ("ask", "--context", context, "A?"),
        ("evaluate", "--data", small_squad, "--limit", 1),
        ("train", "--data", small_squad, "--out", tmp_path / "run"),
    ):
        complaint(squadron(*call, "--base", base), "ids up to 999, its model has 257; the files belong to different")


@pytest.mark.parametrize("length", [240, 300])
def test_a_path_that_the_system_refuses_is_one_line(
    squadron: Any, small_squad: Path, tmp_path: Path, length: int
) -> None:
    long = tmp_path / ("x" * length)
    for arguments in (
        ("prepare", "--dataset", small_squad, "--out", long),
        ("prepare", "--dataset", "pocket", "--out", long),
        ("prepare", "--dataset", long / "a.json", "--out", tmp_path / "out"),
        ("report", long / "a"),
        ("export", long / "a", "--out", tmp_path / "out"),
        ("runs", "promote", long / "a", "--out", tmp_path / "out"),
        ("runs", "list", long / "a"),
        ("ask", "--context", long, "Why?"),
        ("train", "--base", "pocket", "--data", "pocket", "--out", long),
    ):
        complaint(squadron(*arguments), ".")
    assert list(tmp_path.glob("*x*")) == []


def test_a_refusal_of_the_system_is_told_with_its_path(capsys: pytest.CaptureFixture[str]) -> None:
    def refused() -> int:
        raise PermissionError(13, "Permission denied", "others/run.json")

    assert guarded(refused, Console(json_output=False, debug=False)) == 2
    words = "others/run.json: cannot be reached (Permission denied); choose another path"
    assert words in " ".join(capsys.readouterr().err.split())


def test_a_printed_command_is_quoted(squadron: Any, tmp_path: Path) -> None:
    outcome = squadron("evaluate", tmp_path / "a; touch PWN; #")
    complaint(outcome, r"make one with: squadron train --out 'a; touch PWN; #' \.\.\.")


def test_an_existing_run_folder_is_refused_resumed_or_replaced_as_asked(train: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    assert train().code == 0
    before = folder_state(run)
    complaint(train(), "a run is there already; add --resume to continue it, or --replace")
    complaint(train("--resume", "--lr", 0.5), r"lr was 0\.001 and is now 0\.5")
    assert folder_state(run) == before
    assert train("--resume", "--max-steps", 3).code == 0
    assert json.loads((run / "run.json").read_text())["steps"] == 3
    assert train("--replace", "--lr", 0.5).code == 0
    assert json.loads((run / "run.json").read_text())["steps"] == 2
    (run / "run.json").unlink()
    complaint(train("--replace"), "not empty, and not a run folder")


@pytest.mark.parametrize("bad", [("--base", "nowhere/at/all"), ("--max-length", 4096), ("--target-modules", "x")])
def test_a_run_that_cannot_be_trained_replaces_nothing(train: Any, bad: tuple[object, ...], tmp_path: Path) -> None:
    assert train().code == 0
    before = folder_state(tmp_path / "run")
    assert train("--replace", *bad).code == 2
    assert folder_state(tmp_path / "run") == before


def test_a_run_resumes_only_with_the_same_base_and_questions(
    squadron: Any, train: Any, small_squad: Path, byte_base_dir: Path, tmp_path: Path
) -> None:
    data, base = tmp_path / "data", tmp_path / "base"
    sizes = ("--train-size", 20, "--val-size", 9, "--test-size", 5)
    assert squadron("prepare", "--dataset", small_squad, "--out", data, *sizes).code == 0
    shutil.copytree(byte_base_dir, base)
    mine = ("--data", data, "--base", base)
    assert train(*mine).code == 0
    assert squadron("prepare", "--dataset", small_squad, "--out", data, *sizes, "--seed", 1, "--replace").code == 0
    complaint(train(*mine, "--resume", "--max-steps", 3), "--data: the sha256 of train was .* put it back, or use")
    complaint(squadron("evaluate", tmp_path / "run"), "was prepared again after this run was trained")
    assert squadron("prepare", "--dataset", small_squad, "--out", data, *sizes, "--replace").code == 0
    weights = base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + b"\0\0\0\0")
    complaint(train(*mine, "--resume", "--max-steps", 3), "--base: its sha256 was ")
    for verb in (("evaluate",), ("export", "--out", tmp_path / "out")):
        complaint(squadron(verb[0], tmp_path / "run", *verb[1:]), "was trained on another .*put the base back")


def test_prepare_replaces_only_what_it_made(squadron: Any, small_squad: Path, tmp_path: Path) -> None:
    out = tmp_path / "data"
    arguments = ("prepare", "--dataset", small_squad, "--out", out, "--train-size", 9, "--val-size", 3)
    assert squadron(*arguments).code == 0
    complaint(squadron(*arguments), "not empty; add --replace")
    assert squadron(*arguments, "--replace").code == 0
    (out / "thesis.txt").write_text("years of work")
    complaint(squadron(*arguments, "--replace"), "has files that Squadron did not write: thesis.txt; move them")
    assert (out / "thesis.txt").read_text() == "years of work"
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["data"]


def test_leftovers_of_a_killed_write_do_no_harm(train: Any, tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / ".run.json.squadron-0a1b2c3d.part").write_text("{")
    (run / ".lock").touch()
    assert train().code == 0
    assert not list(run.glob(".*.part"))


def test_text_from_data_is_not_read_as_markup(squadron: Any, small_squad: Path, tmp_path: Path) -> None:
    content = json.loads(small_squad.read_text())
    content["data"][0]["paragraphs"][0]["qas"][0]["answers"][0]["text"] = "[/b] [citation needed]"
    source = tmp_path / "source.json"
    source.write_text(json.dumps(content))
    outcome = squadron("prepare", "--dataset", source, "--out", tmp_path / "out", "--train-size", 9, "--val-size", 3)
    assert outcome.code == 0, outcome.err
    assert "[/b] [citation" in " ".join(outcome.out.split())


def test_out_of_memory_names_the_options_to_lower(train: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from squadron.training import steps

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(steps, "micro_batch_losses", fail)
    complaint(train(), "out of memory .*use a smaller --batch-size or --max-length")


def test_a_folder_in_use_is_refused(train: Any, tmp_path: Path) -> None:
    from filelock import FileLock

    assert train().code == 0
    with FileLock(tmp_path / "run" / ".lock"):
        complaint(train("--resume", "--max-steps", 3), "in use by another process")
    assert train("--resume", "--max-steps", 3).code == 0


@pytest.mark.parametrize("after", [0, 3, 9])
def test_a_full_disk_is_one_line_and_written_files_stay(
    train: Any, after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = tmp_path / "run"
    assert train("--max-steps", 1).code == 0
    before = folder_state(run)
    calls = 0
    flush = os.fsync

    def full(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls > after:
            raise OSError(28, "No space left on device")
        flush(handle)

    monkeypatch.setattr(files.os, "fsync", full)
    complaint(train("--resume", "--max-steps", 5), "the disk is full .*free some space and run the same command again")
    monkeypatch.undo()
    assert calls > after
    state = folder_state(run)
    assert state.keys() == before.keys()  # no partial file is left, and no file is missing
    assert train("--resume", "--max-steps", 5).code == 0
    assert train("--replace", "--max-steps", 5, "--out", tmp_path / "whole").code == 0
    name = "last/adapter_model.safetensors"
    assert folder_state(run)[name] == folder_state(tmp_path / "whole")[name]


def test_a_full_disk_reported_by_safetensors_is_recognised() -> None:
    # Its error is not an OSError; this is its message.
    words = "Error while serializing: I/O error: No space left on device (os error 28)"
    assert files.disk_is_full(SafetensorError(words))
    assert not files.disk_is_full(SafetensorError("Error while deserializing header: header too large"))


def training(run: Path, base: Path, data: Path, *more: str) -> list[str]:
    places = ["--base", str(base), "--data", str(data), "--out", str(run)]
    return [
        "train",
        *places,
        "--precision",
        "fp32",
        "--epochs",
        "200",
        "--eval-questions",
        "0",
        "--dropout",
        "0.1",
        *more,
    ]


def start(run: Path, base: Path, data: Path, *more: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "squadron", *training(run, base, data, *more)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def losses(run: Path) -> list[Any]:
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    return [line.get("loss", line.get("validation_loss")) for line in lines]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_a_run_stopped_within_a_step_and_resumed_equals_an_uninterrupted_one(
    squadron: Any, number: signal.Signals, byte_base_dir: Path, small_data: Path, tmp_path: Path
) -> None:
    """Law 7 on the command itself: Ctrl-C finishes the current step; kill -9 goes back to the last checkpoint."""
    run = tmp_path / "run"
    process = start(run, byte_base_dir, small_data, "--checkpoint-seconds", "0")
    wait_for(run / "checkpoint.safetensors", process)
    time.sleep(0.2)
    process.send_signal(number)
    out, err = process.communicate(timeout=60)
    assert out == ""
    if number == signal.SIGINT:
        assert process.returncode == 130, err
        assert re.search(r"stopped after step \d+ of 600; nothing is lost: run the same command with --resume", err)
        assert json.loads((run / "run.json").read_text())["status"] == "interrupted"
    else:
        assert process.returncode == -signal.SIGKILL
    done = len(losses(run))
    assert 0 < done < 600
    stop = max(done + 10, 20)
    for folder, more in ((run, ["--resume"]), (tmp_path / "whole", [])):  # here, where PyTorch is loaded already
        ended = squadron(*training(folder, byte_base_dir, small_data, *more, "--max-steps", str(stop)))
        assert ended.code == 0, ended.err
    assert [x for x in losses(run) if x] == [x for x in losses(tmp_path / "whole") if x]
    for name in ("last/adapter_model.safetensors", "adapter/adapter_model.safetensors"):
        assert (run / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name
