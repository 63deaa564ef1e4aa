"""Squadron: fine-tune GPT-2 with LoRA for question answering on SQuAD, as a whole study.

The public API, loaded when it is first used, so that ``import squadron`` costs nothing::

    import squadron

    squadron.prepare(dataset="squad", out="data")
    squadron.train(base="gpt2", data="data", out="runs/first", rank=4)
    print(squadron.evaluate(run="runs/first")["f1"])
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from squadron.api import ask as ask
    from squadron.api import evaluate as evaluate
    from squadron.api import export as export
    from squadron.api import prepare as prepare
    from squadron.api import report as report
    from squadron.api import reproduce as reproduce
    from squadron.api import score as score
    from squadron.api import sweep as sweep
    from squadron.api import train as train
    from squadron.data.sources import load_data as load_data
    from squadron.errors import SquadronError as SquadronError
    from squadron.model.checkpoint import load_base as load_base
    from squadron.model.lora import LoraSpec as LoRA

_HOMES = {
    "prepare": "squadron.api",
    "train": "squadron.api",
    "evaluate": "squadron.api",
    "export": "squadron.api",
    "score": "squadron.api",
    "reproduce": "squadron.api",
    "sweep": "squadron.api",
    "report": "squadron.api",
    "ask": "squadron.api",
    "load_data": "squadron.data.sources",
    "load_base": "squadron.model.checkpoint",
    "LoRA": "squadron.model.lora",
    "SquadronError": "squadron.errors",
}
_OTHER_NAMES = {"LoRA": "LoraSpec"}

__all__ = [
    "LoRA",
    "SquadronError",
    "ask",
    "evaluate",
    "export",
    "load_base",
    "load_data",
    "prepare",
    "report",
    "reproduce",
    "score",
    "sweep",
    "train",
]


def __getattr__(name: str) -> Any:
    if name in _HOMES:
        return getattr(importlib.import_module(_HOMES[name]), _OTHER_NAMES.get(name, name))
    raise AttributeError(f"module 'squadron' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
