"""``score``: the seed changes the resampling, and nothing else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from squadron.experiments import score as scoring
from squadron.experiments.score import score
from squadron.options.core import ScoreOptions


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Write 40 paragraphs of two questions, and two files of predictions; the second is right more often."""
    folder = tmp_path_factory.mktemp("score")
    paragraphs, worse, better = [], {}, {}
    for place in range(40):
        qas = [
            {"id": f"{place}.{q}", "question": "Who?", "answers": [{"text": word, "answer_start": start}]}
            for q, (word, start) in enumerate((("Ann", 0), ("Bob", 8)))
        ]
        paragraphs.append({"context": f"Ann met Bob in {1900 + place}.", "qas": qas})
        worse |= {f"{place}.0": "Ann" if place % 2 else "Zoe", f"{place}.1": "Bob" if place % 5 < 3 else "Ann"}
        better |= {f"{place}.0": "Ann" if place % 3 else "Zoe", f"{place}.1": "Bob" if place % 7 else "Ann met Bob"}
    content = {"version": "1.1", "data": [{"title": "t", "paragraphs": paragraphs}]}
    found = {}
    for name, value in (("data", content), ("worse", worse), ("better", better)):
        (folder / f"{name}.json").write_text(json.dumps(value))
        found[name] = str(folder / f"{name}.json")
    return found


def test_the_seed_changes_the_intervals_and_the_test_but_no_score(files: dict[str, str]) -> None:
    def scored(seed: int) -> dict[str, Any]:
        options = {"predictions": files["better"], "data": files["data"], "against": files["worse"]}
        return score(ScoreOptions(**options, seed=seed))

    first, again, other = scored(1), scored(1), scored(2)
    assert first == again
    assert first["f1_interval_method"] == "bootstrap over 40 clusters"
    for name in ("exact_match_interval", "f1_interval"):
        assert first[name] != other[name], name
    for name in ("exact_match", "f1"):
        drawn = [(one["against"][name]["interval"], one["against"][name]["p_value"]) for one in (first, other)]
        assert drawn[0] != drawn[1], name
        assert first["against"][name]["difference"] == other["against"][name]["difference"], name
    for name in ("exact_match", "f1", "questions", "clusters", "missing", "unknown"):
        assert first[name] == other[name], name


def test_a_difference_is_the_first_file_minus_the_other(files: dict[str, str]) -> None:
    better, worse = (score(ScoreOptions(predictions=files[name], data=files["data"])) for name in ("better", "worse"))
    assert (better["exact_match"], worse["exact_match"]) == (100 * (26 + 34) / 80, 100 * (20 + 24) / 80)
    options = ScoreOptions(predictions=files["better"], data=files["data"], against=files["worse"])
    found = score(options)["against"]["exact_match"]
    assert found["difference"] == pytest.approx(20.0)
    assert 0 < found["interval"][0] < 20.0 < found["interval"][1]


@pytest.mark.parametrize("offline", [False, True])
def test_offline_reaches_the_questions(files: dict[str, str], monkeypatch: pytest.MonkeyPatch, offline: bool) -> None:
    told: list[Any] = []
    load = scoring.load_data

    def spy(*arguments: Any, **how: Any) -> Any:
        told.append(how.get("offline", False))
        return load(*arguments, **how)

    monkeypatch.setattr(scoring, "load_data", spy)
    score(ScoreOptions(predictions=files["worse"], data=files["data"], offline=offline))
    assert told == [offline]
