"""``prepare``: every option reaches the source or the draw."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from squadron.errors import DataError, option
from squadron.experiments import prepare as preparing
from squadron.experiments.prepare import prepare
from squadron.options.core import PrepareOptions


def test_every_option_reaches_the_source_or_the_draw(
    small_squad: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: dict[str, Any] = {}
    load, draw = preparing.load_data, preparing.split_dataset

    def loaded(source: str, **how: Any) -> Any:
        told.update(how, source=source)
        return load(source, **how)

    def drawn(dataset: Any, **how: Any) -> Any:
        told.update(how)
        return draw(dataset, **how)

    monkeypatch.setattr(preparing, "load_data", loaded)
    monkeypatch.setattr(preparing, "split_dataset", drawn)
    out = tmp_path / "data"
    sizes: dict[str, Any] = {"train_size": 9, "val_size": 4, "test_size": 3, "split_by": "article", "seed": 7}
    source: dict[str, Any] = {"hub_split": "validation", "offline": True, "strict": True, "split_contexts": True}
    source["max_bytes"] = 10**6
    record = prepare(PrepareOptions(dataset=str(small_squad), out=str(out), **sizes, **source))
    assert told == {
        "source": str(small_squad),
        "subject": option("dataset", small_squad),
        "split": "validation",
        "offline": True,
        "strict": True,
        "split_contexts": True,
        "max_bytes": 10**6,
        "config": None,
        "columns": {},
        "official": None,
        "train": 9,
        "validation": 4,
        "test": 3,
        "by": "article",
        "seed": 7,
    }
    assert {name: one["questions"] for name, one in record["splits"].items()} == {
        "train": 9,
        "validation": 4,
        "test": 3,
    }
    files = {name: json.loads((out / f"{name}.json").read_text()) for name in record["splits"]}
    for name, content in files.items():
        paragraphs = [paragraph for article in content["data"] for paragraph in article["paragraphs"]]
        assert sum(len(one["qas"]) for one in paragraphs) == record["splits"][name]["questions"]
        assert len(paragraphs) == record["splits"][name]["paragraphs"]


@pytest.mark.parametrize("strict", [False, True])
def test_a_bad_row_is_set_aside_unless_strict(small_squad: Path, tmp_path: Path, strict: bool) -> None:
    content = json.loads(small_squad.read_text())
    content["data"][0]["paragraphs"][0]["qas"][1]["answers"][0]["text"] = "nowhere"
    (tmp_path / "bad.json").write_text(json.dumps(content))
    sizes: dict[str, Any] = {"train_size": 9, "val_size": 4, "test_size": 3}
    options = PrepareOptions(dataset=str(tmp_path / "bad.json"), out=str(tmp_path / "out"), strict=strict, **sizes)
    if strict:
        with pytest.raises(DataError, match="nowhere"):
            prepare(options)
        assert not (tmp_path / "out").exists()
    else:
        record = prepare(options)
        assert record["questions"] == 35
        assert len(record["set_aside"]) == 1
