"""Fixtures of the hub on this machine: its address and an empty cache in place of the real ones, and no waiting."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import huggingface_hub
import pytest
from huggingface_hub import constants, hf_api

from loopback_hub import Hub
from squadron import hub_transfer

SQUAD = "rajpurkar/squad"
CARD = """---
configs:
- config_name: plain_text
  data_files:
  - split: train
    path: plain_text/train-*
  - split: validation
    path: plain_text/validation-*
---
# SQuAD
"""


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub of this test's own, with an empty cache in ``tmp_path / "cache"`` and no token."""
    served = Hub()
    monkeypatch.setattr(constants, "ENDPOINT", served.url)
    monkeypatch.setattr(hf_api.api, "endpoint", served.url)  # what other libraries ask with, made at its import
    monkeypatch.setattr(
        constants, "HUGGINGFACE_CO_URL_TEMPLATE", served.url + "/{repo_id}/resolve/{revision}/{filename}"
    )
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)  # its storage is another service
    monkeypatch.setattr(hub_transfer, "WAITS", (0.0, 0.01, 0.01))
    for name in ("HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    yield served
    huggingface_hub.close_session()
    served.close()


def base_files(folder: Path) -> dict[str, bytes]:
    """Return the files of a checkpoint folder, as a repository has them."""
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir()) if path.is_file()}


def flat_rows(squad: Path) -> list[dict[str, object]]:
    """Return the questions of a SQuAD file as the hub's rows."""
    return [
        {
            "id": qa["id"],
            "title": article["title"],
            "context": paragraph["context"],
            "question": qa["question"],
            "answers": {
                "text": [answer["text"] for answer in qa["answers"]],
                "answer_start": [answer["answer_start"] for answer in qa["answers"]],
            },
        }
        for article in json.loads(squad.read_text())["data"]
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]


def parquet(rows: list[dict[str, object]]) -> bytes:
    """Return rows as a parquet file."""
    import pyarrow
    import pyarrow.parquet

    sink = pyarrow.BufferOutputStream()
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows), sink)
    return bytes(sink.getvalue().to_pybytes())


def squad_files(squad: Path, *, validation: int = 9) -> dict[str, bytes | str]:
    """Return a data set in the layout of SQuAD on the hub: the last questions are its validation split."""
    rows = flat_rows(squad)
    train, rest = rows[:-validation], rows[-validation:]
    half = len(train) // 2
    return {
        "README.md": CARD,
        "plain_text/train-00000-of-00002.parquet": parquet(train[:half]),
        "plain_text/train-00001-of-00002.parquet": parquet(train[half:]),
        "plain_text/validation-00000-of-00001.parquet": parquet(rest),
    }
