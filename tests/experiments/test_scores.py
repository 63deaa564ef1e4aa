"""Scores as files: what is counted, and which scores may share a file."""

from __future__ import annotations

import json
import math
import statistics
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from squadron.data.encoding import Truncation
from squadron.data.prepared import load_split
from squadron.data.squad import Answer, Dataset, Paragraph, Question, SquadVersion
from squadron.decoding.result import Generation
from squadron.experiments.evaluate import evaluate
from squadron.experiments.predict import Answers
from squadron.experiments.scores import Subject, has_scores, score_answers, write_evaluation
from squadron.experiments.train import train
from squadron.options.core import EvaluateOptions, TrainOptions


def made(version: SquadVersion = "1.1") -> Dataset:
    """Two paragraphs of two questions; the last has no answer in version 2.0."""
    found = []
    for place, words in enumerate((("Ann", "Bob"), ("Cid", "Dee"))):
        context = f"{words[0]} met {words[1]}."
        questions = [
            Question(f"{place}.{q}", "Who?", (Answer(word, context.index(word)),)) for q, word in enumerate(words)
        ]
        if place == 1 and version == "2.0":
            questions[1] = replace(questions[1], answers=())
        found.append(Paragraph("t", context, tuple(questions)))
    return Dataset(tuple(found), version, "made")


def answers(texts: dict[str, list[str]], surely: dict[str, float] | None = None) -> Answers:
    """Return answers with these texts, a list of samples per question, and log-probabilities."""
    generations = {
        name: [Generation((1,) * len(text), (surely or {}).get(name, -1.0), stopped=bool(text)) for text in samples]
        for name, samples in texts.items()
    }
    return Answers(generations, texts, Truncation(4, 1, 7, ()), {})


def test_the_scores_by_hand() -> None:
    """Right, half right, wrong, and a question that could not be asked."""
    found = score_answers(answers({"0.0": ["Ann"], "0.1": ["Bob met"], "1.0": ["Zoe"], "1.1": []}), made())
    assert (found["exact_match"], found["questions"], found["clusters"]) == (25.0, 4, 2)
    assert found["f1"] == pytest.approx(100 * (1 + 2 / 3) / 4)
    assert found["f1_interval_method"].endswith("(2 clusters)")
    assert found["nan_answers"] == 0
    assert found["truncation"] == {"questions": 4, "truncated": 1, "tokens_dropped": 7, "too_long": []}
    assert "f1_samples" not in found


def test_the_first_of_several_samples_is_scored_and_all_are_summarized() -> None:
    texts = {"0.0": ["Ann", "Zoe"], "0.1": ["Zoe", "Zoe"], "1.0": ["Cid", "Cid"], "1.1": ["Dee", "Zoe"]}
    found = score_answers(answers(texts), made())
    assert (found["exact_match"], found["f1"]) == (75.0, 75.0)
    for name in ("exact_match", "f1"):
        assert found[f"{name}_samples"] == {"mean": 50.0, "deviation": pytest.approx(statistics.stdev([75.0, 25.0]))}


def test_answers_that_ended_at_nan_logits_are_counted() -> None:
    texts = {"0.0": ["Ann", "Zoe"], "0.1": ["Bob", "Bob"], "1.0": ["Cid", "Cid"], "1.1": []}
    found = score_answers(answers(texts, {"0.0": math.nan}), made())
    assert found["nan_answers"] == 2


def test_the_no_answer_score_is_the_negative_log_probability_of_the_first_answer() -> None:
    """Answers of decreasing probability: two that are right, then one to a question without an answer."""
    texts = {"0.0": ["Ann"], "0.1": ["Bob"], "1.0": ["Zoe"], "1.1": ["met"]}
    for last in (-3.0, math.nan, -math.inf):  # an answer without a finite probability has the highest score
        found = score_answers(answers(texts, {"0.0": -1.0, "0.1": -2.0, "1.0": -2.5, "1.1": last}), made("2.0"))
        assert (found["exact_match"], found["has_answer"]["questions"], found["no_answer"]["questions"]) == (50.0, 3, 1)
        assert (found["best_f1"], found["best_f1_thresh"]) == (75.0, 2.0), last


def subject(data: Path, split: str = "validation", **changes: Any) -> Subject:
    plain = Subject("base", "b" * 64, "a" * 64, load_split(data, split), None)
    return replace(plain, **changes)


def record(f1: float) -> dict[str, Any]:
    return {"exact_match": f1 / 2, "f1": f1, "questions": 9}


def test_the_file_collects_scores_by_split_and_strategy_with_the_latest_as_headline(
    small_data: Path, tmp_path: Path
) -> None:
    def write(split: str, settings: dict[str, Any], **decodings: float) -> dict[str, Any]:
        own = {name: record(f1) for name, f1 in decodings.items()}
        write_evaluation(tmp_path, subject(small_data, split), made(), {}, own, settings)
        found: dict[str, Any] = json.loads((tmp_path / "scores.json").read_text())
        return found

    write("validation", {"seed": 1}, greedy=10.0, span=20.0)
    write("test", {"seed": 2}, greedy=30.0)
    found = write("validation", {"seed": 3}, span=40.0)
    assert {key: found[key] for key in ("split", "decoding", "exact_match", "f1", "questions")} == {
        "split": "validation",
        "decoding": "span",
        "exact_match": 20.0,
        "f1": 40.0,
        "questions": 9,
    }
    validation, test = found["splits"]["validation"]["decodings"], found["splits"]["test"]["decodings"]
    assert (validation["greedy"], validation["span"], test["greedy"]) == (
        {**record(10.0), "settings": {"seed": 1}},
        {**record(40.0), "settings": {"seed": 3}},
        {**record(30.0), "settings": {"seed": 2}},
    )


def test_scores_count_only_for_the_same_subject(small_data: Path, tmp_path: Path) -> None:
    own = subject(small_data)
    assert not has_scores(tmp_path, own, ["greedy"])
    write_evaluation(tmp_path, own, made(), {}, {"greedy": record(1.0), "span": record(2.0)}, {})
    assert has_scores(tmp_path, own, ["greedy"])
    assert has_scores(tmp_path, own, ["span", "greedy"])
    assert not has_scores(tmp_path, own, ["greedy", "beam"])
    others: list[dict[str, Any]] = [
        {"limit": 3},
        {"base_sha256": "c" * 64},
        {"adapter_sha256": "c" * 64},
        {"adapter_sha256": None},
        {"split": replace(own.split, sha256="c" * 64)},
        {"split": load_split(small_data, "test")},
    ]
    for change in others:
        assert not has_scores(tmp_path, replace(own, **change), ["greedy"]), change


def test_scores_of_another_adapter_are_dropped(options: dict[str, Any], tmp_path: Path) -> None:
    def decodings() -> list[str]:
        return list(json.loads((tmp_path / "run" / "scores.json").read_text())["splits"]["validation"]["decodings"])

    run = str(tmp_path / "run")
    train(TrainOptions(**options, epochs=2, max_steps=1))
    evaluate(EvaluateOptions(run=run, max_new_tokens=3))
    evaluate(EvaluateOptions(run=run, max_new_tokens=3, decoding=("span",)))
    assert decodings() == ["greedy", "span"]
    train(TrainOptions(**options, epochs=2), resume=True)
    evaluate(EvaluateOptions(run=run, max_new_tokens=3, decoding=("span",)))
    assert decodings() == ["span"]
