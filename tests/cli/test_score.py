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
    # `score` reads golds as the official script does, wherever they stand.
    assert (record["questions"], record["exact_match"], record["unknown"]) == (36, 100 * 35 / 36, 0)
    content["data"][0]["paragraphs"][0]["qas"][1]["answers"] = []
    (tmp_path / "data.json").write_text(json.dumps(content))
    record = squadron(*arguments, "--json").record
    assert (record["questions"], record["exact_match"], record["unknown"]) == (35, 100, 1)
    (finding,) = record["set_aside"]
    assert "'0.0.1'" in finding
    assert "answers: empty" in finding
    shown = squadron(*arguments).out
    assert "1; the first: " in shown
    assert "rows: 1 set aside, the first: " in shown
    source = ("--data", tmp_path / "data.json", "--max-new-tokens", 1)
    evaluated = squadron("evaluate", "--base", byte_base_dir, *source, "--out", tmp_path / "out")
    assert "evaluation data: 1 set aside, the first: " in evaluated.err


def test_golds_are_scored_as_the_file_has_them(squadron: Any, small_squad: Path, tmp_path: Path) -> None:
    content = json.loads(small_squad.read_text())
    paragraph = content["data"][0]["paragraphs"][0]
    paragraph["context"] += " Caf\u00e9."
    paragraph["qas"][1]["answers"] = [{"text": "Cafe\u0301"}]  # another Unicode form than the context's
    paragraph["qas"][2]["answers"].append({"text": None})
    (tmp_path / "data.json").write_text(json.dumps(content))
    predictions = {name: answers[0] for name, answers in load_data(tmp_path / "data.json").golds().items()}
    (tmp_path / "predictions.json").write_text(json.dumps(predictions | {"0.0.1": "Cafe\u0301"}))
    arguments = ("score", tmp_path / "predictions.json", tmp_path / "data.json")
    record = squadron(*arguments, "--json").record
    assert (record["questions"], record["exact_match"], record["set_aside"]) == (36, 100, [])
    (finding,) = record["repaired"]
    assert "'0.0.2'" in finding
    shown = squadron(*arguments).out
    assert "rows: 1 read differently than written (bad alternative answer dropped: 1)" in shown


V2 = {
    "version": "v2.0",
    "data": [
        {
            "paragraphs": [
                {
                    "context": "Rome is big.",
                    "qas": [
                        {"id": "a", "question": "Where?", "answers": [{"text": "Rome"}], "is_impossible": True},
                        {"id": "b", "question": "Why?", "answers": [], "is_impossible": True},
                    ],
                }
            ]
        }
    ],
}


def test_in_version_2_a_question_with_golds_is_answerable(squadron: Any, tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text(json.dumps(V2))
    (tmp_path / "predictions.json").write_text('{"a": "Rome", "b": ""}')
    record = squadron("score", tmp_path / "predictions.json", tmp_path / "data.json", "--json").record
    assert (record["exact_match"], record["has_answer"]["questions"]) == (100, 1)
    assert "although is_impossible is true" in record["repaired"][0]


def test_null_odds_give_the_best_threshold_and_apply_the_official_one(squadron: Any, tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text(json.dumps(V2))
    (tmp_path / "predictions.json").write_text('{"a": "Rome", "b": "big"}')
    (tmp_path / "odds.json").write_text('{"a": -3.0, "b": 3}')
    arguments = ("score", tmp_path / "predictions.json", tmp_path / "data.json")
    assert squadron(*arguments, "--json").record["exact_match"] == 50
    record = squadron(*arguments, "--null-odds", tmp_path / "odds.json", "--json").record
    assert (record["exact_match"], record["best_exact"], record["best_exact_thresh"]) == (100, 100, -3)
    assert "no answer above -3" in squadron(*arguments, "--null-odds", tmp_path / "odds.json").out
    (tmp_path / "odds.json").write_text('{"a": -3.0, "b": "high"}')
    refused = squadron(*arguments, "--null-odds", tmp_path / "odds.json")
    assert (refused.code, "question 'b': the no-answer score is a text" in refused.err) == (2, True)
    version_1 = {
        **V2,
        "data": [{"paragraphs": [{"context": "c", "qas": [{"id": "a", "answers": ["c"]}]}]}],
        "version": "1.1",
    }
    (tmp_path / "data.json").write_text(json.dumps(version_1))
    refused = squadron(*arguments, "--null-odds", tmp_path / "odds.json")
    assert (refused.code, "v1.1, which has an answer to every question" in refused.err) == (2, True)


def test_lists_of_predictions_are_taken_with_their_probabilities(squadron: Any, tmp_path: Path) -> None:
    (tmp_path / "data.json").write_text(json.dumps(V2))
    entries = [{"id": name, "prediction_text": "Rome", "no_answer_probability": p} for name, p in (("a", 0), ("b", 1))]
    (tmp_path / "list.json").write_text(json.dumps(entries))
    record = squadron("score", tmp_path / "list.json", tmp_path / "data.json", "--json").record
    assert (record["exact_match"], record["best_exact"], record["best_exact_thresh"]) == (50, 100, 0)
    (tmp_path / "list.json").write_text(json.dumps([{"id": "a", "prediction_text": "Rome"}]))
    record = squadron("score", tmp_path / "list.json", tmp_path / "data.json", "--json").record
    assert (record["exact_match"], record["missing"], "best_exact" in record) == (50, 1, False)


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
    assert record["set_aside"] == record["repaired"] == []


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
