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
from squadron.experiments import scores
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
    own, asked = subject(small_data), EvaluateOptions()
    assert not has_scores(tmp_path, own, ["greedy"], asked)
    write_evaluation(tmp_path, own, made(), {}, {"greedy": record(1.0), "span": record(2.0)}, {})
    assert has_scores(tmp_path, own, ["greedy"], asked)
    assert has_scores(tmp_path, own, ["span", "greedy"], asked)
    assert not has_scores(tmp_path, own, ["greedy", "beam"], asked)
    others: list[dict[str, Any]] = [
        {"limit": 3},
        {"base_sha256": "c" * 64},
        {"adapter_sha256": "c" * 64},
        {"adapter_sha256": None},
        {"split": replace(own.split, sha256="c" * 64)},
        {"split": load_split(small_data, "test")},
    ]
    for change in others:
        assert not has_scores(tmp_path, replace(own, **change), ["greedy"], asked), change


STRATEGIES = ("greedy", "beam", "nucleus", "top-k+temperature")


@pytest.mark.parametrize(
    ("given", "other"),
    [
        ({}, ()),
        ({"max_new_tokens": 4}, STRATEGIES),
        ({"suppress_eos": True}, STRATEGIES),
        ({"max_length": 100}, STRATEGIES),
        ({"seed": 1}, STRATEGIES[2:]),
        ({"samples": 2}, STRATEGIES[2:]),
        ({"beams": 2}, ("beam",)),
        ({"top_p": 0.5}, ("nucleus",)),
        ({"temperature": 2.0}, ("top-k+temperature",)),
        ({"beams": 4, "top_p": 0.95}, ()),
        ({"precision": "fp32", "device": "cpu"}, ()),
    ],
    ids=str,
)
def test_scores_count_only_if_they_were_made_as_they_are_asked_for(
    small_data: Path, tmp_path: Path, given: dict[str, Any], other: tuple[str, ...]
) -> None:
    made_with = EvaluateOptions(**given).model_dump(mode="json", exclude={"min_p"})  # older records lack later settings
    decodings = {name: record(1.0) for name in STRATEGIES}
    write_evaluation(tmp_path, subject(small_data), made(), {}, decodings, made_with)
    asked = EvaluateOptions(top_k=50)  # the default
    found = {name: has_scores(tmp_path, subject(small_data), [name], asked) for name in STRATEGIES}
    assert found == {name: name not in other for name in STRATEGIES}


def test_an_evaluation_that_is_killed_leaves_no_scores_of_other_answers(
    small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def evaluated(split: str, **texts: str) -> None:
        given = {name: answers({one: [text] for one in made().golds()}) for name, text in texts.items()}
        own = {name: score_answers(found, made()) for name, found in given.items()}
        write_evaluation(tmp_path, subject(small_data, split), made(), given, own, {})

    def has(split: str, name: str) -> bool:
        return has_scores(tmp_path, subject(small_data, split), [name], EvaluateOptions())

    evaluated("test", greedy="Ann")
    evaluated("validation", span="Ann", greedy="Ann")
    before = (tmp_path / "scores.json").read_bytes()
    with monkeypatch.context() as patched:
        patched.setattr(scores, "write_failures", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            evaluated("validation", greedy="Bob")
    predictions = tmp_path / "predictions" / "greedy.json"
    assert set(json.loads(predictions.read_text()).values()) == {"Bob"}
    assert [has("validation", "greedy"), has("validation", "span"), has("test", "greedy")] == [False, True, True]
    left = json.loads((tmp_path / "scores.json").read_text())
    assert left.keys() == {"schema", "split", "decoding", "exact_match", "f1", "questions", "splits"}
    assert left["decoding"] == "span"
    evaluated("validation", span="Ann", greedy="Ann")
    assert (tmp_path / "scores.json").read_bytes() == before
    with monkeypatch.context() as patched:
        patched.setattr(scores, "write_failures", lambda *_, **__: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            evaluated("validation", span="Bob", greedy="Bob")
    left = json.loads((tmp_path / "scores.json").read_text())
    assert (left.keys(), list(left["splits"])) == ({"schema", "splits"}, ["test"])


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
