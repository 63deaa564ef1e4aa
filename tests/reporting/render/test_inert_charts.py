"""Charts stand in the page as data: no name in them ends the element that holds them, or begins another."""

from __future__ import annotations

import json
from dataclasses import replace

import html5lib
import pytest

from hand_study import analysis, study
from squadron.reporting.analysis.findings import Frontier
from squadron.reporting.render.html import _script_json, to_html
from squadron.reporting.report import build_report

CLOSING = '</script><b id="out">&amp;'


@pytest.mark.parametrize("name", [CLOSING, "<!--<script>\u2028"])
def test_a_run_s_name_cannot_leave_the_charts_data(name: str) -> None:
    whole = study()
    runs = (replace(whole.runs[0], name=name), whole.runs[1])
    # Two runs are drawn step by step, with their names in the data.
    nothing = {"effects": (), "interactions": (), "variance": {}, "models": (), "best": None, "seeds": None}
    findings = analysis(**nothing, decodings=None, mistakes=None, frontier=Frontier((), {}))
    page = to_html(build_report(replace(whole, runs=runs), findings, "en"))
    document = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page)
    assert not [one for one in document.iter() if one.get("id") == "out"]
    scripts = list(document.iter("script"))
    assert len(scripts) == 3
    (held,) = [one.text for one in scripts if one.get("id") == "charts"]
    assert not set("<>&\u2028\u2029") & set(held)
    assert json.loads(held)["specs"].keys() >= {"chart-losses"}
    if name == CLOSING:
        # What was escaped is read back as it was.
        values = json.dumps(json.loads(held), ensure_ascii=False)
        assert json.dumps(CLOSING, ensure_ascii=False)[1:-1] in values


def test_data_is_read_back_as_it_was() -> None:
    value = {"<b>&": ["</script>", "one\u2028two\u2029", "۱٫۵ ≤ ü"]}
    text = _script_json(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value
