"""The options of all verbs but ``sweep``, ``reproduce``, ``runs``, ``bench`` and the reports."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    Field,
    model_validator,
)

from squadron.data.batches import Order
from squadron.data.columns import FIELDS
from squadron.data.splits import SplitBy
from squadron.data.trees import Loss
from squadron.decoding.strategies import PARAMETERS, STRATEGIES
from squadron.errors import ConfigError, option
from squadron.files import MOST_BYTES
from squadron.languages import LANGUAGES, Language
from squadron.model.config import SIZES
from squadron.model.targets import Scaling, canonical_scaling
from squadron.options.base import (
    Count,
    Length,
    Options,
    Place,
    Positive,
    Several,
    Size,
    with_whole_test_split,
)
from squadron.options.roles import Role, roles
from squadron.pocket.base import Recipe
from squadron.scoring.metrics import Normalization
from squadron.training.schedules import Schedule

Method = Literal["lora", "full"]
NORMALIZE = (
    "Makes answers alike before EM and F1: official (SQuAD's rule for English) or persian (Persian letters, digits, "
    "marks and punctuation; no articles)."
)
"""The help of the option that names a normalization of answers."""


class PrepareOptions(Options):
    """Options of ``prepare``."""

    dataset: Place = Field(
        description="Data set: pocket, squad, squad_v2, a hub id (ID or ID@REVISION), or a file "
        "(JSON, JSONL, parquet; plain, .xz, .gz)."
    )
    out: Place = Field(description="Folder to create, with train.json, validation.json, test.json and data.json.")
    train_size: Size = Field(2000, description="Number of training questions, or all that the other splits leave.")
    val_size: Count = Field(200, description="Number of validation questions.")
    test_size: Size = Field(
        5, description="Number of test questions. With --test-split it may be all, which is then the default."
    )
    test_split: str | None = Field(
        None,
        description="Split that the test questions are of: official (SQuAD's development set) or a name. Default: "
        "--hub-split.",
    )
    split_by: SplitBy = Field(
        "paragraph", description="Unit to draw: article, paragraph or question. A context is never in two splits."
    )
    hub_split: str = Field("train", description="Split of a hub data set to draw from.")
    hub_config: str | None = Field(
        None, description="Configuration of a hub data set. Default: its default one, or the only one."
    )
    columns: str | None = Field(
        None,
        description="Columns of rows that name their fields otherwise, as context=passage,question=query; fields are "
        f"{', '.join(FIELDS)}. Default: the fields' own names.",
    )
    strict: bool = Field(False, description="Stop at the first bad row instead of setting it aside.")
    max_bytes: Annotated[int, Field(ge=1, le=2**40)] = Field(
        MOST_BYTES, description="Read at most this many bytes of a data file, unpacked."
    )
    split_contexts: bool = Field(
        False, description="Cut contexts over 100,000 characters at ends of paragraphs instead of setting them aside."
    )
    replace: bool = Field(False, description="Replace an existing prepared folder in --out.")

    @model_validator(mode="before")
    @classmethod
    def _all_of_the_test_split(cls, given: Any) -> Any:
        return with_whole_test_split(given)


class TrainOptions(Options):
    """Options of ``train``; the defaults are the study's. Raises :class:`ConfigError` for conflicting options."""

    base: Place = Field(description="Base model: pocket, a checkpoint folder, or a hub id: gpt2, or ID@REVISION.")
    data: Place = Field(description="Folder that `prepare` made, or a SQuAD file to train on.")
    out: Annotated[Place, Role(own=True)] = Field(description="Run folder to create.")
    method: Annotated[Method, Role(axis="", place=9)] = Field(
        "lora",
        description="What to train: lora (an adapter) or full (all weights; try --lr 5e-5; no adapter options).",
    )
    rank: Annotated[Positive, Role(axis="r", place=1, adapter=True, own=True)] = Field(4, description="LoRA rank r.")
    alpha: Annotated[float, Field(gt=0), Role(axis="a", place=4, adapter=True, own=True)] = Field(
        32.0, description="LoRA alpha; the update is scaled by --scaling."
    )
    dropout: Annotated[float, Field(ge=0, lt=1), Role(axis="drop", place=5, adapter=True, own=True)] = Field(
        0.0, description="Dropout probability on the adapters' input, 0 to 1."
    )
    scaling: Annotated[Scaling, AfterValidator(canonical_scaling), Role(axis="", place=6, adapter=True, own=True)] = (
        Field("alpha/r", description="Factor of the LoRA update B A.")
    )
    target_modules: Annotated[tuple[str, ...], Role(axis="", place=3, axis_name="targets", adapter=True, own=True)] = (
        Field(
            ("attention",),
            description="Modules to adapt, by name (such as attn.c_attn) or preset (such as attention or all).",
        )
    )
    lora_plus_ratio: Annotated[float, Field(gt=0), Role(axis="plus", adapter=True, own=True, later=True)] = Field(
        1.0, description="LoRA+: ratio of B's learning rate to A's, which is --lr. 1 is plain LoRA."
    )
    lr: Annotated[float, Field(gt=0, le=1), Role(axis="lr", place=2, own=True)] = Field(
        1e-3, description="Learning rate of AdamW."
    )
    weight_decay: Annotated[float, Field(ge=0, lt=1), Role(axis="wd", place=15, own=True)] = Field(
        0.01, description="Weight decay of AdamW; biases and LayerNorms have none."
    )
    schedule: Annotated[Schedule, Role(axis="", place=13, own=True)] = Field(
        "constant", description="Learning rate schedule after the warm-up: constant, linear or cosine."
    )
    warmup_steps: Annotated[Count, Role(axis="warm", place=14)] = Field(
        0, description="Optimizer steps over which the learning rate rises from 0."
    )
    gradient_clipping: Annotated[float, Field(ge=0), Role(axis="clip", place=16, own=True)] = Field(
        1.0, description="Clip the gradient of each adapter to this L2 norm; 0 for no clipping."
    )
    epochs: Annotated[Positive, Role(axis="e", place=10)] = Field(
        5, description="Number of passes over the training questions."
    )
    max_steps: Positive | None = Field(None, description="Stop after this many optimizer steps. Default: no limit.")
    batch_size: Annotated[Positive, Role(axis="b", place=11)] = Field(
        4, description="Questions per forward and backward pass."
    )
    gradient_accumulation: Annotated[Positive, Role(axis="ga", place=12)] = Field(
        2, description="Forward and backward passes per optimizer step."
    )
    max_length: Annotated[Length, Role(axis="len", place=17)] = Field(
        256, description="Longest training sequence, tokens. Longer ones keep the context around the answer."
    )
    loss: Annotated[Loss, Role(axis="loss-", place=8)] = Field(
        "answer", description="Tokens to predict: answer (the answer and EOS) or full (the whole sequence)."
    )
    order: Annotated[Order, Role(axis="by-", place=7)] = Field(
        "question", description="Draw questions one by one (question) or whole paragraphs together (paragraph, faster)."
    )
    eval_questions: Count = Field(
        50, description="Validation questions answered greedily after each epoch, for EM, F1 and P(gold); 0 for none."
    )
    normalize: Annotated[Normalization, Role(later=True)] = Field("official", description=NORMALIZE)
    checkpoint_seconds: Annotated[float, Field(ge=0)] = Field(
        60.0, description="Seconds between checkpoints within an epoch; 0 writes one after every step."
    )

    @model_validator(mode="after")
    def _no_adapter_options_without_adapter(self) -> TrainOptions:
        given = [name for name in ADAPTER_OPTIONS if name in self.model_fields_set]
        if self.method == "full" and given:
            extra = ", ".join(option(name, getattr(self, name)) for name in given)
            raise ConfigError(f"{option('method', 'full')}: trains all weights and has no adapter; leave out {extra}")
        return self

    def settings(self) -> dict[str, Any]:
        """Return the options to record for this run, as JSON, without those of adapters for full fine-tuning."""
        left_out = {name for name in LATER_OPTIONS if getattr(self, name) == type(self).model_fields[name].default}
        if self.method == "full":
            left_out |= set(ADAPTER_OPTIONS)
        return self.model_dump(mode="json", exclude=left_out)


ROLES = roles(TrainOptions)
ADAPTER_OPTIONS = tuple(name for name, role in ROLES.items() if role.adapter)
"""Options of adapters, which do not apply if all weights are trained."""
LATER_OPTIONS = tuple(name for name, role in ROLES.items() if role.later)
"""Options that records hold only if they differ from the default."""


_STRATEGY_NAMES: Any = {"choices": [*STRATEGIES, "all"]}
"""The words that may follow ``--decoding``; any other one is a verb's positional argument."""


def _strategy_option(name: str) -> Any:
    """Return the field of a strategy's parameter, with its bounds, help, and the strategy's default in the help."""
    own = PARAMETERS[name]
    default = STRATEGIES[own.owner].values()[name]
    return Field(None, gt=own.above, ge=own.least, le=own.most, description=f"{own.help} Default: {default}.")


def _adapter_option(description: str) -> Any:
    """Return the field of an adapter that is no run's."""
    return Field(None, description=f"{description}: a folder of PEFT's files or a hub id (ID or ID@REVISION).")


class EvaluateOptions(Options):
    """Options of ``evaluate``."""

    run: Place | None = Field(
        None,
        description="Run folder to evaluate; leave it out to evaluate a base.",
        json_schema_extra={"argument": True},
    )
    base: Place | None = Field(
        None,
        description="Base to evaluate without adapter (the baseline): pocket, a folder or a hub id. With a run: where "
        "the base that it was trained on is now.",
    )
    adapter: Place | None = _adapter_option("Adapter to evaluate on --base, instead of a run's")
    data: Place | None = Field(
        None, description="Prepared folder or SQuAD file. Default: the data that the run was trained on."
    )
    split: str = Field("validation", description="Split of the prepared folder to evaluate on.")
    decoding: tuple[str, ...] = Field(
        ("greedy",),
        description=f"Decoding strategies: {', '.join(STRATEGIES)}, or all (those of the study).",
        json_schema_extra=_STRATEGY_NAMES,
    )
    max_new_tokens: Positive = Field(32, description="Longest answer, tokens.")
    max_length: Positive | None = Field(
        None,
        description="Longest prompt, tokens; longer ones lose context at the end. Default: the run's (256 for a base).",
    )
    limit: Positive | None = Field(None, description="Use only this many questions, the first ones. Default: all.")
    samples: Several = Field(
        1,
        description="Answers that each sampling strategy draws; scores are of the first, with mean and spread of all.",
    )
    top_k: int | None = _strategy_option("top_k")
    top_p: float | None = _strategy_option("top_p")
    min_p: float | None = _strategy_option("min_p")
    temperature: float | None = _strategy_option("temperature")
    beams: int | None = _strategy_option("beams")
    normalize: Normalization | None = Field(
        None, description=f"{NORMALIZE} Default: what the run was trained with; official for a base."
    )
    suppress_eos: bool = Field(
        False, description="Never stop at EOS, so that all answers have --max-new-tokens tokens, for timing."
    )
    out: Place | None = Field(
        None, description="Folder for predictions and scores. Default: the run folder; for a base, nothing is written."
    )


class AskOptions(Options):
    """Options of ``ask``."""

    question: str = Field(description="The question.", json_schema_extra={"argument": True})
    context: Place = Field(description="File with the context to answer from, or - for standard input.")
    run: Place | None = Field(None, description="Run folder whose adapter to ask.")
    base: Place | None = Field(None, description="Base model to ask without adapter: pocket, a folder or a hub id.")
    adapter: Place | None = _adapter_option("Adapter to ask on --base, which is then not asked alone")
    compare: tuple[Place, ...] = Field((), description="More run folders to ask in the same pass, for comparison.")
    decoding: tuple[str, ...] = Field(
        ("greedy", "span", "top-k", "nucleus", "temperature"),
        description="Decoding strategies, or all.",
        json_schema_extra=_STRATEGY_NAMES,
    )
    max_new_tokens: Positive = Field(32, description="Longest answer, tokens.")


class PlaygroundOptions(Options):
    """Options of ``playground``."""

    runs: tuple[Place, ...] = Field(
        (), description="Run folders whose adapters can be asked.", json_schema_extra={"argument": True}
    )
    sweep: Place | None = Field(None, description="Sweep folder whose leaderboard, curves and adapters to show.")
    base: Place | None = Field(
        None, description="Base to ask without adapter. Default: the base of the runs; pocket if there are no runs."
    )
    adapter: Place | None = _adapter_option("Adapter on --base that can be asked, too")
    host: str = Field(
        "127.0.0.1", description="Address to listen on. Any other than the default may be open to other machines."
    )
    port: Annotated[int, Field(ge=0, le=65535)] = Field(7860, description="Port to listen on; 0 for any free one.")
    lang: Language = Field("en", description=f"Language of the page: {' or '.join(LANGUAGES)}.")
    max_new_tokens: Positive = Field(32, description="Longest answer, tokens.")


class ExportOptions(Options):
    """Options of ``export``."""

    run: Place | None = Field(None, description="Run folder.", json_schema_extra={"argument": True})
    out: Place = Field(description="Folder to create.")
    base: Place | None = Field(
        None,
        description="Where the base that the run was trained on is now (default: where it was), or --adapter's base.",
    )
    adapter: Place | None = _adapter_option("Adapter to export with --base, instead of a run's")
    to: Literal["peft", "merged", "hub-folder"] = Field(
        "peft",
        description="peft (PEFT's adapter files), merged (base and adapter as one checkpoint) or hub-folder (the "
        "checkpoint, and the adapter in adapter/), each with tokenizer and model card.",
    )
    which: Literal["adapter", "last"] = Field(
        "adapter", description="Which one to export: adapter (the best; of a full run, the best model) or last."
    )
    license: str | None = Field(
        None, description="Licence to state in the card, as the hub names it, such as mit. Default: none is stated."
    )
    push: str | None = Field(
        None,
        description="Repository of the hub, OWNER/NAME, to upload the folder to. It is private, unless --public is given.",
    )
    public: bool = Field(False, description="Let --push create, or upload to, a public repository.")


class ScoreOptions(Options):
    """Options of ``score``."""

    predictions: Place = Field(
        description="Predictions file: the official {id: text} JSON, or a list of {id, prediction_text}.",
        json_schema_extra={"argument": True},
    )
    data: Place = Field(description="SQuAD file with the questions.", json_schema_extra={"argument": True})
    against: Place | None = Field(
        None, description="Other predictions to compare with, by a paired test. Default: none."
    )
    normalize: Normalization = Field("official", description=NORMALIZE)
    null_odds: Place | None = Field(
        None, description="File of no-answer scores, {id: number}, for the best threshold of SQuAD v2.0. Default: none."
    )


class BaseInitOptions(Options):
    """Options of ``base init``."""

    size: str = Field("gpt2", description=f"Shape of the model: {', '.join(SIZES)}.")
    tokenizer: Place = Field(description="Folder with tokenizer.json, or vocab.json and merges.txt.")
    out: Place = Field(description="Checkpoint folder to create.")


class DemoOptions(Options):
    """Options of ``demo``."""

    out: Place = Field("demo", description="Folder to create; an unfinished demo there is resumed.")
    replace: bool = Field(False, description="Replace an earlier demo in --out.")


class PocketBuildOptions(Options):
    """Options of ``pocket build``."""

    out: Place = Field(description="Folder to create; an unfinished build there is resumed.")
    tokens: Positive = Field(Recipe().tokens, description="Number of tokens to pre-train on.")
    learning_rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        Recipe().learning_rate, description="Peak learning rate of AdamW (embeddings, biases, LayerNorms)."
    )
    matrix_rate: Annotated[float, Field(gt=0, lt=1)] = Field(
        Recipe().matrix_rate, description="Peak learning rate of Muon (the blocks' matrices)."
    )
