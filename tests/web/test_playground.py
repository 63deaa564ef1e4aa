"""The playground without its page: models, examples, answers, and damaged leaderboard files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from squadron.errors import ConfigError, DataError, RunError
from squadron.experiments.playground import MOST_MODELS, Playground
from squadron.options.base import checked
from squadron.options.core import PlaygroundOptions
from squadron.runs.board import Winner, read_board, read_curves

from .conftest import HOSTILE, RUN, board_row


def opened(**options: Any) -> Playground:
    return Playground(checked(PlaygroundOptions, {"max_new_tokens": 6, "precision": "fp32", **options}))


@pytest.fixture(scope="module")
def over_sweep(sweep: Path) -> Playground:
    return opened(sweep=str(sweep))


def test_by_default_the_pocket_base_can_be_asked() -> None:
    playground = opened()
    assert [choice.key for choice in playground.choices()] == ["base:pocket"]
    paragraph = playground.examples[0]
    asked = paragraph.questions[0]
    found = playground.ask(paragraph.context, f" {asked.text} ", ["base:pocket"], ["span", "greedy"])
    assert found["golds"] == list(dict.fromkeys(answer.text for answer in asked.answers))
    (model,) = found["models"]
    span, greedy = model["answers"]
    assert (span["decoding"], greedy["decoding"]) == ("span", "greedy")
    start, stop = span["place"]
    assert found["context"][start:stop] == span["answer"] != ""
    assert 0 <= span["f1"] <= 1
    # A question that is not an example's has no gold answer to compare with.
    other = playground.ask(paragraph.context, "Why?", ["base:pocket"], ["span"])
    assert other["golds"] == []
    assert "f1" not in other["models"][0]["answers"][0]


def test_base_and_adapters_of_a_sweep_give_the_same_answers_as_alone(over_sweep: Playground, sweep: Path) -> None:
    choices = over_sweep.choices()
    assert [choice.label for choice in choices] == ["pocket (untouched)", RUN, *HOSTILE]  # r64 has no adapter
    first, second = choices[1].key, choices[2].key
    paragraph = over_sweep.examples[0]
    ask = (paragraph.context, paragraph.questions[0].text)
    together = over_sweep.ask(*ask, [second, "base:pocket", first], ["greedy", "nucleus"])["models"]
    assert [model["label"] for model in together] == ["pocket (untouched)", RUN, HOSTILE[0]]
    alone = over_sweep.ask(*ask, ["base:pocket"], ["greedy", "nucleus"])["models"]
    assert together[0] == alone[0]
    said = [[answer["answer"] for answer in model["answers"]] for model in together]
    assert said[1] == said[2] != said[0]  # the second run is a copy of the first
    single = opened(runs=(str(sweep / "runs" / RUN),))
    assert [choice.key for choice in single.choices()] == ["base:pocket", f"run:{sweep / 'runs' / RUN}"]
    assert single.examples == over_sweep.examples  # from the data that the run was trained on


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"context": " "}, "the context: empty"),
        ({"context": "x" * 100_001}, "100,001 characters; at most 100,000"),
        ({"question": "\n"}, "the question is empty"),
        ({"question": "y" * 2_001}, "2,001 characters; at most 2,000"),
        ({"question": "ŵ" * 1_900}, "does not fit the model; shorten it"),
        ({"models": ["run:/nowhere"]}, "no model is chosen"),
        ({"decoding": []}, "no decoding strategy is chosen"),
        ({"decoding": ["best"]}, "no strategy 'best'"),
    ],
)
def test_impossible_questions_are_one_line_errors(over_sweep: Playground, changed: dict[str, Any], words: str) -> None:
    asked = {"context": "A town.", "question": "What?", "models": ["base:pocket"], "decoding": ["greedy"], **changed}
    with pytest.raises((ConfigError, DataError), match=words):
        over_sweep.ask(**asked)


def test_more_models_than_the_page_has_letters_are_refused(over_sweep: Playground, sweep: Path, tmp_path: Path) -> None:
    run = sweep / "runs" / RUN
    for number in range(MOST_MODELS):
        (tmp_path / f"copy{number}").symlink_to(run)
    # One folder under several names is one run.
    again = opened(runs=tuple(str(tmp_path / f"copy{number}") for number in range(MOST_MODELS)))
    assert len(again.choices()) == 2
    board = json.loads((sweep / "leaderboard.json").read_text())
    assert len(board["runs"]) == MOST_MODELS  # and the base
    every = [choice.key for choice in over_sweep.choices()]
    assert len(every) == MOST_MODELS  # r64 never got an adapter
    assert len(over_sweep.ask("A town.", "What?", every, ["greedy"])["models"]) == MOST_MODELS
    other = opened(sweep=str(sweep), base="pocket", runs=(str(other_run(run, tmp_path / "other")),))
    with pytest.raises(ConfigError, match=f"7 models are chosen; at most {MOST_MODELS}"):
        other.ask("A town.", "What?", [choice.key for choice in other.choices()], ["greedy"])


def other_run(run: Path, path: Path) -> Path:
    path.mkdir()
    for entry in run.iterdir():
        (path / entry.name).symlink_to(entry)
    return path


def test_a_truncated_context_reports_how_much_was_seen(over_sweep: Playground) -> None:
    found = over_sweep.ask("word " * 2_000, "What?", ["base:pocket"], ["greedy"])
    (answer,) = found["models"][0]["answers"]
    assert 500 < answer["seen"] < len(found["context"]) == 9_999


def test_a_leaderboard_may_hold_anything(tmp_path: Path) -> None:
    rows = [
        5,
        {"name": "../x"},
        {"name": ".."},
        {"name": "a\0b"},
        {"name": ""},
        {},
        board_row("good"),
        {"name": "bare"},
    ]
    (tmp_path / "leaderboard.json").write_text(json.dumps({"schema": 1, "runs": rows}))
    board = read_board(tmp_path, [])
    assert [row.name for row in board.rows] == ["good", "bare"]
    assert not any(row.can_answer for row in board.rows)
    assert "leaderboard.json: runs.0: 5 is not an object; put the file back" in board.problems[0]
    assert len(board.problems) == 6
    assert board.winner is None
    for winner in ({"significant": True, "p_value": 0.01}, {"told_apart": True, "p_value": 0.01}):
        (tmp_path / "leaderboard.json").write_text(json.dumps({"schema": 1, "runs": [], "winner": winner}))
        assert read_board(tmp_path, []).winner == Winner(True, 0.01)  # older leaderboards call it told_apart
    for text, words in (
        ("[]", "a list is not an object"),
        ("{", "not JSON"),
        ('{"schema": 1}', "runs: missing"),
        ('{"schema": 1, "runs": [], "winner": {"p_value": "x"}}', "winner.p_value: 'x' is not a valid number"),
    ):
        (tmp_path / "leaderboard.json").write_text(text)
        with pytest.raises(RunError, match=words):
            read_board(tmp_path, [])
    with pytest.raises(RunError, match="no such folder"):
        read_board(tmp_path / "none", [])


def test_a_sweep_that_has_just_started_lists_its_runs(tmp_path: Path) -> None:
    runs = [{"name": "r4", "changes": {"rank": 4}, "status": "waiting"}]
    (tmp_path / "sweep.json").write_text(json.dumps({"schema": 1, "kind": "sweep", "runs": runs}))
    (row,) = read_board(tmp_path, []).rows
    assert (row.name, row.figures["status"]) == ("r4", "waiting")


def test_a_single_run_shows_its_figures(sweep: Path, tmp_path: Path) -> None:
    run = sweep / "runs" / RUN
    (row,) = read_board(None, [run]).rows
    scores = json.loads((run / "scores.json").read_text())
    assert row.figures["f1"] == scores["f1"]
    assert row.figures["changes"]["rank"] == 4
    assert row.figures["status"] == "done"
    copy = other_run(run, tmp_path / "copy")
    (copy / "scores.json").unlink()
    (copy / "scores.json").write_text("{}")
    board = read_board(None, [copy])
    assert (board.rows, "scores.json: schema: missing; remove the file" in board.problems[0]) == ((), True)


def test_curves_come_from_the_run_s_metrics(sweep: Path, tmp_path: Path) -> None:
    curves = read_curves(sweep / "runs" / RUN)
    lines = [json.loads(line) for line in (sweep / "runs" / RUN / "metrics.jsonl").read_text().splitlines()]
    assert curves.loss == tuple((line["step"], line["loss"]) for line in lines if "loss" in line)
    assert len(curves.validation_loss) == len(curves.validation_f1) == 2
    many = [{"step": step + 1, "loss": float(step % 2)} for step in range(1_000)]
    broken = ["not json", "[1]", '{"step": "x", "loss": 1}', '{"step": 5, "loss": null}']
    (tmp_path / "metrics.jsonl").write_text("\n".join([*map(json.dumps, many), *broken]))
    thinned = read_curves(tmp_path)
    assert len(thinned.loss) == 200
    assert thinned.loss[-1][0] == 1_000
    assert sum(value for _, value in thinned.loss) / 200 == pytest.approx(0.5)
    assert read_curves(tmp_path / "none").problem == "it has no metrics yet"


def test_runs_outside_a_sweep_are_compared_on_the_same_split(tmp_path: Path) -> None:
    """One was evaluated on the test split last, the other never: their scores must not be compared."""

    def score(f1: float) -> dict[str, Any]:
        return {"greedy": {"exact_match": 1.0, "f1": f1, "questions": 60}}

    splits = [{"validation": {"decodings": score(57.6)}}, {"validation": {"decodings": score(18.9)}}]
    splits[0]["test"] = {"decodings": {**score(39.4), "span": score(43.3)["greedy"]}}
    for name, held in zip(("tested", "untested"), splits, strict=True):
        (tmp_path / name).mkdir()
        record = {"schema": 1, "kind": "train", "status": "done", "config": {"lr": 0.001}}
        (tmp_path / name / "run.json").write_text(json.dumps(record))
        scores = {"schema": 1, "split": list(held)[-1], "decoding": "greedy", "splits": held}
        (tmp_path / name / "scores.json").write_text(json.dumps(scores))
    rows = read_board(None, [tmp_path / "tested", tmp_path / "untested"]).rows
    assert [row.figures["f1"] for row in rows] == [57.6, 18.9]
    assert {row.figures["changes"]["scored on"] for row in rows} == {"validation, greedy"}
