"""Data sets of the hub: configurations, splits, columns, layouts, and what is there if the named one is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hub_fixtures import SQUAD, flat_rows, parquet, squad_files
from loopback_hub import Hub
from squadron.data.sources import load_data
from squadron.errors import ConfigError, DataError, argument
from squadron.experiments.prepare import prepare
from squadron.options.base import checked
from squadron.options.core import PrepareOptions

TWO = """---
configs:
- config_name: en
  data_files: {train: "en/*.jsonl", test: "en/held/**"}
- config_name: fa
  data_dir: fa
---
"""


def lines(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


def two(rows: list[dict[str, Any]]) -> dict[str, Any]:
    """Return a data set with two configurations, of which neither is the default one."""
    return {
        "README.md": TWO,
        "en/a.jsonl": lines(rows[:3]),
        "en/b.jsonl": lines(rows[3:8]),
        "en/held/x/c.jsonl": lines(rows[8:10]),
        "fa/train.json": json.dumps(rows[10:14]),
        "fa/dev.json": json.dumps(rows[14:15]),
    }


def prepared(out: Path, dataset: str, **more: Any) -> dict[str, Any]:
    sizes = {"train_size": 8, "val_size": 3, "test_size": 2}
    return prepare(checked(PrepareOptions, {"dataset": dataset, "out": str(out), **sizes, **more}))


def test_squad_by_either_name_is_one_cache_and_its_commit_is_kept(hub: Hub, small_squad: Path, tmp_path: Path) -> None:
    commit = hub.put("datasets", SQUAD, squad_files(small_squad))
    hub.aliases["datasets/squad"] = SQUAD
    made = prepared(tmp_path / "data", "squad")
    where = {"id": SQUAD, "commit": commit, "config": "plain_text", "split": "train"}
    assert made["hub"] == {"train": where, "validation": where, "test": where}
    assert json.loads((tmp_path / "data" / "data.json").read_text())["splits"]["train"]["hub"] == where
    assert not hub.asked("validation-0")
    sent = hub.sent()
    again = prepared(tmp_path / "again", SQUAD, offline=True)
    assert (again["hub"], hub.sent()) == (made["hub"], sent)
    assert (tmp_path / "again" / "train.json").read_bytes() == (tmp_path / "data" / "train.json").read_bytes()


def test_a_revision_of_a_data_set_is_its_own_commit(hub: Hub, small_squad: Path) -> None:
    first = hub.put("datasets", SQUAD, squad_files(small_squad))
    hub.put("datasets", SQUAD, squad_files(small_squad, validation=20))
    assert len(load_data("squad")) == 16
    pinned = load_data(f"squad@{first}")
    assert len(pinned) == 27
    assert pinned.hub == {"id": SQUAD, "commit": first, "revision": first, "config": "plain_text", "split": "train"}


def test_a_configuration_is_named_and_those_that_are_there_are_listed(hub: Hub, small_squad: Path) -> None:
    hub.put("datasets", "me/two", two(flat_rows(small_squad)))
    with pytest.raises(DataError, match="me/two has 2 configurations, en, fa; name one by hub_config"):
        load_data("me/two")
    with pytest.raises(DataError, match="hub_config='de': me/two has no such configuration; it has en, fa"):
        load_data("me/two", config="de")
    with pytest.raises(DataError, match="me/two has no split 'dev' in its configuration en; it has train, test; name"):
        load_data("me/two", config="en", split="dev")
    with pytest.raises(
        DataError, match=r"^data='me/two': me/two has no split 'dev' .* test_split of `squadron prepare`$"
    ):
        load_data("me/two", config="en", split="dev", subject=argument("data", "me/two"))
    assert not hub.asked("jsonl")
    sizes = {("en", "train"): 8, ("en", "test"): 2, ("fa", "train"): 4, ("fa", "validation"): 1, ("fa", "official"): 1}
    assert {(config, split): len(load_data("me/two", config=config, split=split)) for config, split in sizes} == sizes


def test_columns_of_other_names(hub: Hub, small_squad: Path, tmp_path: Path) -> None:
    rows = [
        {
            "key": row["id"],
            "passage": row["context"],
            "query": row["question"],
            "gold": row["answers"]["text"][0],  # type: ignore[index]
            "at": row["answers"]["answer_start"][0],  # type: ignore[index]
            "extra": 1,
        }
        for row in flat_rows(small_squad)
    ]
    hub.put("datasets", "me/columns", {"data.parquet": parquet(rows)})
    (tmp_path / "rows.jsonl").write_text(lines(rows))
    with pytest.raises(
        DataError, match=r"objects with key, passage, query, .* say which are .*columns='context=passage"
    ):
        load_data("me/columns")
    named = "id=key, context=passage,question=query,answers=gold,answer_start=at"
    for number, source in enumerate(("me/columns", str(tmp_path / "rows.jsonl"))):
        made = prepared(tmp_path / str(number), source, columns=named)
        assert (made["questions"], made["set_aside"], made["repaired"]) == (36, [], [])
    assert (tmp_path / "0" / "test.json").read_bytes() == (tmp_path / "1" / "test.json").read_bytes()
    with pytest.raises(DataError, match="columns='context=text': me/columns has no column 'text'; it has key, passage"):
        load_data("me/columns", columns={"context": "text"})
    for wrong, words in (("contxt=a", "is not FIELD=COLUMN; fields are id, title"), ("id=a,id=b", "names id twice")):
        with pytest.raises(ConfigError, match=words):
            prepared(tmp_path / "never", "me/columns", columns=wrong)


def test_the_official_layout_on_the_hub_and_ids_that_are_numbers(hub: Hub, small_squad: Path) -> None:
    """PersianQA has SQuAD's JSON beside a script, and its ids are numbers."""
    nested = json.loads(small_squad.read_text())
    number = 0
    for article in nested["data"]:
        for paragraph in article["paragraphs"]:
            for qa in paragraph["qas"]:
                number += 1
                qa["id"] = number
    text = json.dumps(nested)
    hub.put("datasets", "me/persian_qa", {"persian_qa.py": "raise", "pqa_train.json": text, "pqa_test.json": text})
    found = load_data("me/persian_qa")
    assert (len(found), found.set_aside) == (36, ())
    assert [question.id for _, question in found.questions()] == [str(one) for one in range(1, 37)]
    rows = [{**row, "id": number} for number, row in enumerate(flat_rows(small_squad))]
    hub.put("datasets", "me/flat", {"train.parquet": parquet(rows)})
    assert len(load_data("me/flat")) == 36


def test_a_script_is_not_run_but_the_hubs_conversion_is_read(hub: Hub, small_squad: Path) -> None:
    rows = flat_rows(small_squad)
    hub.put("datasets", "me/script", {"script.py": "raise SystemExit('executed')", "data.csv": "a,b"})
    with pytest.raises(
        DataError, match=r"me/script has no file .* no conversion of it to parquet; it has script.py, data.csv"
    ):
        load_data("me/script")
    converted = {"first/train/0000.parquet": parquet(rows[:20]), "first/train/0001.parquet": parquet(rows[20:30])}
    converted |= {"first/validation/0000.parquet": parquet(rows[30:])}
    commit = hub.put("datasets", "me/script", converted, "refs/convert/parquet")
    found = load_data("me/script")
    assert len(found) == 30
    assert found.hub is not None
    assert (found.hub["commit"], found.hub["revision"]) == (commit, "refs/convert/parquet")
    assert len(load_data(f"me/script@{commit}", split="official", offline=False)) == 6
    assert len(load_data("me/script", offline=True)) == 30
    assert not hub.asked("resolve/.*(script.py|csv)")


def test_the_official_protocol_trains_on_all_and_tests_on_the_development_set(
    hub: Hub, small_squad: Path, tmp_path: Path
) -> None:
    hub.put("datasets", SQUAD, squad_files(small_squad))
    out = tmp_path / "data"
    options = {"dataset": "squad", "out": str(out), "train_size": "all", "val_size": 0, "test_split": "official"}
    made = prepare(checked(PrepareOptions, options))
    assert {name: one["questions"] for name, one in made["splits"].items()} == {"train": 27, "validation": 0, "test": 9}
    assert (made["hub"]["train"]["split"], made["hub"]["test"]["split"]) == ("train", "validation")
    some = prepare(checked(PrepareOptions, {**options, "out": str(tmp_path / "some"), "val_size": 6, "test_size": 4}))
    assert {name: one["questions"] for name, one in some["splits"].items()} == {"train": 21, "validation": 6, "test": 4}
    contexts = [
        {
            paragraph["context"]
            for article in json.loads((out.parent / "some" / f"{name}.json").read_text())["data"]
            for paragraph in article["paragraphs"]
        }
        for name in ("train", "validation", "test")
    ]
    assert not contexts[0] & contexts[1]
    assert not contexts[2] & (contexts[0] | contexts[1])
    with pytest.raises(DataError, match="all its contexts in that split too, so nothing is left to train on"):
        prepare(checked(PrepareOptions, {**options, "dataset": str(small_squad), "out": str(tmp_path / "never")}))
    with pytest.raises(ConfigError, match=r"train_size='most': a number from 0 to .*, or all, is expected"):
        checked(PrepareOptions, {**options, "train_size": "most"})


def test_a_path_that_leads_out_of_the_repository_is_not_read(hub: Hub, small_squad: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret_train.json"
    secret.write_text(small_squad.read_text())
    hub.put("datasets", "me/hostile", {str(secret): b"", "../../../../../../secret_train.json": b"", "a.txt": b""})
    with pytest.raises(DataError, match=r"me/hostile has no file in a layout that is read, .* it has a.txt;"):
        load_data("me/hostile")
