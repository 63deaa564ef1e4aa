"""What is expected of each input of ``../shared/cases``, for ``cases.py``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

_SPANS = (
    ("Ada Quill", 63),
    ("34 metres", 80),
    ("40 minutes", 68),
    ("60 cars", 98),
    ("1990", 36),
    ("Bo Hart", 53),
    ("Mount Kell", 23),
    ("212 km", 54),
)
"""The answers of the eight questions that most cases have, in one shape or another."""
_TITLES = ("lighthouse", "Tern", "bakery", "river")
Answers = Mapping[str, list[tuple[str, int]]]


def _eight(*names: str) -> Answers:
    """Return the answers of the eight questions, by their ids."""
    return {name: [span] for name, span in zip(names, _SPANS, strict=True)}


_OFFICIAL = _eight(*(f"q{k}" for k in range(8)))
_ROWS = _eight(*(f"r{k}{j}" for k in range(4) for j in range(2)))
_HALVES = {name: answers if int(name[1]) % 2 == 0 else [] for name, answers in _OFFICIAL.items()}
_FOUR = {str(k + 1): [_SPANS[2 * k]] for k in range(4)}


@dataclass(frozen=True, slots=True)
class Data:
    """A data file: the numbers of its rows, what ``prepare`` tells, and the answers as it writes them."""

    answers: Answers = field(default_factory=lambda: _OFFICIAL)
    told: str = ""
    titles: tuple[str, ...] = _TITLES
    set_aside: int = 0
    version: str = "1.1"
    questions: int = 8
    options: tuple[str, ...] = ()


def _rows(told: str = "", **more: Any) -> Data:
    return Data(_ROWS, told, ("T",), **more)


_DAMAGED = "the parquet file is truncated or damaged"
_COLUMN = "column 'x' of the parquet file cannot be read"
_READ = "is_impossible read as true or false: 8"

DATA: Mapping[str, Data] = {
    "D01-int-ids/germanlike.json": Data(
        {
            "5001": [("Ada Quill", 60)],
            "5002": [("34 Meter", 85)],
            "5003": [("40 Minuten", 74)],
            "5004": [("zwischen Pell und Örsk", 28)],
        },
        "id taken as text: 4",
        ("",),
        questions=4,
    ),
    "D02-no-ids/annot.json": Data(
        _eight(*(f"{k}-0-{j}" for k in range(4) for j in range(2))), "id made from the question's place: 8"
    ),
    "D03-start-minus1/annot.json": Data(told="start found: 4"),
    "D04-cr-offsets/haystack.json": Data(
        {"h1": [("1871", 41)], "h2": [("1871", 72)], "h3": [("the pier\r\ncame too", 77)]},
        "start counted in characters with line ends as one: 2, answer written as the context has it: 1",
        ("",),
        questions=3,
    ),
    "D05-empty-text/empty_text_no_flag.json": Data(
        {name: answers for name, answers in _HALVES.items() if answers}, set_aside=4, questions=4
    ),
    "D05-empty-text/impossible_with_empty_text.json": Data(_HALVES, version="2.0"),
    **{
        f"D06-unlabelled-doc/{name}.json": Data(set_aside=1)
        for name in ("empty_paragraphs", "missing_paragraphs", "missing_qas", "null_qas")
    },
    **{f"D08-u2028-jsonl/{name}.jsonl": _rows() for name in ("first_row_nel", "first_row_u2028", "last_row_u2028")},
    "D09-toplevel-list/articles.jsonl": Data(),
    "D09-toplevel-list/articles_list.json": Data(),
    "D09-toplevel-list/one_article.json": Data({"q0": [_SPANS[0]], "q1": [_SPANS[1]]}, titles=_TITLES[:1], questions=2),
    "D10-answer-shapes/float_starts.json": Data(told="start read as a whole number: 8"),
    "D10-answer-shapes/list_of_dicts_rows.jsonl": _rows(),
    "D10-answer-shapes/list_of_strings.jsonl": _rows("start found: 8"),
    "D10-answer-shapes/no_starts.jsonl": _rows("start found: 8"),
    "D10-answer-shapes/official_no_starts.json": Data(told="start found: 8"),
    "D10-answer-shapes/scalar_answers.jsonl": _rows(),
    "D10-answer-shapes/string_starts.json": Data(told="start read as a whole number: 8"),
    "D11-is-impossible/flag_only_on_impossible.json": Data({**_OFFICIAL, "q1": []}, version="2.0"),
    "D11-is-impossible/int0.json": Data(told=_READ, version="2.0"),
    "D11-is-impossible/null.json": Data(version="2.0"),
    "D11-is-impossible/str_false.json": Data(told=_READ, version="2.0"),
    "D13-titles/blank_title.json": Data(told="unusable title left out: 8", titles=("",)),
    "D13-titles/int_title.json": Data(told="title taken as text: 8", titles=("100", "101", "102", "103")),
    "D13-titles/no_title.json": Data(titles=("",)),
    "D13-titles/null_title.json": Data(titles=("",)),
    "D15-near-miss-answers/near.json": Data(
        {"n3": [("May", 56)], "n4": [("shop ", 41)], "n5": [(" Ash", 70)], "n6": [("Ash ", 71), ("Ash", 71)]},
        "answer written as the context has it: 2",
        ("Shop",),
        set_aside=1,  # n2: the context has an HTML entity
        questions=5,
    ),
    "D17-long-contract/contract.json": Data(
        {
            "LICENSE__Governing Law_0": [("This agreement is governed by the law of Orsk", 60000)],
            "LICENSE__Cap_0": [],
        },
        "long context cut: 2",
        ("LICENSE",),
        version="2.0",
        questions=2,
        options=("--split-contexts",),
    ),
    "D18-mrqa-jsonl/dev.jsonl": Data(_eight(*(f"m{k}{j}" for k in range(4) for j in range(2))), titles=("",)),
    "D19-duplicates/dup_context.json": Data(titles=(*_TITLES, "Copy"), questions=10),
    "D19-duplicates/dup_ids.json": Data(set_aside=2),
    "D20-labelstudio/export.json": Data(_FOUR, "id taken as text: 4", ("",), questions=4),
    "D21-doccano/doccano.jsonl": Data(_FOUR, "id taken as text: 4", ("",), questions=4),
    "D24-splits-dict/splits.json": Data(
        {name: answers for name, answers in _ROWS.items() if name < "r3"}, "split chosen: 1", ("T",), questions=6
    ),
    "D25-utf16-offsets/bom.json": Data(),
    "D25-utf16-offsets/js_offsets.json": Data(
        {"e1": [("Mimi", 28)], "e2": [("the old mill", 48)], "e3": [("owl 🦉", 4)]},
        "start counted in UTF-16 units: 2",
        ("Owl",),
        questions=3,
    ),
    "D25-utf16-offsets/utf16.json": Data(),
    "D26-eos-in-text/eos.json": Data(
        {"s1": [("<|endoftext|>", 18)], "s2": [("The log file", 0)], "s3": [("9 days", 96)]},
        titles=("Log",),
        questions=3,
    ),
    "D28-guid/klue.json": Data(),
    "H1-jsonl-deep/in.jsonl": Data({"q0": [("Mira", 0)]}, titles=("T",), set_aside=1, questions=1),
    "H2-parquet/good.parquet": Data({f"q{k}": [("Mira", 0)] for k in range(15)}, titles=("T",), questions=15),
    "S07-gold-not-in-context/gold_no_starts.json": Data(told="start found: 8"),
    "S07-gold-not-in-context/gold_one_bad.json": Data(
        {name: answers for name, answers in _OFFICIAL.items() if name != "q0"}, set_aside=1, questions=7
    ),
    "S10-persian/gold.json": Data(
        {"f1": [("۲۱۲ کیلومتر", 12)], "f2": [("کوه کِل", 38)]}, titles=("آش",), set_aside=1, questions=2
    ),
    "T03-all-impossible/imp.json": Data({f"i{k}": [] for k in range(6)}, titles=("F",), version="2.0", questions=6),
    "T04-impossible-with-answers/iwa.json": Data(
        {"z1": [], "z2": [("nine", 20)]}, "impossible question with answers: 1", ("F",), version="2.0", questions=2
    ),
}
REFUSED: Mapping[str, str] = {
    "D07-csv/labels.csv": "looks like CSV with the columns document_id, context, question, text, answer_start",
    "D22-korquad2/k2.json": "looks like KorQuAD 2, whose contexts are HTML; strip the tags",
    "D25-utf16-offsets/latin1.json": "byte 75 is not UTF-8; it looks like Latin-1; save it as UTF-8",
    "H2-parquet/badutf8.parquet": _DAMAGED,
    "H2-parquet/flip11.parquet": _DAMAGED,
    "H2-parquet/trunc.parquet": _DAMAGED,
    "H2-parquet/ts.parquet": _COLUMN,
    "H2-parquet/tz.parquet": _COLUMN,
    "H3-bomb/nl400m.gz": "the file is empty",
    "H3-bomb/zeros2g.xz": "over 800,000,000 bytes, unpacked; split it",
    "S07-gold-not-in-context/gold.json": "no usable question among 8",  # by prepare; score reads it
}
ASKED: Mapping[str, list[int]] = {
    "A01-bom-context/ctx.txt": [63, 113],
    "A01-bom-context/plain.txt": [63, 113],
    "A02-crlf-context/ctx.txt": [63, 114],
    "A03-ff-context/ctx.txt": [63, 113],
}
"""The place of "Ada Quill" in the context, and the length of the context."""
TRAINED: Mapping[str, str] = {
    "T01-long-question/lq.json": "left out",
    "T02-answer-longer-than-window/la.json": "left out",
}
"""Words of the line that training ends with."""
SCORES: Mapping[tuple[str, str], tuple[float, float] | str] = {
    ("D01-int-ids", "pred.json germanlike.json"): (100.0, 100.0),
    ("S-data", "pred.json gold.json"): (100.0, 100.0),
    ("S01-hf-list", "pred.json S-data/gold.json"): (100.0, 100.0),
    ("S01-hf-list", "pred_v2.json S-data/gold.json"): (100.0, 100.0),
    ("S02-nbest", "nbest.json S-data/gold.json"): "question 'q0': has several candidates, as n-best files have",
    ("S03-jsonl", "pred.jsonl S-data/gold.json"): (100.0, 100.0),
    ("S04-bom", "pred.json S-data/gold.json"): (100.0, 100.0),
    ("S05-null", "pred.json S-data/gold.json"): "question 'q3': the prediction is null, not text; write it as one",
    ("S06-na-prob", "pred.json gold.json"): (50.0, 50.0),
    ("S06-na-prob", "pred.json gold.json null_odds.json"): (100.0, 100.0),
    ("S07-gold-not-in-context", "S-data/pred.json gold.json"): (0.0, 78.33),
    ("S07-gold-not-in-context", "S-data/pred.json gold_no_starts.json"): (100.0, 100.0),
    ("S07-gold-not-in-context", "S-data/pred.json gold_one_bad.json"): (87.5, 93.75),
    ("S09-dup-keys", "pred.json S-data/gold.json"): (12.5, 12.5),  # the last of equal keys, as in the official script
    ("S10-persian", "pred.json gold.json"): (0.0, 33.33),
    ("T04-impossible-with-answers", "pred.json iwa.json"): (100.0, 100.0),  # as the official script
}
"""EM and F1 of predictions on golds, or the words of a refusal; a third file has no-answer scores."""
_ASCII = "not a name for a folder; use ASCII letters"
PLANS: Mapping[str, int | str] = {
    "W01-config/bom.yaml": 1,
    "W01-config/conf.json": 1,
    "W01-config/crlf.yaml": 2,
    "W01-config/dup.yaml": "grid.rank [4, 4]: 4 is there more than once; keep one",
    "W01-config/empty.yaml": "not a mapping; write base: {...} and grid: {axis: [values]}",
    "W01-config/epochs0.yaml": "base.epochs 0: input should be greater than or equal to 1",
    "W01-config/latin1.yaml": "byte 62 is not UTF-8; it looks like Windows-1252; save it as UTF-8",
    "W01-config/peftnames.yaml": "grid.r [4]: unknown axis, perhaps rank",
    "W01-config/quoted.yaml": "grid.rank[0] '4': input should be a valid integer",
    "W01-config/s.yaml": 2,
    "W01-config/s2.yaml": 3,
    "W01-config/tabs.yaml": "not YAML (line 2, column 1: found character '\\t' that cannot start any token)",
    "W01-config/uni.yaml": _ASCII,
    "W01-config/uni2.yaml": _ASCII,
    "W01-config/uniname.yaml": _ASCII,
}
"""The number of a configuration's runs, or the words of its refusal."""
GROWN: Mapping[str, list[str]] = {"s.yaml s2.yaml": ["r16"]}
"""The runs of the second configuration that the first does not have."""
