"""GPT-2, for packed context trees and many adapters at once.

There is no padding: all trees of a batch are concatenated along one axis, and only attention knows where each tree
ends (:mod:`squadron.model.attention`). Every adapter of a fleet has its own copy of that axis; a model without
adapters is a fleet of one.

Dimension letters, here and in the rest of the package::

    K  adapters of the fleet        T  packed tokens           M  rows whose output is computed
    D  width (n_embd)               H  heads                   d  width of a head, D / H
    V  vocabulary                   R  rank of a site, the sum over its parts

Weights keep GPT-2's own names (``wte``, ``h.0.attn.c_attn`` ...). Source of the architecture: Radford et al., 2019.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from squadron.model.config import GPT2Config
from squadron.model.kernels import add_layer_norm, gelu, linear, linear_gelu, precise_linear, residual_dtype
from squadron.model.lora import Site, lora_linear
from squadron.model.trainable import Trainable

_OUTPUT_MULTIPLE = 64
"""Rows to whose multiple the output projection is padded on an accelerator."""


class Attend(Protocol):
    """The attention of a layer: over the trees of a batch, or over the key-value cache when decoding."""

    def __call__(self, layer: int, qkv: Tensor, q: Tensor | None) -> Tensor:
        """Attend in one layer.

        ``qkv`` is ``[K, T, 3D]``: queries, keys and values, concatenated. If only some rows have queries, these are
        ``q`` ``[K, M, D]``, and ``qkv`` is ``[K, T, 2D]``: keys and values. Returns ``[K, T or M, D]``.
        """
        ...


class Projection(nn.Module):
    """GPT-2's ``Conv1D``: an affine map, ``x @ weight.T + bias``. ``weight`` is ``[out, in]``, ``bias`` ``[out]``.

    GPT-2's files hold ``Conv1D`` weights as ``[in, out]``; they are transposed once, when weights are loaded, so that
    the rest of the code reads like any other PyTorch model.
    """

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_out, n_in))
        self.bias = nn.Parameter(torch.empty(n_out))

    def forward(
        self,
        x: Tensor,
        site: Site | None = None,
        *,
        columns: slice = slice(None),
        rows: Tensor | None = None,
        tokens: Tensor | None = None,
    ) -> Tensor:
        """Map ``x`` ``[K, T, in]`` to ``[K, T, out]``, with the fleet's adapters if ``site`` is given.

        ``columns`` selects outputs, and ``rows`` ``[M]`` int64 selects tokens; the rest is not computed. ``tokens``
        ``[M]`` are those that ``x`` holds, if they are selected already.
        """
        weight, bias = self.weight[columns], self.bias[columns]
        if site is None:
            return linear(x if rows is None else x[:, rows], weight, bias)
        return lora_linear(x, weight, bias, site, columns, rows, tokens)


class Attention(nn.Module):
    """Self-attention: the projections before and after ``attend``."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.n_embd = config.n_embd
        self.c_attn = Projection(config.n_embd, 3 * config.n_embd)
        self.c_proj = Projection(config.n_embd, config.n_embd)

    def forward(self, x: Tensor, layer: int, attend: Attend, fleet: Trainable | None, rows: Tensor | None) -> Tensor:
        """Map ``x`` ``[K, T, D]`` to ``[K, T, D]``, or to ``[K, M, D]`` if M ``rows`` are given."""
        site = fleet.site(layer, "attn.c_attn") if fleet else None
        if rows is None:
            mixed = attend(layer, self.c_attn(x, site), None)
        else:
            # Keys and values of all tokens, queries of the selected rows alone.
            q = self.c_attn(x, site, columns=slice(0, self.n_embd), rows=rows)
            kv = self.c_attn(x, site, columns=slice(self.n_embd, None))
            mixed = attend(layer, kv, q)
        out: Tensor = self.c_proj(mixed, fleet.site(layer, "attn.c_proj") if fleet else None, tokens=rows)
        return out


class MLP(nn.Module):
    """The feed-forward half of a block."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.c_fc = Projection(config.n_embd, config.n_inner)
        self.c_proj = Projection(config.n_inner, config.n_embd)

    def forward(self, x: Tensor, layer: int, fleet: Trainable | None, tokens: Tensor | None = None) -> Tensor:
        """Map ``x`` ``[K, T, D]`` to ``[K, T, D]``; ``tokens`` ``[T]`` are those that ``x`` holds, if not all."""
        site = fleet.site(layer, "mlp.c_fc") if fleet else None
        bias = self.c_fc.bias
        x = linear_gelu(x, self.c_fc.weight, bias) if site is None else gelu(self.c_fc(x, site, tokens=tokens))
        out: Tensor = self.c_proj(x, fleet.site(layer, "mlp.c_proj") if fleet else None, tokens=tokens)
        return out


class Block(nn.Module):
    """One pre-normalization transformer block."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.ln_1 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.attn = Attention(config)
        self.ln_2 = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self.mlp = MLP(config)

    def forward(
        self,
        x: Tensor,
        delta: Tensor | None,
        layer: int,
        attend: Attend,
        fleet: Trainable | None,
        rows: Tensor | None,
    ) -> tuple[Tensor, Tensor]:
        """Map the residual stream ``x`` plus ``delta``, ``[K, T, D]`` each, to the same: its sum is the block's output.

        The last addition is left to the next normalization, which does it in one pass. None for ``delta`` is zero. If M
        ``rows`` are given, both results are ``[K, M, D]``.
        """
        dtype = self.attn.c_attn.weight.dtype
        x, normalized = add_layer_norm(x, delta, self.ln_1, dtype)
        delta = self.attn(normalized, layer, attend, fleet, rows)
        x, normalized = add_layer_norm(x if rows is None else x[:, rows], delta, self.ln_2, dtype)
        return x, self.mlp(normalized, layer, fleet, rows)


class _CheckpointedBlock(torch.autograd.Function):
    """A block that keeps its input alone; the backward pass computes the rest again.

    Unlike ``torch.utils.checkpoint`` it needs no state of generators: dropout is a function of its seeds. ``anchor``
    requires a gradient, which is none: the first block's input needs no gradient, but its adapters do.
    """

    @staticmethod
    def forward(
        ctx: Any,
        anchor: Tensor,  # noqa: ARG004
        block: Block,
        x: Tensor,
        delta: Tensor | None,
        *others: Any,
    ) -> tuple[Tensor, Tensor]:
        ctx.block, ctx.others = block, others
        ctx.save_for_backward(x, delta)
        ctx.set_materialize_grads(False)
        found: tuple[Tensor, Tensor] = block(x, delta, *others)
        return found

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[Tensor | None, ...]:
        inputs = []
        for tensor, needed in zip(ctx.saved_tensors, ctx.needs_input_grad[2:4], strict=True):
            inputs.append(None if tensor is None else tensor.detach().requires_grad_(needed))
        with torch.enable_grad():
            outputs = ctx.block(*inputs, *ctx.others)
        used = [(out, gradient) for out, gradient in zip(outputs, gradients, strict=True) if gradient is not None]
        torch.autograd.backward([out for out, _ in used], [gradient for _, gradient in used])
        found = [None if tensor is None else tensor.grad for tensor in inputs]
        return None, None, *found, *(None for _ in ctx.others)


def _embedding(rows: int, width: int) -> nn.Embedding:
    """Return an uninitialized embedding table.

    ``nn.Embedding`` would initialize it at random; on ``meta``, torch imports its whole compiler to do so.
    """
    table: nn.Embedding = nn.Embedding.from_pretrained(torch.empty(rows, width), freeze=False)
    return table


class GPT2(nn.Module):
    """GPT-2 of any size, uninitialized; :mod:`squadron.model.checkpoint` loads the weights."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.config = config
        self.wte, self.wpe = _embedding(config.vocab_size, config.n_embd), _embedding(config.n_positions, config.n_embd)
        self.h = nn.ModuleList(Block(config) for _ in range(config.n_layer))
        self.ln_f = nn.LayerNorm(config.n_embd, eps=config.layer_norm_epsilon)
        self._padded_output: tuple[tuple[int, int], Tensor] | None = None

    @property
    def device(self) -> torch.device:
        """The device of the weights."""
        return self.wte.weight.device

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of weights and activations; :meth:`cast` names the exceptions."""
        return self.wte.weight.dtype

    def cast(self, dtype: torch.dtype, device: torch.device | str) -> GPT2:
        """Convert the weights to ``dtype``, for ``device``; return the model.

        On a CPU, LayerNorms and ``wpe`` have the dtype of the residual stream: they are few, and are only added to it
        or multiplied with it.
        """
        residual = residual_dtype(dtype, torch.device(device))
        self.to(dtype)
        for module in (self.wpe, *self.modules()):
            if module is self.wpe or isinstance(module, nn.LayerNorm):
                module.to(residual)
        return self

    def allocate(self, device: torch.device | str) -> GPT2:
        """Give a model on ``meta`` memory on ``device``, with any contents; return the model.

        :meth:`to_empty` does so too, but PyTorch imports its symbolic shapes for it, which takes half a second.
        """
        empty = {name: torch.empty(x.shape, dtype=x.dtype, device=device) for name, x in self.named_parameters()}
        self.load_state_dict(empty, assign=True)
        return self

    @property
    def parameter_count(self) -> int:
        """The number of parameters. The output projection is tied to ``wte`` and counts once."""
        return sum(parameter.numel() for parameter in self.parameters())

    def forward(
        self,
        tokens: Tensor,
        positions: Tensor,
        attend: Attend,
        *,
        fleet: Trainable | None = None,
        rows: Tensor | None = None,
        checkpoint_activations: bool = False,
    ) -> Tensor:
        """Return the hidden states after the final normalization.

        ``tokens`` and ``positions`` are ``[T]`` int64 if all adapters read the same tokens, else ``[K, T]``.
        ``rows`` ``[M]`` int64 indexes the T axis: if given, the last block computes queries and MLP for these rows
        alone. With ``checkpoint_activations`` only the input of each block is kept for the backward pass, which
        computes the rest again. Returns ``[K, M or T, D]`` in the model's dtype; K is 1 without a fleet.
        """
        if tokens.dim() == 1:
            tokens, positions = tokens[None], positions[None]
        if fleet is not None:
            fleet.prepare(self.dtype)
        residual = residual_dtype(self.dtype, self.device)
        x = self.wte(tokens).to(residual) + self.wpe(positions).to(residual)  # [1 or K, T, D]
        delta: Tensor | None = None
        checkpoint_activations = checkpoint_activations and torch.is_grad_enabled()
        anchor = torch.zeros((), device=x.device, requires_grad=True) if checkpoint_activations else None
        last = len(self.h) - 1
        for layer, block in enumerate(self.h):
            own = (x, delta, layer, attend, fleet, rows if layer == last else None)
            if checkpoint_activations:
                x, delta = _CheckpointedBlock.apply(anchor, block, *own)  # type: ignore[no-untyped-call]
            else:
                x, delta = block(*own)
        return add_layer_norm(x, delta, self.ln_f, self.dtype)[1]

    def logits(self, hidden: Tensor) -> Tensor:
        """Map hidden states ``[..., D]`` to logits ``[..., V]``, float32."""
        return precise_linear(hidden, self.output_weight())[..., : self.config.vocab_size]

    def output_weight(self) -> Tensor:
        """Return the weight of the output projection, ``[V or more, D]``: ``wte``, whose rows it shares.

        On an accelerator a frozen one has rows of zeros up to a multiple of 64, without which its matrix units are
        slow; this copy is made once, and again if the weights change.
        """
        weight = self.wte.weight
        if weight.device.type == "cpu" or weight.requires_grad or len(weight) % _OUTPUT_MULTIPLE == 0:
            return weight
        made_from = (weight.data_ptr(), weight._version)
        if self._padded_output is None or self._padded_output[0] != made_from:
            with torch.inference_mode(False):
                padded = weight.new_zeros(-(-len(weight) // _OUTPUT_MULTIPLE) * _OUTPUT_MULTIPLE, weight.shape[1])
                padded[: len(weight)] = weight.detach()
            self._padded_output = made_from, padded
        return self._padded_output[1]

    def projections(self) -> Iterator[tuple[str, Projection]]:
        """Yield every linear layer with its name, such as ``h.0.attn.c_attn``."""
        for name, module in self.named_modules():
            if isinstance(module, Projection):
                yield name, module
