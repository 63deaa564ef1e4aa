"""Full fine-tuning: every weight of a base is trained, in the same loop as a fleet.

The numbers lie in one matrix ``[1, P]``, a fleet of one without adapters, so that optimizer, clipping, the guard
against NaN and checkpoints need no second way. They are float32 whatever the base computes in: bf16 has 8 bits of
mantissa, so that an update below 1/256 of a weight would be lost, and most are. Where the base computes in float32 its
weights are views of the matrix; in bf16 or fp16 they are copies, made anew after every update.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from squadron.model.gpt2 import GPT2
from squadron.model.lora import LoraSpec, Site
from squadron.model.trainable import Rates


class FullWeights:
    """All weights of ``model`` as numbers to train. The output projection is ``wte`` and counts once.

    ``model`` is taken over: it comes in the precision that its file has, computes in ``dtype`` from now on and follows
    ``values``. ``values`` and ``gradients`` are ``[1, P]``, float32 (float64 for a float64 model).
    """

    def __init__(self, model: GPT2, dtype: torch.dtype) -> None:
        self.config = model.config
        self.specs: tuple[LoraSpec, ...] = ()
        self.device = model.device
        precise = torch.promote_types(model.dtype, torch.float32)
        self.values = torch.empty(1, model.parameter_count, dtype=precise, device=self.device)
        self.gradients = torch.zeros_like(self.values)
        self._model = model.requires_grad_(True)
        self._numbers = _views(model, self.values)
        self._slopes = _views(model, self.gradients)
        for name, parameter in model.named_parameters():
            self._numbers[name].copy_(parameter.detach())
            # Either way the weights as they were loaded go, one by one.
            parameter.data = self._numbers[name] if dtype == precise else self._numbers[name].to(dtype)
            parameter.register_post_accumulate_grad_hook(_collector(self._slopes[name]))

    @property
    def size(self) -> int:
        """One: the base's weights are there once."""
        return 1

    def site(self, layer: int, module: str) -> Site | None:  # noqa: ARG002 (every layer is alike)
        """Return None: no layer has an adapter."""
        return None

    def trainable_parameters(self, k: int) -> int:
        """All of the base's, once."""
        assert k == 0, k
        return self.values.shape[1]

    def rates(self, k: int) -> Rates:
        """Return all weights: they share the learning rate."""
        assert k == 0, k
        return [(slice(None), 1.0)]

    def decayed(self, k: int) -> list[tuple[Tensor, float]]:
        """Embeddings and matrices. Biases and LayerNorms keep their size, as under ``transformers``' Trainer."""
        assert k == 0, k
        return [(numbers, 1.0) for numbers in self._numbers.values() if numbers.ndim > 1]

    def start_pass(self, step_seeds: Sequence[int] | None) -> None:
        """Do nothing: there is no dropout."""

    def finish_gradients(self) -> None:
        """Do nothing: every weight has its own gradient."""

    def gradient_norms(self) -> Tensor:
        """The length of the whole gradient, ``[1]``; weight by weight, as ``torch.nn.utils.clip_grad_norm_``."""
        whole: Tensor = torch.stack([slope.norm() for slope in self._slopes.values()]).norm()
        return whole[None]

    @torch.no_grad()
    def refresh(self) -> None:
        """Bring the model's weights to where ``values`` are."""
        if self._model.dtype != self.values.dtype:
            for name, parameter in self._model.named_parameters():
                parameter.copy_(self._numbers[name])

    def precise_model(self) -> GPT2:
        """The model with ``values`` themselves as its weights, to be saved; no copy."""
        with torch.device("meta"):
            model = GPT2(self.config)
        model.load_state_dict(self._numbers, assign=True)
        return model


def _views(model: GPT2, matrix: Tensor) -> dict[str, Tensor]:
    """Each weight's part of a ``[1, P]`` matrix, in its own shape."""
    parameters = dict(model.named_parameters())
    parts = matrix[0].split([parameter.numel() for parameter in parameters.values()])
    return {name: part.view(value.shape) for (name, value), part in zip(parameters.items(), parts, strict=True)}


def _collector(sink: Tensor) -> Callable[[nn.Parameter], None]:
    """A hook that adds a weight's gradient of one backward pass to ``sink`` and lets it go.

    So micro-batches add up in float32, and no second set of gradients is held.
    """

    def collect(parameter: nn.Parameter) -> None:
        assert parameter.grad is not None
        sink.add_(parameter.grad)
        parameter.grad = None

    return collect
