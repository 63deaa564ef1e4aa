"""Faults of the hub and of the line to it: what passes is retried from where it was, the rest is told apart."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from hub_fixtures import base_files, parquet, squad_files
from loopback_hub import BAD, GOOD, Hub
from squadron.cli.main import main
from squadron.data.sources import load_data
from squadron.errors import DataError, DeviceError, ModelError
from squadron.hub import open_snapshot
from squadron.model.checkpoint import load_base

BIG = 13_000_000
"""Bytes of a file that is long enough to be cut in the middle."""


@pytest.fixture(scope="module")
def big() -> bytes:
    """A file of :data:`BIG` bytes, no two parts of which are alike."""
    return b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(BIG // 32 + 1))[:BIG]


def fetched() -> bytes:
    return (open_snapshot("model", "me/big", subject="big").fetch(["big.bin"]) / "big.bin").read_bytes()


def leftovers(tmp_path: Path) -> list[str]:
    return [path.name for path in (tmp_path / "cache").rglob("unfinished/*")]


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("at", [1_000_000, 12_000_000])
def test_a_cut_or_reset_connection_goes_on_from_where_it_was(
    at: int, reset: bool, hub: Hub, big: bytes, tmp_path: Path
) -> None:
    hub.put("models", "me/big", {"big.bin": big})
    hub.fail("GET /cdn", cut=at, reset=reset)
    assert fetched() == big
    first, second = hub.asked("GET /cdn")
    assert second.range is not None
    start = int(second.range.removeprefix("bytes=").rstrip("-"))
    assert (first.range, second.status, second.sent) == (None, 206, BIG - start)
    assert at // 2 < start <= at
    assert leftovers(tmp_path) == []


def test_after_the_last_attempt_one_line_says_what_is_kept_and_the_same_command_goes_on(
    hub: Hub, big: bytes, tmp_path: Path
) -> None:
    hub.put("models", "me/big", {"big.bin": big})
    hub.fail("GET /cdn", cut=5_000_000, reset=True)
    hub.fail("GET /cdn", times=99, cut=0, reset=True)
    with pytest.raises(ModelError, match=r"the connection to the hub failed .* run the same command again;") as told:
        fetched()
    assert "\n" not in str(told.value)
    assert told.value.__cause__ is not None
    (partial,) = (one for one in (tmp_path / "cache").rglob("unfinished/*") if one.suffix != ".lock")
    kept = partial.stat().st_size
    assert f"{kept:,} bytes are kept, and it goes on from there" in str(told.value)
    assert kept > 2_500_000
    hub.forget()
    assert fetched() == big
    assert [one.range for one in hub.asked("GET /cdn")] == [f"bytes={kept}-"]


def test_a_small_file_is_retried_too(hub: Hub, byte_base_dir: Path) -> None:
    hub.put("models", "me/tiny", base_files(byte_base_dir))
    hub.fail("GET /me/tiny/resolve/.*/config.json", cut=10, reset=True)
    hub.fail("HEAD /me/tiny/resolve/.*/tokenizer.json", status=502)
    hub.fail("GET /api/models/me/tiny/revision", cut=3, reset=True)
    hub.fail("GET /api/models/me/tiny/revision/[0-9a-f]{40}", status=500)
    assert load_base("me/tiny").sha256 == load_base(str(byte_base_dir)).sha256


@pytest.mark.parametrize("fault", [{"longer": 1000}, {"longer": -1000}, {"keep": 9_000_000}])
def test_a_file_of_a_wrong_length_is_completed(fault: dict[str, Any], hub: Hub, big: bytes, tmp_path: Path) -> None:
    hub.put("models", "me/big", {"big.bin": big})
    hub.fail("GET /cdn", **fault)
    assert fetched() == big
    assert leftovers(tmp_path) == []


def test_a_file_that_stays_short_is_never_taken(hub: Hub, big: bytes, tmp_path: Path) -> None:
    hub.put("models", "me/big", {"big.bin": big})
    hub.fail("GET /cdn", times=99, keep=9_000_000)
    with pytest.raises(ModelError, match=r"the connection to the hub failed \(.*of 13,000,000 bytes"):
        fetched()
    assert not list((tmp_path / "cache").rglob("blobs/*"))


def test_a_file_with_other_bytes_than_its_checksum_is_fetched_again(hub: Hub, big: bytes) -> None:
    commit = hub.put("models", "me/big", {"big.bin": big})
    digest = hashlib.sha256(big).hexdigest()
    (tmp := Path(open_snapshot("model", "me/big", subject="big").folder.parents[1] / "unfinished")).mkdir(parents=True)
    (tmp / digest).write_bytes(b"other" * 1000)
    assert fetched() == big
    assert [one.range for one in hub.asked("GET /cdn")] == ["bytes=5000-", None]
    assert commit


def test_a_slow_line_is_waited_for(hub: Hub) -> None:
    data = os.urandom(60_000)
    hub.put("models", "me/big", {"big.bin": data})
    hub.fail("GET /cdn", rate=100_000, delay=0.2)
    began = time.monotonic()
    assert fetched() == data
    assert time.monotonic() - began > 0.6


def test_a_truncated_parquet_file_is_fetched_whole_and_one_that_is_broken_is_named(
    hub: Hub, small_squad: Path, tmp_path: Path
) -> None:
    files = squad_files(small_squad)
    hub.put("datasets", "rajpurkar/squad", files)
    hub.fail("GET /cdn", keep=700)
    assert len(load_data("squad")) == 27
    path = "plain_text/validation-00000-of-00001.parquet"
    hub.put("datasets", "me/broken", {path: bytes(files[path][:700]), "train.parquet": parquet([])})  # type: ignore[arg-type]
    with pytest.raises(DataError, match=f"me/broken: {path}: the parquet file is truncated or damaged"):
        load_data("me/broken", split="validation")
    assert leftovers(tmp_path) == []


def test_a_full_disk_keeps_what_has_come(hub: Hub, big: bytes, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    hub.put("models", "me/big", {"big.bin": big})
    free = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: free._replace(free=BIG - 1))
    with pytest.raises(DeviceError, match=r"the disk of the hub's cache, .*cache, is full \(12,999,999 bytes free\)"):
        fetched()
    assert not hub.asked("GET /cdn")
    monkeypatch.undo()


def test_a_disk_that_fills_up_meanwhile_is_told_too(hub: Hub, big: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    hub.put("models", "me/big", {"big.bin": big})
    opened = Path.open

    class Full:
        """A file on a disk with room for a million bytes."""

        def __init__(self, file: Any) -> None:
            self.file = file

        def __enter__(self) -> Full:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def write(self, data: bytes) -> None:
            if self.file.tell() > 1_000_000:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self.file.write(data)

    def open_(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        file = opened(path, mode, *rest, **more)
        return Full(file) if path.parent.name == "unfinished" and mode in ("wb", "ab") else file

    with monkeypatch.context() as patched:
        patched.setattr(Path, "open", open_)
        with pytest.raises(DeviceError, match=r"is full .* HF_HOME, .* [\d,]+ bytes are kept, and it goes on"):
            fetched()
    assert fetched() == big
    assert hub.asked("GET /cdn")[-1].range is not None


def refusal(kind: str = "models") -> str:
    """Return the line about ``me/it``, which is there if the test put it."""
    with pytest.raises((ModelError, DataError)) as told:
        load_base("me/it") if kind == "models" else load_data("me/it")
    assert told.value.__cause__ is not None  # what --debug shows
    assert "\n" not in str(told.value)
    return str(told.value)


@pytest.mark.parametrize(("kind", "what"), [("models", "model"), ("datasets", "data set")])
def test_each_refusal_has_its_own_next_step(
    kind: str, what: str, hub: Hub, byte_base_dir: Path, small_squad: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert f"the hub has no {what} me/it, or it is private: log in with: hf auth login; check the name" in refusal(kind)
    files = base_files(byte_base_dir) if kind == "models" else squad_files(small_squad)
    hub.put(kind, "me/it", files)
    repository = hub.repositories[kind, "me/it"]
    repository.gated = True
    page = f"{hub.url}/{'datasets/' if kind == 'datasets' else ''}me/it"
    gated = f"me/it is gated; ask for access on its page of the hub, {page}, and log in with: hf auth login"
    assert refusal(kind).endswith(gated)
    monkeypatch.setenv("HF_TOKEN", "hf_another")
    assert refusal(kind).endswith(f"{page} with this account")
    monkeypatch.setenv("HF_TOKEN", BAD)
    assert "the hub does not know this token; log in again with: hf auth login (or leave HF_TOKEN" in refusal(kind)
    repository.gated, repository.private = False, True
    monkeypatch.setenv("HF_TOKEN", "hf_another")
    assert f"the hub has no {what} me/it, or your account may not see it; check the name" in refusal(kind)
    monkeypatch.setenv("HF_TOKEN", GOOD)
    if kind == "models":
        load_base("me/it")
    else:
        load_data("me/it")
    assert any(one.token for one in hub.log)
    assert not any(one.token for one in hub.log if one.content_network)


def test_a_rate_limit_is_waited_for_if_it_is_short_and_told_if_it_is_long(
    hub: Hub, byte_base_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.put("models", "me/it", base_files(byte_base_dir))
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", lambda seconds: waited.append(seconds) if seconds else None)
    hub.fail("GET /api/models/me/it/revision", status=429, headers={"Retry-After": "7"})
    load_base("me/it")
    assert waited == [7.0]
    hub.put("models", "me/it", {**base_files(byte_base_dir), "more.txt": "more"})
    hub.fail(
        "GET /api/models/me/it/revision/[0-9a-f]{40}", times=99, status=429, headers={"RateLimit": '"api";r=0;t=250'}
    )
    assert "too many requests from here; wait for 250 seconds, then run the same command again; with a t" in refusal()
    assert waited == [7.0]


def test_a_fault_of_the_hub_is_retried_then_told(hub: Hub, byte_base_dir: Path) -> None:
    hub.put("models", "me/it", base_files(byte_base_dir))
    hub.fail("GET /api", times=99, status=503)
    assert "the hub has a fault of its own (status 503); run the same command again later" in refusal()
    assert len(hub.asked("GET /api")) == 4


def test_the_command_line_says_it_in_one_line_and_shows_the_cause_on_request(
    hub: Hub, small_squad: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    command = ["evaluate", "--base", "me/typo", "--data", str(small_squad)]
    told = []
    for more in ([], ["--debug"]):
        with pytest.raises(SystemExit) as ended:
            main([*command, *more])
        assert ended.value.code == 2
        told.append(capfd.readouterr().err.splitlines())
    (line,), trace = told
    assert line.startswith(
        "squadron: error: --base me/typo: no such folder here, and the hub has no model me/typo, or it is private"
    )
    assert trace[-1] == line
    assert any("RepositoryNotFoundError" in one for one in trace)
    assert all(one.status == 401 for one in hub.log)
