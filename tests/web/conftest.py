"""A sweep folder with one briefly trained adapter, and a playground that serves it."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from squadron.experiments.evaluate import evaluate
from squadron.experiments.prepare import prepare
from squadron.experiments.train import train
from squadron.options.base import checked
from squadron.options.core import EvaluateOptions, PrepareOptions, TrainOptions

RUN = "r4-lr1e-3-attention"
HOSTILE = (
    '"><img src=x onerror="window.harmed=1">',
    "${window.harmed=2}{{window.harmed}}@children <b>",
    "**bold** [link](javascript:window.harmed=3) =cmd()",
    "\u202eturned<svg onload=window.harmed=4>",
)
"""Names of runs. Two more of their kind, for texts: a script element, and very long."""


def board_row(name: str, **figures: Any) -> dict[str, Any]:
    """Return a leaderboard row in the form that a sweep writes."""
    row = {
        "name": name,
        "status": "done",
        "changes": {"rank": 4, "lr": 1e-3, "targets": ["attention"]},
        "exact_match": 40.0,
        "f1": 51.25,
        "exact_match_interval": [20.0, 60.0],
        "f1_interval": [33.0, 70.5],
        "questions": 6,
        "trainable_parameters": 24576,
        "seconds": 61.0,
        "peak_memory_bytes": 2**29,
    }
    return {**row, **figures}


@pytest.fixture(scope="session")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A sweep folder of the pocket base: a trained run, copies of it with hostile names, and a failed one.

    Six steps teach little; what is asked of the page does not depend on how good the adapter is.
    """
    folder = tmp_path_factory.mktemp("sweep")
    run, data = folder / "runs" / RUN, folder / "data"
    prepare(PrepareOptions(dataset="pocket", out=str(data), train_size=24, val_size=6, test_size=12))
    options = {"base": "pocket", "data": str(data), "out": str(run), "epochs": 2, "eval_questions": 2}
    train(checked(TrainOptions, {**options, "precision": "fp32", "order": "paragraph"}))
    evaluate(checked(EvaluateOptions, {"run": str(run), "precision": "fp32", "max_new_tokens": 4}))
    for name in HOSTILE:
        shutil.copytree(run, folder / "runs" / name)
    rows = [board_row(RUN), *(board_row(name, status=name, changes={name: name}, reason=name) for name in HOSTILE)]
    rows.append({"name": "r64", "status": "failed", "changes": {"rank": 64}, "reason": "out of memory"})
    board = {"schema": 1, "split": "validation", "decoding": "greedy", "runs": rows}
    (folder / "leaderboard.json").write_text(json.dumps(board))
    return folder


@dataclass(frozen=True)
class Served:
    """A playground served by another process."""

    url: str
    port: int
    process: subprocess.Popen[str]
    run: Path
    errors: Path
    """The file with its standard error."""
    temporary: Path
    """Its folder for temporary files."""


@pytest.fixture(scope="session")
def playgrounds(sweep: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Served]]:
    """A function that returns the playground in a language. It runs until a test stops it: starting one is slow."""
    with contextlib.ExitStack() as stack:
        running: dict[str, Served] = {}

        def find(language: str) -> Served:
            if language not in running or running[language].process.poll() is not None:
                running[language] = stack.enter_context(serving(sweep, tmp_path_factory, language))
            return running[language]

        yield find


@pytest.fixture(scope="module")
def served(playgrounds: Callable[[str], Served]) -> Served:
    """What ``squadron playground RUN --sweep DIR`` serves on a free port."""
    return playgrounds("en")


@pytest.fixture(scope="module")
def served_in_persian(playgrounds: Callable[[str], Served]) -> Served:
    """The same with ``--lang fa``."""
    return playgrounds("fa")


@contextlib.contextmanager
def serving(sweep: Path, tmp_path_factory: pytest.TempPathFactory, language: str) -> Iterator[Served]:
    pytest.importorskip("gradio", reason="the playground's page needs gradio (pip install 'squadron[web]')")
    command = [sys.executable, "-m", "squadron", "playground", "--sweep", str(sweep), "--port", "0", "--json"]
    command += ["--max-new-tokens", "8", "--precision", "fp32", "--lang", language]
    folder = tmp_path_factory.mktemp("served")
    errors, temporary = folder / "errors.txt", folder / "temporary"
    temporary.mkdir()
    environment = {**os.environ, "TMPDIR": str(temporary)}
    with (
        errors.open("w") as stderr,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, env=environment) as process,
    ):
        assert process.stdout is not None
        record = json.loads(process.stdout.readline())
        try:
            yield Served(record["url"], record["port"], process, sweep / "runs" / RUN, errors, temporary)
        finally:
            process.kill()
