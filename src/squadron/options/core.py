"""Every option of the verbs that make files, once: its type, default, limits, unit, and the text of its help."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar, get_origin

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from squadron.data.batches import Order
from squadron.data.splits import SplitBy
from squadron.data.trees import Loss
from squadron.decoding.strategies import PARAMETERS, STRATEGIES
from squadron.errors import ConfigError
from squadron.model.config import SIZES, Precision
from squadron.model.targets import Scaling
from squadron.options.roles import LAST, Role, roles
from squadron.pocket.base import Recipe
from squadron.training.schedules import Schedule

PLACE = BeforeValidator(lambda value: os.fspath(value) if isinstance(value, os.PathLike) else value)
Place = Annotated[str, PLACE]
"""A file, a folder, or a name that may stand for one: text or a path."""
MOST = 1_000_000_000
"""The highest number of anything that is counted; a larger one is a slip of the keyboard."""
Positive = Annotated[int, Field(ge=1, le=MOST)]
Count = Annotated[int, Field(ge=0, le=MOST)]
Length = Annotated[int, Field(ge=16, le=MOST)]
Several = Annotated[int, Field(ge=1, le=1000)]
"""Answers or hypotheses to one question, all of them in memory."""
Seed = Annotated[int, Field(ge=0, le=2**63 - 1)]
Model = TypeVar("Model", bound="Options")
Method = Literal["lora", "full"]


class Options(BaseModel):
    """Options that every verb takes, so that scripts can pass them everywhere; unknown ones are errors."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _text_is_text(cls, value: Any) -> Any:
        """Refuse text that no file, record or message can hold."""
        for text in value if isinstance(value, (list, tuple)) else (value,):
            if isinstance(text, str):
                if any("\ud800" <= letter <= "\udfff" for letter in text):
                    raise ValueError("not UTF-8; rename it, or type it in UTF-8")
                if "\0" in text:
                    raise ValueError("holds the character U+0000; leave it out")
        return value

    seed: Annotated[Seed, Role(axis="s", place=LAST)] = Field(0, description="Seed of everything random.")
    offline: bool = Field(False, description="Ask no network: the hub's files come from the local cache alone.")
    device: str = Field("auto", description="auto (a GPU where there is one), cpu, cuda or cuda:N.")
    precision: Precision = Field(
        "auto",
        description="Numbers of the base: auto is bf16 where that is measured clearly faster, else fp32 (GPU: fp16).",
    )

    @model_validator(mode="before")
    @classmethod
    def _one_for_several(cls, given: Any) -> Any:
        """Take one text as a list of one, where several may be given."""
        if not isinstance(given, dict):
            return given
        several = {name for name, field in cls.model_fields.items() if get_origin(field.annotation) is tuple}
        return {
            name: (value,) if name in several and isinstance(value, str) else value for name, value in given.items()
        }


class PrepareOptions(Options):
    """Options of ``prepare``."""

    dataset: Place = Field(
        description="pocket, squad, squad_v2, a hub id, or a file (JSON, JSONL, parquet; plain, .xz, .gz)."
    )
    out: Place = Field(description="Folder to make: train.json, validation.json, test.json, data.json.")
    train_size: Count = Field(2000, description="Questions to train on.")
    val_size: Count = Field(200, description="Questions to validate on.")
    test_size: Count = Field(5, description="Questions to test on.")
    split_by: SplitBy = Field("paragraph", description="What is drawn as one. A context is never in two splits.")
    hub_split: str = Field("train", description="Which split of a hub data set to draw from.")
    strict: bool = Field(False, description="Stop at the first bad row instead of setting it aside.")
    replace: bool = Field(False, description="Replace what is in --out.")


class TrainOptions(Options):
    """Options of ``train``; the defaults are the study's. Raises :class:`ConfigError` where one excludes another."""

    base: Place = Field(description="Base model: pocket, a checkpoint folder, or a hub id such as gpt2.")
    data: Place = Field(description="Folder that `prepare` made, or a SQuAD file to train on.")
    out: Annotated[Place, Role(own=True)] = Field(description="Run folder to make.")
    method: Annotated[Method, Role(axis="", place=9)] = Field(
        "lora",
        description="What is trained: lora, an adapter; full, all weights (try a --lr of 5e-5; no adapter options).",
    )
    rank: Annotated[Positive, Role(axis="r", place=1, adapter=True, own=True)] = Field(4, description="LoRA rank r.")
    alpha: Annotated[float, Field(gt=0), Role(axis="a", place=4, adapter=True, own=True)] = Field(
        32.0, description="LoRA alpha; the update is scaled by --scaling."
    )
    dropout: Annotated[float, Field(ge=0, lt=1), Role(axis="drop", place=5, adapter=True, own=True)] = Field(
        0.0, description="Dropout on the adapters' input, 0 to 1."
    )
    scaling: Annotated[Scaling, Role(axis="", place=6, adapter=True, own=True)] = Field(
        "alpha/r", description="What B A is multiplied by."
    )
    target_modules: Annotated[tuple[str, ...], Role(axis="", place=3, axis_name="targets", adapter=True, own=True)] = (
        Field(("attention",), description="Modules to adapt, by name (attn.c_attn ...) or preset (attention, all ...).")
    )
    lora_plus_ratio: Annotated[float, Field(gt=0), Role(axis="plus", adapter=True, own=True, later=True)] = Field(
        1.0, description="LoRA+: learning rate of B, as a multiple of A's, which is --lr. 1 is plain LoRA."
    )
    lr: Annotated[float, Field(gt=0, le=1), Role(axis="lr", place=2, own=True)] = Field(
        1e-3, description="Learning rate of AdamW."
    )
    weight_decay: Annotated[float, Field(ge=0, lt=1), Role(axis="wd", place=15, own=True)] = Field(
        0.01, description="Weight decay of AdamW; biases and LayerNorms have none."
    )
    schedule: Annotated[Schedule, Role(axis="", place=13, own=True)] = Field(
        "constant", description="How the learning rate moves after the warm-up."
    )
    warmup_steps: Annotated[Count, Role(axis="warm", place=14)] = Field(
        0, description="Steps over which the learning rate rises from 0."
    )
    gradient_clipping: Annotated[float, Field(ge=0), Role(axis="clip", place=16, own=True)] = Field(
        1.0, description="Longest gradient (L2 norm); a longer one is shortened. 0 for no limit."
    )
    epochs: Annotated[Positive, Role(axis="e", place=10)] = Field(5, description="Passes over the training questions.")
    max_steps: Positive | None = Field(None, description="Stop after this many optimizer steps. Default: no limit.")
    batch_size: Annotated[Positive, Role(axis="b", place=11)] = Field(
        4, description="Questions in one forward and backward pass."
    )
    gradient_accumulation: Annotated[Positive, Role(axis="ga", place=12)] = Field(
        2, description="Passes in one optimizer step."
    )
    max_length: Annotated[Length, Role(axis="len", place=17)] = Field(
        256, description="Longest training sequence, tokens; context around the answer is kept, the rest goes."
    )
    loss: Annotated[Loss, Role(axis="loss-", place=8)] = Field(
        "answer", description="Targets: the answer and EOS, or the full sequence."
    )
    order: Annotated[Order, Role(axis="by-", place=7)] = Field(
        "question", description="Draw questions one by one, or whole paragraphs (faster)."
    )
    eval_questions: Count = Field(
        50, description="Validation questions answered greedily at the end of each epoch, for EM/F1; 0 for none."
    )
    checkpoint_seconds: Annotated[float, Field(ge=0)] = Field(
        60.0, description="Seconds between checkpoints within an epoch; 0 writes one after every step."
    )

    @model_validator(mode="after")
    def _no_adapter_options_without_adapter(self) -> TrainOptions:
        given = [name for name in ADAPTER_OPTIONS if name in self.model_fields_set]
        if self.method == "full" and given:
            flags = ", ".join(f"{flag_name(name)} {_shown(getattr(self, name))}" for name in given)
            raise ConfigError(f"--method full: trains all weights and has no adapter; leave out {flags}")
        return self

    def settings(self) -> dict[str, Any]:
        """Return the options that records of this run hold, as JSON; full fine-tuning has none of an adapter's."""
        left_out = {name for name in LATER_OPTIONS if getattr(self, name) == type(self).model_fields[name].default}
        if self.method == "full":
            left_out |= set(ADAPTER_OPTIONS)
        return self.model_dump(mode="json", exclude=left_out)


ROLES = roles(TrainOptions)
ADAPTER_OPTIONS = tuple(name for name, role in ROLES.items() if role.adapter)
"""Options of an adapter, which mean nothing where all weights are trained."""
LATER_OPTIONS = tuple(name for name, role in ROLES.items() if role.later)
"""Options that records hold only where they are not the default."""


def _strategy_option(name: str) -> Any:
    """Return the field of a strategy's parameter: its bounds and help, and the default of the strategy that has it."""
    own = PARAMETERS[name]
    default = STRATEGIES[own.owner].values()[name]
    return Field(None, gt=own.above, ge=own.least, le=own.most, description=f"{own.help} Default: {default}.")


class EvaluateOptions(Options):
    """Options of ``evaluate``."""

    run: Place | None = Field(
        None, description="Run folder to evaluate; leave it out for a base alone.", json_schema_extra={"argument": True}
    )
    base: Place | None = Field(
        None, description="Base model without adapter (the baseline): pocket, a folder or a hub id."
    )
    data: Place | None = Field(None, description="Prepared folder or SQuAD file. Default: what the run was trained on.")
    split: str = Field("validation", description="Which split of the prepared folder.")
    decoding: tuple[str, ...] = Field(
        ("greedy",), description=f"Strategies: {', '.join(STRATEGIES)}, or all (those of the study)."
    )
    max_new_tokens: Positive = Field(32, description="Longest answer, tokens.")
    max_length: Positive | None = Field(
        None, description="Longest prompt, tokens; the end of the context goes. Default: the run's (256 for a base)."
    )
    limit: Positive | None = Field(None, description="Only the first so many questions of the split.")
    samples: Several = Field(
        1, description="Answers drawn by each stochastic strategy; scores are the first's, with mean and spread of all."
    )
    top_k: int | None = _strategy_option("top_k")
    top_p: float | None = _strategy_option("top_p")
    min_p: float | None = _strategy_option("min_p")
    temperature: float | None = _strategy_option("temperature")
    beams: int | None = _strategy_option("beams")
    suppress_eos: bool = Field(False, description="Never stop early: all answers get --max-new-tokens, to time them.")
    out: Place | None = Field(None, description="Folder for predictions and scores. Default: the run's own.")


class AskOptions(Options):
    """Options of ``ask``."""

    question: str = Field(description="The question.", json_schema_extra={"argument": True})
    context: Place = Field(description="File with the context to answer from, or - for standard input.")
    run: Place | None = Field(None, description="Run folder whose adapter answers.")
    base: Place | None = Field(
        None, description="Base model that answers without adapter: pocket, a folder or a hub id."
    )
    compare: tuple[Place, ...] = Field((), description="More run folders, to answer beside it in the same pass.")
    decoding: tuple[str, ...] = Field(
        ("greedy", "span", "top-k", "nucleus", "temperature"), description="Strategies, or all."
    )
    max_new_tokens: Positive = Field(32, description="Longest answer, tokens.")


class PlaygroundOptions(Options):
    """Options of ``playground``."""

    runs: tuple[Place, ...] = Field(
        (), description="Run folders whose adapters may be asked.", json_schema_extra={"argument": True}
    )
    sweep: Place | None = Field(None, description="Sweep folder: its leaderboard, its runs' curves and adapters.")
    base: Place | None = Field(
        None, description="Base to ask without adapter. Default: the runs' own; pocket where there are none."
    )
    host: str = Field(
        "127.0.0.1", description="Address to listen on; any other than this machine's own is open to all."
    )
    port: Annotated[int, Field(ge=0, le=65535)] = Field(7860, description="Port to listen on; 0 for any free one.")
    max_new_tokens: Positive = Field(32, description="Longest answer, tokens.")


class ExportOptions(Options):
    """Options of ``export``."""

    run: Place = Field(description="Run folder.", json_schema_extra={"argument": True})
    out: Place = Field(description="Folder to make.")
    format: Literal["peft", "merged"] = Field("peft", description="PEFT's adapter files, or base and adapter as one.")
    which: Literal["adapter", "last"] = Field(
        "adapter", description="The best adapter of the run (of a full one, the best model), or the last."
    )


class ScoreOptions(Options):
    """Options of ``score``."""

    predictions: Place = Field(
        description="Predictions as the official {id: text} JSON.", json_schema_extra={"argument": True}
    )
    data: Place = Field(description="SQuAD file with the questions.", json_schema_extra={"argument": True})
    against: Place | None = Field(None, description="Other predictions, to test whether the first are better.")


class BaseInitOptions(Options):
    """Options of ``base init``."""

    size: str = Field("gpt2", description=f"Shape: {', '.join(SIZES)}.")
    tokenizer: Place = Field(description="Folder with tokenizer.json, or vocab.json and merges.txt.")
    out: Place = Field(description="Checkpoint folder to make.")


class DemoOptions(Options):
    """Options of ``demo``."""

    out: Place = Field("demo", description="Folder to make; a demo that was left unfinished there is taken up.")
    replace: bool = Field(False, description="Replace an earlier demo in --out.")


class PocketBuildOptions(Options):
    """Options of ``pocket build``."""

    out: Place = Field(description="Folder to make; one that was left half-made is taken up.")
    tokens: Positive = Field(Recipe().tokens, description="Tokens of text to pre-train on.")
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        Recipe().learning_rate, description="Highest rate of AdamW, for the embeddings."
    )
    matrix_rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        Recipe().matrix_rate, description="Highest rate of Muon, for the blocks' matrices."
    )


class BenchTrainOptions(Options):
    """Options of ``bench train``."""

    base: Place = Field(description="Base model: a checkpoint folder or a hub id.")
    data: Place = Field(description="SQuAD file to take questions from.")
    order: Order = Field("question", description="Questions one by one, or whole paragraphs.")
    sides: tuple[str, ...] = Field(("squadron", "transformers+peft", "trl"), description="Which sides to run.")
    steps: Annotated[int, Field(ge=3, le=MOST)] = Field(
        12, description="Optimizer steps a side and round; two are warm-up."
    )
    rounds: Positive = Field(2, description="How often the sides alternate.")
    batch_size: Positive = Field(8, description="Questions in a step.")
    max_length: Length = Field(256, description="Longest sequence, tokens.")
    rank: Positive = Field(4, description="LoRA rank.")
    target_modules: tuple[str, ...] = Field(("attention",), description="Modules to adapt; no slices (peft has none).")


class BenchScaleOptions(Options):
    """Options of ``bench scale``. The first value of each list is the one that holds while another is varied."""

    fleet_sizes: Annotated[tuple[Positive, ...], Field(min_length=1)] = Field(
        (1, 5, 15, 40, 75), description="Adapters that are trained together."
    )
    ranks: Annotated[tuple[Positive, ...], Field(min_length=1)] = Field((4, 8, 16, 32, 64), description="LoRA ranks.")
    lengths: Annotated[tuple[Positive, ...], Field(min_length=1)] = Field(
        (256, 128, 512, 1024), description="Tokens of a step: a context and its --questions."
    )
    sizes: Annotated[tuple[str, ...], Field(min_length=1)] = Field(
        ("gpt2", "gpt2-medium", "gpt2-large"), description=f"Shapes of the base: {', '.join(SIZES)}."
    )
    methods: Annotated[tuple[Method, ...], Field(min_length=1)] = Field(
        ("lora", "full"), description="What is trained: lora, full."
    )
    questions: Positive = Field(4, description="Questions of a step, 16 tokens each, on one context.")
    steps: Annotated[int, Field(ge=2, le=MOST)] = Field(
        3, description="Optimizer steps of each point; the first is warm-up."
    )


class BenchGenerateOptions(Options):
    """Options of ``bench generate``."""

    base: Place = Field(description="Base model: a checkpoint folder or a hub id.")
    data: Place = Field(description="SQuAD file to take questions from.")
    questions: Positive | None = Field(None, description="Only the first so many questions. Default: all.")
    peer_questions: Positive = Field(64, description="How many of them the peer answers a round, in whole batches.")
    rounds: Positive = Field(2, description="How often the sides alternate.")
    batch_size: Positive = Field(8, description="The peer's batch, questions.")
    max_new_tokens: Positive = Field(16, description="Tokens of every answer.")
    max_length: Length = Field(256, description="Longest prompt, tokens.")
    rank: Positive = Field(4, description="LoRA rank.")


def checked(model: type[Model], values: Mapping[str, Any], *, source: str = "") -> Model:
    """Options from plain values. Raises :class:`ConfigError` with all problems at once, each with flag and value."""
    try:
        return model(**values)
    except ValidationError as problem:
        lines = []
        for error in problem.errors(include_url=False):
            key = str(error["loc"][0]) if error["loc"] else "options"
            flag = key if source else flag_name(key)
            if error["type"] == "missing":
                lines.append(f"{flag}: missing; give {_described(model, key)}")
            elif error["type"] == "extra_forbidden":
                lines.append(f"{flag}: unknown option; known are {', '.join(model.model_fields)}")
            else:
                lines.append(f"{flag} {_typed(error['input'])}: {_lower(error['msg'].removeprefix('Value error, '))}")
        raise ConfigError((f"{source}: " if source else "") + "; ".join(dict.fromkeys(lines))) from None


def flag_name(field: str) -> str:
    """The flag of a field."""
    return f"--{field.replace('_', '-')}"


def _shown(value: Any) -> str:
    """A value as it was typed."""
    return " ".join(value) if isinstance(value, tuple) else str(value)


def _typed(value: Any) -> str:
    """A wrong value for an error: of bounded length, in letters that every terminal takes."""
    text = str(value).encode("utf-8", "backslashreplace").decode().replace("\0", "\\x00")
    return text if len(text) <= 200 else f"{text[:197]}..."


def _described(model: type[Options], key: str) -> str:
    field = model.model_fields.get(key)
    return _lower((field.description if field else None) or "a value").rstrip(".")


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
