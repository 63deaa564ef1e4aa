"""The references: ``transformers``' GPT-2 and ``peft``'s LoRA with the weights of a base and an adapter."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from squadron.model.gpt2 import GPT2
from squadron.model.lora import AdapterWeights, LoraSpec

_CONV1D = (".c_attn.weight", ".c_proj.weight", ".c_fc.weight")


def transformers_model(
    base: GPT2, *, dtype: torch.dtype, device: torch.device | str = "cpu", attention: str = "eager"
) -> Any:
    """Return ``transformers``' GPT-2 with the weights of ``base``, without dropout, in evaluation mode."""
    from transformers import GPT2Config, GPT2LMHeadModel

    shape = base.config.to_hub()
    names = ("vocab_size", "n_positions", "n_embd", "n_layer", "n_head", "n_inner", "layer_norm_epsilon")
    config = GPT2Config(
        **{name: shape[name] for name in names},
        attn_pdrop=0.0,
        embd_pdrop=0.0,
        resid_pdrop=0.0,
        bos_token_id=base.config.vocab_size - 1,
        eos_token_id=base.config.vocab_size - 1,
    )
    config._attn_implementation = attention
    model = GPT2LMHeadModel(config).to(dtype)
    weights = {
        f"transformer.{name}": (value.T if name.endswith(_CONV1D) else value).detach().to("cpu", dtype)
        for name, value in base.named_parameters()
    }
    missing, unexpected = model.load_state_dict(weights, strict=False)
    assert not unexpected, unexpected
    assert set(missing) <= {"lm_head.weight"}, missing
    model.tie_weights()
    return model.to(device).eval()


def peft_model(
    base: GPT2,
    spec: LoraSpec,
    *,
    dtype: torch.dtype,
    device: torch.device | str = "cpu",
    attention: str = "eager",
    adapter: AdapterWeights | None = None,
) -> Any:
    """Return ``peft``'s LoRA on ``transformers``' GPT-2: with the weights of ``adapter``, or untrained and to train."""
    from peft import LoraConfig, get_peft_model

    model = get_peft_model(
        transformers_model(base, dtype=dtype, device=device, attention=attention),
        LoraConfig(
            r=spec.rank,
            lora_alpha=spec.alpha,
            target_modules=list(spec.targets),
            fan_in_fan_out=True,
            task_type="CAUSAL_LM",
        ),
    )
    if adapter is None:
        return model.train()
    _load(model, adapter.layers)
    return model.to(dtype).eval()


def _load(model: Any, layers: Mapping[str, tuple[torch.Tensor, torch.Tensor]]) -> None:
    with torch.no_grad():
        for name, value in model.named_parameters():
            if "lora_" in name:
                layer = name.removeprefix("base_model.model.transformer.").split(".lora_")[0]
                value.copy_(layers[layer][0 if "lora_A" in name else 1])
