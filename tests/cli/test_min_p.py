"""Min-p sampling through the verbs: scores, answers, a sweep's best run, its report in both languages, the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cli.conftest import Squadron
from squadron.experiments.playground import Playground
from squadron.languages import LANGUAGES
from squadron.options.base import checked
from squadron.options.core import PlaygroundOptions

CONFIG = """
base: {epochs: 1, eval_questions: 0}
grid: {rank: [2, 3]}
evaluate: {max_new_tokens: 4, decoding: [greedy, min-p]}
best: {split: test, max_new_tokens: 4, decoding: [greedy, min-p, top-k+min-p]}
"""


@pytest.fixture
def sweep(squadron: Squadron, byte_base_dir: Path, small_data: Path, tmp_path: Path) -> Path:
    (tmp_path / "grid.yaml").write_text(CONFIG)
    made = squadron(
        *("sweep", tmp_path / "grid.yaml", "--base", byte_base_dir, "--dataset", small_data),
        *("--out", tmp_path / "sweep", "--precision", "fp32"),
    )
    assert made.code == 0, made.err
    return tmp_path / "sweep"


@pytest.mark.usefixtures("few_charts")
def test_min_p_from_a_sweep_to_its_reports(squadron: Squadron, sweep: Path) -> None:
    run = sweep / "runs" / "r2"
    assert set(json.loads((run / "scores.json").read_text())["splits"]["validation"]["decodings"]) == {
        "greedy",
        "min-p",
    }
    for language in LANGUAGES:
        told = squadron("report", sweep, "--lang", language, "--json")
        assert told.code == 0, told.err
        text = Path(told.record["report"]).read_text("utf-8")
        assert "min-p" in text.partition("</style>")[2]
        assert "top-k + min-p" in text.replace("</bdi>", "").replace('<bdi dir="ltr" lang="en">', "")

    scored = squadron("evaluate", run, "--decoding", "min-p", "min-p+top-k", "--min-p", 0.2, "--top-k", 9, "--json")
    assert scored.code == 0, scored.err
    decodings = scored.record["decodings"]
    assert list(decodings) == ["min-p", "top-k+min-p"]
    written = json.loads((run / "scores.json").read_text())["splits"]["validation"]["decodings"]
    assert written["top-k+min-p"]["settings"]["min_p"] == 0.2
    assert "min_p" not in written["greedy"]["settings"]
    assert (run / "predictions" / "top-k+min-p.json").is_file()
    assert squadron("evaluate", run, "--decoding", "greedy", "--min-p", 0.2).code == 2


def test_min_p_answers_a_question(squadron: Squadron, sweep: Path, tmp_path: Path) -> None:
    (tmp_path / "context.txt").write_text("The bridge was built in 1800.")
    run = sweep / "runs" / "r2"
    asked = squadron(
        *("ask", "When?", "--context", tmp_path / "context.txt", "--run", run, "--max-new-tokens", 5),
        *("--decoding", "min-p", "--precision", "fp32", "--json"),
    )
    assert asked.code == 0, asked.err
    (answer,) = asked.record["answers"]
    options = {"runs": (str(run),), "max_new_tokens": 5, "precision": "fp32"}
    playground = Playground(checked(PlaygroundOptions, options))
    adapter = playground.choices()[-1]
    (model,) = playground.ask("The bridge was built in 1800.", "When?", [adapter.key], ["min-p"])["models"]
    assert [one["answer"] for one in model["answers"]] == [answer["answer"]]
