"""Run every folder of ``../shared/cases`` through the verb it is for, and print a line each.

Each line has the case, the exit code, and the last line that was printed. No input may end with code 1, which is a
mistake in Squadron; the exit code of this script is then 1.
"""

from __future__ import annotations

import contextlib
import io
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from squadron.cli.main import main as squadron

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"
PREDICTIONS = ("pred", "nbest")


def commands(case: Path, out: Path) -> Iterator[tuple[str, list[str]]]:
    """Yield the name of every input of a case, and the command that reads it."""
    files = sorted(path for path in case.iterdir() if path.is_file())
    if case.name.startswith("A"):
        for path in files:
            ask = ["ask", "Who built the lighthouse?", "--base", "pocket", "--context", str(path)]
            yield path.name, [*ask, "--json"]
        return
    if case.name.startswith("W"):
        for path in files:
            yield (
                path.name,
                [
                    "sweep",
                    str(path),
                    "--dry-run",
                    "--base",
                    "pocket",
                    "--dataset",
                    "pocket",
                    "--out",
                    str(out / path.stem),
                ],
            )
        return
    predictions = [path for path in files if path.name.startswith(PREDICTIONS)]
    data = [path for path in files if path not in predictions and path.name != "null_odds.json"]
    for path in data:
        sizes = ["--train-size", "1", "--val-size", "0", "--test-size", "0"]
        long = ["--split-contexts"] if case.name.startswith("D17") else []
        yield path.name, ["prepare", "--dataset", str(path), "--out", str(out / path.stem), *sizes, *long]
    golds = data or [CASES / "S-data" / "gold.json"]
    odds = case / "null_odds.json"
    for path in predictions or ([CASES / "S-data" / "pred.json"] if case.name.startswith("S") else []):
        for gold in golds:
            null_odds = ["--null-odds", str(odds)] if odds.is_file() else []
            yield f"{path.name} on {gold.name}", ["score", str(path), str(gold), *null_odds]


def run(command: list[str]) -> tuple[int, str]:
    """Run a command; return its exit code and the line that it ended with."""
    printed, told = io.StringIO(), io.StringIO()
    code = 0
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(told):
        try:
            squadron(command)
        except SystemExit as stopped:
            code = stopped.code if isinstance(stopped.code, int) else 1
    lines = (told.getvalue() if code else printed.getvalue()).strip().splitlines()
    return code, " ".join(lines[-1].split()) if lines else ""


def main() -> int:
    """Run all cases; return 1 if one of them ended with a mistake in Squadron."""
    if not CASES.is_dir():
        print("no ../shared/cases beside this checkout; nothing to run")
        return 0
    failed = False
    for case in sorted(path for path in CASES.iterdir() if path.is_dir()):
        with tempfile.TemporaryDirectory() as folder:
            for name, command in commands(case, Path(folder)):
                code, line = run(command)
                failed |= code not in (0, 2)
                print(f"{case.name}/{name}: {code}: {line[:160]}", flush=True)
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
