"""Draw train, validation and test questions with a seed. No context is in two splits."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Literal

from squadron.data.squad import Dataset, Paragraph, Question, regroup
from squadron.errors import DataError, option
from squadron.randomness import numpy_generator

SplitBy = Literal["article", "paragraph", "question"]
Size = int | Literal["all"]
SPLITS = ("train", "validation", "test")
_OPTIONS = {"train": "train_size", "validation": "val_size", "test": "test_size"}


def split_dataset(
    dataset: Dataset,
    *,
    train: Size,
    validation: int,
    test: Size,
    by: SplitBy = "paragraph",
    seed: int = 0,
    official: Dataset | None = None,
) -> dict[str, Dataset]:
    """Draw splits of exactly these sizes (questions) from ``dataset``; ``all`` for all that the others leave.

    With ``official``, the test questions are of that data set instead, and no other split has a context of it.

    ``by`` is the unit of drawing: whole articles, whole paragraphs (the last one is cut to the size), or single
    questions, each from a context that no other split has. Test and validation questions are drawn first, so changing
    the ``train`` size does not change them.

    Raises :class:`DataError` if the data does not have enough questions.
    """
    if official is not None:
        drawn_test = split_dataset(official, train=0, validation=0, test=test, by=by, seed=seed)["test"]
        rest = _without(dataset, official)
        splits = split_dataset(rest, train=train, validation=validation, test=0, by=by, seed=seed)
        return {**splits, "test": drawn_test}
    given = {"test": test, "validation": validation, "train": train}
    sizes = {name: size for name, size in given.items() if size != "all"}
    for name, size in sizes.items():
        if size < 0:
            raise DataError(f"{option(_OPTIONS[name], size)}: a number of questions of 0 or more is expected")
    if sum(sizes.values()) > len(dataset):
        asked = ", ".join(option(own, given[name]) for name, own in _OPTIONS.items())
        raise DataError(f"{asked}: {dataset.source} has {len(dataset):,} usable questions; ask for fewer")
    groups = _groups(dataset, by)
    order = numpy_generator(seed, "split", by).permutation(len(groups))
    owner: dict[str, str] = {}
    drawn: dict[str, list[tuple[Paragraph, Question]]] = {name: [] for name in given}
    for name in sorted(given, key=lambda name: name not in sizes):  # what takes all comes last
        wanted = sizes.get(name)
        for index in order:
            if len(drawn[name]) == wanted:
                break
            for paragraph, question in groups[index]:
                taken = owner.get(paragraph.context)
                if taken is None or (taken == name and by == "question"):
                    drawn[name].append((paragraph, question))
            drawn[name] = drawn[name][:wanted]
            # Questions that were cut off are not drawn later: their context already belongs to this split.
            owner.update({paragraph.context: name for paragraph, _ in groups[index] if _free(owner, paragraph, name)})
        if wanted is None and not drawn[name]:
            raise DataError(f"{option(_OPTIONS[name], given[name])}: the other splits leave none of {dataset.source}")
        if wanted is not None and len(drawn[name]) < wanted:
            raise DataError(
                f"{option(_OPTIONS[name], wanted)}: only {len(drawn[name]):,} of {dataset.source} are left once "
                f"the other splits have their whole contexts (split by {by}); ask for fewer"
            )
    rank = {question.id: number for number, (_, question) in enumerate(dataset.questions())}
    for pairs in drawn.values():
        pairs.sort(key=lambda pair: rank[pair[1].id])  # the file's order, in which articles stay together
    return {
        name: Dataset(regroup(drawn[name]), dataset.version, f"{dataset.source} ({name})", hub=dataset.hub)
        for name in SPLITS
    }


def _without(dataset: Dataset, official: Dataset) -> Dataset:
    """Return a data set without the contexts of another. Raises :class:`DataError` if nothing is left."""
    taken = {paragraph.context for paragraph in official.paragraphs}
    kept = tuple(paragraph for paragraph in dataset.paragraphs if paragraph.context not in taken)
    if not kept:
        raise DataError(
            f"{option('test_split')}: {dataset.source} has all its contexts in that split too, so nothing is left to "
            f"train on; name another split, or give {option('test_size')} instead to draw from the same data"
        )
    return dataclasses.replace(dataset, paragraphs=kept)


def _free(owner: Mapping[str, str], paragraph: Paragraph, name: str) -> bool:
    return owner.get(paragraph.context, name) == name


def _groups(dataset: Dataset, by: SplitBy) -> list[list[tuple[Paragraph, Question]]]:
    """Group the questions that are drawn together, in the file's order."""
    pairs = list(dataset.questions())
    if by == "question":
        return [[pair] for pair in pairs]
    groups: dict[str, list[tuple[Paragraph, Question]]] = {}
    for paragraph, question in pairs:
        groups.setdefault(paragraph.article if by == "article" else paragraph.context, []).append((paragraph, question))
    return list(groups.values())
