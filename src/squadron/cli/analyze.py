"""``squadron analyze``."""

from __future__ import annotations

from typing import Any

import rich.console
import typer
from rich.table import Table

from squadron.cli.evaluate import interval
from squadron.cli.options import verb
from squadron.cli.output import Console, counted, narrow_table
from squadron.options.reporting import AnalyzeOptions
from squadron.reporting.document.text import clipped

_NAME = 36
"""Characters of a name, so that a table fits 80 columns."""
_VERDICTS = {
    "higher": "higher",
    "lower": "lower",
    "equivalent": "equivalent",
    "undecided": "undecided",
    "untested": "not tested",
}
_AXES = {
    "higher": "larger is better",
    "lower": "smaller is better",
    "differs": "the values differ",
    "equivalent": "all values are equivalent",
    "undecided": "undecided",
    "untested": "not tested",
}
_SCOPES = {"new": ", on new questions, too", "these": ", on these questions", None: ""}


_FITS = {
    "overfit": "rose after its minimum (overfit)",
    "improving": "was still falling",
    "settled": "converged",
    "unknown": "is unclear",
}
_LEAST_SHOWN = 0.05
"""The least number of points that is not written as 0.0."""
_COSTS = {"trainable_parameters": "trainable parameters", "seconds": "time", "peak_memory_bytes": "memory"}


def add(app: typer.Typer) -> None:
    """Register the verb."""

    @verb(app, "analyze", AnalyzeOptions)
    def analyze(options: AnalyzeOptions, console: Console) -> int:
        """Analyze a study statistically, and write the findings as tables and charts."""
        from squadron.reporting.analyze import write_analysis

        tell = console.reporter().note
        record = write_analysis(options.results_dir, out=options.out, lang=options.lang, tell=tell)
        console.result(record, lambda out: _show(out, record))
        return 0


def _show(out: rich.console.Console, record: dict[str, Any]) -> None:
    found = record["analysis"]
    for compared in found["models"]:
        out.print(_models(compared))
    for effect in found["effects"]:
        if effect["metric"] == "f1":
            out.print(_effect(effect))
    if found["decodings"] is not None:
        out.print(_decodings(found["decodings"]))
    if found["mistakes"] is not None and found["mistakes"]["wrong"]:
        out.print(_mistakes(found["mistakes"]))
    if found["effects"]:
        margin = found["plan"]["margin"]
        unit = "point" if margin == 1 else "points"
        out.print(
            f"test: lower than the best, or within {margin:g} {unit} of it, at the 5% level; one primary test "
            f"an axis, Holm-corrected; intervals are uncorrected"
        )
    for line in _notes(record):
        out.print(line)
    out.print(f"tables and charts: {record['out']}", soft_wrap=True)


def _table(title: str, first: str, columns: tuple[str, ...]) -> Table:
    table = narrow_table(title)
    table.add_column(first, no_wrap=True)
    for column in columns:
        table.add_column(column, justify="right", no_wrap=True)
    return table


def _models(compared: dict[str, Any]) -> Table:
    questions = compared["models"][0]["score"]["questions"]
    title = f"{compared['split']} split, {compared['decoding']}, {questions:,} questions"
    table = _table(title, "model", ("EM (95%)", "F1 (95%)"))
    for model in compared["models"]:
        score, role = model["score"], {"best": "best", "full": "full"}.get(model["role"], "base")
        table.add_row(
            f"{role}: {clipped(model['name'], _NAME - len(role) - 2)}",
            _score(score, "exact_match"),
            _score(score, "f1"),
        )
    return table


def _effect(effect: dict[str, Any]) -> Table:
    title = f"F1 by {effect['axis']}: {_AXES[effect['verdict']]}{_SCOPES[effect['scope']]}"
    table = _table(title, "value", ("F1 (95%)", "minus the best (95%)", "test"))
    for level in effect["levels"]:
        shown = f"{level['mean']:.1f} ({interval(level['interval'])})"
        table.add_row(clipped(str(level["value"]), 22), shown, *_against_best(effect, level["value"]))
    return table


def _against_best(effect: dict[str, Any], value: Any) -> tuple[str, str]:
    """Return a value's difference from the axis's best, and the test's verdict."""
    if value == effect["best"]:
        return "", "best"
    for one in effect["contrasts"]:
        if value in (one["first"], one["second"]) and effect["best"] in (one["first"], one["second"]):
            if one["interval"] is None:
                return "", "none"
            sign = 1 if one["second"] == value else -1
            low, high = sorted(sign * end for end in one["interval"])
            verdict = "lower" if one["verdict"] in ("higher", "lower") else _VERDICTS[one["verdict"]]
            return f"{_signed(sign * one['difference'])} ({_signed(low)} to {_signed(high)})", verdict
    raise AssertionError((effect["axis"], value))


def _decodings(compared: dict[str, Any]) -> Table:
    table = _table(
        f"decoding of the best run, {compared['split']} split", "strategy", ("EM (95%)", "F1 (95%)", "F1 difference")
    )
    for score in compared["scores"]:
        test = next(
            (one for one in compared["contrasts"] if (one["metric"], one["second"]) == ("f1", score["decoding"])), None
        )
        difference = "" if test is None else f"{_signed(test['difference'])}, {_VERDICTS[test['verdict']]}"
        table.add_row(score["decoding"], _score(score, "exact_match"), _score(score, "f1"), difference)
    return table


def _mistakes(found: dict[str, Any]) -> Table:
    wrong = f"{found['wrong']:,} of {found['questions']:,} answers {'is' if found['wrong'] == 1 else 'are'} wrong"
    table = _table(f"error types: {wrong}", "type", ("answers", "share (95%)", "base"))
    for one in found["kinds"]:  # also those that only the base makes
        low, high = (100 * end for end in one["interval"])
        base = "" if one["base_share"] is None else f"{100 * one['base_share']:.0f}%"
        table.add_row(one["label"], f"{one['questions']:,}", f"{100 * one['share']:.0f}% ({low:.0f}–{high:.0f})", base)
    return table


def _notes(record: dict[str, Any]) -> list[str]:
    """Return the findings that are not in the tables, one line each."""
    found = record["analysis"]
    notes = []
    if found["best"] is not None:
        best = found["best"]
        compared = counted(best["compared"], "setting" if best["seeds"] > 1 else "run")
        line = f"best of {compared}: {clipped(best['best'], 60)}; "
        line += f"{best['count'] if best['count'] > 1 else 'no other'} may be the true best (95%)"
        if best["optimism"] is not None and best["optimism"] >= _LEAST_SHOWN:
            line += f"; choosing the best inflates its F1 by about {best['optimism']:.1f} points"
        notes.append(line)
    notes += [
        f"the effect of {one['axes'][0]} depends on {one['axes'][1]} (p = {one['adjusted']:.3g})"
        for one in found["interactions"]
        if one["metric"] == "f1" and one["verdict"] == "interact"
    ]
    if found["seeds"] is not None:
        seeds = found["seeds"]
        notes.append(
            f"F1 varies by {seeds['deviation']:.1f} points (standard deviation) between seeds; two runs that differ by "
            f"less than {seeds['noticeable']:.1f} points may differ only by seed"
        )
    counts = found["fits"]["counts"]
    if total := sum(counts.values()):
        notes.append(
            f"validation loss of {counted(total, 'run')}: "
            + ", ".join(f"{words} in {counts[verdict]}" for verdict, words in _FITS.items() if counts.get(verdict))
        )
    for cost, run in found["frontier"]["cheapest"].items():
        notes.append(f"cheapest by {_COSTS[cost]} among the runs that may be best: {clipped(run, 60)}")
    if record["missing"]:
        missing = (f"{one['what']} ({len(one['names'])})" if one["names"] else one["what"] for one in record["missing"])
        notes.append(f"missing: {', '.join(missing).replace('_', ' ')}")
    return notes


def _signed(value: float) -> str:
    """Return a difference with its sign, which 0 has not."""
    shown = f"{value:+.1f}"
    return shown if float(shown) else "0.0"


def _score(score: dict[str, Any], metric: str) -> str:
    return f"{score[metric]:.1f} ({interval(score[f'{metric}_interval'])})"
