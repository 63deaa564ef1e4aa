"""Charts in both languages: they render, show the same numbers, and use the language's digits and letters."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from made_study import make_study
from squadron.reporting import charts
from squadron.reporting.analysis.findings import Analysis
from squadron.reporting.analysis.study import analyze_study
from squadron.reporting.charts.gallery import CHARTS, chart_specs
from squadron.reporting.charts.rendering import to_png, to_svg
from squadron.reporting.charts.theme import theme
from squadron.reporting.charts.words import chart_words
from squadron.reporting.document.text import is_drawn
from squadron.reporting.localization.numbers import western
from squadron.runs.records import Study
from squadron.runs.study import read_study

Specs = dict[str, dict[str, Any]]

NAMES = re.compile(r"\b(?:[A-Za-z][\w+.-]*-?\d[\w-]*)")
"""Latin names with digits in them: F1, GPT-2, r4-lr1e-3."""
NUMBER = re.compile(r"[−-]?[\d.,]+%?")
EMBED, MARK = "\u202b", "\u200f"
"""Right-to-left embedding and right-to-left mark, which are invisible."""
MODULES = ("attention", "attention+mlp")


@pytest.fixture(scope="module")
def english(paper: Study, paper_analysis: Analysis) -> Specs:
    return chart_specs(paper, paper_analysis, chart_words("en"))


@pytest.fixture(scope="module")
def persian(paper: Study, paper_analysis: Analysis) -> Specs:
    return chart_specs(paper, paper_analysis, chart_words("fa"))


def written(svg: str) -> list[str]:
    """Return the texts of an SVG."""
    return re.findall(r"<text[^>]*>([^<]*)</text>", svg)


def test_every_chart_is_drawn(english: Specs, varied_folder: Path) -> None:
    assert set(english) == set(CHARTS) - {"seeds", "train_size"}
    varied = read_study(varied_folder)
    analysis = analyze_study(varied)
    found = chart_specs(varied, analysis, chart_words("en"))
    assert chart_specs(varied, analysis, chart_words("en"), validate=True) == found  # all are valid Vega-Lite
    assert set(found) == set(CHARTS)
    for name in ("seeds", "train_size", "models"):
        assert to_svg(found[name]).startswith("<svg"), name
    assert "full fine-tuning" in written(to_svg(found["models"]))


def test_studies_with_little_data_have_few_charts(run_folder: Path, hostile_folder: Path) -> None:
    single, hostile = (read_study(folder) for folder in (run_folder, hostile_folder))
    found = chart_specs(single, analyze_study(single), chart_words("fa"))
    assert set(found) == {"models", "losses", "decodings", "kinds", "calibration"}
    assert to_svg(found["losses"]).startswith("<svg")
    for name, spec in chart_specs(hostile, analyze_study(hostile), chart_words("en")).items():
        assert "<script" not in to_svg(spec), name


@pytest.mark.parametrize("name", sorted(set(CHARTS) - {"seeds", "train_size"}))
def test_both_languages_show_the_same_numbers(english: Specs, persian: Specs, name: str) -> None:
    svgs = [to_svg(specs[name]) for specs in (english, persian)]
    texts = [[text.replace(EMBED, "").replace(MARK, "") for text in written(svg)] for svg in svgs]
    assert len(texts[0]) == len(texts[1]) > 5
    # Words may contain a number in one language only; labels of axes and points may not.
    numbers = [sorted(one for one in map(western, own) if NUMBER.fullmatch(one)) for own in texts]
    assert numbers[0] == numbers[1]
    assert len(numbers[0]) > 3
    for text in texts[1]:
        own = NAMES.sub("", text)
        assert not re.search(r"[0-9]", own), (name, text)


def test_texts_in_persian_that_mix_directions_are_embedded(persian: Specs) -> None:
    mixed = [spec["title"] for spec in persian.values()]
    assert len(mixed) >= 8
    assert all(title.startswith(EMBED) for title in mixed)


@pytest.mark.parametrize("language", ["en", "fa"])
def test_the_font_has_every_character(english: Specs, persian: Specs, language: str) -> None:
    specs = english if language == "en" else persian
    shown = {one for spec in specs.values() for text in _texts(spec) for one in text} - {EMBED, MARK}
    assert len(shown) > 40
    assert not [one for one in shown if not is_drawn(one)]


def _texts(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [text for own in value.values() for text in _texts(own)]
    if isinstance(value, list):
        return [text for own in value for text in _texts(own)]
    return [value] if isinstance(value, str) else []


def test_charts_fetch_nothing(english: Specs) -> None:
    for name, spec in english.items():
        text = json.dumps({key: value for key, value in spec.items() if key != "$schema"}, allow_nan=False)
        assert "http" not in text, name
        assert '"url"' not in text, name


def test_a_run_of_full_fine_tuning_has_its_name_in_persian(tmp_path: Path) -> None:
    """It has no modules, which give the colour of the others."""
    study = read_study(make_study(tmp_path / "s", ranks=(4,), rates=(1e-4,), modules=MODULES, full=True))
    found = chart_specs(study, analyze_study(study), chart_words("fa"))
    texts = written(to_svg(found["frontier"]))
    assert f"{EMBED}کامل" in texts
    assert not [text for text in texts if "[U+" in text]


def test_the_persian_percent_sign_stands_left_of_its_figure(english: Specs, persian: Specs) -> None:
    """As in the report's text: the sign is at the left, though it is read last."""
    signs = [text for text in written(to_svg(persian["kinds"])) if "٪" in text]
    assert len(signs) > 3
    for text in signs:
        bare = text.replace(EMBED, "").replace(MARK, "")
        assert bare.endswith("٪")
        assert picture(text) == picture("٪" + bare[:-1]) != picture(bare)
    assert any(re.fullmatch(r"\d+%", text) for text in written(to_svg(english["kinds"])))


def picture(text: str) -> bytes:
    """Return a line of text as pixels."""
    import vl_convert

    place = 'x="40" y="20" text-anchor="middle" font-family="Vazirmatn"'
    svg = f'<svg xmlns="http://www.w3.org/2000/svg" width="80" height="30"><text {place}>{text}</text></svg>'
    return bytes(vl_convert.svg_to_png(svg))


def test_ranks_start_at_one(english: Specs) -> None:
    texts = written(to_svg(english["ranking"]))
    assert "20" in texts
    assert "0" not in texts[: texts.index("20")]


def test_a_chart_renders_as_png(english: Specs) -> None:
    assert to_png(english["models"]).startswith(b"\x89PNG")


def test_the_locales_have_the_same_words_and_each_is_used() -> None:
    locales = files("squadron.reporting").joinpath("locales")
    own = [tomllib.loads(locales.joinpath(f"charts.{one}.toml").read_text(encoding="utf-8")) for one in ("en", "fa")]
    assert list(own[0]) == list(own[1])
    source = "".join(path.read_text() for path in sorted(Path(str(charts.__file__)).parent.glob("*.py")))
    for key in own[0]:
        stem = key.split("_")[0]
        used = f'"{key}"' in source or f'f"{stem}_{{' in source or key in ("trainable_parameters", "peak_memory_bytes")
        assert used or key == "seconds", key


def luminance(colour: str) -> float:
    parts = [int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(first: str, second: str) -> float:
    high, low = sorted((luminance(first), luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize(("dark", "page"), [(False, "#ffffff"), (True, "#0d1117")])
def test_marks_and_text_have_contrast_with_the_page(dark: bool, page: str) -> None:
    settings = theme(chart_words("en"), dark=dark)
    for colour in [*settings["range"]["category"], settings["style"]["second"]["color"]]:
        assert contrast(colour, page) >= 3.0, colour
    assert contrast(settings["axis"]["labelColor"], page) >= 7.0
