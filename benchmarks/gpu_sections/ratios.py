"""How many times as fast a fleet is as runs one after another in ``peft``: arithmetic on a record's figures."""

from __future__ import annotations

import copy

from gpu_sections.setting import Figures


def compare(sections: Figures) -> Figures:
    """Compare ``peft``'s fastest setting of 4 x 2 with the largest fleet and the study; empty if none was measured.

    A figure that needs a case that was not measured is left out.
    """
    measured = {
        name: own["ms"] for name, own in sections.get("peft", {}).items() if name.endswith("4 x 2") and "ms" in own
    }
    if not measured:
        return {}
    fastest = min(measured, key=lambda name: measured[name])
    found: Figures = {"setting": fastest, "ms": measured[fastest]}
    train = {name: own for name, own in sections.get("train", {}).items() if "ms" in own}
    size = max((own["adapters"] for own in train.values()), default=0)
    for name, key in (
        (f"{size} by question", "step_ratio"),
        (f"{size} by question, batches 4 x 2", "same_batch_ratio"),
    ):
        if name in train:
            found[key] = size * measured[fastest] / train[name]["ms"]
    study = sections.get("study", {})
    if "seconds" in study.get("all runs", {}):
        total = study["all runs"]
        found["study_seconds"] = total["runs"] * study["fleet 1"]["steps"] * measured[fastest] / 1e3
        found["study_ratio"] = found["study_seconds"] / total["seconds"]
    return found


def completed(record: Figures) -> Figures:
    """Return a record with the comparison with ``peft``, computed from its figures where the run left it out."""
    peft = record["sections"].get("peft", {})
    if "setting" in peft.get("ratio", {}):
        return record
    found = compare(record["sections"])
    if not found:
        return record
    whole = copy.deepcopy(record)
    whole["sections"]["peft"]["ratio"] = {**found, "computed": True}
    return whole
