"""Splits: exact sizes, no context in two of them, the same result from the same seed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from squadron.data.prepared import load_split, write_prepared
from squadron.data.sources import load_data
from squadron.data.splits import SPLITS, SplitBy, split_dataset
from squadron.data.squad import Answer, Dataset, Paragraph, Question
from squadron.errors import DataError


def made(articles: int = 7, paragraphs: int = 5, questions: int = 3) -> Dataset:
    return Dataset(
        tuple(
            Paragraph(
                f"article {a}",
                f"context {a}.{p}",
                tuple(Question(f"{a}.{p}.{q}", "what?", (Answer("context", 0),)) for q in range(questions)),
            )
            for a in range(articles)
            for p in range(paragraphs)
        ),
        "1.1",
        "made",
    )


def disjoint(names: list[set[str]]) -> bool:
    return len(set().union(*names)) == sum(map(len, names))


@pytest.mark.parametrize("by", ["article", "paragraph", "question"])
def test_sizes_are_exact_and_contexts_disjoint(by: SplitBy) -> None:
    splits = split_dataset(made(), train=31, validation=11, test=4, by=by, seed=5)
    assert {name: len(split) for name, split in splits.items()} == {"train": 31, "validation": 11, "test": 4}
    assert disjoint([{paragraph.context for paragraph in splits[name].paragraphs} for name in SPLITS])
    if by == "article":
        assert disjoint([{paragraph.article for paragraph in splits[name].paragraphs} for name in SPLITS])
    assert splits == split_dataset(made(), train=31, validation=11, test=4, by=by, seed=5)
    assert splits != split_dataset(made(), train=31, validation=11, test=4, by=by, seed=6)


def test_the_train_size_does_not_change_the_other_splits() -> None:
    few = split_dataset(made(), train=10, validation=11, test=4, seed=5)
    many = split_dataset(made(), train=40, validation=11, test=4, seed=5)
    assert (few["test"], few["validation"]) == (many["test"], many["validation"])


def test_one_context_in_two_articles_stays_in_one_split() -> None:
    same = tuple(Paragraph(f"a{i}", "shared", (Question(f"q{i}", "?", (Answer("s", 0),)),)) for i in range(6))
    with pytest.raises(DataError, match="val_size=1: only 0 of f are left"):
        split_dataset(Dataset(same, "1.1", "f"), train=1, validation=1, test=1, by="article")


def test_asking_for_too_many_questions_names_the_flags_and_the_sizes() -> None:
    with pytest.raises(DataError, match="train_size=200, val_size=11, test_size=4: made has 105 usable questions; ask"):
        split_dataset(made(), train=200, validation=11, test=4)
    with pytest.raises(DataError, match="val_size=-1"):
        split_dataset(made(), train=2, validation=-1, test=4)


def test_the_real_data_splits_as_the_study_does(shared_squad: Path) -> None:
    """2,000 questions to train on, 200 to validate and 5 to test: all different ones, of different contexts."""
    data = load_data(shared_squad)
    known = {question.id: paragraph.context for paragraph, question in data.questions()}

    def drawn(**changes: Any) -> dict[str, list[str]]:
        sizes = {"train": 2000, "validation": 200, "test": 5}
        splits = split_dataset(data, **{**sizes, **changes})
        return {name: [question.id for _, question in splits[name].questions()] for name in SPLITS}

    splits = drawn()
    assert {name: len(ids) for name, ids in splits.items()} == {"train": 2000, "validation": 200, "test": 5}
    assert disjoint([set(ids) for ids in splits.values()])
    assert disjoint([{known[name] for name in ids} for ids in splits.values()])
    assert all(len(set(ids)) == len(ids) for ids in splits.values())
    order = {name: place for place, name in enumerate(known)}
    for ids in splits.values():
        assert ids == sorted(ids, key=lambda name: order[name])  # in the file's order
    # Drawn from the whole file, not from its beginning.
    assert max(order[name] for name in splits["train"]) > 0.9 * len(known)
    assert drawn() == splits
    other = drawn(seed=1)
    for name, ids in splits.items():
        assert len(set(ids) & set(other[name])) < 0.5 * len(ids), name
    fewer = drawn(train=1000)
    assert (fewer["validation"], fewer["test"]) == (splits["validation"], splits["test"])
    assert set(fewer["train"]) < set(splits["train"])


def test_a_prepared_folder_can_be_loaded_and_changes_are_noticed(tmp_path: Path) -> None:
    origin = made()
    splits = split_dataset(origin, train=31, validation=11, test=0, seed=5)
    write_prepared(tmp_path, splits, origin, {"seed": 5})
    back = load_split(tmp_path, "train")
    assert back.dataset.paragraphs == splits["train"].paragraphs
    assert load_split(tmp_path / "train.json", "ignored").sha256 == back.sha256
    with pytest.raises(DataError, match="was prepared with none"):
        load_split(tmp_path, "test")
    with pytest.raises(DataError, match=r"split='dev': .* has train, validation, test; name one"):
        load_split(tmp_path, "dev")
    (tmp_path / "train.json").write_text((tmp_path / "train.json").read_text() + " ")
    with pytest.raises(DataError, match=r"train\.json: changed since it was prepared"):
        load_split(tmp_path, "train")
    (tmp_path / "train.json").unlink()
    with pytest.raises(DataError, match=r"train\.json: missing"):
        load_split(tmp_path, "train")
    with pytest.raises(DataError, match="no such folder; make one with"):
        load_split(tmp_path / "none", "train")
    with pytest.raises(DataError, match=r"data\.json: no such file"):
        load_split(tmp_path.parent, "train")
