"""Errors name an option as their reader writes it, and no text of the library names flags by itself."""

from __future__ import annotations

import ast
import pickle
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

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
    is_out_of_memory,
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
    "sweeps/leaderboard.py": {"--resume"},  # of a record, which is read at the command line
    "experiments/card.py": {"--adapter", "--base"},
    "options/core.py": {"--base"},
    "reporting/render/html.py": {"--chart-"},
}
"""Flags in other texts: of a command that is run, of a record, of notes, of help; and a variable of CSS."""


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
    "experiments/hub_status.py",
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


AcceleratorError = getattr(torch, "AcceleratorError", RuntimeError)  # new in PyTorch 2.8
HINT = (
    "\nCUDA kernel errors might be asynchronously reported at some other API call, so the stacktrace below might be "
    "incorrect.\nFor debugging consider passing CUDA_LAUNCH_BLOCKING=1"
)
ALLOCATED = (
    "CUDA out of memory. Tried to allocate 2.30 GiB. GPU 0 has a total capacity of 14.75 GiB of which 1.09 GiB is free."
)
OUT_OF_MEMORY = [
    torch.OutOfMemoryError(ALLOCATED),
    torch.cuda.OutOfMemoryError(ALLOCATED),
    RuntimeError(ALLOCATED),  # of old versions
    AcceleratorError(f"CUDA error: out of memory\nSearch for `cudaErrorMemoryAllocation' in the manual.{HINT}"),
    RuntimeError(f"CUDA error: out of memory{HINT}"),
    RuntimeError("CUDA driver error: out of memory"),
    RuntimeError("cuda runtime error (2) : out of memory at /pytorch/aten/src/THC/THCCachingHostAllocator.cpp:280"),
    RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
    RuntimeError("CUDA error: CUSPARSE_STATUS_ALLOC_FAILED when calling `cusparseCreate(handle)`"),
    RuntimeError("cusolver error: CUSOLVER_STATUS_ALLOC_FAILED, when calling `cusolverDnCreate(handle)`"),
    RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
    RuntimeError("cuDNN error: CUDNN_STATUS_INTERNAL_ERROR_DEVICE_ALLOCATION_FAILED"),
    RuntimeError("Triton Error [CUDA]: out of memory"),
    RuntimeError("HIP out of memory. Tried to allocate 20.00 MiB"),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:127] err == 0. DefaultCPUAllocator: can't allocate memory: you tried to "
        "allocate 4503599627370496 bytes. Error code 12 (Cannot allocate memory)"
    ),
    RuntimeError(
        "[enforce fail at alloc_cpu.cpp:80] data. DefaultCPUAllocator: not enough memory: you tried to allocate 9."
    ),
    RuntimeError("std::bad_alloc"),
    MemoryError(),
]
NOT_MEMORY = [
    AcceleratorError(f"CUDA error: an illegal memory access was encountered{HINT}"),
    RuntimeError(f"CUDA error: device-side assert triggered{HINT}"),
    RuntimeError("CUDA error: CUBLAS_STATUS_EXECUTION_FAILED when calling `cublasGemmEx`"),
    RuntimeError("CUDA error: CUBLAS_STATUS_NOT_INITIALIZED when calling `cublasCreate(handle)`"),
    RuntimeError("CUDA error: too many resources requested for launch"),
    RuntimeError("cuda runtime error (59) : device-side assert triggered"),
    type("OutOfResources", (Exception,), {})(
        "out of resource: shared memory, Required: 262144, Hardware limit: 232448. Reducing block sizes may help."
    ),
    RuntimeError("cannot open 'CUDA out of memory.json'"),
    FileNotFoundError(2, "No such file or directory", "CUDA out of memory"),
    DataError("CUDA out of memory.json: no such file"),
    ValueError("CUDA out of memory"),
    KeyError("CUDNN_STATUS_ALLOC_FAILED"),
]


@pytest.mark.parametrize("problem", OUT_OF_MEMORY, ids=lambda problem: str(problem)[:60])
def test_every_form_of_out_of_memory_is_recognized(problem: BaseException) -> None:
    assert is_out_of_memory(problem)


@pytest.mark.parametrize("problem", NOT_MEMORY, ids=lambda problem: str(problem)[:60])
def test_other_errors_are_not_taken_for_it(problem: BaseException) -> None:
    assert not is_out_of_memory(problem)


def test_the_machine_itself_says_it_in_a_form_that_is_recognized() -> None:
    with pytest.raises(RuntimeError) as caught:
        torch.empty(1 << 50)
    assert is_out_of_memory(caught.value)
    with pytest.raises(IndexError) as other:
        torch.zeros(2)[3]
    assert not is_out_of_memory(other.value)


def test_an_error_that_hides_it_is_recognized_but_not_one_that_explains_it() -> None:
    def raised(outer: BaseException, inner: BaseException, *, hidden: bool = False) -> BaseException:
        try:
            try:
                raise inner
            except BaseException:
                if hidden:
                    raise outer from None
                raise outer  # noqa: B904
        except BaseException as problem:
            return problem

    capture = "CUDA error: operation failed due to a previous error during capture"
    memory = torch.OutOfMemoryError(ALLOCATED)
    assert is_out_of_memory(raised(AcceleratorError(capture), memory))
    assert not is_out_of_memory(raised(AcceleratorError(capture), memory, hidden=True))
    assert not is_out_of_memory(raised(AcceleratorError(capture), ValueError("CUDA out of memory")))
    assert not is_out_of_memory(raised(RunError("r4: out of memory even alone"), memory))
    circle = RuntimeError("a")
    circle.__context__ = RuntimeError("b")
    circle.__context__.__context__ = circle
    assert not is_out_of_memory(circle)
