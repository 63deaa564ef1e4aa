"""The names of the files in run and sweep folders."""

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
HEADLINE = ("exact_match", "f1", "p_gold", "questions")


def answers_stem(decoding: str, split: str) -> str:
    """Return the stem of the files with a strategy's answers: ``greedy`` on validation, ``greedy.test`` on test."""
    return decoding if split == "validation" else f"{decoding}.{split.removesuffix('.json')}"
