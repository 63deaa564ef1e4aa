"""Recognise the layout of a data file by its keys, and read its questions as :class:`RawQuestion`.

Read are SQuAD's nested JSON, a list of its articles or one a line, the hub's flat rows, one split of several, columns,
MRQA's contexts, and the exports of Label Studio and Doccano. Of a file in another layout, the error says which it
looks like, which are read, and how to convert it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from squadron.data.columns import rename_columns, renamed
from squadron.data.exports import doccano_rows, is_doccano, is_label_studio, label_studio_rows, mrqa_answers
from squadron.data.raw import RawQuestion, absent, answers_of, entries, identity, shown
from squadron.data.squad import Finding, SquadVersion
from squadron.errors import DataError, option

READ = (
    "read are SQuAD's JSON, articles or rows (id, context, question, answers) as a list or one a line, parquet, MRQA, "
    "and exports of Label Studio and Doccano"
)
_SPLITS = {"train", "training", "validation", "valid", "val", "dev", "development", "eval", "test", "testing"}
_COLUMNS = {"context", "question", "answer", "answers", "text", "passage"}
_BINARY = {
    b"PK\x03\x04": ("a zip archive or a spreadsheet", "unpack it, or save the sheet as CSV and convert that"),
    b"ARROW1": ("an Arrow file", "save it with datasets: Dataset.to_json('data.jsonl')"),
    b"\xff\xff\xff\xff": ("an Arrow stream", "save it with datasets: Dataset.to_json('data.jsonl')"),
    b"SQLite format 3": ("a database", "export its rows as JSON lines"),
    b"\x80\x04": ("a pickle, which is never opened", "save its rows as JSON lines"),
    b"\x80\x05": ("a pickle, which is never opened", "save its rows as JSON lines"),
    b"BZh": ("a bzip2 file", "unpack it, or compress it by xz or gzip"),
    b"\x28\xb5\x2f\xfd": ("a zstandard file", "unpack it, or compress it by xz or gzip"),
}


@dataclass(frozen=True, slots=True)
class DamagedLine:
    """A line, counted from 1, of a file of JSON lines that is none."""

    number: int
    problem: str


@dataclass(frozen=True, slots=True)
class RawData:
    """The questions of a file, the version that it names, and what was chosen while reading it."""

    rows: tuple[RawQuestion, ...]
    version: SquadVersion | None
    chosen: tuple[Finding, ...] = ()


def read_layout(parsed: Any, source: str, *, split: str = "train", columns: Mapping[str, str] | None = None) -> RawData:
    """Read the questions of parsed JSON; ``columns`` says what rows call their fields, where it is otherwise.

    Raises :class:`DataError` if its layout is not one that is read.
    """
    version: SquadVersion | None = None
    parsed, chosen = _one_split(parsed, source, split)
    official = False
    if isinstance(parsed, dict):
        if "data" in parsed and not is_label_studio(parsed):
            official, version = True, _version(parsed)
            found, more = _one_split(parsed["data"], source, split)
            chosen += more
            found = _alone(found, "paragraphs", "qas")
            if not isinstance(found, list):
                raise DataError(f"{source}: data is {shown(found)}; a list is expected, as in SQuAD's JSON")
            parsed = found
        elif isinstance(parsed.get("rows"), list):  # as the hub's viewer sends them
            parsed = [one.get("row", one) if isinstance(one, dict) else one for one in parsed["rows"]]
        else:
            if "version" in parsed and _kind(parsed) == "row" and not _is_flat(parsed):
                raise DataError(f"{source}: data is missing; a list is expected, as in SQuAD's JSON")
            parsed = _columns(renamed(parsed, columns or {})) or [parsed]
            columns = None if columns and columns.keys() <= parsed[0].keys() else columns
    if not isinstance(parsed, list):
        raise DataError(f"{source}: {shown(parsed)} is not a data set; {READ}")
    if parsed and all(isinstance(one, dict) and isinstance(one.get("data"), list) for one in parsed):
        official, version = True, next(filter(None, map(_version, parsed)), None)
        parsed = [article for file in parsed for article in file["data"]]  # whole files, joined
    if columns:
        if official:
            raise DataError(
                f"{option('columns')}: {source} is in SQuAD's own layout, which has no columns; leave it out"
            )
        parsed = rename_columns(parsed, columns, source)
    if not official:
        _refuse_unknown(parsed, source)
    _refuse_html(parsed, source)
    return RawData(tuple(_items(parsed, source)), version, chosen)


def _one_split(parsed: Any, source: str, split: str) -> tuple[Any, tuple[Finding, ...]]:
    """Return one split of a file that has several by their names, and the finding that it was chosen."""
    if not isinstance(parsed, dict) or "data" in parsed or _is_flat(parsed):
        return parsed, ()
    splits = [name for name in parsed if name.lower() in _SPLITS and isinstance(parsed[name], (list, dict))]
    if not splits:
        return parsed, ()
    if split not in splits and len(splits) > 1:
        named = ", ".join(splits)
        raise DataError(
            f"{source}: has the splits {named}; name one by {option('hub_split')} of `squadron prepare`, or keep one "
            f"of them in the file"
        )
    split = split if split in splits else splits[0]
    return parsed[split], (Finding(source, "split", f"{split!r} of {', '.join(splits)}", "split chosen"),)


def _alone(value: Any, *keys: str) -> Any:
    """Return a list of one for an object with one of these keys, where a list of such objects is expected."""
    return [value] if isinstance(value, dict) and any(key in value for key in keys) else value


def refuse_foreign_bytes(data: bytes, source: str) -> None:
    """Raise :class:`DataError` for a file in a known binary format that is not read."""
    for start, (name, advice) in _BINARY.items():
        if data.startswith(start):
            raise DataError(f"{source}: looks like {name}; {advice}; {READ}")


def foreign_text(text: str) -> str:
    """Describe the format of a text that is not JSON, and how to convert it; empty if it is none that is known."""
    head = text.lstrip()[:2000]
    if head.startswith("<"):
        return f"looks like XML or HTML; convert it to JSON lines; {READ}"
    if re.match(r"[\[{(\s]*'\w+'\s*:", head):
        return f"looks like Python's text of an object, not JSON; write it with json.dump(rows, file); {READ}"
    first = head.splitlines()[0] if head else ""
    for name, mark in (("CSV", ","), ("TSV", "\t"), ("CSV", ";")):
        columns = [column.strip().strip('"').lower() for column in first.split(mark)]
        words = all(re.fullmatch(r"[\w .-]{1,60}", column) for column in columns)
        if words and (len(columns) > 2 or not _COLUMNS.isdisjoint(columns)) and "\n" in head:
            how = "" if mark == "," else f", sep={mark!r}"
            return (
                f"looks like {name} with the columns {', '.join(columns[:8])}; convert it by pandas: "
                f"pandas.read_csv('FILE'{how}).to_json('data.jsonl', orient='records', lines=True), with the columns "
                f"context, question, answer_text, answer_start and, if there is one, id; {READ}"
            )
    return ""


def _version(data: Mapping[str, Any]) -> SquadVersion | None:
    """Return the version given in an official file, or None."""
    given = str(data.get("version", ""))
    if given.removeprefix("v").startswith("2"):
        return "2.0"
    return "1.1" if given.startswith(("1", "v1")) else None


def _columns(parsed: Mapping[str, Any]) -> list[Any] | None:
    """Return the rows of a table that is stored as columns (lists, or objects by row number); None if it is none."""
    context = parsed.get("context")
    if not isinstance(context, (list, dict)):
        return None
    number = len(context)
    if type(parsed.get("question")) is not type(context):
        return None
    columns = {
        key: list(value.values()) if isinstance(value, dict) else value
        for key, value in parsed.items()
        if isinstance(value, (list, dict))
    }
    columns = {key: value for key, value in columns.items() if len(value) == number}
    return [{key: value[k] for key, value in columns.items()} for k in range(number)]


def _refuse_unknown(items: list[Any], source: str) -> None:
    """Raise :class:`DataError` if no item has a key that a known layout has."""
    rows = [item for item in items if isinstance(item, dict)]
    if not rows or any(_kind(row) != "row" or _is_flat(row) for row in rows):
        return
    keys = ", ".join(map(str, list(rows[0])[:8]))
    raise DataError(
        f"{source}: a file of objects with {keys or 'no keys'}, which is no known layout; say which are context, "
        f"question and answers, as in {option('columns', 'context=passage,question=query')}, or rename them; {READ}"
    )


def _refuse_html(items: list[Any], source: str) -> None:
    """Raise :class:`DataError` for KorQuAD 2."""
    first = items[0] if items else None
    if isinstance(first, dict) and ("raw_html" in first or "html_answer_start" in str(first.get("qas"))):
        raise DataError(
            f"{source}: looks like KorQuAD 2, whose contexts are HTML; strip the tags, write the text as context "
            f"and each answer as answers: [{{text}}] (starts are then found); {READ}"
        )


def _is_flat(item: Mapping[str, Any]) -> bool:
    return "context" in item or "question" in item


def _kind(item: Mapping[str, Any]) -> str:
    if "paragraphs" in item:
        return "article"
    if "qas" in item:
        return "paragraph"
    if "header" in item and "context" not in item:
        return "header"
    if is_label_studio(item):
        return "label studio"
    return "doccano" if is_doccano(item) else "row"


def _items(items: list[Any], source: str) -> Iterator[RawQuestion]:
    """Yield the questions of a list, whose items may be articles, paragraphs, rows or exported tasks."""
    kinds = [_kind(item) if isinstance(item, dict) else "" for item in items]
    rows = [item for item, kind in zip(items, kinds, strict=True) if kind == "row"]
    # The hub's layout has no is_impossible: an empty list of answers means the same.
    marked = any(not absent(row.get("is_impossible")) for row in rows)
    flat = "article" not in kinds and any(map(_is_flat, rows))
    for number, (item, kind) in enumerate(zip(items, kinds, strict=True)):
        row_place = f"{source}: row {number + 1}"
        if isinstance(item, DamagedLine):
            yield RawQuestion(f"{source}: line {item.number}", broken=("line", item.problem))
        elif kind == "row" and flat:
            yield _row(item, row_place, number + 1, empty_is_impossible=not marked)
        elif kind in ("", "article", "row"):
            yield from _article(item, source, number)
        elif kind == "paragraph":
            at = f"{source}: article {shown(item['title']) if item.get('title') else number}"
            yield from _paragraph(item, item.get("title"), f"{at}, paragraph 0", f"{number}-0")
        elif kind == "label studio":
            yield from label_studio_rows(item, row_place, number + 1)
        elif kind == "doccano":
            yield from doccano_rows(item, row_place, number + 1)


def _article(article: Any, source: str, number: int) -> Iterator[RawQuestion]:
    title = article.get("title") if isinstance(article, dict) else None
    at = f"{source}: article {shown(title) if title else number}"
    paragraphs = article.get("paragraphs") if isinstance(article, dict) else article
    paragraphs = _alone(paragraphs, "qas")
    if not isinstance(paragraphs, list) or not paragraphs:
        yield RawQuestion(at, broken=("paragraphs", f"{shown(paragraphs)}; a list of paragraphs is expected"))
        return
    for p, paragraph in enumerate(paragraphs):
        yield from _paragraph(paragraph, title, f"{at}, paragraph {p}", f"{number}-{p}")


def _paragraph(paragraph: Any, title: Any, spot: str, made: str) -> Iterator[RawQuestion]:
    if not isinstance(paragraph, dict):
        yield RawQuestion(spot, broken=("context", f"{shown(paragraph)}; an object with context and qas is expected"))
        return
    questions = _alone(paragraph.get("qas"), "question")
    if not isinstance(questions, list) or not questions:
        yield RawQuestion(spot, broken=("qas", f"{shown(questions)}; a list of questions is expected"))
        return
    for q, entry in enumerate(questions):
        if not isinstance(entry, dict):
            problem = f"{shown(entry)}; an object with id and question is expected"
            yield RawQuestion(f"{spot}, question {q}", broken=(f"qas[{q}]", problem))
            continue
        name, context = identity(entry), paragraph.get("context")
        yield RawQuestion(
            f"{spot}, question {q if name is None else shown(name)}",
            f"{made}-{q}",
            title,
            context,
            name,
            entry.get("question"),
            mrqa_answers(entry, context),
            entry.get("is_impossible"),
            entry.get("part"),
        )


def _row(row: Mapping[str, Any], place: str, number: int, *, empty_is_impossible: bool) -> RawQuestion:
    """Return a row of the hub's flat layout, where ``answers`` is ``{"text": [...], "answer_start": [...]}``."""
    name, answers, impossible = identity(row), answers_of(row), row.get("is_impossible")
    if absent(impossible):
        impossible = empty_is_impossible and entries(answers) == []
    return RawQuestion(
        place if name is None else f"{place}, question {shown(name)}",
        f"row-{number}",
        row.get("title"),
        row.get("context"),
        name,
        row.get("question"),
        answers,
        impossible,
        row.get("part"),
    )
