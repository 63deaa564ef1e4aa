"""Read and write GPT-2 checkpoints in the hub's layout: ``config.json`` and ``model.safetensors``, single or sharded.

Only safetensors is read. A pickled file can run code when it is opened, so it is refused.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from squadron.errors import ModelError, shortened
from squadron.files import atomic_path, sha256_file, write_json
from squadron.model.config import GPT2Config, read_config
from squadron.model.gpt2 import GPT2
from squadron.model.hub import INDEX, PICKLED, locate, shards
from squadron.model.hub import WEIGHTS as WEIGHTS
from squadron.randomness import derive_seed
from squadron.waiting import watch_load

# Causal masks that old checkpoints store as weights; they are not parameters.
_BUFFERS = (".attn.bias", ".attn.masked_bias")
DtypeRule = Callable[[GPT2Config], torch.dtype]
"""Chooses the dtype of a base by its config."""
_CONV1D = (".c_attn.weight", ".c_proj.weight", ".c_fc.weight")


@dataclass(frozen=True, slots=True)
class Base:
    """A base model and its origin. ``sha256`` covers the bytes of all its weight files.

    ``hub`` describes its commit if it is the hub's: ``id``, ``commit`` and ``revision``.
    """

    model: GPT2
    folder: Path
    name: str
    sha256: str
    hub: Mapping[str, Any] | None = None


def locate_base(name: str, *, offline: bool = False) -> Path:
    """Return the folder of a checkpoint: ``name`` itself if it is a folder, else that of ``ID`` or ``ID@REVISION``.

    Raises :class:`ModelError` if there is no such folder and the hub does not provide it.
    """
    return locate(name, offline=offline).folder


def base_config(name: str, *, offline: bool = False) -> GPT2Config:
    """Return the shape of a checkpoint, before its weights are read, or fetched from the hub.

    Raises :class:`ModelError` if there is no such checkpoint, or its configuration is no GPT-2's.
    """
    return read_config(locate(name, offline=offline, weights=False).folder / "config.json")


def load_base(
    name: str,
    *,
    offline: bool = False,
    dtype: torch.dtype | DtypeRule = torch.float32,
    device: torch.device | str = "cpu",
) -> Base:
    """Load a GPT-2 from a folder, ``ID`` or ``ID@REVISION``, frozen, on ``device``.

    ``dtype`` is the number format, or gives it for the base's config.

    Raises :class:`ModelError` if the weights are pickled, or if tensors are missing, unexpected or of a wrong shape; it
    names the tensors.
    """
    located = locate(name, offline=offline)
    folder = located.folder
    config = read_config(folder / "config.json")
    files = weight_files(folder)
    _check_size(config, files, folder)
    with torch.device("meta"):
        model = GPT2(config)
    model = model.cast(dtype if isinstance(dtype, torch.dtype) else dtype(config), device).allocate(device)
    _load_weights(model, files, folder)
    model.requires_grad_(False).eval()
    if model.device.type == "cpu":
        watch_load()
    return Base(model, folder, name, _hash_files(files), located.hub)


def base_sha256(folder: Path) -> str:
    """Return the SHA-256 of a checkpoint folder's weights, as :class:`Base` has it, without loading them."""
    return _hash_files(weight_files(folder))


def _hash_files(files: list[Path]) -> str:
    digests = [sha256_file(file) for file in files]
    return digests[0] if len(digests) == 1 else hashlib.sha256("".join(digests).encode()).hexdigest()


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files of a checkpoint folder. Raises :class:`ModelError` if there are none."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    if (folder / INDEX).is_file():
        names = sorted(set(shards(folder / INDEX).values()))
        for shard in names:
            if not (folder / shard).is_file():
                raise ModelError(f"{folder / INDEX}: shard {shard!r} is not a file of this folder")
        return [folder / shard for shard in names]
    pickled = sorted(file.name for end in PICKLED for file in folder.glob(f"*{end}"))
    if pickled:
        raise ModelError(
            f"{folder / pickled[0]}: pickled weights are refused, opening them can run code; "
            f"convert them to {WEIGHTS} first"
        )
    raise ModelError(f"{folder}: neither {WEIGHTS} nor {INDEX} is there; is this a checkpoint folder?")


def _check_size(config: GPT2Config, files: list[Path], folder: Path) -> None:
    """Refuse a ``config.json`` that describes a larger model than the files can hold, before allocating memory."""
    held = sum(file.stat().st_size for file in files)
    if config.parameter_count > held:  # a parameter takes at least one byte
        raise ModelError(
            f"{folder / 'config.json'}: describes {config.parameter_count:,} numbers, the weights' files hold "
            f"{held:,} bytes; weights and config.json belong to different models"
        )


def _tensors(files: list[Path]) -> Iterator[tuple[str, Path, Tensor]]:
    """Yield the name, file and tensor of every weight, without the name's prefix ``transformer.`` if it has one.

    The file is opened anew for each tensor: what has been read of it stays in the process's memory until it is closed.
    Raises :class:`ModelError` if two tensors have the same name.
    """
    seen: dict[str, str] = {}
    for file in files:
        try:
            with safe_open(file, framework="pt") as stream:
                names = list(stream.keys())
            for name in names:
                if name.endswith(_BUFFERS):
                    continue
                short = name.removeprefix("transformer.")
                if short in seen:
                    raise ModelError(
                        f"{file}: tensors {seen[short]} and {name} ({file.name}) are both {short}; keep one of them"
                    )
                seen[short] = f"{name} ({file.name})"
                with safe_open(file, framework="pt") as stream:
                    tensor = stream.get_tensor(name)
                yield short, file, tensor
        except (SafetensorError, OSError) as problem:
            raise ModelError(
                f"{file}: cannot be read as safetensors ({shortened(str(problem))}); download it again"
            ) from None


@torch.no_grad()
def _load_weights(model: GPT2, files: list[Path], folder: Path) -> None:
    """Copy every tensor into ``model`` and transpose Conv1D weights. File and model must have the same names."""
    parameters = dict(model.named_parameters())
    seen: set[str] = set()
    unexpected: list[str] = []
    head: Tensor | None = None
    for name, file, tensor in _tensors(files):
        if name == "lm_head.weight":
            head = tensor
        elif name not in parameters:
            unexpected.append(name)
        else:
            value = tensor.T if name.endswith(_CONV1D) else tensor
            target = parameters[name]
            if not tensor.is_floating_point():
                raise ModelError(f"{file}: tensor {name} is {tensor.dtype}; floating-point numbers are expected")
            if value.shape != target.shape:
                wanted = tuple(target.T.shape if name.endswith(_CONV1D) else target.shape)
                raise ModelError(
                    f"{file}: tensor {name} has shape {tuple(tensor.shape)}, config.json says {wanted}; "
                    f"weights and config.json belong to different models"
                )
            target.copy_(value)
            seen.add(name)
    missing = sorted(parameters.keys() - seen)
    for what, names in (("missing", missing), ("unexpected", sorted(unexpected))):
        if names:
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            raise ModelError(f"{folder}: tensors {what}: {', '.join(names[:5])}{more}; is this a GPT-2 checkpoint?")
    if head is not None and not torch.equal(head.to(model.wte.weight), model.wte.weight):
        raise ModelError(f"{folder}: lm_head.weight differs from wte.weight; Squadron's GPT-2 ties the two")


def save_model(model: GPT2, folder: Path, *, eos_id: int | None = None) -> None:
    """Write ``config.json`` and ``model.safetensors`` in the hub's layout, which ``transformers`` can load.

    ``eos_id`` is the id of the token that ends a sequence; the last one by default.
    """
    tensors = {
        name: (value.detach().T if name.endswith(_CONV1D) else value.detach()).cpu().contiguous()
        for name, value in model.named_parameters()
    }
    with atomic_path(folder / WEIGHTS, apart=True) as temporary:
        save_file(tensors, temporary, metadata={"format": "pt"})
    write_json(folder / "config.json", model.config.to_hub(eos_id))


def random_model(config: GPT2Config, *, seed: int) -> GPT2:
    """Return a GPT-2 with seeded random weights, float32 on the CPU, initialized as GPT-2 was.

    Weights are N(0, 0.02); those of residual outputs are divided by the square root of ``2 * n_layer``.
    """
    with torch.device("meta"):
        model = GPT2(config)
    model = model.allocate("cpu")
    with torch.no_grad():
        for name, value in model.named_parameters():
            if name.endswith("bias"):
                value.zero_()
            elif ".ln_" in name or name.startswith("ln_"):
                value.fill_(1)
            else:
                generator = torch.Generator().manual_seed(derive_seed(seed, "base", name))
                std = 0.02 / math.sqrt(2 * config.n_layer) if name.endswith("c_proj.weight") else 0.02
                value.normal_(0, std, generator=generator)
    return model
