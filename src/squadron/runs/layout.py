"""How the files of run and sweep folders are named."""

from __future__ import annotations

SCORES = "scores.json"
HEADLINE = ("exact_match", "f1", "questions")


def answers_stem(decoding: str, split: str) -> str:
    """Return ``greedy`` for the validation split, ``greedy.test`` for another."""
    return decoding if split == "validation" else f"{decoding}.{split.removesuffix('.json')}"
