"""Call the command line in this process."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from squadron.cli.main import main
from squadron.reporting.charts import gallery


@dataclass(frozen=True)
class Outcome:
    """Result of a command: its exit code, standard output and standard error."""

    code: int
    out: str
    err: str

    @property
    def record(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.out)
        return found


Squadron = Callable[..., Outcome]


@pytest.fixture
def few_charts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Draw two charts of a study: all of them take most of a report's time, and are tested in ``tests/reporting``."""
    monkeypatch.setattr(gallery, "CHARTS", {name: gallery.CHARTS[name] for name in ("models", "calibration")})


@pytest.fixture
def squadron(capsys: pytest.CaptureFixture[str]) -> Squadron:
    """``squadron("train", "--rank", 4)`` runs the command line."""

    def call(*arguments: object) -> Outcome:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return Outcome(int(ended.value.code or 0), captured.out, captured.err)

    return call
