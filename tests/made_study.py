"""Write a sweep folder with made-up but plausible scores, in about a second, for the tests of reporting.

Each question has a difficulty and each run a skill, which its options shift by given amounts. A run answers a question
correctly if its skill plus a little noise exceeds the difficulty. So runs agree on most questions, as real ones do, and
a test knows what the analysis should find. Scores, intervals and kinds of mistake are computed by the package.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from squadron.data.prepared import write_prepared
from squadron.data.squad import Answer, Dataset, Paragraph, Question
from squadron.files import sha256_file
from squadron.runs.ranking import rank_key
from squadron.scoring.answers import AnswerRecord, answer_statistics
from squadron.scoring.evaluation import score
from squadron.scoring.failures import write_failures
from squadron.scoring.predictions import GOLD_KEY

RANKS = (4, 8, 16, 32, 64)
RATES = (7e-5, 1e-4, 2e-4, 5e-4, 1e-3)
MODULES = ("attention", "attention+mlp", "query-value+attention")
STRATEGIES = {"greedy": 0.0, "span": 0.35, "beam": 0.05, "top-k": -0.4, "nucleus": -0.5, "temperature": -1.2}
"""How much each decoding strategy adds to the skill."""
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(2)>',
    "=cmd()|'/C calc'!A0",
    '#eval("panic()") $ x $ *bold* _it_ @ref [link] \\',
    "\u202egnp.exe\u202c",
    "{{ 7*7 }} ${7*7} %s",
)
"""Texts that data may contain and that must be shown as plain text: scripts, formulas, markup, direction overrides."""

_NAMES = ("Arden", "Belcourt", "Corwin", "Delmore", "Estrel", "Fenwick", "Garland", "Hollis", "Ingram", "Jarrow")
_PLACES = ("Marle", "Tolden", "Averne", "Quillon", "Stavers", "Orsk", "Lindale", "Pemberly", "Rusk", "Wexcombe")
_STONES = ("granite", "sandstone", "red brick", "limestone", "iron", "oak")
_WIDTH, _LAYERS = 256, 4
_SHAPES = {"attention": 6, "attention+mlp": 16, "query-value+attention": 10}
"""Trainable parameters by rank, width and layer, as GPT-2's layers have them."""


@dataclass(frozen=True)
class Effects:
    """How much each option adds to a run's skill (in standard deviations of the difficulty), and the noise of runs."""

    rank: Callable[[int], float] = lambda rank: 0.06 * math.log2(rank / 4)
    rate: Callable[[float], float] = lambda rate: 0.5 * min(1.0, math.log(rate / 7e-5) / math.log(7))
    modules: Mapping[str, float] | None = None
    both: Callable[[int, float], float] = lambda _rank, _rate: 0.0
    train: Callable[[int], float] = lambda size: 0.25 * math.log2(size / 500)
    training_noise: float = 0.02
    start: float = 0.1


def plain_effects() -> Effects:
    """Return effects of zero: all differences are noise."""
    return Effects(rank=lambda _: 0.0, rate=lambda _: 0.0, train=lambda _: 0.0)


def make_study(
    out: Path,
    *,
    ranks: Sequence[int] = RANKS,
    rates: Sequence[float] = RATES,
    modules: Sequence[str] = MODULES,
    seeds: Sequence[int] = (0,),
    train_sizes: Sequence[int] = (500,),
    epochs: int = 3,
    paragraphs: int = 40,
    test_paragraphs: int = 40,
    effects: Effects | None = None,
    full: bool = False,
    failed: int = 0,
    diverged: int = 0,
    unfinished: int = 0,
    baseline: bool = True,
    test: bool = True,
    data: bool = True,
    every_failure: bool = False,
    hostile: bool = False,
    gold: bool = False,
    updates: bool = False,
    seed: int = 0,
) -> Path:
    """Write the sweep folder and return it.

    ``failed``, ``diverged`` and ``unfinished`` are numbers of runs that end so, taken from the grid's end.
    ``updates`` gives every run an update whose norm falls with the rank and grows with the rate.
    ``every_failure`` writes failure files of all runs, not of the best and the baseline alone (slower). ``hostile``
    puts :data:`HOSTILE` strings and a text of 10,000 characters into contexts, questions, answers and reasons. With
    ``gold`` every answer has P(gold): the chance that a run of this skill answers right, without luck.
    """
    draw = np.random.default_rng(seed)
    splits = {
        "train": _dataset("train", 10, draw, hostile=hostile),
        "validation": _dataset("validation", paragraphs, draw, hostile=hostile),
        "test": _dataset("test", test_paragraphs, draw, hostile=hostile),
    }
    whole = tuple(paragraph for one in splits.values() for paragraph in one.paragraphs)
    write_prepared(out / "data", splits, Dataset(whole, "1.1", "made up"), {"train_size": 50})
    makers = {name: _Answering(one, draw) for name, one in splits.items() if name != "train"}
    grid = [
        {"rank": rank, "lr": rate, "targets": target, "seed": one, "train_size": size}
        for target in modules
        for rank in ranks
        for rate in rates
        for one in seeds
        for size in train_sizes
    ]
    varied = {
        key for key, values in zip(grid[0], (ranks, rates, modules, seeds, train_sizes), strict=True) if len(values) > 1
    } | {"rank", "lr", "targets"}
    plans = [{key: value for key, value in one.items() if key in varied} for one in grid]
    if full:
        grid.append({"method": "full", "lr": 1e-4, "seed": seeds[0], "train_size": train_sizes[-1]})
        plans.append({"method": "full", "lr": 1e-4})
    ends = ["done"] * (len(grid) - failed - diverged - unfinished)
    ends += ["failed"] * failed + ["diverged"] * diverged + ["waiting"] * unfinished
    effects = effects or Effects()
    rows, states = [], []
    for options, changes, status in zip(grid, plans, ends, strict=True):
        row = _run(
            out,
            options,
            changes,
            status,
            effects,
            makers["validation"],
            draw,
            epochs,
            every_failure=every_failure,
            gold=gold,
            updates=updates,
        )
        if hostile and "reason" in row:
            row["reason"] = HOSTILE[0]
        rows.append(row)
        states.append({key: row[key] for key in ("name", "changes", "status", "reason") if key in row})
    ranked = ("name", "status", "f1", "exact_match", "validation_loss")
    rows.sort(key=lambda row: rank_key(*(row.get(key) for key in ranked)))
    best = _best(rows)
    if best is not None:
        folder = out / "runs" / best["name"]
        skill = best["_skill"] if gold else None
        _scores(folder, {"validation": {"greedy": best["_answers"]}}, makers, with_failures=True, skill=skill)
        if test:
            tested = {name: makers["test"].answers(best["_skill"] + shift, draw) for name, shift in STRATEGIES.items()}
            both = {"validation": {"greedy": best["_answers"]}, "test": tested}
            _scores(folder, both, makers, with_failures=True, skill=skill)
    if baseline:
        base = {name: {"greedy": maker.answers(-2.2, draw, loose=True)} for name, maker in makers.items()}
        own = base if test else {"validation": base["validation"]}
        _scores(out / "baseline", own, makers, with_failures=True, skill=-2.2 if gold else None)
    for place, row in enumerate(rows, 1):
        row["rank"] = place
        del row["_answers"], row["_skill"]
    board = {"schema": 1, "split": "validation", "decoding": "greedy", "runs": rows}
    _write(out / "leaderboard.json", board)
    _leaderboard_csv(out / "leaderboard.csv", rows)
    described = {
        name: {"split": name, "questions": len(one), "sha256": sha256_file(out / "data" / f"{name}.json")}
        for name, one in splits.items()
    }
    record = {
        "schema": 1,
        "kind": "sweep",
        "status": "running" if unfinished else "done",
        "config": {"base": "pocket", "dataset": "pocket", "base_options": {"epochs": epochs}, "grid": {}},
        "base": _BASE,
        "data": described,
        "seed": 0,
        "precision": "fp32",
        "environment": _ENVIRONMENT,
        "started": "2025-03-21T08:30:00+00:00",
        "seconds": 1234.5,
        "runs": states,
    }
    _write(out / "sweep.json", record)
    if not data:
        for path in (out / "data").iterdir():
            path.unlink()
        (out / "data").rmdir()
    return out


def _best(rows: Sequence[dict[str, Any]]) -> dict[str, Any] | None:
    """Return the row of the setting with the highest mean, with its lowest seed, as a sweep chooses it."""
    groups: dict[str, list[dict[str, Any]]] = {}
    for row in rows:
        if row["status"] == "done":
            key = repr({axis: value for axis, value in row["changes"].items() if axis != "seed"})
            groups.setdefault(key, []).append(row)
    if not groups:
        return None
    chosen = max(groups.values(), key=lambda own: float(np.mean([row["f1"] for row in own])))
    return min(chosen, key=lambda row: int(row["changes"].get("seed", 0)))


def make_run(out: Path, **options: Any) -> Path:
    """Write a sweep of one run and return that run's own folder, as ``train`` and ``evaluate`` make it."""
    make_study(out, ranks=(4,), rates=(1e-3,), modules=("attention",), baseline=False, **options)
    (folder,) = (out / "runs").iterdir()
    return folder


_BASE = {"name": "pocket", "sha256": "7a50736a" * 8, "parameters": 4_299_776}
_ENVIRONMENT = {
    "versions": {"python": "3.11.7", "squadron": "0.1.0", "torch": "2.13.0+cpu"},
    "commit": "c87d191ccd8a2744af2d3b835d07f620c034b4f6",
    "platform": "Linux-x86_64",
    "device": "cpu (x86_64)",
    "threads": 2,
}


def _dataset(split: str, count: int, draw: np.random.Generator, *, hostile: bool) -> Dataset:
    paragraphs = []
    for number in range(count):
        town, river, person, other = (
            str(value) for value in (*draw.choice(_PLACES, 2, replace=False), *draw.choice(_NAMES, 2, replace=False))
        )
        year, length, stone = str(draw.integers(1700, 1950)), str(draw.integers(40, 900)), str(draw.choice(_STONES))
        mayor, architect = f"{other} {draw.choice(_PLACES)}", f"{person} {draw.choice(_NAMES)}"
        poison = f" It is signed {HOSTILE[number % len(HOSTILE)]}." if hostile else ""
        if hostile and number == 1:
            poison += " " + "x" * 10_000
        context = (
            f"The bridge of {town} crosses the {river} a mile above the old mill. It was built in {year} by "
            f"{architect}, who had never built one before, and is {length} feet long. Its arches are of {stone}, "
            f"which came down the {river} on barges. The mayor, {mayor}, paid for the lamps himself; they were lit for "
            f"the first time on a cold evening in spring, and half of {town} came to see them.{poison}"
        )
        asked = [
            ("Who built the bridge?", architect),
            ("When was the bridge built?", year),
            ("How long is the bridge?", f"{length} feet"),
            ("What are its arches made of?", stone),
            ("Which mayor paid for the lamps?", mayor),
        ]
        mark = f" {HOSTILE[(number + 1) % len(HOSTILE)]}?" if hostile else ""
        questions = tuple(
            Question(f"{split}-{number}-{q}", text + mark, (Answer(gold, context.index(gold)),))
            for q, (text, gold) in enumerate(asked)
        )
        paragraphs.append(Paragraph(f"Bridge {number}", context, questions))
    return Dataset(tuple(paragraphs), "1.1", "made up")


class _Answering:
    """Answers of any skill to the questions of a split."""

    def __init__(self, dataset: Dataset, draw: np.random.Generator) -> None:
        self.dataset = dataset
        self.pairs = list(dataset.questions())
        sizes = [len(paragraph.questions) for paragraph in dataset.paragraphs]
        self.difficulty = np.repeat(draw.normal(0, 0.6, len(sizes)), sizes) + draw.normal(0, 0.8, len(self.pairs))
        self.wrong = draw.integers(0, 6, len(self.pairs))
        self.hostile = any(HOSTILE[0] in paragraph.context for paragraph in dataset.paragraphs)

    def answers(self, skill: float, draw: np.random.Generator, *, loose: bool = False) -> dict[str, str]:
        """Question id to answer; ``loose`` ones run on and seldom stand in the context, as an untuned base's do."""
        right = skill + draw.normal(0, 0.45, len(self.pairs)) > self.difficulty
        found = {}
        for place, (paragraph, question) in enumerate(self.pairs):
            gold = question.answers[0].text
            own = gold if right[place] else self._mistake(place, paragraph, gold, loose=loose)
            found[question.id] = own
        return found

    def gold(self, skill: float) -> dict[str, float]:
        """Question id to P(gold)."""
        chances = 1.0 / (1.0 + np.exp(-3.8 * (skill - self.difficulty)))
        return {question.id: float(chance) for (_, question), chance in zip(self.pairs, chances, strict=True)}

    def _mistake(self, place: int, paragraph: Paragraph, gold: str, *, loose: bool) -> str:
        others = [one.answers[0].text for one in paragraph.questions if one.answers[0].text != gold]
        if self.hostile and place % 7 == 0:
            return HOSTILE[place % len(HOSTILE)]
        if loose:
            return ("the bridge is the bridge is the bridge is", "", f"a {gold} of the", "it was")[place % 4]
        choices = [others[0], others[-1], f"in {gold} by the old mill", gold.split()[0], "", "the Dunmore brothers"]
        own = choices[self.wrong[place]]
        return own if own != gold else others[0]

    def records(self, answers: Mapping[str, str]) -> list[AnswerRecord]:
        return [
            AnswerRecord(
                question_id=question.id,
                question=question.text,
                context=paragraph.context,
                golds=(question.answers[0].text,),
                prediction=answers[question.id],
                tokens=len(answers[question.id].split()),
                stopped=True,
                log_probability=-0.1 * (place % 17),
                truncated=False,
                visible_context=paragraph.context,
                answer_start=question.answers[0].start,
            )
            for place, (paragraph, question) in enumerate(self.pairs)
        ]


_ADAPTER = ("rank", "alpha", "dropout", "target_modules")
"""Options that a run of full fine-tuning does not have."""


def _skill(options: Mapping[str, Any], effects: Effects, draw: np.random.Generator) -> float:
    noise = float(draw.normal(0, effects.training_noise))
    if options.get("method") == "full":
        return effects.start + 0.5 + noise
    shifts = effects.modules or {"attention+mlp": 0.1}
    return (
        effects.start
        + effects.rank(options["rank"])
        + effects.rate(options["lr"])
        + shifts.get(options["targets"], 0.0)
        + effects.both(options["rank"], options["lr"])
        + effects.train(options["train_size"])
        + noise
    )


def _name(changes: Mapping[str, Any]) -> str:
    if changes.get("method") == "full":
        return "full-lr1e-4"
    rate = f"{changes['lr']:.0e}".replace("e-0", "e-")
    extra = "".join(f"-{key[0]}{changes[key]}" for key in ("seed", "train_size") if key in changes)
    return f"r{changes['rank']}-lr{rate}-{changes['targets'].replace('+', '-')}{extra}"


def _run(
    out: Path,
    options: Mapping[str, Any],
    changes: Mapping[str, Any],
    status: str,
    effects: Effects,
    maker: _Answering,
    draw: np.random.Generator,
    epochs: int,
    *,
    every_failure: bool,
    gold: bool,
    updates: bool,
) -> dict[str, Any]:
    """One run's folder, and its row of the leaderboard."""
    name = _name(changes)
    row: dict[str, Any] = {"name": name, "status": status, "changes": dict(changes), "_answers": None, "_skill": None}
    if status == "waiting":
        return row
    folder = out / "runs" / name
    folder.mkdir(parents=True)
    full = options.get("method") == "full"
    config = {
        "base": "pocket",
        "data": str(out / "data"),
        "out": str(folder),
        "rank": options.get("rank", 4),
        "alpha": 32.0,
        "dropout": 0.0,
        "target_modules": [options.get("targets", "attention")],
        "lr": options["lr"],
        "epochs": epochs,
        "batch_size": 4,
        "gradient_accumulation": 2,
        "max_length": 256,
        "order": "question",
        "loss": "answer",
        "seed": options["seed"],
    }
    if full:
        config = {"method": "full", **{key: value for key, value in config.items() if key not in _ADAPTER}}
    width = _WIDTH * _LAYERS
    trainable = _BASE["parameters"] if full else options["rank"] * width * _SHAPES[options["targets"]]
    skill = _skill(options, effects, draw)
    steps = max(2, options["train_size"] // 8)
    lines = _metrics(steps, epochs, options["lr"], skill, draw, broken=status != "done")
    validations = [line for line in lines if "validation_loss" in line]
    seconds = 90.0 + 6e-5 * trainable + float(draw.random())
    summary = {
        "steps": lines[-1]["step"],
        "trainable_parameters": trainable,
        "trainable_share": trainable / _BASE["parameters"],
        "loss": [line["loss"] for line in lines if "loss" in line][-1],
        "validation_loss": validations[-1]["validation_loss"] if validations else None,
        "examples_per_second": options["train_size"] * epochs / seconds,
        "seconds": seconds,
        "peak_memory_bytes": 400_000_000 + 16 * trainable,
    }
    if updates and not full:
        norm = 3000.0 * options["lr"] / options["rank"] ** 0.5
        rank = min(4.0, options["rank"])
        summary["update"] = {"norm": norm, "effective_rank": rank, "spectrum": [0.75, 0.25]}
    reasons = {"failed": "out of memory in step 3", "diverged": "the loss was nan in step 7"}
    if status in reasons:
        row["reason"] = reasons[status]
        summary["reason"] = reasons[status]
    else:
        summary["best_step"] = min(validations, key=lambda line: line["validation_loss"])["step"]
    described = {"split": "train", "questions": options["train_size"], "sha256": sha256_file(out / "data/train.json")}
    record = {
        "schema": 1,
        "kind": "train",
        "status": status,
        "config": config,
        "seed": options["seed"],
        "base": _BASE,
        "data": {"train": described, "validation": None},
        "precision": "fp32",
        "environment": _ENVIRONMENT,
        **summary,
    }
    _write(folder / "run.json", record)
    (folder / "metrics.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    if status == "done":
        answers = maker.answers(skill, draw)
        own_skill = skill if gold else None
        splits = {"validation": {"greedy": answers}}
        found = _scores(folder, splits, {"validation": maker}, with_failures=every_failure, skill=own_skill)
        own = found["validation"]["greedy"]
        row |= {key: own[key] for key in ("exact_match", "f1", "exact_match_interval", "f1_interval", "questions")}
        row |= {"_answers": answers, "_skill": skill}
    keys = ("loss", "validation_loss", "trainable_parameters", "seconds", "peak_memory_bytes")
    return row | {key: summary[key] for key in keys}


def _metrics(
    steps: int, epochs: int, rate: float, skill: float, draw: np.random.Generator, *, broken: bool
) -> list[dict[str, Any]]:
    """Losses that fall with the rate; on held-out questions they rise again where the rate is high."""
    lines: list[dict[str, Any]] = []
    speed = 1.5 * math.sqrt(rate / 1e-4)
    for step in range(1, steps * epochs + 1):
        done = step / steps
        loss = 0.6 + 2.6 * math.exp(-speed * done) - 0.1 * min(done, 3.0) + float(draw.normal(0, 0.05))
        line = {
            "step": step,
            "epoch": (step - 1) // steps + 1,
            "loss": loss,
            "gradient_norm": 1.0,
            "learning_rate": rate,
        }
        if broken and step > 7:
            lines.append({**line, "loss": None})
            return lines
        lines.append(line)
        if step % steps == 0:
            held_out = 1.3 - 0.4 * skill + 2.2 * math.exp(-speed * done) + (60 * rate * max(0.0, done - 1.5))
            lines.append(
                {
                    "step": step,
                    "validation_loss": held_out,
                    "validation_exact_match": 40.0 + 5.0 * done,
                    "validation_f1": 48.0 + 5.0 * done,
                    "validation_questions": 50,
                }
            )
    return lines


def _scores(
    folder: Path,
    answers: Mapping[str, Mapping[str, dict[str, str]]],
    makers: Mapping[str, _Answering],
    *,
    with_failures: bool,
    skill: float | None = None,
) -> dict[str, Any]:
    """Predictions, scores and failures as ``evaluate`` writes them; returns decodings by split.

    With ``skill`` there is P(gold), too, in scores and details.
    """
    (folder / "predictions").mkdir(parents=True, exist_ok=True)
    splits: dict[str, Any] = {}
    for split, strategies in answers.items():
        dataset = makers[split].dataset
        splits[split] = {"limit": None, "decodings": {}}
        for decoding, own in strategies.items():
            stem = decoding if split == "validation" else f"{decoding}.{split}"
            _write(folder / "predictions" / f"{stem}.json", own)
            records = makers[split].records(own)
            gold = None if skill is None else makers[split].gold(skill)
            if gold is not None:
                details = {name: [{GOLD_KEY: math.log(value)}] for name, value in gold.items()}
                _write(folder / "predictions" / f"{stem}.details.json", details)
            found = score(own, dataset.golds(), clusters=dataset.clusters(), gold_probabilities=gold)
            splits[split]["decodings"][decoding] = {**found.to_json(), **answer_statistics(records)}
            if with_failures:
                about = {"model": folder.name, "split": split, "decoding": decoding}
                write_failures(folder / "failures" / f"{stem}.json", records, about=about)
    _write(folder / "scores.json", {"schema": 1, "splits": splits})
    return {split: own["decodings"] for split, own in splits.items()}


def _leaderboard_csv(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["rank", "name", "status", "exact_match", "f1"])
        for row in rows:
            writer.writerow([row["rank"], row["name"], row["status"], row.get("exact_match"), row.get("f1")])


def _write(path: Path, content: Any) -> None:
    """JSON, without the flush to the disk that the package does."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, ensure_ascii=False, allow_nan=False))
