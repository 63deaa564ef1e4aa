"""Errors name an option as their reader writes it, and no text of the library names flags by itself."""

from __future__ import annotations

import ast
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import squadron
from squadron import errors
from squadron.errors import (
    ConfigError,
    DataError,
    RunError,
    SquadronError,
    argument,
    as_flags,
    command_line_text,
    option,
)

SOURCE = Path(squadron.__file__).parent
KINDS = {name for name, kind in vars(errors).items() if isinstance(kind, type) and issubclass(kind, SquadronError)}


@pytest.mark.parametrize(
    ("reference", "python", "typed"),
    [
        (option("rank", 0), "rank=0", "--rank 0"),
        (option("rank", 1), "rank=1", "--rank 1"),
        (option("max_new_tokens"), "max_new_tokens", "--max-new-tokens"),
        (option("replace", True), "replace=True", "--replace"),
        (option("alpha", 8.0), "alpha=8.0", "--alpha 8.0"),
        (option("max_steps", None), "max_steps=None", "--max-steps None"),
        (option("base", "gpt3"), "base='gpt3'", "--base gpt3"),
        (option("out", Path("my folder")), "out='my folder'", "--out my folder"),
        (option("target_modules", ("a", "b")), "target_modules=['a', 'b']", "--target-modules a b"),
        (option("compare", [Path("a"), 3]), "compare=['a', 3]", "--compare a 3"),
        (option("out", "a\nb\udc80\0"), r"out='a\nb\udc80\x00'", "--out a\\nb\\udc80\\x00"),
        (argument("config", "quick"), "config='quick'", "CONFIG quick"),
        (argument("results_dir"), "results_dir", "RESULTS_DIR"),
    ],
)
def test_an_option_is_named_as_its_reader_writes_it(reference: str, python: str, typed: str) -> None:
    problem = ConfigError(f"{reference}: no; use {reference}")
    assert str(problem) == f"{python}: no; use {python}"
    assert problem.for_command_line() == command_line_text(problem) == f"{typed}: no; use {typed}"
    assert as_flags(f"use {reference}") == f"use {typed}"
    assert problem.detail == f"no; use {reference}"
    assert repr(problem) == f"ConfigError({str(problem)!r})"


def test_a_value_cannot_pass_for_a_mark() -> None:
    inner = option("rank", 1)
    problem = ConfigError(option("base", f"a{inner}b"))
    assert str(problem) == r"base='a\ufdd0--rank 1\ufdd1rank=1\ufdd2b'"
    assert problem.for_command_line() == "--base a--rank 1rank=1b"
    assert str(ConfigError("a\ufdd0b\ufdd1c")) == "a\ufdd0b\ufdd1c"


def test_an_error_can_be_a_part_of_another_and_can_be_sent() -> None:
    inner = DataError(f"{option('split', 'a: b')}: absent; leave {option('split')} out")
    assert inner.detail == f"absent; leave {option('split')} out"
    assert RunError("file.json: no: object").detail == "no: object"
    outer = RunError(f"runs/a: {inner.marked}")
    assert str(outer) == "runs/a: split='a: b': absent; leave split out"
    sent = pickle.loads(pickle.dumps(outer))
    assert (type(sent), sent.for_command_line()) == (RunError, "runs/a: --split a: b: absent; leave --split out")
    assert command_line_text(ValueError("other")) == "other"


def library_modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(SOURCE.rglob("*.py")):
        name = path.relative_to(SOURCE).as_posix()
        if not name.startswith("cli/"):
            yield name, ast.parse(path.read_text(encoding="utf-8"))


NOT_MESSAGES = {
    "sweeps/engines.py": {"--device", "--join"},
    "sweeps/halving.py": {"--halving"},
    "sweeps/sweep.py": {"--dataset"},
    "experiments/train.py": {"--lr", "--method"},
    "reporting/render/html.py": {"--chart-"},
}
"""Flags in other texts: of a command that is run, of a record, of notes; and a variable of CSS."""


def flags_in(tree: ast.Module) -> Iterator[str]:
    """The flags in a module's texts: not those of docstrings, of help texts, and of commands that are to be copied."""
    skipped: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            skipped.add(id(node.value))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "Field":
            skipped |= {id(inner) for inner in ast.walk(node)}
    for node in ast.walk(tree):
        if id(node) in skipped:
            continue
        if isinstance(node, ast.JoinedStr):
            skipped |= {id(part) for part in node.values}
            text = "".join(part.value if isinstance(part, ast.Constant) else "{}" for part in node.values)  # type: ignore[misc]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value
        else:
            continue
        commands = r"`squadron [^`]*`|\bray start\b[^;]*|\bsquadron (\{\}|[a-z]+) [^;]*"
        yield from re.findall(r"(?<![\w-])--[a-z][a-z-]*", re.sub(commands, "", text))


def test_no_text_of_the_library_names_a_flag() -> None:
    found = {name: set(flags_in(tree)) for name, tree in library_modules()}
    assert {name: flags for name, flags in found.items() if flags} == NOT_MESSAGES


OF_LIBRARIES = {
    "data/parquet.py",
    "data/sources.py",
    "model/tokenizer.py",
    "sweeps/worker.py",
    "tracking/events.py",
}
"""Modules that catch whatever a library or a listener raises."""


def as_text(node: ast.AST, name: str) -> bool:
    """Return True if a node makes text of the variable: ``str(name)``, or ``{name}`` in an f-string."""
    if isinstance(node, ast.FormattedValue):
        inner: ast.expr = node.value
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "str" and node.args:
        inner = node.args[0]
    else:
        return False
    return isinstance(inner, ast.Name) and inner.id == name


def test_a_caught_error_keeps_its_marks_or_is_shown_as_flags() -> None:
    """Its text for Python in another error, or in a record, would be read at the command line."""
    found = []
    for name, tree in library_modules():
        for handler in ast.walk(tree):
            if not isinstance(handler, ast.ExceptHandler) or handler.type is None or handler.name is None:
                continue
            kinds = {node.id for node in ast.walk(handler.type) if isinstance(node, ast.Name)}
            broad = set() if name in OF_LIBRARIES else {"Exception", "BaseException"}
            if kinds & (KINDS | broad):
                texts = [node for node in ast.walk(handler) if as_text(node, handler.name)]
                found += [f"{name}:{node.lineno}" for node in texts if isinstance(node, ast.expr)]
    assert found == []
