"""Several values after one flag, and the positional arguments that may follow them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from squadron.cli.lists import spread_lists
from squadron.options.base import Options
from squadron.options.core import AskOptions, EvaluateOptions, TrainOptions


@pytest.mark.parametrize(
    ("options", "typed", "spread"),
    [
        (TrainOptions, "--target-modules a b --rank 4", "--target-modules a --target-modules b --rank 4"),
        (TrainOptions, "--target-modules=a --replace", "--target-modules=a --replace"),
        (TrainOptions, "--target-modules", "--target-modules"),
        (AskOptions, "--context f --decoding greedy span Who?", "--context f --decoding greedy --decoding span Who?"),
        (AskOptions, "--decoding greedy span Who? --seed 1", "--decoding greedy --decoding span Who? --seed 1"),
        (AskOptions, "--decoding top-k+nucleus all Who?", "--decoding top-k+nucleus --decoding all Who?"),
        (AskOptions, "Who? --decoding greedy spam", "Who? --decoding greedy --decoding spam"),
        (AskOptions, "--compare r1 r2 Who? --context f", "--compare r1 --compare r2 Who? --context f"),
        (AskOptions, "--compare r1 Who? --decoding greedy span", "--compare r1 Who? --decoding greedy --decoding span"),
        (AskOptions, "--decoding greedy span", "--decoding greedy span"),
        (AskOptions, "--decoding greedy --json Who?", "--decoding greedy --json Who?"),
        (AskOptions, "--context - --compare r1 -- -Who?", "--context - --compare r1 -- -Who?"),
        (EvaluateOptions, "--decoding greedy span runs/r1", "--decoding greedy --decoding span runs/r1"),
        (EvaluateOptions, "runs/r1 --decoding greedy spam", "runs/r1 --decoding greedy --decoding spam"),
    ],
)
def test_lists_take_their_values_and_leave_the_arguments(options: type[Options], typed: str, spread: str) -> None:
    assert spread_lists(options, typed.split(" ")) == spread.split(" ")


def test_a_question_after_a_list_is_asked(squadron: Any, byte_base_dir: Path, tmp_path: Path) -> None:
    context = tmp_path / "context.txt"
    context.write_text("Ada wrote it in Paris.")
    begin = ("ask", "--base", byte_base_dir, "--context", context, "--max-new-tokens", 2, "--json")
    asked = squadron(*begin, "--decoding", "greedy", "span", "Who wrote it?")
    assert asked.code == 0, asked.err
    assert asked.record["question"] == "Who wrote it?"
    assert [answer["decoding"] for answer in asked.record["answers"]] == ["greedy", "span"]
