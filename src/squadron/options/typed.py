"""The keywords of the functions in :mod:`squadron.api`, with their types.

Made by ``python -m squadron.options.keywords``; a test compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from typing import Literal, Required, TypedDict


class CommonKeywords(TypedDict, total=False):
    """Keywords of every function."""

    seed: int
    """Seed of everything random."""
    offline: bool
    """Ask no network: the hub's files come from the local cache alone."""
    device: str
    """auto (a GPU where there is one), cpu, cuda or cuda:N."""
    precision: Literal["auto", "fp32", "bf16", "fp16"]
    """Numbers of the base: auto is bf16 where that is measured clearly faster, else fp32 (GPU: fp16)."""


class StudyKeywords(TypedDict, total=False):
    """Keywords of studies."""

    seed: int | None
    """Seed of everything random. Default: the configuration's, else 0."""
    offline: bool
    """Ask no network: the hub's files come from the local cache alone."""
    device: str
    """auto (a GPU where there is one), cpu, cuda or cuda:N."""
    precision: Literal["auto", "fp32", "bf16", "fp16"]
    """Numbers of the base: auto is bf16 where that is measured clearly faster, else fp32 (GPU: fp16)."""
    base: Required[str | PathLike[str]]
    """Base model: pocket, a checkpoint folder, or a hub id such as gpt2."""
    dataset: Required[str | PathLike[str]]
    """Questions: a folder that `prepare` made; or pocket, squad, a hub id or a file, prepared in --out."""
    out: Required[str | PathLike[str]]
    """Sweep folder to make."""
    seeds: int | None
    """Repeat each run with so many seeds, as replicates."""
    halving: int | None
    """Successive halving: after few epochs only the best 1/N of the runs go on. Default: all do."""
    fleet_size: int | None
    """Most runs that train together. Default: what the memory holds, measured."""
    engine: Literal["local", "ray"]
    """Where fleets run: this machine, or a Ray cluster."""
    ray_address: str | None
    """Ray cluster: auto (the one that `ray start` made here) or HOST:PORT. Default: a local one."""
    gpus_per_fleet: float | None
    """GPUs that Ray sets aside for a fleet. Default: 1 where the cluster has any, else 0."""
    cpus_per_fleet: float | None
    """CPU cores that Ray sets aside for a fleet. Default: 1."""
    train_size: int | None
    """Questions to train on. Default: the configuration's."""
    val_size: int | None
    """Questions to validate on. Default: the configuration's."""
    test_size: int | None
    """Questions to test on. Default: the configuration's."""
    epochs: int | None
    """Passes over the training questions. Default: the configuration's."""


class PrepareKeywords(CommonKeywords, total=False):
    """Keywords of :func:`squadron.prepare`."""

    dataset: Required[str | PathLike[str]]
    """pocket, squad, squad_v2, a hub id, or a file (JSON, JSONL, parquet; plain, .xz, .gz)."""
    out: Required[str | PathLike[str]]
    """Folder to make: train.json, validation.json, test.json, data.json."""
    train_size: int
    """Questions to train on."""
    val_size: int
    """Questions to validate on."""
    test_size: int
    """Questions to test on."""
    split_by: Literal["article", "paragraph", "question"]
    """What is drawn as one. A context is never in two splits."""
    hub_split: str
    """Which split of a hub data set to draw from."""
    strict: bool
    """Stop at the first bad row instead of setting it aside."""
    replace: bool
    """Replace what is in --out."""


class TrainKeywords(CommonKeywords, total=False):
    """Keywords of :func:`squadron.train`."""

    base: Required[str | PathLike[str]]
    """Base model: pocket, a checkpoint folder, or a hub id such as gpt2."""
    data: Required[str | PathLike[str]]
    """Folder that `prepare` made, or a SQuAD file to train on."""
    out: Required[str | PathLike[str]]
    """Run folder to make."""
    method: Literal["lora", "full"]
    """What is trained: lora, an adapter; full, all weights (try a --lr of 5e-5; no adapter options)."""
    rank: int
    """LoRA rank r."""
    alpha: float
    """LoRA alpha; the update is scaled by --scaling."""
    dropout: float
    """Dropout on the adapters' input, 0 to 1."""
    scaling: Literal["alpha/r", "alpha/sqrt(r)", "rslora"]
    """What B A is multiplied by."""
    target_modules: Sequence[str]
    """Modules to adapt, by name (attn.c_attn ...) or preset (attention, all ...)."""
    lora_plus_ratio: float
    """LoRA+: learning rate of B, as a multiple of A's, which is --lr. 1 is plain LoRA."""
    lr: float
    """Learning rate of AdamW."""
    weight_decay: float
    """Weight decay of AdamW; biases and LayerNorms have none."""
    schedule: Literal["constant", "linear", "cosine"]
    """How the learning rate moves after the warm-up."""
    warmup_steps: int
    """Steps over which the learning rate rises from 0."""
    gradient_clipping: float
    """Longest gradient (L2 norm); a longer one is shortened. 0 for no limit."""
    epochs: int
    """Passes over the training questions."""
    max_steps: int | None
    """Stop after this many optimizer steps. Default: no limit."""
    batch_size: int
    """Questions in one forward and backward pass."""
    gradient_accumulation: int
    """Passes in one optimizer step."""
    max_length: int
    """Longest training sequence, tokens; context around the answer is kept, the rest goes."""
    loss: Literal["answer", "full"]
    """Targets: the answer and EOS, or the full sequence."""
    order: Literal["question", "paragraph"]
    """Draw questions one by one, or whole paragraphs (faster)."""
    eval_questions: int
    """Validation questions answered greedily at the end of each epoch, for EM/F1; 0 for none."""
    checkpoint_seconds: float
    """Seconds between checkpoints within an epoch; 0 writes one after every step."""
    resume: bool
    """Go on with the run in --out from its last checkpoint; starts it where there is none."""
    replace: bool
    """Replace the run in --out."""
    track: Sequence[str]
    """Log to tensorboard, mlflow, wandb, beside the runs; repeat it for several."""


class EvaluateKeywords(CommonKeywords, total=False):
    """Keywords of :func:`squadron.evaluate`."""

    run: str | PathLike[str] | None
    """Run folder to evaluate; leave it out for a base alone."""
    base: str | PathLike[str] | None
    """Base model without adapter (the baseline): pocket, a folder or a hub id."""
    data: str | PathLike[str] | None
    """Prepared folder or SQuAD file. Default: what the run was trained on."""
    split: str
    """Which split of the prepared folder."""
    decoding: Sequence[str]
    """Strategies: greedy, top-k, nucleus, temperature, beam, span, min-p, or all (those of the study)."""
    max_new_tokens: int
    """Longest answer, tokens."""
    max_length: int | None
    """Longest prompt, tokens; the end of the context goes. Default: the run's (256 for a base)."""
    limit: int | None
    """Only the first so many questions of the split."""
    samples: int
    """Answers drawn by each stochastic strategy; scores are the first's, with mean and spread of all."""
    top_k: int | None
    """Tokens that top-k keeps. Default: 50."""
    top_p: float | None
    """Probability that nucleus keeps. Default: 0.95."""
    min_p: float | None
    """Least probability that min-p keeps, as a share of the likeliest token's. Default: 0.1."""
    temperature: float | None
    """What temperature divides logits by. Default: 1.3."""
    beams: int | None
    """Hypotheses of beam search. Default: 4."""
    suppress_eos: bool
    """Never stop early: all answers get --max-new-tokens, to time them."""
    out: str | PathLike[str] | None
    """Folder for predictions and scores. Default: the run's own."""


class SweepKeywords(StudyKeywords, total=False):
    """Keywords of :func:`squadron.sweep`."""

    config: Required[str | PathLike[str]]
    """Configuration of the runs: a YAML file, or quick or paper."""
    resume: bool
    """Go on with the sweep in --out; starts it where there is none."""
    replace: bool
    """Replace the sweep in --out."""
    join: bool
    """Help the sweep in --out that another process leads: take fleets off it."""
    dry_run: bool
    """Print runs, fleets, memory and a time estimate from a short trial; start nothing."""
    track: Sequence[str]
    """Log to tensorboard, mlflow, wandb, beside the runs; repeat it for several."""


class ReproduceKeywords(StudyKeywords, total=False):
    """Keywords of :func:`squadron.reproduce`."""

    preset: Literal["quick", "paper"]
    """quick, a small study; or paper, its 75 runs."""
    languages: Sequence[Literal["en", "fa"]]
    """Languages of the reports."""
    formats: Sequence[Literal["html", "pdf"]]
    """Formats of the reports."""
    replace: bool
    """Replace the study in --out instead of going on with it."""
    track: Sequence[str]
    """Log to tensorboard, mlflow, wandb, beside the runs; repeat it for several."""


class DemoKeywords(CommonKeywords, total=False):
    """Keywords of :func:`squadron.demo`."""

    out: str | PathLike[str]
    """Folder to make; a demo that was left unfinished there is taken up."""
    replace: bool
    """Replace an earlier demo in --out."""


class AskKeywords(CommonKeywords, total=False):
    """Keywords of :func:`squadron.ask`."""

    question: Required[str]
    """The question."""
    context: Required[str | PathLike[str]]
    """File with the context to answer from, or - for standard input."""
    run: str | PathLike[str] | None
    """Run folder whose adapter answers."""
    base: str | PathLike[str] | None
    """Base model that answers without adapter: pocket, a folder or a hub id."""
    compare: Sequence[str | PathLike[str]]
    """More run folders, to answer beside it in the same pass."""
    decoding: Sequence[str]
    """Strategies, or all."""
    max_new_tokens: int
    """Longest answer, tokens."""


class ScoreKeywords(CommonKeywords, total=False):
    """Keywords of :func:`squadron.score`."""

    predictions: Required[str | PathLike[str]]
    """Predictions as the official {id: text} JSON."""
    data: Required[str | PathLike[str]]
    """SQuAD file with the questions."""
    against: str | PathLike[str] | None
    """Other predictions, to test whether the first are better."""


class ExportKeywords(CommonKeywords, total=False):
    """Keywords of :func:`squadron.export`."""

    run: Required[str | PathLike[str]]
    """Run folder."""
    out: Required[str | PathLike[str]]
    """Folder to make."""
    format: Literal["peft", "merged"]
    """PEFT's adapter files, or base and adapter as one."""
    which: Literal["adapter", "last"]
    """The best adapter of the run (of a full one, the best model), or the last."""


class AnalyzeKeywords(CommonKeywords, total=False):
    """Keywords of :func:`squadron.analyze`."""

    results_dir: Required[str | PathLike[str]]
    """Folder of a sweep, a demo or a run."""
    out: str | PathLike[str] | None
    """Folder for tables and charts. Default: report/ in --results-dir."""
    lang: Literal["en", "fa"]
    """Language of the charts: en or fa."""


class ReportKeywords(CommonKeywords, total=False):
    """Keywords of :func:`squadron.report`."""

    folder: Required[str | PathLike[str]]
    """Folder of a sweep or of a run."""
    lang: Literal["en", "fa"]
    """Language of the report: en or fa."""
    format: Literal["html", "pdf"]
    """One self-contained page, or pages to print."""
    out: str | PathLike[str] | None
    """File to write. Default: report/report.LANG.FORMAT in the folder."""


class InitBaseKeywords(CommonKeywords, total=False):
    """Keywords of :func:`squadron.init_base`."""

    size: str
    """Shape: gpt2, gpt2-medium, gpt2-large, gpt2-xl."""
    tokenizer: Required[str | PathLike[str]]
    """Folder with tokenizer.json, or vocab.json and merges.txt."""
    out: Required[str | PathLike[str]]
    """Checkpoint folder to make."""


class DoctorKeywords(CommonKeywords, total=False):
    """Keywords of :func:`squadron.doctor`."""


class ListRunsKeywords(CommonKeywords, total=False):
    """Keywords of :func:`squadron.list_runs`."""

    folder: Required[str | PathLike[str]]
    """Sweep folder, or any folder of run folders."""
    split: str | None
    """Split whose scores are listed. Default: the sweep's, else validation."""
    decoding: str | None
    """Strategy whose scores are listed. Default: the sweep's, else greedy."""
    by: Literal["f1", "exact_match"]
    """What the best are best by."""
    promote: str | PathLike[str] | None
    """Copy the best run to this folder, as `runs promote` does."""


class ShowRunKeywords(CommonKeywords, total=False):
    """Keywords of :func:`squadron.show_run`."""

    run: Required[str | PathLike[str]]
    """Run folder."""


class CompareRunsKeywords(CommonKeywords, total=False):
    """Keywords of :func:`squadron.compare_runs`."""

    first: Required[str | PathLike[str]]
    """Run folder, or a sweep's baseline."""
    second: Required[str | PathLike[str]]
    """The run folder to test against it."""
    split: str
    """Split whose predictions are compared."""
    decoding: str
    """Strategy whose predictions are compared."""
    data: str | PathLike[str] | None
    """Prepared folder or SQuAD file with the questions. Default: what the runs were trained on."""


class PruneRunsKeywords(CommonKeywords, total=False):
    """Keywords of :func:`squadron.prune_runs`."""

    folder: Required[str | PathLike[str]]
    """Sweep folder, or any folder of run folders."""
    keep: int | None
    """Remove the weights of all scored runs but so many of the best; scores and answers stay."""
    checkpoints: bool
    """Remove the checkpoints of runs that are done."""
    last: bool
    """Remove the last adapter of runs that are done; the best one stays."""
    split: str | None
    """Split by whose scores --keep ranks. Default: the sweep's, else validation."""
    decoding: str | None
    """Strategy by whose scores --keep ranks. Default: the sweep's, else greedy."""
    by: Literal["f1", "exact_match"]
    """What the best are best by."""
    yes: bool
    """Remove it. Without this, only tell what would go."""


class PromoteRunKeywords(CommonKeywords, total=False):
    """Keywords of :func:`squadron.promote_run`."""

    folder: Required[str | PathLike[str]]
    """Sweep folder or folder of run folders, whose best run is taken, or one run folder."""
    out: str | PathLike[str]
    """Folder to make."""
    split: str | None
    """Split by whose scores the best is chosen. Default: the sweep's, else validation."""
    decoding: str | None
    """Strategy by whose scores the best is chosen. Default: the sweep's, else greedy."""
    by: Literal["f1", "exact_match"]
    """What the best is best by."""
    replace: bool
    """Replace the run folder in --out."""
