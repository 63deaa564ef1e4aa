"""The table at the end of a run, and docs/gpu.md."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from gpu_sections.goals import goal_cells, goal_rows
from gpu_sections.ratios import completed
from gpu_sections.setting import FULL, Figures, same_specs
from gpu_sections.tables import card_name, notes, section_tables
from gpu_sections.texts import training_examples
from gpu_sections.training import step_flops
from squadron.data.batches import BatchSampler, Order

H100, T4 = 700e12, 40e12
"""Rates of matrix products for the floors, FLOP/s: what a H100 reaches in bf16 and a T4 in fp16, some 70 and 60% of
what their makers give."""
_FLOOR_STEPS = 40


def summary(record: Figures) -> str:
    """Return the tables of a run as text for a terminal."""
    record = completed(record)
    tables = [(title, table) for _, title, table in section_tables(record)]
    if goals := goal_rows(record):
        tables.append(("Goals", [["goal", "limit", "measured", "reached"], *goals]))
    lines = []
    for title, table in tables:
        widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
        lines += ["", title, ""]
        lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
    return "\n".join([*lines, "", *(note for own in notes(record).values() for note in own)])


def page(records: Sequence[Figures]) -> str:
    """Return docs/gpu.md: from records, the main one first, or without any what is known without a GPU.

    A record's ``remarks``, texts by section or under ``run``, stand with its notes; ``engine`` says which state of the
    engine it measured. Both are written by hand where a record needs an explanation.
    """
    lines = ["# On a GPU", ""]
    if not records:
        lines += [
            "**Not measured yet**: this page was made without a GPU. `make gpu` checks and measures everything on one",
            "within nine minutes, and `python benchmarks/gpu.py --page gpu-results/gpu.json` makes this page from the",
            "results. Until then, it gives what can be counted.",
            "",
        ]
    else:
        lines += [
            "Made by `make gpu` and `python benchmarks/gpu.py --page`. The base has GPT-2's 124M shape with seeded",
            "random weights. Questions are random tokens with the lengths of real SQuAD questions. All figures are in",
            "the JSON files beside this page.",
            "",
        ]
        whole = [completed(record) for record in records]
        lines += _goals(whole)
        for record in whole:
            lines += _record(record)
    return "\n".join([*lines, *_floors(), "", *_COMMANDS])


def _title(record: Figures) -> str:
    return ", ".join([card_name(record), *([record["engine"]] if "engine" in record else [])])


def _goals(records: Sequence[Figures]) -> list[str]:
    """Return the goals with a column for each record that they are judged by."""
    judged = [record for record in records if goal_rows(record)]
    if not judged:
        return []
    head = ["goal", "limit", *(_title(record) for record in judged)]
    columns = [goal_cells(record) for record in judged]
    table = [head, *([*row[:2], *cells] for row, *cells in zip(goal_rows(judged[0]), *columns, strict=True))]
    text = "The goals are for an H100 in bf16, with K adapters at once; times of steps are medians."
    if any("H200" in card_name(record) for record in judged):
        text += " An H200 has faster memory: what it reaches, an H100 may miss."
    return ["## Goals", "", *textwrap.wrap(text, 120), "", *_markdown(table), ""]


def _record(record: Figures) -> list[str]:
    """Return the part of the page that is about one record."""
    noted = notes(record)
    for name, own in record.get("remarks", {}).items():
        noted[name] = [*noted.get(name, []), *own]
    lines = [f"## {_title(record)}", "", *_list(noted["run"])]
    for name, title, table in section_tables(record, is_brief=True):
        lines += [f"### {title}", "", *_markdown(table), "", *_list(noted.get(name, []))]
    return lines


def _list(items: Sequence[str]) -> list[str]:
    """Return a list with lines of at most 120 characters, and an empty line after it; nothing if it is empty."""
    lines = [
        line
        for item in items
        for line in textwrap.wrap(
            item, 120, initial_indent="- ", subsequent_indent="  ", break_long_words=False, break_on_hyphens=False
        )
    ]
    return [*lines, ""] if lines else []


_COMMANDS = """\
## Measure your own

```
make gpu                                    # with this machine's python3; PYTHON=... names another
python3 benchmarks/gpu.py --sections machine,laws,train --out results --budget 300
```

It needs a checkout, and Python with torch, numpy, safetensors, tokenizers, transformers and peft; no installation and
no network. Results are written after every case, and `--resume` continues a run that was cut short.

On Colab, choose a T4 runtime and run one cell. In place of `REPOSITORY`, put the address of a copy of this project that
Colab can reach (`git remote get-url origin` tells where yours is from). Without one, upload a ZIP of the checkout in
Colab's file panel, and unpack it with `!unzip -q NAME.zip -d squadron` in place of the first line.

```
!git clone --depth 1 REPOSITORY squadron
%cd squadron
!pip install --quiet . peft
!python benchmarks/gpu.py --budget 540
```

The T4 has no bf16, so fp16 is used; no T4 has been measured yet. A fleet that does not fit in its memory is reported,
and the others go on. The study itself runs there with one more line. If the session ends, give the same line again, and
it goes on, where `study` is a folder of a mounted Drive:

```
!squadron reproduce --preset paper --base gpt2 --dataset squad --out study
```
""".splitlines()


def _floors() -> list[str]:
    """Return what a step costs at least, counted on seeded batches."""
    table = [["adapters", "order", "tokens", "TFLOP", "H100, ms", "T4, ms"]]
    for order, questions in (("question", None), ("paragraph", 4)):
        sampler = _sampler(order, questions)  # type: ignore[arg-type]
        steps = [sampler.step(step) for step in range(_FLOOR_STEPS)]
        tokens = sum(len(batch.tokens) for step in steps for batch in step) / len(steps)
        for size in FULL.fleets:
            specs = same_specs(size)
            flops = sum(step_flops(FULL.base, specs, step) for step in steps) / len(steps)
            cells = [f"{flops / 1e12:.2f}", f"{1e3 * flops / H100:.1f}", f"{1e3 * flops / T4:.0f}"]
            table.append([str(size), f"by {order}", f"{tokens:,.0f}", *cells])
    return [
        "## What a step costs at least",
        "",
        "A step trains on 8 questions, drawn one by one or as 2 paragraphs of 4, with adapters of rank 4 on attention.",
        "The floors are the products alone, at rates that the cards reach: "
        f"{H100 / 1e12:.0f} TFLOP/s (H100, bf16) and {T4 / 1e12:.0f} (T4, fp16).",
        "They are counted on random tokens with the lengths of SQuAD v1.1 questions in GPT-2's tokens: 186 a question",
        "(median 171), 88% of them context, 5.1 questions a paragraph, 4.1 tokens an answer.",
        "",
        *_markdown(table),
    ]


def _sampler(order: Order, questions: int | None) -> BatchSampler:
    examples = training_examples(FULL.base.vocab_size, 400, questions=questions, longest=FULL.longest)
    return BatchSampler(examples, batch_size=8, order=order)


def _markdown(table: Sequence[Sequence[str]]) -> list[str]:
    head, *rows = ["| " + " | ".join(row) + " |" for row in table]
    return [head, "|" + "---|" * len(table[0]), *rows]
