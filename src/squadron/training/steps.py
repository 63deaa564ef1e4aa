"""The training steps of a fleet: forward, backward, update. An adapter that diverges is stopped; the others go on.

A step is a pure function of the training state and the step's number: batches and dropout are drawn from generators
seeded for that step. So a checkpoint needs no generator state, and a resumed run equals one without interruption.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from squadron.data.batches import BatchSampler
from squadron.data.trees import MicroBatch
from squadron.model.attention import TreeAttention
from squadron.model.fleet import Fleet
from squadron.model.gpt2 import GPT2
from squadron.model.gpu.attention import Way, choose_way
from squadron.model.trainable import Trainable
from squadron.model.transfer import upload
from squadron.randomness import derive_seed
from squadron.training.accelerated import DeviceSteps, Prepared, batch_arrays, pass_losses
from squadron.training.loss import summed_losses
from squadron.training.optimizer import FleetAdamW, clip_gradients
from squadron.training.precision import LossScaler
from squadron.training.schedules import Schedule as RateSchedule
from squadron.training.schedules import learning_rate_factor


@dataclass(frozen=True, slots=True)
class StepResult:
    """The result of one step.

    ``losses`` (nats per target), ``gradient_norms`` (L2, before clipping) and ``learning_rates`` have one entry per
    adapter; ``questions`` and ``tokens`` count what each adapter was trained on.
    """

    step: int
    losses: tuple[float, ...]
    gradient_norms: tuple[float, ...]
    learning_rates: tuple[float, ...]
    questions: int
    tokens: int


def micro_batch_losses(
    model: GPT2, fleet: Trainable | None, batch: MicroBatch, *, checkpoint_activations: bool = False
) -> Tensor:
    """Return the summed loss (nats) of every adapter on one micro-batch, ``[K]`` float32, with its autograd graph."""
    device = model.device
    if device.type != "cpu":
        way = choose_way(device, model.dtype)
        tensors = upload(batch_arrays(batch, way), device)
        return pass_losses(model, fleet, tensors, way, checkpoint_activations=checkpoint_activations)
    rows = torch.from_numpy(batch.rows)
    attend = TreeAttention(batch.shapes, model.config.n_head, dtype=model.dtype, device=device, rows=rows)
    tokens, positions = torch.from_numpy(batch.tokens), torch.from_numpy(batch.positions)
    hidden = model(tokens, positions, attend, fleet=fleet, rows=rows, checkpoint_activations=checkpoint_activations)
    return summed_losses(hidden, model.wte.weight, torch.from_numpy(batch.labels), torch.from_numpy(batch.weights))


@torch.inference_mode()
def mean_losses(model: GPT2, fleet: Trainable | None, micro_batches: Sequence[MicroBatch]) -> list[float]:
    """Return the mean loss (nats per target) of every adapter over ``micro_batches``, without dropout."""
    if fleet is not None:
        fleet.start_pass(None)
    total = torch.stack([micro_batch_losses(model, fleet, batch) for batch in micro_batches]).double().sum(0)
    return [value / sum(batch.targets for batch in micro_batches) for value in total.tolist()]


@dataclass(frozen=True, slots=True)
class _Batches:
    """The micro-batches of a step, and what they are on an accelerator, once that is made."""

    micro_batches: Sequence[MicroBatch]
    prepared: Prepared | None = None

    @property
    def targets(self) -> float:
        """The number of targets of the step."""
        return sum(batch.targets for batch in self.micro_batches)

    @property
    def questions(self) -> int:
        """The number of questions of the step."""
        return sum(batch.questions for batch in self.micro_batches)

    @property
    def tokens(self) -> int:
        """The number of tokens of the step."""
        return sum(len(batch.tokens) for batch in self.micro_batches)


class FleetTrainer:
    """The training of a fleet, step by step. ``stopped`` maps each adapter that was stopped to why and when."""

    def __init__(
        self,
        model: GPT2,
        fleet: Trainable,
        batches: BatchSampler,
        *,
        learning_rates: Sequence[float],
        total_steps: int,
        weight_decay: Sequence[float] | None = None,
        gradient_clipping: Sequence[float | None] | None = None,
        rate_schedules: Sequence[RateSchedule] | None = None,
        warmup_steps: int = 0,
        checkpoint_activations: bool = False,
        way: Way | None = None,
        memory_bytes: int | None = None,
    ) -> None:
        """``checkpoint_activations`` trades time for memory: of each block only its input is kept, and the backward
        pass computes the rest again. ``way`` is how an accelerator attends, and ``memory_bytes`` its memory; both are
        found out if None.
        """
        size = fleet.size
        self.model, self.fleet, self.batches = model, fleet, batches
        self.learning_rates = tuple(learning_rates)
        self.total_steps, self.warmup_steps = total_steps, warmup_steps
        self.clipping = tuple(gradient_clipping or [None] * size)
        self.rate_schedules: tuple[RateSchedule, ...] = tuple(rate_schedules or ["constant"] * size)
        self.optimizer = FleetAdamW(fleet, weight_decay=weight_decay or [0.01] * size)
        self.scaler = LossScaler(size, enabled=model.dtype == torch.float16)
        self.step_number = 0
        self.stopped: dict[int, str] = {}
        # Only the next step's loss shows that an update went wrong, so the parameters before it are kept.
        self._before_update = fleet.values.detach().clone()
        self.checkpoint_activations = checkpoint_activations
        self._on_device: DeviceSteps | None = None
        self._next: tuple[int, _Batches] | None = None
        if isinstance(fleet, Fleet) and fleet.device.type != "cpu":
            self._on_device = DeviceSteps(
                model,
                fleet,
                self.optimizer,
                self._before_update,
                way=way,
                checkpoint_activations=checkpoint_activations,
                memory_bytes=memory_bytes,
            )

    def step(self) -> StepResult:
        """Train every adapter that is not stopped on the next batch."""
        step = self.step_number
        rates = tuple(
            rate * learning_rate_factor(schedule, step, total=self.total_steps, warmup=self.warmup_steps)
            for rate, schedule in zip(self.learning_rates, self.rate_schedules, strict=True)
        )
        if self._next is None or self._next[0] != step:
            self._next = step, _Batches(self.batches.step(step))
        batches = self._next[1]
        if self._on_device is not None:
            losses, norms = self._step_on_device(self._on_device, batches, step, rates)
        else:
            losses, norms = self._step(batches, step, rates)
        self.fleet.refresh()
        self.step_number += 1
        return StepResult(
            step=step,
            losses=tuple(losses),
            gradient_norms=tuple(norms),
            learning_rates=rates,
            questions=batches.questions,
            tokens=batches.tokens,
        )

    def _step(self, batches: _Batches, step: int, rates: Sequence[float]) -> tuple[list[float], list[float]]:
        """Take a step operation by operation; return the losses and norms."""
        fleet = self.fleet
        losses = self._accumulate_gradients(batches, step)
        norms = fleet.gradient_norms()
        norm_values: list[float] = norms.tolist()
        active = [
            self._takes_step(k, loss, norm) for k, (loss, norm) in enumerate(zip(losses, norm_values, strict=True))
        ]
        clip_gradients(fleet, norms, self.clipping)
        for k, is_active in enumerate(active):
            if is_active:
                self._before_update[k] = fleet.values[k]
        self.optimizer.step(rates, active)
        return losses, norm_values

    def _step_on_device(
        self, device: DeviceSteps, batches: _Batches, step: int, rates: Sequence[float]
    ) -> tuple[list[float], list[float]]:
        """Take a step without waiting for the device but at its end; return the losses and norms.

        The device decides by the same rule as :meth:`_takes_step` which adapters take the step.
        """
        fleet = device.fleet
        running = [k not in self.stopped for k in range(fleet.size)]
        settings = device.settings(
            batches.targets,
            coefficients=self.optimizer.coefficients(rates, self.clipping, running),
            scales=self.scaler.scales if self.scaler.enabled else None,
            seeds=[derive_seed(spec.seed, "dropout", step) for spec in fleet.specs],
        )
        prepared = batches.prepared or device.prepare(batches.micro_batches, settings)
        results = device.launch(prepared, settings)
        if step + 1 < self.total_steps:  # while the device works
            following = self.batches.step(step + 1)
            self._next = step + 1, _Batches(following, device.prepare(following, settings))
        losses, norms = results.tolist()
        active = [
            self._takes_step(k, loss, norm, restore=False)
            for k, (loss, norm) in enumerate(zip(losses, norms, strict=True))
        ]
        self.optimizer.count(active)
        return losses, norms

    def _accumulate_gradients(self, batches: _Batches, step: int) -> list[float]:
        """Set the fleet's gradients to those of the mean loss over all targets of the step; return that loss."""
        fleet = self.fleet
        scales = torch.tensor(self.scaler.scales, device=fleet.device)
        fleet.gradients.zero_()
        total = torch.zeros(fleet.size, dtype=torch.float64, device=fleet.device)
        for micro, batch in enumerate(batches.micro_batches):
            fleet.start_pass([derive_seed(spec.seed, "dropout", step, micro) for spec in fleet.specs])
            summed = micro_batch_losses(self.model, fleet, batch, checkpoint_activations=self.checkpoint_activations)
            losses = summed / batches.targets
            (losses * scales).sum().backward()
            total += losses.detach().double()
        fleet.finish_gradients()
        if self.scaler.enabled:
            fleet.gradients.div_(scales[:, None])
        return [float(value) for value in total.tolist()]

    def _takes_step(self, k: int, loss: float, norm: float, *, restore: bool = True) -> bool:
        """Return True if adapter ``k`` takes this step. Stop it, with its last good parameters, if it diverged.

        Without ``restore`` it has these parameters already.
        """
        if k in self.stopped:
            return False
        if not math.isfinite(loss):
            self.stopped[k] = f"loss {loss} at step {self.step_number}; lower the learning rate"
            if restore:
                self.fleet.values[k] = self._before_update[k]
            return False
        if not self.scaler.update(k, overflow=not math.isfinite(norm)):
            self.stopped[k] = f"gradient norm {norm} at step {self.step_number}; lower the learning rate"
        return math.isfinite(norm) and k not in self.stopped

    def verify(self) -> None:
        """Stop adapters that diverged in the latest update, which otherwise only the next step would detect."""
        if self.step_number == 0:
            return
        losses = mean_losses(self.model, self.fleet, self.batches.step(self.step_number - 1))
        finite = torch.isfinite(self.fleet.values.detach()).all(1).tolist()
        for k, loss in enumerate(losses):
            if k not in self.stopped and not (math.isfinite(loss) and finite[k]):
                self.stopped[k] = f"loss {loss} after step {self.step_number}; lower the learning rate"
                self.fleet.values[k] = self._before_update[k]
        self.fleet.refresh()

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors that the next step depends on, ``[K, P]`` float32 each, in the layout of files."""
        return {name: self.fleet.stored(tensor) for name, tensor in self.matrices().items()}

    def matrices(self) -> dict[str, Tensor]:
        """Return the same as the fleet lays them out; views, not copies."""
        return {
            "values": self.fleet.values.detach(),
            "mean": self.optimizer.mean,
            "square": self.optimizer.square,
            "before_update": self._before_update,
        }

    def state(self) -> dict[str, Any]:
        """Return everything else that the next step depends on, as JSON values."""
        return {
            "step": self.step_number,
            "optimizer_steps": list(self.optimizer.steps),
            "stopped": {str(k): why for k, why in self.stopped.items()},
            "loss_scales": list(self.scaler.scales),
            "good_steps": list(self.scaler.good_steps),
        }

    def restore(self, tensors: dict[str, Tensor], state: dict[str, Any]) -> None:
        """Restore the training state from the results of :meth:`tensors` and :meth:`state`."""
        for name, own in self.matrices().items():
            self.fleet.restore(own, tensors[name])
        self.fleet.refresh()
        self.step_number = int(state["step"])
        self.optimizer.steps = [int(steps) for steps in state["optimizer_steps"]]
        self.stopped = {int(k): str(why) for k, why in state["stopped"].items()}
        self.scaler.scales = [float(scale) for scale in state["loss_scales"]]
        self.scaler.good_steps = [int(steps) for steps in state["good_steps"]]
