"""The peers' side of the training benchmark: ``transformers`` Trainer with ``peft``, and ``trl``'s SFTTrainer.

Each is tuned as well as its options allow: autocast, padding to the longest sequence of a batch, batches of similar
length (from the plan), loss on the answer only, no evaluation, no saving, no logging.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Sequence
from typing import Any

import torch

from squadron.bench.plan import LEARNING_RATE, TrainPlan


class _Clock:
    """Seconds and loss of every step of a Trainer."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.losses: list[float] = []
        self._began = 0.0


def _timed(trainer_class: type[Any], clock: _Clock, plan: TrainPlan) -> type[Any]:
    """Return a subclass of the trainer that takes the plan's batches and records each step's loss."""

    class Timed(trainer_class):  # type: ignore[misc]
        def get_train_dataloader(self) -> Any:
            loader = torch.utils.data.DataLoader(
                self.train_dataset, batch_sampler=plan.batches, collate_fn=self.data_collator
            )
            return self.accelerator.prepare(loader)

        def training_step(self, *arguments: Any, **more: Any) -> Any:
            loss = super().training_step(*arguments, **more)
            clock.losses.append(float(loss))
            return loss

    return Timed


def _callback(clock: _Clock) -> Any:
    from transformers import TrainerCallback

    class Note(TrainerCallback):  # type: ignore[misc]
        def on_step_begin(self, *_: Any, **__: Any) -> None:
            clock._began = time.perf_counter()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            if torch.cuda.is_available():
                torch.cuda.synchronize()
            clock.seconds.append(time.perf_counter() - clock._began)

    return Note()


def _model(plan: TrainPlan) -> Any:
    """Load the checkpoint with the plan's adapter, trainable; GPT-2's dropout is off, as in Squadron."""
    from peft import PeftModel
    from transformers import GPT2LMHeadModel

    model = GPT2LMHeadModel.from_pretrained(plan.base, attn_pdrop=0.0, embd_pdrop=0.0, resid_pdrop=0.0)
    return PeftModel.from_pretrained(model, plan.adapter, is_trainable=True)


def _arguments(plan: TrainPlan, folder: str) -> dict[str, Any]:
    return {
        "output_dir": folder,
        "per_device_train_batch_size": max(plan.batch_sizes),
        "num_train_epochs": 1,
        "learning_rate": LEARNING_RATE,
        "lr_scheduler_type": "constant",
        "weight_decay": 0.01,
        "max_grad_norm": 0.0,
        "bf16": plan.precision == "bf16",
        "fp16": plan.precision == "fp16",
        "use_cpu": plan.device == "cpu",
        "save_strategy": "no",
        "report_to": "none",
        "logging_strategy": "no",
        "disable_tqdm": True,
        "dataloader_num_workers": 0,
        "seed": 0,
    }


def _tokens(plan: TrainPlan) -> list[int]:
    """Return the tokens of each batch, without padding."""
    return [sum(plan.examples[i].length for i in batch) for batch in plan.batches]


def train_transformers(plan: TrainPlan) -> dict[str, Any]:
    """Train with ``transformers``' Trainer and ``peft``."""
    from transformers import Trainer, TrainingArguments

    rows = []
    for one in plan.examples:
        prompt = [*one.context, *one.branch.question]
        rows.append({"input_ids": [*prompt, *one.branch.answer], "labels": [-100] * len(prompt) + [*one.branch.answer]})

    def collate(batch: Sequence[dict[str, list[int]]]) -> dict[str, torch.Tensor]:
        longest = max(len(row["input_ids"]) for row in batch)

        def padded(key: str, filler: int) -> torch.Tensor:
            return torch.tensor([row[key] + [filler] * (longest - len(row[key])) for row in batch])

        mask = [[1] * len(row["input_ids"]) + [0] * (longest - len(row["input_ids"])) for row in batch]
        return {
            "input_ids": padded("input_ids", plan.eos_id),
            "labels": padded("labels", -100),
            "attention_mask": torch.tensor(mask),
        }

    clock = _Clock()
    with tempfile.TemporaryDirectory() as folder:
        trainer = _timed(Trainer, clock, plan)(
            model=_model(plan),
            args=TrainingArguments(**_arguments(plan, folder), remove_unused_columns=False),
            train_dataset=rows,
            data_collator=collate,
            callbacks=[_callback(clock)],
        )
        trainer.train()
    return {"seconds": clock.seconds, "losses": clock.losses, "tokens": _tokens(plan)}


def train_trl(plan: TrainPlan) -> dict[str, Any]:
    """Train with ``trl``'s SFTTrainer, with loss on the completion only."""
    import datasets
    from transformers import AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    datasets.disable_progress_bars()
    rows = []
    for one in plan.examples:
        prompt = [*one.context, *one.branch.question]
        answer = [*one.branch.answer]
        rows.append({"input_ids": prompt + answer, "completion_mask": [0] * len(prompt) + [1] * len(answer)})
    tokenizer = AutoTokenizer.from_pretrained(plan.base)
    tokenizer.pad_token = tokenizer.eos_token
    clock = _Clock()
    with tempfile.TemporaryDirectory() as folder:
        trainer = _timed(SFTTrainer, clock, plan)(
            model=_model(plan),
            args=SFTConfig(
                **_arguments(plan, folder), completion_only_loss=True, max_length=None, gradient_checkpointing=False
            ),
            train_dataset=datasets.Dataset.from_list(rows),
            processing_class=tokenizer,
            callbacks=[_callback(clock)],
        )
        trainer.train()
    return {"seconds": clock.seconds, "losses": clock.losses, "tokens": _tokens(plan)}
