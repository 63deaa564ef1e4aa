"""The plan of a training benchmark: all sides get the same checkpoint, batches, initial adapter and steps."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from squadron.data.batches import BatchSampler, Order, indices_in_order
from squadron.data.encoding import Branch, Example, encode_training
from squadron.data.sources import load_data
from squadron.errors import DataError, option
from squadron.files import read_json, write_json
from squadron.model.adapters import save_adapter
from squadron.model.checkpoint import locate_base
from squadron.model.config import Precision, read_config
from squadron.model.fleet import Fleet
from squadron.model.lora import LoraSpec
from squadron.model.tokenizer import load_tokenizer
from squadron.randomness import numpy_generator
from squadron.training.precision import precision_name, resolve_device, resolve_precision

_MEGABATCH = 50
"""Batches that are sorted by length together, as in ``transformers``' length grouping."""
LEARNING_RATE = 1e-3


@dataclass(frozen=True, slots=True)
class TrainPlan:
    """Encoded questions in the order in which every side trains on them, with the common settings."""

    base: str
    adapter: str
    precision: Precision
    device: str
    batch_sizes: tuple[int, ...]
    examples: tuple[Example, ...]
    eos_id: int

    @property
    def batches(self) -> list[list[int]]:
        """The examples of each batch, as indices."""
        return indices_in_order(self.batch_sizes)

    def write(self, path: Path) -> None:
        """Write the plan for a worker process."""
        examples = [
            [one.paragraph, one.context, one.branch.id, one.branch.question, one.branch.answer] for one in self.examples
        ]
        record = {
            name: getattr(self, name) for name in ("base", "adapter", "precision", "device", "batch_sizes", "eos_id")
        }
        write_json(path, {**record, "examples": examples}, indent=None)

    @classmethod
    def read(cls, path: Path) -> TrainPlan:
        """Read a plan."""
        record: dict[str, Any] = read_json(path, what="a benchmark's plan", error=DataError)
        examples = tuple(
            Example(paragraph, tuple(context), Branch(name, tuple(question), tuple(answer)))
            for paragraph, context, name, question, answer in record.pop("examples")
        )
        return cls(examples=examples, batch_sizes=tuple(record.pop("batch_sizes")), **record)


def plan_training(
    folder: Path,
    *,
    base: str,
    data: str,
    order: Order,
    steps: int,
    batch_size: int,
    max_length: int,
    rank: int,
    targets: tuple[str, ...],
    precision: Precision,
    device: str,
    seed: int,
    offline: bool = False,
) -> TrainPlan:
    """Draw ``steps`` batches, and one adapter's initial weights, which are saved in ``folder``.

    With ``order="question"``, a batch has questions of similar length, as the peers' length grouping would give: it
    saves the peers padding and costs Squadron nothing. With ``order="paragraph"``, paragraphs stay together, and
    batches have about ``batch_size`` questions.

    Raises :class:`DataError` if the data has too few questions.
    """
    location = locate_base(base, offline=offline)
    config = read_config(location / "config.json")
    precision = precision_name(resolve_precision(precision, resolve_device(device), width=config.n_embd))
    tokenizer = load_tokenizer(location, vocab_size=config.vocab_size)
    dataset = load_data(data, offline=offline, subject=option("data", data))
    examples, _ = encode_training(dataset, tokenizer, max_length=max_length, share_windows=order == "paragraph")
    wanted = steps * batch_size
    if len(examples) < wanted:
        raise DataError(
            f"{option('steps', steps)}: {data} has {len(examples):,} questions of {wanted:,} wanted; ask for fewer"
        )
    batches = BatchSampler(examples, batch_size=batch_size, order=order, seed=seed)
    chosen = batches.epoch_steps(0)[:steps]
    drawn = [batches.examples[i] for step in chosen for i in step]
    if order == "question":
        drawn = _grouped_by_length(drawn, batch_size, seed)
    spec = LoraSpec(rank=rank, targets=targets, seed=seed)
    save_adapter(folder / "adapter", Fleet(config, [spec]).weights(0), base=base)
    return TrainPlan(
        str(location),
        str(folder / "adapter"),
        precision,
        device,
        tuple(map(len, chosen)),
        tuple(drawn),
        tokenizer.eos_id,
    )


def _grouped_by_length(examples: list[Example], batch_size: int, seed: int) -> list[Example]:
    """Return the examples regrouped into batches of similar length, in random order."""
    batches: list[list[Example]] = []
    span = _MEGABATCH * batch_size
    for start in range(0, len(examples), span):
        ordered = sorted(examples[start : start + span], key=lambda one: -one.length)
        batches += [ordered[i : i + batch_size] for i in range(0, len(ordered), batch_size)]
    order = numpy_generator(seed, "bench").permutation(len(batches))
    return [example for number in order for example in batches[number]]
