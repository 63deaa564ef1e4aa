"""Run every input of ``../shared/cases`` through the verb that it is for, check what comes of it, print a line each.

A line says ``ok``, the case, its file and what came of it, or ``WRONG`` and what was expected. The exit code is 1 if
anything is wrong, or if a file is there that nothing is expected of. Data is prepared whole, so that every usable
question is written; each answer must stand where it is said to.
"""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from expected_cases import ASKED, DATA, GROWN, PLANS, REFUSED, SCORES, TRAINED, Data
from squadron.cli.main import main as squadron

CASES = Path(__file__).resolve().parents[2] / "shared" / "cases"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a command printed, and its exit code."""

    code: int
    out: str
    err: str

    @property
    def record(self) -> Any:
        """The JSON that was printed; an empty object if the command failed."""
        return json.loads(self.out) if self.code == 0 else {}


class WrongError(Exception):
    """What came of a case is not what is expected."""


def run(*command: object) -> Outcome:
    """Run a command with ``--json`` in this process."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            squadron([*map(str, command), "--json"])
        except SystemExit as stopped:
            code = stopped.code if isinstance(stopped.code, int) else 1
    return Outcome(code, out.getvalue(), err.getvalue())


def expect(what: str, found: Any, right: Any) -> None:
    """Raise :class:`WrongError` if a value is not the right one."""
    if found != right:
        raise WrongError(f"{what} is {found!r}, not {right!r}")


def succeeded(outcome: Outcome) -> Any:
    """Return the record of a command that must succeed."""
    if outcome.code:
        raise WrongError(f"exit code {outcome.code}: {outcome.err.strip()}")
    return outcome.record


def refused(outcome: Outcome, words: str) -> str:
    """Return the one line of a command that must be refused with these words."""
    expect("the exit code", outcome.code, 2)
    lines = outcome.err.strip().splitlines()
    # A configuration may have several problems, one a line.
    if (len(lines) != 1 and "problem" not in lines[0]) or words not in outcome.err:
        raise WrongError(f"{lines!r} is not one line with {words!r}")
    return next(line.strip() for line in lines if words in line)


def check_data(path: Path, right: Data, scratch: Path) -> str:
    """Prepare a data file whole; check the counts, the line at the end, and every answer's place."""
    sizes = ("--train-size", right.questions, "--val-size", 0, "--test-size", 0)
    record = succeeded(run("prepare", "--dataset", path, "--out", scratch / "data", *sizes, *right.options))
    expect("the number of questions", record["questions"], right.questions)
    expect("the number set aside", len(record["set_aside"]), right.set_aside)
    expect("the version", record["version"], right.version)
    told = record["summary"].partition("read differently than written (")[2].rstrip(")")
    expect("what was read differently", told, right.told)
    written = json.loads((scratch / "data" / "train.json").read_text())
    answers: dict[str, list[tuple[str, int]]] = {}
    for paragraph in (one for article in written["data"] for one in article["paragraphs"]):
        for question in paragraph["qas"]:
            own = [(answer["text"], answer["answer_start"]) for answer in question["answers"]]
            answers[question["id"]] = own
            for text, start in own:
                expect(
                    f"the text of {question['id']} at {start}", paragraph["context"][start : start + len(text)], text
                )
    for question, right_answers in right.answers.items():
        expect(f"the answers of {question}", answers.get(question), right_answers)
    expect("the titles", tuple(article["title"] for article in written["data"]), right.titles)
    return f"{right.questions} questions; {record['summary'] or 'as written'}"


def check_refused(path: Path, words: str, scratch: Path) -> str:
    """Prepare a data file that is to be refused with these words."""
    return refused(run("prepare", "--dataset", path, "--out", scratch / "data", "--train-size", 1), words)


def check_score(case: Path, names: str, right: tuple[float, float] | str, _: Path) -> str:
    """Score predictions on golds; ``right`` is EM and F1, or the words of a refusal."""
    predictions, gold, *odds = (CASES / name if "/" in name else case / name for name in names.split())
    outcome = run("score", predictions, gold, *(("--null-odds", odds[0]) if odds else ()))
    if isinstance(right, str):
        return refused(outcome, right)
    record = succeeded(outcome)
    expect("EM and F1", (record["exact_match"], round(record["f1"], 2)), right)
    return f"EM {record['exact_match']}, F1 {record['f1']:.2f}; {record['summary'] or 'as written'}"


def check_asked(path: Path, place: list[int], _: Path) -> str:
    """Ask about a context, and for the place of a text in it."""
    ask = ("ask", "Who built it?", "--base", "pocket", "--context", path, "--decoding", "greedy")
    context = succeeded(run(*ask))["context"]
    expect("the place of Ada Quill", [context.index("Ada Quill"), len(context)], place)
    return f"Ada Quill at {place[0]} of {place[1]} characters"


def check_trained(path: Path, words: str, scratch: Path) -> str:
    """Train a step on a data file, and look for these words in the line at the end."""
    train = ("train", "--base", "pocket", "--data", path, "--out", scratch / "run", "--max-steps", 1)
    outcome = run(*train, "--eval-questions", 0, "--max-length", 128)
    succeeded(outcome)
    told = [line for line in outcome.err.splitlines() if line.startswith("training data: ")]
    if len(told) != 1 or words not in told[0]:
        raise WrongError(f"{told!r} is not one line with {words!r}")
    return told[0]


def check_plan(path: Path, right: Any, scratch: Path) -> str:
    """Plan a sweep: ``right`` is the number of its runs, or the words of a refusal."""
    plan = ("sweep", path, "--dry-run", "--base", "pocket", "--dataset", "pocket", "--out", scratch / "sweep")
    outcome = run(*plan)
    if isinstance(right, str):
        return refused(outcome, right)
    expect("the number of runs", len(succeeded(outcome)["runs"]), right)
    return f"{right} runs"


def check_grown(case: Path, names: str, new: list[str], scratch: Path) -> str:
    """Run a sweep, resume it with a configuration that has more runs, and check that only the new ones are trained."""
    first, second = (case / name for name in names.split())
    sweep = ("--base", "pocket", "--dataset", "pocket", "--out", scratch / "sweep")
    succeeded(run("sweep", first, *sweep))
    runs = scratch / "sweep" / "runs"
    before = {path: (path.read_bytes(), path.stat().st_mtime_ns) for path in sorted(runs.rglob("*")) if path.is_file()}
    grown = succeeded(run("sweep", second, *sweep, "--resume"))
    expect("the statuses", {one["status"] for one in grown["runs"]}, {"done"})
    for path, (content, changed) in before.items():
        expect(f"{path.name} of {path.parent.name}", (path.read_bytes(), path.stat().st_mtime_ns), (content, changed))
    made = sorted({one.name for one in runs.iterdir()} - {path.relative_to(runs).parts[0] for path in before})
    expect("the runs that were trained", made, new)
    return f"{len(grown['runs'])} runs done, of which only {', '.join(new)} trained by --resume"


def checks() -> list[tuple[str, Callable[[Path], str]]]:
    """Return each check with the name of its case; it takes an empty folder."""
    found: list[tuple[str, Callable[[Path], str]]] = []
    tables: tuple[tuple[Mapping[str, Any], Callable[[Path, Any, Path], str]], ...] = (
        (DATA, check_data),
        (REFUSED, check_refused),
        (ASKED, check_asked),
        (TRAINED, check_trained),
        (PLANS, check_plan),
    )
    for table, check in tables:
        for name, right in table.items():
            found.append((name, partial(check, CASES / name, right)))
    for (case, names), scores in SCORES.items():
        found.append((f"{case}/{names}", partial(check_score, CASES / case, names, scores)))
    for names, new in GROWN.items():
        found.append((f"W01-config/{names}", partial(check_grown, CASES / "W01-config", names, new)))
    return sorted(found, key=lambda one: one[0])


def forgotten(names: list[str]) -> list[str]:
    """Return the files of which nothing is expected."""
    known = {
        file if "/" in file else f"{name.partition('/')[0]}/{file}"
        for name in names
        for file in name.split("/", 1)[1].split()
    }
    found = (path.relative_to(CASES).as_posix() for path in sorted(CASES.glob("*/*")))
    return [name for name in found if name not in known]


def main() -> int:
    """Run all checks; return 1 if anything is wrong."""
    if not CASES.is_dir():
        print("no ../shared/cases beside this checkout; nothing to run")
        return 0
    every = checks()
    wrong = forgotten([name for name, _ in every])
    for name in wrong:
        print(f"WRONG {name}: nothing is expected of it")
    for name, check in every:
        with tempfile.TemporaryDirectory() as scratch:
            try:
                print(f"ok    {name}: {check(Path(scratch))[:200]}", flush=True)
            except WrongError as problem:
                wrong.append(name)
                print(f"WRONG {name}: {problem}", flush=True)
    print(f"{len(every) - len(wrong)} of {len(every)} as expected")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
