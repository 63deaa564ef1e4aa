"""Squadron: fine-tune GPT-2 with LoRA for question answering on SQuAD, as a whole study.

The public API is loaded on first use, so that ``import squadron`` is fast::

    import squadron

    squadron.prepare(dataset="squad", out="data")
    squadron.train(base="gpt2", data="data", out="runs/first", rank=4)
    print(squadron.evaluate(run="runs/first")["f1"])

Import it before ``torch``, so that :mod:`squadron.threads` can take effect.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from squadron.threads import set_cache_defaults as _set_cache_defaults
from squadron.threads import set_thread_defaults

if TYPE_CHECKING:
    from squadron.api import analyze as analyze
    from squadron.api import ask as ask
    from squadron.api import compare_runs as compare_runs
    from squadron.api import demo as demo
    from squadron.api import doctor as doctor
    from squadron.api import evaluate as evaluate
    from squadron.api import export as export
    from squadron.api import init_base as init_base
    from squadron.api import list_runs as list_runs
    from squadron.api import prepare as prepare
    from squadron.api import promote_run as promote_run
    from squadron.api import prune_runs as prune_runs
    from squadron.api import report as report
    from squadron.api import reproduce as reproduce
    from squadron.api import score as score
    from squadron.api import show_run as show_run
    from squadron.api import sweep as sweep
    from squadron.api import train as train
    from squadron.data.batches import BatchSampler as BatchSampler
    from squadron.data.encoding import encode_evaluation as encode_evaluation
    from squadron.data.encoding import encode_training as encode_training
    from squadron.data.sources import load_data as load_data
    from squadron.decoding.generate import generate as generate
    from squadron.decoding.strategies import resolve_strategies as resolve_strategies
    from squadron.errors import SquadronError as SquadronError
    from squadron.model.adapters import load_adapter as load_adapter
    from squadron.model.adapters import save_adapter as save_adapter
    from squadron.model.checkpoint import load_base as load_base
    from squadron.model.config import GPT2Config as GPT2Config
    from squadron.model.fleet import Fleet as Fleet
    from squadron.model.gpt2 import GPT2 as GPT2
    from squadron.model.lora import LoraSpec as LoraSpec
    from squadron.model.tokenizer import load_tokenizer as load_tokenizer
    from squadron.scoring.evaluation import score as score_predictions
    from squadron.scoring.metrics import exact_match as exact_match
    from squadron.scoring.metrics import f1 as f1
    from squadron.training.steps import FleetTrainer as FleetTrainer

_MODULES = {
    "analyze": "squadron.api",
    "ask": "squadron.api",
    "compare_runs": "squadron.api",
    "demo": "squadron.api",
    "doctor": "squadron.api",
    "evaluate": "squadron.api",
    "export": "squadron.api",
    "init_base": "squadron.api",
    "list_runs": "squadron.api",
    "prepare": "squadron.api",
    "promote_run": "squadron.api",
    "prune_runs": "squadron.api",
    "report": "squadron.api",
    "reproduce": "squadron.api",
    "score": "squadron.api",
    "show_run": "squadron.api",
    "sweep": "squadron.api",
    "train": "squadron.api",
    "load_data": "squadron.data.sources",
    "load_base": "squadron.model.checkpoint",
    "LoraSpec": "squadron.model.lora",
    "Fleet": "squadron.model.fleet",
    "GPT2": "squadron.model.gpt2",
    "GPT2Config": "squadron.model.config",
    "load_tokenizer": "squadron.model.tokenizer",
    "load_adapter": "squadron.model.adapters",
    "save_adapter": "squadron.model.adapters",
    "encode_training": "squadron.data.encoding",
    "encode_evaluation": "squadron.data.encoding",
    "BatchSampler": "squadron.data.batches",
    "FleetTrainer": "squadron.training.steps",
    "generate": "squadron.decoding.generate",
    "resolve_strategies": "squadron.decoding.strategies",
    "exact_match": "squadron.scoring.metrics",
    "f1": "squadron.scoring.metrics",
    "score_predictions": "squadron.scoring.evaluation",
    "SquadronError": "squadron.errors",
}
_RENAMED = {"score_predictions": "score"}

set_thread_defaults()  # here, because PyTorch reads the environment when it is loaded
_set_cache_defaults()

__all__ = [
    "GPT2",
    "BatchSampler",
    "Fleet",
    "FleetTrainer",
    "GPT2Config",
    "LoraSpec",
    "SquadronError",
    "analyze",
    "ask",
    "compare_runs",
    "demo",
    "doctor",
    "encode_evaluation",
    "encode_training",
    "evaluate",
    "exact_match",
    "export",
    "f1",
    "generate",
    "init_base",
    "list_runs",
    "load_adapter",
    "load_base",
    "load_data",
    "load_tokenizer",
    "prepare",
    "promote_run",
    "prune_runs",
    "report",
    "reproduce",
    "resolve_strategies",
    "save_adapter",
    "score",
    "score_predictions",
    "show_run",
    "sweep",
    "train",
]


if not TYPE_CHECKING:  # otherwise type checkers would accept any name

    def __getattr__(name: str) -> Any:
        if name in _MODULES:
            return getattr(importlib.import_module(_MODULES[name]), _RENAMED.get(name, name))
        raise AttributeError(f"module 'squadron' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
