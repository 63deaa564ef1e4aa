"""The page of the pocket study, docs/pocket.md, from the figures in docs/pocket.json."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from typing import Any

from scipy.special import stdtrit

RANKS = (1, 4, 64)
RATES = (1e-4, 1e-3, 4e-3)
SCALINGS = ("alpha/r", "alpha/sqrt(r)")
SCORES = (("f1", "F1"), ("exact_match", "EM"))
"""The scores by which both orders are compared, and how the page names them."""
QUESTIONS = 1000
"""Test questions of the study's adapter and of both orders, half of them in known phrasings."""


def page(found: dict[str, Any]) -> str:
    """Return the figures as a Markdown page, of the parts that were run."""
    lines = ["# The pocket base", "", *_tuned_lines(found["tuned"]), ""]
    if "grid" in found:
        lines += [*_grid_lines(found["grid"], found["environment"], found["precision"]), ""]
        lines += [*effect_lines(found["grid"]), "", *size_lines(found["sizes"]), "", *pair_lines(found["pair"]), ""]
    if "orders" in found:
        lines += [*_order_lines(found["orders"]), ""]
    meaning = [
        "## What this means for GPT-2",
        "",
        "The pocket base shows that the pipeline learns, and how rank, learning rate and scale affect scores at this",
        "size. It has 4 million parameters, a synthetic world and questions made from templates. Its scores say",
        "nothing about GPT-2 on SQuAD, and the best rank here need not be the best there.",
        "",
    ]
    return "\n".join(lines + meaning)


def _tuned_lines(tuned: dict[str, Any]) -> list[str]:
    count, half = f"{QUESTIONS:,}", QUESTIONS // 2
    lines = [
        "Made by `make pocket`; the raw figures are in `pocket.json`. F1 in points with 95% intervals that resample",
        f"paragraphs; {count} test questions whose entities occur in no training text: {half} phrased as in training",
        f"(*known*), {half} in phrasings that never occur there (*new*).",
        "",
        "## Base and tuned",
        "",
        "LoRA with the study's settings: rank 4, attention, 1e-3, 2,000 questions, 5 epochs, by question.",
        "",
        "| model | decoding | EM | F1 | F1 known | F1 new |",
        "|---|---|---|---|---|---|",
    ]
    for name in ("base", "tuned"):
        for strategy, own in tuned[name].items():
            cells = [f"{own[part]['f1']:.1f} ({_ends(own[part]['f1_interval'])})" for part in ("all", "known", "new")]
            lines.append(f"| {name} | {strategy} | {own['all']['exact_match']:.1f} | {' | '.join(cells)} |")
    return [*lines, "", f"Training ran at {tuned['examples_per_second']:.0f} examples/s."]


def _grid_lines(grid: dict[str, Any], environment: dict[str, Any], precision: str) -> list[str]:
    seeds = sorted({run["seed"] for run in grid["runs"]})
    lines = [
        "## Rank, learning rate and scale",
        "",
        "`squadron sweep configs/pocket.yaml --base pocket --dataset pocket`: 500 training questions, 2 epochs, by",
        f"paragraph, {len(seeds)} seeds, {len(grid['runs'])} runs: {grid['seconds'] / 60:.1f} minutes in all",
        f"for training and answering ({environment['threads']} threads, {precision}).",
        "",
        f"F1 (and P(gold)) on {grid['questions']:,} {grid['split']} questions, means over the seeds:",
        "",
    ]
    for scaling in SCALINGS:
        lines += [f"| {scaling} | " + " | ".join(f"{rate:g}" for rate in RATES) + " |", "|---" * 4 + "|"]
        for rank in RANKS:
            cells = [_cell(grid["runs"], rank=rank, lr=rate, scaling=scaling) for rate in RATES]
            lines.append(f"| r = {rank} | " + " | ".join(cells) + " |")
        lines.append("")
    return lines


def _cell(runs: Sequence[dict[str, Any]], **setting: Any) -> str:
    own = [run["all"] for run in runs if all(run[key] == value for key, value in setting.items())]
    f1, gold = (statistics.fmean(one[metric] for one in own) for metric in ("f1", "p_gold"))
    return f"{f1:.1f} ({gold:.1f})"


def effect_lines(grid: dict[str, Any]) -> list[str]:
    kept = "was" if grid["kept"] else "was not"
    lines = [
        "## Effects",
        "",
        "The means of all runs with a value, and what the report says of them. *p* is that of the axis's primary test,",
        "corrected over the axes, on new questions and on these. A line is the rise of the straight line through the",
        f"means, over the logarithm. The plan was in the configuration before the runs, and {kept} kept to.",
        "",
        "| axis | metric | means | verdict | p | line, points (95%) |",
        "|---|---|---|---|---|---|",
    ]
    for effect in grid["effects"]:
        means = ", ".join(f"{value}: {mean:.1f}" for value, mean in effect["means"])
        chances = ", ".join("< 0.001" if p < 0.001 else f"{p:.3f}" for p in effect["p"])
        line = "" if effect["trend"] is None else _points(effect["trend"])
        scope = {"new": ", new questions", "these": ", these questions"}.get(effect["scope"], "")
        head = f"| {effect['axis']} | {effect['metric']} | {means} "
        lines.append(f"{head}| {effect['verdict']}{scope} (best {effect['best']}) | {chances} | {line} |")
    lines += ["", "Decoding strategies of the best run, F1 on the test questions:", ""]
    return [*lines, *(f"- {_step(one)}: {_points(one)}, {one['verdict']}" for one in grid["strategies"])]


def _points(one: dict[str, Any]) -> str:
    if one["interval"] is None:
        return f"{one['difference']:+.1f}"
    low, high = one["interval"]
    return f"{one['difference']:+.1f} ({low:+.1f} to {high:+.1f})"


def _step(one: dict[str, Any]) -> str:
    return f"{one['first']} to {one['second']}"


def size_lines(found: dict[str, Any]) -> list[str]:
    lines = [
        "## Training questions",
        "",
        "Rank 4, attention, 1e-3, 2 epochs, three seeds each, on the same validation questions:",
        "",
        "| training questions | F1 of each seed | mean | P(gold) |",
        "|---|---|---|---|",
    ]
    for one in found["sizes"]:
        each = ", ".join(f"{value:.1f}" for value in one["f1"])
        means = " | ".join(f"{statistics.fmean(one[metric]):.1f}" for metric in ("f1", "p_gold"))
        lines.append(f"| {one['train_size']} | {each} | {means} |")
    lines += ["", "All have as many epochs, so fewer questions are fewer steps, too.", ""]
    for effect in found["effects"]:
        steps = "; ".join(f"{_step(one)}: {_points(one)}, {one['verdict']}" for one in effect["pairs"])
        lines.append(f"- {effect['metric']}: {effect['verdict']}; {steps}")
    return lines


def pair_lines(pair: dict[str, Any]) -> list[str]:
    lines = ["## The same number of parameters", "", "Rank 8 of attention beside rank 3 of attention and MLP:", ""]
    for effect in pair["effects"]:
        if effect["axis"] == "targets":
            (one,) = effect["pairs"]
            lines.append(f"- {effect['metric']}, {_step(one)}: {_points(one)}, {one['verdict']}")
    return lines


def _order_lines(orders: dict[str, Any]) -> list[str]:
    measured = [(name, label, order) for name, label in SCORES for order in ("question", "paragraph")]
    columns = [orders[name][order] for name, _, order in measured]
    lines = [
        "## By paragraph or by question",
        "",
        "Rank 4, attention, 1e-3, 500 questions, 3 epochs, as many steps in both:",
        "",
        "| seed | " + " | ".join(f"{label}, by {order}" for _, label, order in measured) + " |",
        "|---" * (len(measured) + 1) + "|",
    ]
    rows = [(str(seed), *values) for seed, values in enumerate(zip(*columns, strict=True))]
    for name, *values in [*rows, ("mean", *map(statistics.fmean, columns))]:
        lines.append(f"| {name} | " + " | ".join(f"{value:.1f}" for value in values) + " |")
    lines.append("")
    for name, label in SCORES:
        low, high = orders[name]["interval"]
        difference = orders[name]["difference"]
        first, last = over_seeds(orders[name])
        lines.append(
            f"- paragraph minus question: {difference:+.1f} points of {label} (95%: {low:+.1f} to {high:+.1f} on new "
            f"questions with these trainings, {first:+.1f} to {last:+.1f} on these questions with new trainings)"
        )
    return lines


def over_seeds(measured: dict[str, Any]) -> tuple[float, float]:
    """Return the 95% t interval of the mean difference of both orders, with the seeds as the sample."""
    pairs = zip(measured["question"], measured["paragraph"], strict=True)
    differences = [paragraph - question for question, paragraph in pairs]
    count = len(differences)
    reach = float(stdtrit(count - 1, 0.975)) * statistics.stdev(differences) / math.sqrt(count)
    mean = statistics.fmean(differences)
    return mean - reach, mean + reach


def _ends(interval: Sequence[float]) -> str:
    return f"{interval[0]:.1f} – {interval[1]:.1f}"
