"""``squadron bench generate``: answering questions with Squadron and with ``transformers`` generate + ``peft``.

Every answer gets the same number of tokens (EOS is suppressed on both sides), so that all do the same work. Squadron
answers whole paragraphs, as an evaluation does; the peer answers a sample of the same questions, sorted by length, in
batches: its rate does not depend on how many there are, and it is slow.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import torch

from squadron.bench.processes import run_worker
from squadron.data.sources import load_data
from squadron.data.squad import Dataset
from squadron.decoding.strategies import Strategy, resolve_strategies
from squadron.errors import ConfigError
from squadron.experiments.answering import answer_questions, first_questions
from squadron.experiments.environment import describe_environment
from squadron.experiments.options import BenchGenerateOptions
from squadron.experiments.pocket import base_location
from squadron.experiments.progress import Reporter
from squadron.files import write_json
from squadron.model.adapters import load_adapter, save_adapter
from squadron.model.checkpoint import load_base, locate_base
from squadron.model.config import read_config
from squadron.model.lora import Fleet, LoraSpec
from squadron.model.tokenizer import load_tokenizer
from squadron.randomness import numpy_generator
from squadron.training.precision import precision_name, resolve_device, resolve_precision

SIDES = {
    "squadron: greedy": ("greedy",),
    "squadron: span": ("span",),
    "squadron: four strategies": ("greedy", "top-k", "nucleus", "temperature"),
}
PEER = "transformers+peft"


def bench_generation(options: BenchGenerateOptions, *, reporter: Reporter | None = None) -> dict[str, Any]:
    """Run all sides and compare; figures are medians over rounds."""
    reporter = reporter or Reporter()
    device = resolve_device(options.device)
    precision = precision_name(resolve_precision(options.precision, device))
    base = base_location(options.base)
    config = read_config(locate_base(base, offline=options.offline) / "config.json")
    if options.max_new_tokens + options.max_length > config.n_positions:
        raise ConfigError(f"--max-length {options.max_length}: with the answer over {config.n_positions} positions")
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
    """One side in a worker process: questions a second, loading and encoding of the data set apart on neither side."""
    data = load_data(plan["data"])
    if side != PEER:
        if plan["questions"] is not None:
            data = first_questions(data, plan["questions"])
        return _answer_with_squadron(plan, data, resolve_strategies(SIDES[side]))
    pairs = list(data.questions())
    drawn = numpy_generator(plan["seed"], "bench", plan["round"]).choice(len(pairs), plan["peer_questions"], False)
    return _answer_with_transformers(plan, [pairs[int(i)] for i in drawn])


def _answer_with_squadron(plan: dict[str, Any], data: Dataset, strategies: tuple[Strategy, ...]) -> dict[str, Any]:
    device = resolve_device(plan["device"])
    base = load_base(plan["base"], dtype=resolve_precision(plan["precision"], device), device=device)
    fleet = Fleet.from_weights(
        base.model.config, [load_adapter(Path(plan["adapter"]), base.model.config)], device=device
    )
    tokenizer = load_tokenizer(base.folder)

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


def _answer_with_transformers(plan: dict[str, Any], pairs: list[Any]) -> dict[str, Any]:
    from peft import PeftModel
    from transformers import GPT2LMHeadModel

    from squadron.data.prompt import prompt_text

    device = resolve_device(plan["device"])
    dtype = resolve_precision(plan["precision"], device)
    plain: Any = GPT2LMHeadModel.from_pretrained(plan["base"], dtype=dtype)
    model: Any = PeftModel.from_pretrained(plain.to(device), plan["adapter"]).eval()
    tokenizer = load_tokenizer(locate_base(plan["base"]))
    encoded = tokenizer.encode_batch([prompt_text(paragraph.context, question.text) for paragraph, question in pairs])
    prompts = [ids[-plan["max_length"] :] for ids in encoded]
    prompts.sort(key=len)
    size, count = plan["batch_size"], plan["max_new_tokens"]

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

    answer(prompts[:size])
    began = time.perf_counter()
    for start in range(0, len(prompts), size):
        answer(prompts[start : start + size])
    return {"rate": len(prompts) / (time.perf_counter() - began), "questions": len(prompts)}
