"""Questions in the layouts of other collections and of annotation tools: MRQA, Label Studio and Doccano."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from squadron.data.raw import RawQuestion, absent, answers_of, identity, shown

_TEXTS = ("text", "context", "passage", "document", "paragraph")
_SPANS = ("label", "labels", "entities", "spans", "annotations")
_ANSWER_LABELS = {"answer", "answers", "span"}
"""Labels that only say that a span is an answer; every other label is read as the question itself."""


def is_label_studio(item: Mapping[str, Any]) -> bool:
    """Return True for a task of Label Studio's JSON export, or a row of its JSON-MIN export."""
    if isinstance(item.get("data"), dict):
        return any(isinstance(item.get(key), list) for key in ("annotations", "completions"))
    return "annotation_id" in item


def is_doccano(item: Mapping[str, Any]) -> bool:
    """Return True for a document of Doccano's export of labelled spans."""
    return isinstance(item.get("text"), str) and "context" not in item and any(key in item for key in _SPANS)


def mrqa_answers(entry: Mapping[str, Any], context: Any) -> Any:
    """Return the answers of a question: those with places that MRQA lists apart, then the other texts."""
    detected = entry.get("detected_answers")
    if not isinstance(detected, list):
        return answers_of(entry)
    found: list[dict[str, Any]] = []
    for one in detected:
        spans = one.get("char_spans") if isinstance(one, dict) else None
        found += [
            # MRQA's spans include their last character.
            _span(context, one.get("text"), span[0], span[1] + 1)
            for span in (spans if isinstance(spans, list) else [])
            if isinstance(span, list) and len(span) == 2 and all(isinstance(place, int) for place in span)
        ]
    texts = entry.get("answers")
    given = {one["text"] for one in found if isinstance(one["text"], str)}
    listed = texts if isinstance(texts, list) else []
    others = [text for text in listed if not isinstance(text, str) or text not in given]
    return found + [{"text": text, "answer_start": None} for text in others]


def label_studio_rows(item: Mapping[str, Any], place: str, number: int) -> Iterator[RawQuestion]:
    """Yield the question of a task; spans of all its annotations are its answers."""
    data = item["data"] if isinstance(item.get("data"), dict) else item
    context = _first(data, _TEXTS)
    question = data.get("question")
    answers: list[dict[str, Any]] = []
    for result in _results(item):
        value = result.get("value")
        if not isinstance(value, dict):
            continue
        written = value.get("text")
        if str(result.get("from_name", "")).lower() == "question" and isinstance(written, list) and written:
            question = written[0]  # the question was written by the annotator
        elif "start" in value:
            answers.append(_span(context, written, value["start"], value.get("end")))
        elif str(result.get("type", "")).lower() == "textarea" and isinstance(written, list):
            answers += [{"text": text, "answer_start": None} for text in written]  # typed, not marked
    broken = None if answers else ("annotations", "no labelled span; label the answer")
    yield RawQuestion(
        place, f"task-{number}", data.get("title"), context, identity(item), question, answers, broken=broken
    )


def doccano_rows(item: Mapping[str, Any], place: str, number: int) -> Iterator[RawQuestion]:
    """Yield the questions of a document. A span's label is its question, unless the document has a question."""
    context, own = item["text"], item.get("question")
    by_question: dict[Any, list[dict[str, Any]]] = {}
    found: list[Any] = next((item[key] for key in _SPANS if isinstance(item.get(key), list)), [])
    for span in found:
        if isinstance(span, dict):
            start, stop, label = span.get("start_offset"), span.get("end_offset"), span.get("label")
        elif isinstance(span, list) and len(span) == 3:
            start, stop, label = span
        else:
            continue
        if not absent(own):
            label = own if isinstance(own, str) else None
        elif not isinstance(label, str) or label.lower() in _ANSWER_LABELS:
            label = None
        by_question.setdefault(label, []).append(_span(context, None, start, stop))
    if not by_question:
        yield RawQuestion(place, broken=("label", "no labelled span; label each answer with its question"))
    name = identity(item)
    for k, (question, answers) in enumerate(by_question.items()):
        several = len(by_question) > 1
        yield RawQuestion(
            f"{place}, label {shown(question)}",
            f"{number if name is None else name}-{k}" if several else f"document-{number}",
            item.get("title"),
            context,
            None if several else name,
            question,
            answers,
            broken=("question", "neither a key nor the label names it; use the question as the label")
            if question is None
            else None,
        )


def _span(context: Any, text: Any, start: Any, stop: Any) -> dict[str, Any]:
    """Return an answer; one without a text has its place's, and so has one that is written otherwise there."""
    whole = isinstance(context, str) and isinstance(start, int) and isinstance(stop, int)
    if isinstance(text, str) and not (whole and context[start:stop].casefold() == text.casefold()):
        return {"text": text, "answer_start": start}
    return {"text": context[start:stop] if whole else text, "answer_start": start}


def _results(item: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the results of a task's annotations that were not cancelled."""
    if not isinstance(item.get("data"), dict):  # JSON-MIN: the spans lie in the row, under the name of their control
        for key, value in item.items():
            for one in value if isinstance(value, list) else []:
                if isinstance(one, dict):
                    yield {"from_name": key, "value": one}
        return
    listed = item.get("annotations") or item.get("completions")
    for annotation in listed if isinstance(listed, list) else []:
        if isinstance(annotation, dict) and not annotation.get("was_cancelled"):
            results = annotation.get("result")
            yield from (one for one in (results if isinstance(results, list) else []) if isinstance(one, dict))


def _first(data: Mapping[str, Any], keys: tuple[str, ...]) -> Any:
    return next((data[key] for key in keys if key in data), None)
