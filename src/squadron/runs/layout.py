"""How the files of run and sweep folders are named."""

from __future__ import annotations

SCHEMA = 1
LOCK = ".lock"
RECORD, SWEEP, SCORES, METRICS, LEADERBOARD = (
    "run.json",
    "sweep.json",
    "scores.json",
    "metrics.jsonl",
    "leaderboard.json",
)
HEADLINE = ("exact_match", "f1", "questions")


def answers_stem(decoding: str, split: str) -> str:
    """Return ``greedy`` for the validation split, ``greedy.test`` for another."""
    return decoding if split == "validation" else f"{decoding}.{split.removesuffix('.json')}"
