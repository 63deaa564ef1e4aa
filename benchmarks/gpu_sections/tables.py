"""The tables of a record, section by section, and what they mean."""

from __future__ import annotations

import math
from collections.abc import Callable

from gpu_sections.setting import Figures

Table = list[list[str]]
"""Rows of cells, the head first."""


def card_name(record: Figures) -> str:
    """Return the name of the card that a record was measured on."""
    return str(record["sections"].get("machine", {}).get("card", {}).get("name", "an unknown device"))


def section_tables(record: Figures, *, is_brief: bool = False) -> list[tuple[str, str, Table]]:
    """Return name, title and table of every section of a record that has cases; ``is_brief`` sums up the laws."""
    makers: dict[str, tuple[str, Callable[[Figures], Table]]] = {
        "machine": ("Machine", _machine),
        "laws": ("Laws on the device", _brief_laws if is_brief else _laws),
        "train": ("Training steps of 8 questions", _train),
        "study": ("The study: 2,000 questions, 5 epochs", _study),
        "peft": ("peft, one run after another", _peft),
        "decode": ("Decoding", _decode),
        "profile": ("Profile", _profile),
    }
    sections = record["sections"]
    return [(name, title, make(sections[name])) for name, (title, make) in makers.items() if sections.get(name)]


def _rows(cases: Figures, head: list[str], cells: Callable[[Figures], list[str]]) -> Table:
    """Return a table with a row a case; the reason in place of the figures of one that was not measured."""
    table = [head]
    for name, own in cases.items():
        missing = own.get("error") or own.get("skipped")
        measured = [str(missing).replace("|", "/"), *[""] * (len(head) - 2)] if missing else cells(own)
        table.append([name, *measured])
    return table


def _number(value: float | None, digits: int = 1, factor: float = 1.0) -> str:
    return "" if value is None else f"{value * factor:,.{digits}f}"


def _machine(cases: Figures) -> Table:
    table = [["what", "measured"]]
    for name, own in cases.items():
        missing = own.get("error") or own.get("skipped")
        if missing:
            table.append([name, str(missing).replace("|", "/")])
        elif name == "card":
            memory = f", {own['memory_bytes'] / 2**30:,.0f} GiB" if "memory_bytes" in own else ""
            table.append([name, f"{own['name']}{memory}, {own['cores']} cores"])
            versions = {"Python": own["python"], **own["versions"]}
            table.append(["versions", ", ".join(f"{key} {value}" for key, value in versions.items() if value)])
            if own.get("driver"):
                table.append(["driver, clock, power", own["driver"]])
        elif name == "copy":
            table.append([name, f"{own['bytes_per_second'] / 1e9:,.0f} GB/s, read and written"])
        else:
            rates = ", ".join(f"{shape}: {rate / 1e12:,.1f}" for shape, rate in own["by_shape"].items())
            table.append([f"{name}, TFLOP/s", rates])
    return table


def _laws(cases: Figures) -> Table:
    table = [["law", "holds", "compared", "error", "allowed"]]
    for name, own in cases.items():
        if missing := _missing_law(own):
            table.append([name, *missing, "", ""])
        for number, one in enumerate(own.get("compared", [])):
            table.append(["" if number else name, *_compared(one)])
    return table


def _brief_laws(cases: Figures) -> Table:
    """Return a row a law, with the one of its figures that is nearest to what is allowed."""
    table = [["law", "holds", "figures", "nearest to its limit", "error", "allowed"]]
    for name, own in cases.items():
        if missing := _missing_law(own):
            verdict, reason = missing
            table.append([name, verdict, "", reason, "", ""])
        else:
            verdict, *nearest = _compared(max(own["compared"], key=_nearness))
            table.append([name, verdict, str(len(own["compared"])), *nearest])
    return table


def _missing_law(own: Figures) -> tuple[str, str] | None:
    """Return the verdict on a law without figures and the reason; None if it has figures."""
    if reason := own.get("error") or own.get("skipped"):
        return "**did not run**" if "error" in own else "not checked", str(reason).replace("|", "/")
    return None


def _compared(one: Figures) -> list[str]:
    error = one["error"] if isinstance(one["error"], str) else f"{one['error']:.2g}"
    return ["yes" if one["holds"] else "**no**", one["compared"], error, f"{one['allowed']:.2g}"]


def _nearness(one: Figures) -> float:
    """Return the error as a share of what is allowed; infinite if it is not allowed."""
    if not one["holds"]:
        return math.inf
    return float(one["error"] / one["allowed"]) if one["allowed"] else 0.0


def _train(cases: Figures) -> Table:
    head = ["adapters", "ms a step", "mean", "steps", "tokens", "share of matrix rate", "peak memory, GiB"]
    return _rows(
        cases,
        head,
        lambda own: [
            _number(own["ms"]),
            _number(own["mean_ms"]),
            str(own["calls"]),
            _number(own["tokens"], 0),
            "" if own["share"] is None else f"{100 * own['share']:.0f}%",
            _number(own["peak_bytes"], 2, 2**-30),
        ],
    )


def _study(cases: Figures) -> Table:
    head = ["fleet", "runs", "ms a step", "seconds", "how", "peak memory, GiB"]
    return _rows(
        cases,
        head,
        lambda own: [
            str(own["runs"]),
            _number(own.get("mean_ms")),
            _number(own["seconds"]),
            f"extrapolated from {own['calls']} steps"
            if own["extrapolated"] and "calls" in own
            else "extrapolated"
            if own["extrapolated"]
            else "trained",
            _number(own.get("peak_bytes"), 2, 2**-30),
        ],
    )


def _peft(cases: Figures) -> Table:
    head = ["setting", "ms a step", "steps", "peak memory, GiB"]
    timed = {name: own for name, own in cases.items() if name != "ratio"}
    return _rows(
        timed, head, lambda own: [_number(own["ms"]), str(own["calls"]), _number(own["peak_bytes"], 2, 2**-30)]
    )


def _decode(cases: Figures) -> Table:
    head = ["adapters", "questions", "answered", "seconds", "answers/s", "tokens an answer", "peak memory, GiB"]
    return _rows(
        cases,
        head,
        lambda own: [
            _number(own["questions"], 0),
            _number(own["answered"], 0),
            _number(own["seconds"], 2),
            _number(own["answers_per_second"], 0),
            _number(own["tokens_per_answer"]),
            _number(own["peak_bytes"], 2, 2**-30),
        ],
    )


def _profile(cases: Figures) -> Table:
    return _rows(
        cases,
        ["what", "ms of work on the device", "operations on the device"],
        lambda own: [_number(own["device_ms"]), _number(own["kernels"], 0)],
    )


def notes(record: Figures) -> dict[str, list[str]]:
    """Return what the tables mean, by section; what is about the whole run under ``run``."""
    sections = record["sections"]
    found: dict[str, list[str]] = {"run": []}
    if record["tiny"]:
        found["run"].append("Tiny sizes: this run checks that the code runs; its figures mean nothing.")
    if "seconds" in record:
        found["run"].append(f"The whole run took {record['seconds']:.0f} s.")
    laws = [own for own in sections.get("laws", {}).values() if "skipped" not in own]
    if laws:
        failed = sum("error" in own for own in laws)
        text = f"{sum(own.get('holds', False) for own in laws)} of {len(laws)} laws hold"
        found["laws"] = [f"{text}; {failed} did not run." if failed else f"{text}."]
    if sections.get("train"):
        found["train"] = [
            "A step's time is the median; the mean has the steps too in which kernels are compiled, or a graph is "
            "recorded for a new length. The share is what the products alone would take at the card's measured rate.",
        ]
    if ratio := _ratio(sections.get("peft", {}).get("ratio", {})):
        found["peft"] = [ratio]
    if sections.get("decode"):
        found["decode"] = ["Weights are random, so that EOS hardly ever comes: answers have all their tokens."]
    return found


def _ratio(ratio: Figures) -> str:
    """Return the comparison with ``peft``; empty if there is none."""
    labels = {
        "step_ratio": "the largest fleet's step is {:.1f} times as fast as as many steps of peft",
        "same_batch_ratio": "in the same micro-batches of 4 x 2, {:.1f} times",
        "study_ratio": "the study's runs are {:.1f} times as fast as one after another in peft",
    }
    found = [text.format(ratio[key]) for key, text in labels.items() if key in ratio]
    if not found:
        return ""
    how = " These ratios were computed later, from the run's figures." if ratio.get("computed") else ""
    return f"Compared with {ratio['setting']} ({ratio['ms']:.1f} ms a step): {'; '.join(found)}.{how}"
