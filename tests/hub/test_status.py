"""``doctor`` about the hub: its cache, whether it answers, whether there is a token; and a run of the study."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest

from hub_fixtures import base_files
from loopback_hub import GOOD, Hub
from squadron.experiments.doctor import examine
from squadron.experiments.hub_status import hub_status
from squadron.model.checkpoint import load_base
from squadron.options.base import Options

GPT2 = "openai-community/gpt2"


def test_the_cache_the_hub_and_the_token_are_described(
    hub: Hub, byte_base_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = hub_status(offline=False)
    assert found == {
        "endpoint": hub.url,
        "cache": str(tmp_path / "cache"),
        "repositories": [],
        "reachable": True,
        "reason": None,
        "token": False,
    }
    hub.put("models", GPT2, base_files(byte_base_dir))
    load_base("gpt2")
    hub.forget()
    monkeypatch.setenv("HF_TOKEN", GOOD)
    found = hub_status(offline=False)
    size = sum(len(data) for name, data in base_files(byte_base_dir).items())
    (one,) = found["repositories"]
    assert {**one, "bytes": 0} == {"kind": "model", "id": GPT2, "bytes": 0, "commits": 1}
    assert size <= one["bytes"] <= size + 100  # and the commit's name
    assert (found["reachable"], found["token"]) == (True, True)
    assert GOOD not in json.dumps(found)
    assert not any(asked.token for asked in hub.log)


def test_the_hub_is_not_asked_offline_and_not_waited_for(hub: Hub) -> None:
    found = hub_status(offline=True)
    assert (found["reachable"], found["reason"], hub.log) == (None, "not asked: offline", [])
    hub.fail("GET /api", status=503)
    assert hub_status(offline=False)["reason"] == "the hub has a fault of its own (status 503)"
    hub.fail("GET /api", delay=10)
    began = time.perf_counter()
    found = hub_status(offline=False)
    assert (found["reachable"], time.perf_counter() - began < 8) == (False, True)
    assert found["reason"].startswith("no connection (")


@pytest.mark.usefixtures("hub")
def test_doctor_says_what_a_run_of_the_study_takes() -> None:
    found = examine(Options(device="cpu", precision="fp32", offline=True))
    sizes = found["study"]
    assert list(sizes)[:3] == ["gpt2", "gpt2-medium", "gpt2-large"]
    assert 0.5e9 < sizes["gpt2"]["bytes"] < 2e9 < sizes["gpt2-large"]["bytes"]
    rate = found["matrix_products_per_second"]["fp32"]
    assert sizes["gpt2"]["seconds_at_best"] == pytest.approx(4 * 124_439_808 * 2000 * 5 * 180 / rate)
    assert found["hub"]["reachable"] is None


def test_the_command_shows_them(hub: Hub, byte_base_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from squadron.cli.main import main

    hub.put("models", GPT2, base_files(byte_base_dir))
    load_base("gpt2")

    def shown(*words: Any) -> str:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["doctor", "--device", "cpu", *words])
        assert ended.value.code == 0
        return " ".join(capsys.readouterr().out.split())

    text = shown()
    for words in (
        f"{hub.url}: reachable",
        "none; needed for private",
        f"{GPT2} (",
        "study on gpt2-large",
        "one run in",
    ):
        assert words in text
    assert "not asked: offline" in shown("--offline")
