"""The page of a study: the numbers of its folders, and everything from data as text."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from squadron.errors import RunError
from squadron.experiments.evaluate import evaluate
from squadron.experiments.options import EvaluateOptions, TrainOptions
from squadron.experiments.train import train
from squadron.reporting.page import write_page

EVIL = '<script>alert(1)</script> "><img src=x onerror=alert(2)>'


class _Reader(HTMLParser):
    """Collects the tags and the text of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:  # noqa: ARG002
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data


@pytest.fixture
def study(byte_base_dir: Path, tmp_path: Path) -> Path:
    """A baseline and a run on questions that try to break the page."""
    qas = [
        {"id": f"q{i}", "question": f"{EVIL} {i}?", "answers": [{"text": "<b>bold</b>", "answer_start": 9}]}
        for i in range(4)
    ]
    paragraphs = [{"context": f"It says: <b>bold</b> {EVIL} {i}.", "qas": qas[i : i + 1]} for i in range(4)]
    source = {"version": "1.1", "data": [{"title": EVIL, "paragraphs": paragraphs}]}
    (tmp_path / "source.json").write_text(json.dumps(source))
    from squadron.experiments.options import PrepareOptions
    from squadron.experiments.prepare import prepare

    data = str(tmp_path / "data")
    source_file = str(tmp_path / "source.json")
    prepare(PrepareOptions(dataset=source_file, out=data, train_size=2, val_size=1, test_size=1))
    common: dict[str, Any] = {"split": "test", "max_new_tokens": 4, "precision": "fp32"}
    evaluate(EvaluateOptions(base=str(byte_base_dir), data=data, out=str(tmp_path / "baseline"), **common))
    run = str(tmp_path / "run")
    train(TrainOptions(base=str(byte_base_dir), data=data, out=run, epochs=1, precision="fp32", eval_questions=0))
    evaluate(EvaluateOptions(run=run, decoding=("greedy", "span"), **common))
    return tmp_path


def test_the_page_has_the_numbers_and_shows_data_as_text(study: Path) -> None:
    page = write_page(study, study / "report" / "index.html", baseline="baseline", runs=["run"])
    text = page.read_text()
    reader = _Reader()
    reader.feed(text)
    assert "script" not in reader.tags
    assert "img" not in reader.tags
    assert EVIL in reader.text
    assert "http" not in text  # nothing is fetched
    scores = json.loads((study / "run" / "scores.json").read_text())["splits"]["test"]["decodings"]
    for name in ("greedy", "span"):
        low, high = scores[name]["f1_interval"]
        assert f"{low:.1f} – {high:.1f}" in reader.text
    assert reader.tags.count("table") >= 2


def test_what_is_missing_is_named(study: Path) -> None:
    (study / "run" / "scores.json").unlink()
    with pytest.raises(RunError, match=r"scores\.json: no such file"):
        write_page(study, study / "page.html", baseline="baseline", runs=["run"])
    assert not (study / "page.html").exists()
