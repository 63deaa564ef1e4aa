"""``squadron bench generate``: answer questions with Squadron and with ``transformers``' generate + ``peft``.

Every answer has the same number of tokens (EOS is suppressed on both sides), so that both sides do the same work.
Squadron answers whole paragraphs, as an evaluation does; its time includes encoding questions and decoding answers. The
peer is slow, so it gets token ids and answers only a sample: all questions are sorted by length and cut into batches,
and it answers batches evenly spread over the lengths. So it pads as little as if it answered all of them.
"""

from __future__ import annotations

import math
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch

from squadron.bench.processes import run_worker
from squadron.data.sources import load_data
from squadron.data.squad import Dataset
from squadron.decoding.strategies import Strategy, resolve_strategies
from squadron.errors import ConfigError, option
from squadron.experiments.environment import describe_environment
from squadron.experiments.pocket import base_location
from squadron.experiments.predict import answer_questions, first_questions
from squadron.extras import require_extra
from squadron.files import write_json
from squadron.model.adapters import load_adapter, save_adapter
from squadron.model.checkpoint import load_base, locate_base
from squadron.model.config import read_config
from squadron.model.fleet import Fleet
from squadron.model.lora import LoraSpec
from squadron.model.tokenizer import load_tokenizer
from squadron.options.bench import BenchGenerateOptions
from squadron.randomness import numpy_generator
from squadron.tracking.progress import Reporter
from squadron.training.precision import dtype_rule, precision_name, resolve_device, resolve_precision

SIDES = {
    "squadron: greedy": ("greedy",),
    "squadron: span": ("span",),
    "squadron: four strategies": ("greedy", "top-k", "nucleus", "temperature"),
}
PEER = "transformers+peft"


def bench_generation(options: BenchGenerateOptions, *, reporter: Reporter | None = None) -> dict[str, Any]:
    """Run all sides in turn and compare them; figures are medians over rounds."""
    reporter = reporter or Reporter()
    require_extra("bench generate", "bench", "transformers", "peft")
    device = resolve_device(options.device)
    folder_of_base = locate_base(base_location(options.base), offline=options.offline)
    base = str(folder_of_base)  # a local path, so that no side contacts the hub
    config = read_config(folder_of_base / "config.json")
    precision = precision_name(resolve_precision(options.precision, device, width=config.n_embd))
    if options.max_new_tokens + options.max_length > config.n_positions:
        raise ConfigError(
            f"{option('max_length', options.max_length)}: with the answer over {config.n_positions} positions; lower it"
        )
    sides = [*SIDES, PEER]
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    with tempfile.TemporaryDirectory() as folder:
        fleet = Fleet(config, [LoraSpec(rank=options.rank, seed=options.seed)])
        save_adapter(Path(folder) / "adapter", fleet.weights(0), base=base)
        plan = {
            **options.model_dump(mode="json"),
            "base": base,
            "adapter": str(Path(folder) / "adapter"),
            "precision": precision,
            "device": str(device),
        }
        path = Path(folder) / "plan.json"
        reporter.start("benchmark", options.rounds * len(sides), "run")
        for number in range(options.rounds):
            for side in sides:
                write_json(path, {**plan, "round": number})
                found[side].append(run_worker("generate", side, path))
                reporter.reach(sum(map(len, found.values())))
                reporter.note(f"round {number + 1}, {side}: {found[side][-1]['rate']:.2f} questions/s")
        reporter.finish()
    rates = {side: statistics.median(run["rate"] for run in runs) for side, runs in found.items()}
    greedy = rates["squadron: greedy"]
    return {
        "options": options.model_dump(mode="json", exclude={"offline"}),
        "precision": precision,
        "environment": describe_environment(device),
        "sides": {
            side: {
                "questions_per_second": rates[side],
                "questions": runs[0]["questions"],
                "rounds": [run["rate"] for run in runs],
                "peak_memory_bytes": round(statistics.median(run["peak_memory_bytes"] for run in runs)),
            }
            for side, runs in found.items()
        },
        "ratio": greedy / rates[PEER],
        "four_strategies_cost": greedy / rates["squadron: four strategies"],
        "span_cost": greedy / rates["squadron: span"],
    }


def run_generation_side(side: str, plan: dict[str, Any]) -> dict[str, Any]:
    """Run one side in a worker process. Return questions per second, not counting the loading of model and data."""
    data = load_data(plan["data"], offline=plan["offline"], subject=option("data", plan["data"]))
    if plan["questions"] is not None:
        data = first_questions(data, plan["questions"])
    if side == PEER:
        return _answer_with_transformers(plan, data)
    return _answer_with_squadron(plan, data, resolve_strategies(SIDES[side]))


def spread_batches(lengths: Sequence[int], *, size: int, wanted: int, seed: int, number: int) -> list[list[int]]:
    """Cut all questions, sorted by ``lengths`` (tokens), into batches of ``size``, and return these as indices: all, or
    if they have more than ``wanted`` questions, evenly spaced ones with a random start."""
    ordered = sorted(range(len(lengths)), key=lengths.__getitem__)
    batches = [ordered[start : start + size] for start in range(0, len(ordered), size)]
    count = min(len(batches), math.ceil(wanted / size))
    first = numpy_generator(seed, "bench", number).random()
    return [batches[int((first + i) * len(batches) / count)] for i in range(count)]


def _answer_with_squadron(plan: dict[str, Any], data: Dataset, strategies: tuple[Strategy, ...]) -> dict[str, Any]:
    device = resolve_device(plan["device"])
    base = load_base(plan["base"], dtype=dtype_rule(plan["precision"], device), device=device)
    fleet = Fleet.from_weights(
        base.model.config, [load_adapter(Path(plan["adapter"]), base.model.config)], device=device
    )
    tokenizer = load_tokenizer(base.folder, vocab_size=base.model.config.vocab_size)

    def answer(questions: Dataset) -> float:
        began = time.perf_counter()
        answer_questions(
            base.model,
            tokenizer,
            questions,
            max_prompt=plan["max_length"],
            max_new_tokens=plan["max_new_tokens"],
            strategies=strategies,
            fleet=fleet,
            suppress_eos=True,
        )
        return time.perf_counter() - began

    answer(first_questions(data, 8))
    return {"rate": len(data) / answer(data), "questions": len(data)}


def _answer_with_transformers(plan: dict[str, Any], data: Dataset) -> dict[str, Any]:
    from peft import PeftModel
    from transformers import GPT2LMHeadModel

    from squadron.data.prompt import prompt_text

    device = resolve_device(plan["device"])
    dtype = dtype_rule(plan["precision"], device)(read_config(Path(plan["base"]) / "config.json"))
    plain: Any = GPT2LMHeadModel.from_pretrained(plan["base"], dtype=dtype)
    model: Any = PeftModel.from_pretrained(plain.to(device), plan["adapter"]).eval()
    tokenizer = load_tokenizer(locate_base(plan["base"]))
    encoded = tokenizer.encode_batch(
        [prompt_text(paragraph.context, question.text) for paragraph, question in data.questions()]
    )
    prompts = [ids[-plan["max_length"] :] for ids in encoded]
    places = spread_batches(
        [len(ids) for ids in prompts],
        size=plan["batch_size"],
        wanted=plan["peer_questions"],
        seed=plan["seed"],
        number=plan["round"],
    )
    batches = [[prompts[place] for place in batch] for batch in places]
    count = plan["max_new_tokens"]

    def answer(batch: list[list[int]]) -> None:
        longest = max(map(len, batch))
        ids = torch.tensor([[tokenizer.eos_id] * (longest - len(one)) + one for one in batch], device=device)
        mask = torch.tensor([[0] * (longest - len(one)) + [1] * len(one) for one in batch], device=device)
        with torch.inference_mode():
            model.generate(
                input_ids=ids,
                attention_mask=mask,
                do_sample=False,
                max_new_tokens=count,
                min_new_tokens=count,
                pad_token_id=tokenizer.eos_id,
            )

    answer(batches[0])
    began = time.perf_counter()
    for batch in batches:
        answer(batch)
    questions = sum(map(len, batches))
    return {"rate": questions / (time.perf_counter() - began), "questions": questions}
