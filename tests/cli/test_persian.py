"""Persian questions from file to report: integer ids, digits, joiners and Arabic letters; EM and F1 by either rule."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from squadron.data.prepared import load_split
from squadron.errors import RunError
from squadron.languages import Language
from squadron.reporting.analysis.study import analyze_study
from squadron.reporting.document.blocks import TableBlock, TextBlock, plain
from squadron.reporting.report import build_report
from squadron.runs.board import read_board
from squadron.runs.listing import best_run, read_runs
from squadron.runs.reader import ScoresFile
from squadron.runs.study import read_study
from squadron.scoring import metrics

ZWNJ = "\u200c"
TOWNS = ("یزد", "رشت", "قم", "کرمان", "ساري", "تبريز")  # the last two with Arabic yeh


@pytest.fixture(scope="module")
def persian_squad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file in PersianQA's layout: SQuAD's with integer ids, here 6 paragraphs of 2 questions."""
    paragraphs = []
    for number, town in enumerate(TOWNS):
        year = "۱۳" + str(number * 7 + 20).translate({48 + value: 0x06F0 + value for value in range(10)})
        context = f"پل {town} در سال {year} ساخته شد و می{ZWNJ}ماند."
        asked = [("کدام شهر؟", town), ("چه سالی؟", year)]
        qas = [
            {
                "id": 10 * number + place,
                "question": question,
                "answers": [{"text": answer, "answer_start": context.index(answer)}],
            }
            for place, (question, answer) in enumerate(asked)
        ]
        paragraphs.append({"context": context, "qas": qas})
    path = tmp_path_factory.mktemp("persian") / "pqa.json"
    path.write_text(json.dumps({"data": [{"title": "پل", "paragraphs": paragraphs}]}, ensure_ascii=False))
    return path


@pytest.fixture(scope="module")
def persian_data(persian_squad: Path) -> Path:
    from squadron import prepare

    out = persian_squad.parent / "data"
    prepare(dataset=str(persian_squad), out=str(out), train_size=6, val_size=4, test_size=2)
    return out


def _alike(_text: str) -> str:
    return "alike"


@pytest.fixture
def all_alike(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Replace the Persian rule by one that makes any answer right, so that its use shows in every score."""
    monkeypatch.setattr(metrics, "NORMALIZATIONS", {**metrics.NORMALIZATIONS, "persian": _alike})
    metrics._normalized_short.cache_clear()
    yield
    metrics._normalized_short.cache_clear()


def _report(folder: Path, language: Language) -> tuple[str, str]:
    """Return the text of the report's section on scores, and of its table of results with the note."""
    study = read_study(folder)
    report = build_report(study, analyze_study(study), language)
    texts = [plain(block.runs) for block in report.blocks if isinstance(block, TextBlock)]
    (table,) = [one for one in report.blocks if isinstance(one, TableBlock) and one.anchor == "headline-table"]
    cells = [plain(cell.runs) for row in table.rows for cell in row]
    return "\n".join(texts), "\n".join([*cells, plain(table.note)])


SMALL = ("--precision", "fp32", "--epochs", 1, "--lr", 1e-4)


def test_integer_ids_and_texts_are_taken_as_they_are(persian_data: Path) -> None:
    questions = [
        one for split in ("train", "validation", "test") for one in load_split(persian_data, split).dataset.questions()
    ]
    assert sorted(int(one.id) for _, one in questions) == sorted(
        10 * number + place for number in range(6) for place in (0, 1)
    )
    assert json.loads((persian_data / "data.json").read_text())["set_aside"] == []
    contexts = {
        paragraph.context
        for split in ("train", "validation", "test")
        for paragraph in load_split(persian_data, split).dataset.paragraphs
    }
    assert any("ساري" in context for context in contexts)  # scoring makes letters alike, not the data
    assert all(ZWNJ in context for context in contexts)


def test_predictions_are_scored_by_either_rule(squadron: Any, persian_squad: Path, tmp_path: Path) -> None:
    predictions = {str(10 * number): town.replace("ي", "ی") + "؟" for number, town in enumerate(TOWNS)}
    predictions |= {str(10 * number + 1): f"13{number * 7 + 20}" for number in range(6)}
    path = tmp_path / "predictions.json"
    path.write_text(json.dumps(predictions))
    official = squadron("score", path, persian_squad, "--json").record
    persian = squadron("score", path, persian_squad, "--normalize", "persian", "--json").record
    assert (official["exact_match"], official["normalize"]) == (0.0, "official")
    assert (persian["exact_match"], persian["f1"], persian["normalize"]) == (100.0, 100.0, "persian")
    assert "normalization of answers" in squadron("score", path, persian_squad, "--normalize", "persian").out
    refused = squadron("score", path, persian_squad, "--normalize", "farsi")
    assert refused.code == 2
    assert "'farsi' is not one of 'official', 'persian'" in refused.err


@pytest.mark.usefixtures("all_alike")
def test_a_run_is_trained_evaluated_compared_and_reported_by_its_rule(
    squadron: Any, persian_data: Path, byte_base_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runs = tmp_path / "runs"
    for name, more in (("plain", ()), ("own", ("--normalize", "persian"))):
        arguments = ("--base", byte_base_dir, "--data", persian_data, "--out", runs / name, *SMALL, *more)
        assert squadron("train", *arguments).code == 0
        assert squadron("evaluate", runs / name, "--max-new-tokens", 4).code == 0
    own, plain = runs / "own", runs / "plain"
    record, before = (json.loads((run / "run.json").read_text()) for run in (own, plain))
    assert (record["config"]["normalize"], record["validation_exact_match"]) == ("persian", 100.0)
    assert before["validation_exact_match"] < 100
    assert "normalize" not in before["config"]  # as records were before there was a choice
    scores = ScoresFile.read(own / "scores.json").find("validation", "greedy")
    assert scores is not None
    assert (scores.normalize, scores.exact_match, scores.questions) == ("persian", 100.0, 4)
    assert json.loads((own / "failures" / "greedy.json").read_text())["wrong"] == 0

    listed = squadron("runs", runs)
    assert "not comparable" in listed.out
    assert "persian (own)" in listed.out
    refused = squadron("runs", "promote", runs, "--out", tmp_path / "best")
    assert refused.code == 2
    assert "official (plain) and persian (own), so none is the best" in refused.err
    assert squadron("runs", "prune", runs, "--keep", 1).code == 2
    refused = squadron("runs", "compare", plain, own)
    assert refused.code == 2
    assert "compare them by one with --normalize official or --normalize persian" in refused.err
    compared = squadron("runs", "compare", plain, own, "--normalize", "persian", "--json").record
    assert (compared["first"]["f1"], compared["second"]["f1"], compared["normalize"]) == (100.0, 100.0, "persian")
    rows = {row.name: row.figures["changes"]["scored on"] for row in read_board(None, [own, plain]).rows}
    assert rows[str(own)] == "validation, greedy, persian normalization"
    assert rows[str(plain)] == "validation, greedy"

    # Without charts, which take most of a report's time.
    monkeypatch.setattr("squadron.reporting.report.chart_specs", lambda *_, **__: {})
    for language, words in (("en", "after the Persian normalization"), ("fa", "پس از نرمال‌سازی فارسی")):
        assert [words in text for text in _report(own, language)] == [True, True]
        assert [words in text for text in _report(plain, language)] == [False, False]
    assert "GPT-2 without fine-tuning" in _report(plain, "en")[1]
    assert "GPT-2 without fine-tuning" not in _report(own, "en")[1]  # published, and by the official rule
    assert read_study(plain).normalize == "official"

    # Scored again by another rule: the old scores are gone, and nothing of the training by its own is mixed in.
    assert squadron("evaluate", plain, "--normalize", "persian", "--max-new-tokens", 4).code == 0
    study = read_study(plain)
    assert study.normalize == "persian"
    assert [one.f1 for one in study.runs[0].curve.validations] == [None]
    assert best_run(read_runs(runs, split="validation", decoding="greedy", by="f1"), runs, split="v", decoding="g")


@pytest.mark.usefixtures("all_alike")
def test_a_sweep_ranks_selects_and_tests_by_its_rule(
    squadron: Any, persian_data: Path, byte_base_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "config.yaml").write_text(
        "base: {epochs: 1, precision: fp32, normalize: official}\ngrid: {rank: [2, 3]}\nevaluate: {max_new_tokens: 4}\n"
    )
    out = tmp_path / "sweep"
    arguments = ("sweep", tmp_path / "config.yaml", "--base", byte_base_dir, "--dataset", persian_data, "--out", out)
    arguments += ("--normalize", "persian", "--fleet-size", 2)
    swept = squadron(*arguments, "--json").record
    assert swept["normalize"] == "persian"
    assert [(run["exact_match"], run["f1"]) for run in swept["runs"]] == [(100.0, 100.0)] * 2
    assert json.loads((out / "leaderboard.json").read_text())["normalize"] == "persian"
    assert json.loads((out / "sweep.json").read_text())["config"]["base_options"]["normalize"] == "persian"
    assert swept["winner"]["f1_difference"] == 0.0
    study = read_study(out)
    assert study.normalize == "persian"
    assert study.baseline is not None
    assert study.baseline.scores["validation"]["greedy"].f1 == 100.0

    # One of the runs scored by the official rule stands out: it is left out, and said to be.
    run = sorted((out / "runs").iterdir())[0]
    assert squadron("evaluate", run, "--normalize", "official", "--max-new-tokens", 4).code == 0
    mixed = read_study(out)
    assert mixed.normalize in ("official", "persian")
    (left_out,) = mixed.lacks("normalization").names  # type: ignore[union-attr]
    assert left_out in {run.name for run in mixed.runs} - {run.name for run in mixed.scored}
    with pytest.raises(RunError, match="so none is the best"):
        best_run(read_runs(out, split="validation", decoding="greedy", by="f1"), out, split="v", decoding="g")
