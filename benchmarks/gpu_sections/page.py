"""The table at the end of a run, and docs/gpu.md."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from gpu_sections.goals import goal_rows
from gpu_sections.setting import FULL, Figures, same_specs
from gpu_sections.texts import training_examples
from gpu_sections.training import step_flops
from squadron.data.batches import BatchSampler, Order

H100, T4 = 700e12, 40e12
"""Rates of matrix products for the floors, FLOP/s: what a H100 reaches in bf16 and a T4 in fp16, some 70 and 60 % of
what their makers give."""
_FLOOR_STEPS = 40


def summary(record: Figures) -> str:
    """Return the tables of a run as text for a terminal."""
    lines = []
    for title, table in _tables(record):
        widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
        lines += ["", title, ""]
        lines += ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) for row in table]
    return "\n".join([*lines, "", *_notes(record)])


def page(record: Figures | None) -> str:
    """Return docs/gpu.md: from a record, or without one what is known without a GPU."""
    lines = ["# On a GPU", ""]
    if record is None:
        lines += [
            "**Not measured yet**: this page was made without a GPU. `make gpu` checks and measures everything on one",
            "within nine minutes, and `python benchmarks/gpu.py --page gpu-results/gpu.json` makes this page from the",
            "results. Until then, it gives what can be counted.",
            "",
        ]
    else:
        lines += [
            "Made by `make gpu` and `python benchmarks/gpu.py --page`. The base has GPT-2's 124M shape with seeded",
            "random weights. Questions are random tokens with the lengths of real SQuAD questions.",
            "",
        ]
        for title, table in _tables(record):
            lines += [f"## {title}", "", *_markdown(table), ""]
        lines += [f"- {note}" for note in _notes(record)]
        lines.append("")
    return "\n".join([*lines, *_floors(), "", *_COMMANDS])


_COMMANDS = """\
## Measure your own

```
make gpu                                    # with this machine's python3; PYTHON=... names another
python3 benchmarks/gpu.py --sections machine,laws,train --out results --budget 300
```

It needs a checkout, and Python with torch, numpy, safetensors, tokenizers, transformers and peft; no installation and
no network. Results are written after every case, and `--resume` continues a run that was cut short.

On Colab, choose a T4 runtime and run one cell (`REPOSITORY` is where you have this project from):

```
!git clone --depth 1 REPOSITORY squadron
%cd squadron
!pip install --quiet . peft
!python benchmarks/gpu.py --budget 540
```

The T4 has no bf16, so fp16 is used. A fleet that does not fit in its memory is reported, and the others go on.
The study itself runs there with one more line, and goes on with `--resume` if the session ends:

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
        "(median 171), 88 % of them context, 5.1 questions a paragraph, 4.1 tokens an answer.",
        "",
        *_markdown(table),
    ]


def _sampler(order: Order, questions: int | None) -> BatchSampler:
    examples = training_examples(FULL.base.vocab_size, 400, questions=questions, longest=FULL.longest)
    return BatchSampler(examples, batch_size=8, order=order)


def _markdown(table: Sequence[Sequence[str]]) -> list[str]:
    head, *rows = ["| " + " | ".join(row) + " |" for row in table]
    return [head, "|" + "---|" * len(table[0]), *rows]


def _tables(record: Figures) -> list[tuple[str, list[list[str]]]]:
    """Return the title and the table of every section of a record that has cases, and of the goals."""
    makers: dict[str, tuple[str, Callable[[Figures], list[list[str]]]]] = {
        "machine": ("Machine", _machine),
        "laws": ("Laws on the device", _laws),
        "train": ("Training steps of 8 questions", _train),
        "study": ("The study: 2,000 questions, 5 epochs", _study),
        "peft": ("peft, one run after another", _peft),
        "decode": ("Decoding", _decode),
        "profile": ("Profile", _profile),
    }
    sections = record["sections"]
    tables = [(title, make(sections[name])) for name, (title, make) in makers.items() if sections.get(name)]
    goals = goal_rows(record)
    return [*tables, *([("Goals", [["goal", "limit", "measured", "reached"], *goals])] if goals else [])]


def _rows(cases: Figures, head: list[str], cells: Callable[[Figures], list[str]]) -> list[list[str]]:
    """Return a table with a row a case; the reason in place of the figures of one that was not measured."""
    table = [head]
    for name, own in cases.items():
        missing = own.get("error") or own.get("skipped")
        measured = [str(missing).replace("|", "/"), *[""] * (len(head) - 2)] if missing else cells(own)
        table.append([name, *measured])
    return table


def _number(value: float | None, digits: int = 1, factor: float = 1.0) -> str:
    return "" if value is None else f"{value * factor:,.{digits}f}"


def _machine(cases: Figures) -> list[list[str]]:
    table = [["what", "measured"]]
    for name, own in cases.items():
        missing = own.get("error") or own.get("skipped")
        if missing:
            table.append([name, str(missing).replace("|", "/")])
        elif name == "card":
            memory = f", {own['memory_bytes'] / 2**30:,.0f} GiB" if "memory_bytes" in own else ""
            table.append([name, f"{own['name']}{memory}, {own['cores']} cores"])
            versions = {"Python": own["python"], **own["versions"]}
            table.append(["versions", ", ".join(f"{key} {value}" for key, value in versions.items() if value)])
            if own.get("driver"):
                table.append(["driver, clock, power", own["driver"]])
        elif name == "copy":
            table.append([name, f"{own['bytes_per_second'] / 1e9:,.0f} GB/s, read and written"])
        else:
            rates = ", ".join(f"{shape}: {rate / 1e12:,.1f}" for shape, rate in own["by_shape"].items())
            table.append([f"{name}, TFLOP/s", rates])
    return table


def _laws(cases: Figures) -> list[list[str]]:
    table = [["law", "holds", "compared", "error", "allowed"]]
    for name, own in cases.items():
        missing = own.get("error") or own.get("skipped")
        if missing:
            table.append([name, "failed" if "error" in own else "not checked", str(missing).replace("|", "/"), "", ""])
        for number, one in enumerate(own.get("compared", [])):
            error = one["error"] if isinstance(one["error"], str) else f"{one['error']:.2g}"
            verdict = "yes" if one["holds"] else "**no**"
            table.append(["" if number else name, verdict, one["compared"], error, f"{one['allowed']:.2g}"])
    return table


def _train(cases: Figures) -> list[list[str]]:
    head = ["adapters", "ms", "on the device", "steps", "tokens", "TFLOP", "share of matrix rate", "peak memory, GiB"]
    return _rows(
        cases,
        head,
        lambda own: [
            _number(own["ms"]),
            _number(own["stream_ms"]),
            str(own["calls"]),
            _number(own["tokens"], 0),
            _number(own["flops"], 2, 1e-12),
            "" if own["share"] is None else f"{100 * own['share']:.0f} %",
            _number(own["peak_bytes"], 2, 2**-30),
        ],
    )


def _study(cases: Figures) -> list[list[str]]:
    head = ["fleet", "runs", "ms a step", "seconds", "how", "peak memory, GiB"]
    return _rows(
        cases,
        head,
        lambda own: [
            str(own["runs"]),
            _number(own.get("mean_ms")),
            _number(own["seconds"]),
            f"extrapolated from {own['calls']} steps"
            if own["extrapolated"] and "calls" in own
            else "extrapolated"
            if own["extrapolated"]
            else "trained",
            _number(own.get("peak_bytes"), 2, 2**-30),
        ],
    )


def _peft(cases: Figures) -> list[list[str]]:
    head = ["setting", "ms a step", "steps", "peak memory, GiB"]
    timed = {name: own for name, own in cases.items() if name != "ratio"}
    return _rows(
        timed, head, lambda own: [_number(own["ms"]), str(own["calls"]), _number(own["peak_bytes"], 2, 2**-30)]
    )


def _decode(cases: Figures) -> list[list[str]]:
    head = ["adapters", "questions", "answered", "seconds", "answers/s", "tokens an answer", "peak memory, GiB"]
    return _rows(
        cases,
        head,
        lambda own: [
            _number(own["questions"], 0),
            _number(own["answered"], 0),
            _number(own["seconds"], 2),
            _number(own["answers_per_second"], 0),
            _number(own["tokens_per_answer"]),
            _number(own["peak_bytes"], 2, 2**-30),
        ],
    )


def _profile(cases: Figures) -> list[list[str]]:
    def cells(own: Figures) -> list[str]:
        top = ", ".join(f"{one['name'][:40]} {one['ms']:.1f} ms" for one in own["top"][:3])
        return [_number(own["device_ms"]), _number(own["kernels"], 0), top.replace("|", "/")]

    return _rows(cases, ["what", "ms of work on the device", "kernels", "most time"], cells)


def _notes(record: Figures) -> list[str]:
    """Return what the tables mean, and the comparison with ``peft``."""
    sections = record["sections"]
    notes = []
    if record["tiny"]:
        notes.append("Tiny sizes: this run checks that the code runs; its figures mean nothing.")
    laws = [own for own in sections.get("laws", {}).values() if "skipped" not in own]
    if laws:
        notes.append(f"{sum(own.get('holds', False) for own in laws)} of {len(laws)} laws hold.")
    ratio = sections.get("peft", {}).get("ratio", {})
    labels = {
        "step_ratio": "the largest fleet's step is {:.1f} times as fast as as many steps of peft",
        "same_batch_ratio": "in the same micro-batches of 4 x 2, {:.1f} times",
        "study_ratio": "the study's runs are {:.1f} times as fast as one after another in peft",
    }
    found = [text.format(ratio[key]) for key, text in labels.items() if key in ratio]
    if found:
        notes.append(f"Compared with {ratio['setting']} ({ratio['ms']:.1f} ms a step): {'; '.join(found)}.")
    if sections.get("decode"):
        notes.append("Weights are random, so that EOS hardly ever comes: answers have all their tokens.")
    if "seconds" in record:
        notes.append(f"The whole run took {record['seconds']:.0f} s.")
    return notes
