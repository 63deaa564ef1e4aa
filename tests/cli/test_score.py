"""``score``: any predictions, alone and compared with others."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from squadron.data.sources import load_data


def test_predictions_are_compared_with_others(squadron: Any, small_squad: Path, tmp_path: Path) -> None:
    golds = load_data(small_squad).golds()
    right = {name: answers[0] for name, answers in golds.items()}
    worse = {name: answer if number % 3 else "wrong" for number, (name, answer) in enumerate(right.items())}
    paths = []
    for name, predictions in (("right", right), ("worse", worse)):
        paths.append(tmp_path / f"{name}.json")
        paths[-1].write_text(json.dumps(predictions))
    alone = squadron("score", paths[1], small_squad, "--json").record
    assert (alone["exact_match"], alone["questions"]) == (100 * 24 / 36, 36)
    tested = squadron("score", paths[0], small_squad, "--against", paths[1], "--json").record
    assert tested["exact_match"] == 100
    assert abs(tested["against"]["exact_match"]["difference"] - 100 * 12 / 36) < 1e-9
    assert tested["against"]["exact_match"]["p_value"] < 0.01
    shown = squadron("score", paths[0], small_squad, "--against", paths[1]).out
    assert "EM minus the other's" in shown
    assert "+33.33" in shown


def test_bad_predictions_are_reported(squadron: Any, small_squad: Path, tmp_path: Path) -> None:
    path = tmp_path / "predictions.json"
    path.write_text('{"0.0.0": 7}')
    outcome = squadron("score", path, small_squad)
    assert outcome.code == 2
    assert "question '0.0.0': the prediction is the number 7, not text" in outcome.err


def test_rows_that_are_set_aside_are_reported(
    squadron: Any, small_squad: Path, byte_base_dir: Path, tmp_path: Path
) -> None:
    content = json.loads(small_squad.read_text())
    content["data"][0]["paragraphs"][0]["qas"][1]["answers"][0]["text"] = "nowhere"
    (tmp_path / "data.json").write_text(json.dumps(content))
    predictions = {name: answers[0] for name, answers in load_data(small_squad).golds().items()}
    (tmp_path / "predictions.json").write_text(json.dumps(predictions))
    arguments = ("score", tmp_path / "predictions.json", tmp_path / "data.json")
    record = squadron(*arguments, "--json").record
    assert (record["questions"], record["exact_match"], record["unknown"]) == (35, 100, 1)
    (finding,) = record["set_aside"]
    assert "'0.0.1'" in finding
    assert "'nowhere' is not in the context" in finding
    assert "1; the first: " in squadron(*arguments).out
    source = ("--data", tmp_path / "data.json", "--max-new-tokens", 1)
    evaluated = squadron("evaluate", "--base", byte_base_dir, *source, "--out", tmp_path / "out")
    assert "bad rows set aside and not asked: 1; the first: " in evaluated.err


def test_gold_answers_in_another_unicode_form_than_their_context_are_reported(
    squadron: Any, small_squad: Path, tmp_path: Path
) -> None:
    content = json.loads(small_squad.read_text())
    paragraph = content["data"][0]["paragraphs"][0]
    paragraph["context"] += " Caf\u00e9."
    decomposed = {"text": "Cafe\u0301", "answer_start": len(paragraph["context"]) - 5}
    paragraph["qas"][1]["answers"] = [decomposed]
    paragraph["qas"][2]["answers"][0]["answer_start"] += 1  # repaired as well, but its text stays
    (tmp_path / "data.json").write_text(json.dumps(content))
    golds = load_data(tmp_path / "data.json").golds()
    predictions = {name: answers[0] for name, answers in golds.items()} | {"0.0.1": "Cafe\u0301"}
    (tmp_path / "predictions.json").write_text(json.dumps(predictions))
    arguments = ("score", tmp_path / "predictions.json", tmp_path / "data.json")
    record = squadron(*arguments, "--json").record
    assert (record["questions"], record["exact_match"], record["set_aside"]) == (36, 100 * 35 / 36, [])
    (finding,) = record["rewritten"]
    assert "'0.0.1'" in finding
    assert "written as the context has it" in finding
    (line,) = [line for line in squadron(*arguments).out.splitlines() if "rewritten" in line]
    assert "1; the first: " in line


def test_missing_predictions_and_those_without_question_are_counted(
    squadron: Any, small_squad: Path, tmp_path: Path
) -> None:
    predictions = {name: answers[0] for name, answers in load_data(small_squad).golds().items()}
    del predictions["0.0.0"], predictions["1.2.1"], predictions["3.2.2"]
    (tmp_path / "predictions.json").write_text(json.dumps({**predictions, "stranger": "Town00"}))
    arguments = ("score", tmp_path / "predictions.json", small_squad)
    record = squadron(*arguments, "--json").record
    assert (record["questions"], record["missing"], record["unknown"]) == (36, 3, 1)
    assert record["exact_match"] == record["f1"] == 100 * 33 / 36  # missing ones count as wrong, as officially
    assert record["set_aside"] == record["rewritten"] == []


def test_version_2_thresholds_come_from_the_answers_probabilities(
    squadron: Any, byte_base_dir: Path, tmp_path: Path
) -> None:
    qas = [
        {"id": "a", "question": "Where?", "answers": [{"text": "Rome", "answer_start": 0}], "is_impossible": False},
        {"id": "b", "question": "Why?", "answers": [], "is_impossible": True},
    ]
    content = {"version": "v2.0", "data": [{"title": "t", "paragraphs": [{"context": "Rome is big.", "qas": qas}]}]}
    source = tmp_path / "two.json"
    source.write_text(json.dumps(content))
    found = squadron("evaluate", "--base", byte_base_dir, "--data", source, "--max-new-tokens", 3, "--json")
    assert found.code == 0, found.err
    scores = found.record["decodings"]["greedy"]
    assert scores["no_answer"]["questions"] == scores["has_answer"]["questions"] == 1
    # The answer to the first question is wrong and the second has none: two empty answers score best.
    assert scores["has_answer"]["f1"] == 0
    assert (scores["best_f1"], scores["best_f1_thresh"]) == (50, 0)
    shown = squadron("evaluate", "--base", byte_base_dir, "--data", source, "--max-new-tokens", 3)
    assert (
        "greedy: F1 0.00 on 1 with an answer, F1 0.00 on 1 without; best F1 50.00, leaving answers empty if -ln p > 0"
        in shown.out
    )
    (tmp_path / "predictions.json").write_text('{"a": "Rome", "b": "big"}')
    alone = squadron("score", tmp_path / "predictions.json", source)
    assert "EM 100.00, F1 100.00 (1 questions)" in alone.out
    assert "EM 0.00, F1 0.00 (1 questions)" in alone.out
