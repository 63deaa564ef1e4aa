"""Draw train, validation and test questions with a seed. No context is in two splits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from squadron.data.squad import Dataset, Paragraph, Question, regroup
from squadron.errors import DataError, option
from squadron.randomness import numpy_generator

SplitBy = Literal["article", "paragraph", "question"]
SPLITS = ("train", "validation", "test")
_OPTIONS = {"train": "train_size", "validation": "val_size", "test": "test_size"}


def split_dataset(
    dataset: Dataset, *, train: int, validation: int, test: int, by: SplitBy = "paragraph", seed: int = 0
) -> dict[str, Dataset]:
    """Draw splits of exactly these sizes (questions) from ``dataset``.

    ``by`` is the unit of drawing: whole articles, whole paragraphs (the last one is cut to the size), or single
    questions, each from a context that no other split has. Test and validation questions are drawn first, so changing
    the ``train`` size does not change them.

    Raises :class:`DataError` if the data does not have enough questions.
    """
    sizes = {"test": test, "validation": validation, "train": train}
    for name, size in sizes.items():
        if size < 0:
            raise DataError(f"{option(_OPTIONS[name], size)}: a number of questions of 0 or more is expected")
    if sum(sizes.values()) > len(dataset):
        given = ", ".join(option(own, sizes[name]) for name, own in _OPTIONS.items())
        raise DataError(f"{given}: {dataset.source} has {len(dataset):,} usable questions; ask for fewer")
    groups = _groups(dataset, by)
    order = numpy_generator(seed, "split", by).permutation(len(groups))
    owner: dict[str, str] = {}
    drawn: dict[str, list[tuple[Paragraph, Question]]] = {name: [] for name in sizes}
    for name, size in sizes.items():
        for index in order:
            if len(drawn[name]) == size:
                break
            for paragraph, question in groups[index]:
                taken = owner.get(paragraph.context)
                if taken is None or (taken == name and by == "question"):
                    drawn[name].append((paragraph, question))
            drawn[name] = drawn[name][:size]
            # Questions that were cut off are not drawn later: their context already belongs to this split.
            owner.update({paragraph.context: name for paragraph, _ in groups[index] if _free(owner, paragraph, name)})
        if len(drawn[name]) < size:
            raise DataError(
                f"{option(_OPTIONS[name], size)}: only {len(drawn[name]):,} of {dataset.source} are left once "
                f"the other splits have their whole contexts (split by {by}); ask for fewer"
            )
    rank = {question.id: number for number, (_, question) in enumerate(dataset.questions())}
    for pairs in drawn.values():
        pairs.sort(key=lambda pair: rank[pair[1].id])  # the file's order, in which articles stay together
    return {
        name: Dataset(regroup(drawn[name]), dataset.version, f"{dataset.source} ({name})", hub=dataset.hub)
        for name in SPLITS
    }


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
