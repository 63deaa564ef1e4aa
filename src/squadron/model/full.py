"""Full fine-tuning: train every weight of a base in the same training loop as a fleet.

The parameters are one matrix ``[1, P]``, like a fleet of one, so that the optimizer, clipping, the guard against NaN
and checkpoints need no second implementation. They are float32 in every precision of the base: bf16 has 8 bits of
mantissa, so it would lose any update below 1/256 of a weight, as most updates are. If the base computes in float32, its
weights are views of the matrix; in bf16 or fp16 they are copies, renewed after every update.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from squadron.model.gpt2 import GPT2
from squadron.model.lora import LoraSpec, Site
from squadron.model.trainable import ParameterGroups


class FullWeights:
    """All weights of ``model`` as trainable parameters. The output projection is tied to ``wte`` and counts once.

    ``model`` is changed in-place: pass it in the precision of its file; it computes in ``dtype`` from now on, and its
    weights follow ``values``. ``values`` and ``gradients`` are ``[1, P]``, float32 (float64 for a float64 model).
    """

    def __init__(self, model: GPT2, dtype: torch.dtype) -> None:
        self.config = model.config
        self.specs: tuple[LoraSpec, ...] = ()
        self.device = model.device
        precise = torch.promote_types(model.dtype, torch.float32)
        self.values = torch.empty(1, model.parameter_count, dtype=precise, device=self.device)
        self.gradients = torch.zeros_like(self.values)
        self._model = model.requires_grad_(True)
        self._values_by_name = _views(model, self.values)
        self._gradients_by_name = _views(model, self.gradients)
        for name, parameter in model.named_parameters():
            value = self._values_by_name[name]
            value.copy_(parameter.detach())
            # In both cases the loaded weight is released here, before the next one is copied.
            parameter.data = value if dtype == precise else value.to(dtype)
            parameter.register_post_accumulate_grad_hook(_accumulate_into(self._gradients_by_name[name]))

    @property
    def size(self) -> int:
        """Always 1: there is one set of weights."""
        return 1

    def site(self, layer: int, module: str) -> Site | None:  # noqa: ARG002 (no layer has one)
        """Return None: no layer has an adapter."""
        return None

    def trainable_parameters(self, k: int) -> int:
        """Count the parameters of the base."""
        assert k == 0, k
        return self.values.shape[1]

    def parameter_groups(self, k: int) -> ParameterGroups:
        """Return one group: all weights share the learning rate."""
        assert k == 0, k
        return [(slice(None), 1.0)]

    def decayed_parameters(self, k: int) -> list[tuple[Tensor, float]]:
        """Return embeddings and matrices. Biases and LayerNorms do not decay, as in ``transformers``' Trainer."""
        assert k == 0, k
        return [(value, 1.0) for value in self._values_by_name.values() if value.ndim > 1]

    def start_pass(self, step_seeds: Sequence[int] | None) -> None:
        """Do nothing: there is no dropout."""

    def prepare(self, dtype: torch.dtype) -> None:
        """Do nothing: the model's weights follow ``values``."""

    def stored(self, matrix: Tensor) -> Tensor:
        """Return ``matrix`` itself."""
        return matrix

    @torch.no_grad()
    def restore(self, matrix: Tensor, stored: Tensor) -> None:
        """Copy ``stored`` to ``matrix``."""
        assert stored.shape == matrix.shape, (stored.shape, matrix.shape)
        matrix.copy_(stored)

    def finish_gradients(self) -> None:
        """Do nothing: there is no padding."""

    def gradient_norms(self) -> Tensor:
        """Return the L2 norm of the gradient, ``[1]``, combined as in ``torch.nn.utils.clip_grad_norm_``."""
        total: Tensor = torch.stack([gradient.norm() for gradient in self._gradients_by_name.values()]).norm()
        return total[None]

    @torch.no_grad()
    def refresh(self) -> None:
        """Copy ``values`` to the model's weights, unless these are views of ``values``."""
        if self._model.dtype != self.values.dtype:
            for name, parameter in self._model.named_parameters():
                parameter.copy_(self._values_by_name[name])

    def precise_model(self) -> GPT2:
        """Return a model whose weights are views of ``values``, for saving in full precision."""
        with torch.device("meta"):
            model = GPT2(self.config)
        model.load_state_dict(self._values_by_name, assign=True)
        return model


def _views(model: GPT2, matrix: Tensor) -> dict[str, Tensor]:
    """Return views of a ``[1, P]`` matrix by the name of each weight of ``model``, in the weight's shape."""
    parameters = dict(model.named_parameters())
    parts = matrix[0].split([parameter.numel() for parameter in parameters.values()])
    return {name: part.view(value.shape) for (name, value), part in zip(parameters.items(), parts, strict=True)}


def _accumulate_into(total: Tensor) -> Callable[[nn.Parameter], None]:
    """Return a hook that adds a weight's gradient to ``total`` after a backward pass and frees it.

    So micro-batches accumulate in float32, and no second set of gradients is held in memory.
    """

    def accumulate(parameter: nn.Parameter) -> None:
        assert parameter.grad is not None
        total.add_(parameter.grad)
        parameter.grad = None

    return accumulate
