"""What Squadron wants to reach on an H100, and what a record has of it."""

from __future__ import annotations

from collections.abc import Sequence

from gpu_sections.setting import Figures

_STEP = "training step by question, K = {}, ms"
_GOALS: Sequence[tuple[str, str, tuple[str, str, str], float, bool]] = (
    (_STEP.format(75), "at most", ("train", "75 by question", "ms"), 130.0, True),
    (_STEP.format(15), "at most", ("train", "15 by question", "ms"), 25.0, True),
    (_STEP.format(1), "at most", ("train", "1 by question", "ms"), 4.0, True),
    ("the study's 75 runs, s", "at most", ("study", "all runs", "seconds"), 180.0, True),
    ("the study, times as fast as peft", "at least", ("peft", "ratio", "study_ratio"), 20.0, False),
    ("greedy answers of 75 adapters to 1,000 questions, s", "at most", ("decode", "75, greedy", "seconds"), 60.0, True),
)


def goal_rows(record: Figures) -> list[list[str]]:
    """Return a row a goal: what, the limit, what was measured, and if it is reached; none unless an H100 measured."""
    sections = record["sections"]
    if record["tiny"] or not _is_h100(record):
        return []
    rows = []
    for what, word, (section, case, figure), limit, is_highest in _GOALS:
        own = sections.get(section, {}).get(case, {})
        value = own.get(figure)
        if value is not None and own.get("answered"):  # a case that was stopped: in proportion
            value *= own["questions"] / own["answered"]
        verdict = "not measured" if value is None else "yes" if (value <= limit) == is_highest else "**no**"
        rows.append([what, f"{word} {limit:,.0f}", "" if value is None else f"{value:,.1f}", verdict])
    return rows


def goal_cells(record: Figures) -> list[str]:
    """Return what a record has of each goal and if it is reached, in one cell a goal."""
    return [f"{value}: {verdict}" if value else verdict for _, _, value, verdict in goal_rows(record)]


def _is_h100(record: Figures) -> bool:
    name = record["sections"].get("machine", {}).get("card", {}).get("name", "")
    return "H100" in name or "H200" in name
