"""Run the sections case by case, so that whatever ends a run early, what was found before is in the files.

The record is written after every case. A case that fails is recorded with its error in one line; its trace is in the
log. If an error leaves the GPU unusable for this process (an illegal access, for example), the rest runs in a fresh
one.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from gpu_sections import decoding, laws, machine, peers, profiling, training
from gpu_sections.setting import Cases, Figures, Setting
from squadron.files import write_bytes, write_json

RECORD, LOG = "gpu.json", "gpu.log"
SECTIONS: Mapping[str, Callable[[Setting], Cases]] = {
    "machine": machine.cases,
    "laws": laws.cases,
    "train": training.train_cases,
    "study": training.study_cases,
    "peft": peers.cases,
    "decode": decoding.cases,
    "profile": profiling.cases,
}
"""The sections by name, in the order of their worth: if time runs out, the last ones are left out."""
SHARES: Mapping[str, float] = {"laws": 0.3, "train": 0.35, "study": 0.2, "peft": 0.15, "decode": 0.25}
"""The share of the time in all that a section may take; its further cases are left out."""


class Run:
    """A run of sections: its record and its files."""

    def __init__(
        self, setting: Setting, out: Path, *, budget: float, restart: Callable[[], None], record: Figures
    ) -> None:
        self.setting, self.out, self.budget = setting, out, budget
        self._restart = restart
        self.record = setting.record = record
        log = out / LOG
        self._lines = log.read_text(encoding="utf-8") if record["sections"] and log.is_file() else ""
        setting.log, setting.write = self.log, lambda name, data: write_bytes(out / name, data)
        setting.deadline = time.monotonic() + budget - (time.time() - record["began"])

    def log(self, text: str) -> None:
        """Print ``text``, and add it to the log with the seconds since the start."""
        seconds = time.time() - self.record["began"]
        print(text, flush=True)
        self._lines += f"[{seconds:6.1f} s] {text}\n"

    def run(self, sections: Sequence[str]) -> None:
        """Run the cases that the record does not have yet."""
        for name in sections:
            found = self.record["sections"].setdefault(name, {})
            self._run_section(name, found)
            self.setting.free()
            self.save()
        self.record["seconds"] = time.time() - self.record["began"]
        self.save()

    def _run_section(self, section: str, found: Figures) -> None:
        most = SHARES.get(section, 1.0) * self.budget
        if section == "study" and self.setting.full_study:
            most = self.budget
        began, left_out = time.monotonic(), 0
        for name, case in SECTIONS[section](self.setting):
            if name in found:
                continue
            if self.setting.seconds_left() <= 0 or time.monotonic() - began > most:
                found[name] = {"skipped": "no time left"}
                left_out += 1
                continue
            is_usable = self._run_case(section, name, case, found)
            self.save()
            if not is_usable:
                self._restart()
        if left_out:
            self.log(f"{section}: no time left for {left_out} cases")

    def _run_case(self, section: str, name: str, case: Callable[[], Figures], found: Figures) -> bool:
        """Run one case and record it. Return False if the device cannot be used any more."""
        began = time.perf_counter()
        try:
            found[name] = case()
        except Exception as problem:
            lines = str(problem).strip().splitlines() or [""]
            found[name] = {"error": f"{type(problem).__name__}: {lines[0]}"[:300]}
            trace = traceback.format_exc()
            traceback.clear_frames(problem.__traceback__)  # they hold memory of the device
            self.log(f"{section}: {name}: FAILED\n{trace}")
        found[name]["case_seconds"] = time.perf_counter() - began
        self.log(f"{section}: {name}: {_brief(found[name])}")
        if "error" not in found[name]:
            return True
        try:
            self.setting.free()
            self.setting.synchronize()
            torch.zeros(1, device=self.setting.device).add_(1)
        except Exception:
            self.log("The GPU is unusable for this process after that error; the rest runs in a fresh one")
            return False
        return True

    def save(self) -> None:
        """Write the record and the log."""
        write_bytes(self.out / LOG, self._lines.encode())
        write_json(self.out / RECORD, self.record)


def _brief(figures: Figures) -> str:
    """Return a case's figures in one line."""
    shown = {name: value for name, value in figures.items() if name not in ("top", "compared")}
    wrong = [one for one in figures.get("compared", []) if not one["holds"]]
    text = json.dumps(shown, default=str)
    return text + "".join(f"\n    {one['compared']}: {one['error']}, allowed {one['allowed']}" for one in wrong)


def restart_process(arguments: Sequence[str]) -> None:
    """Replace this process by a fresh one that resumes the same run."""
    sys.stdout.flush()
    resumed = [one for one in arguments if one != "--resume"]
    os.execv(sys.executable, [sys.executable, sys.argv[0], *resumed, "--resume"])
