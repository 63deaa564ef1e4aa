"""The files of run and sweep folders: Squadron removes nothing else from them.

::

    RUN/    run.json  metrics.jsonl  scores.json  checkpoint.safetensors  .lock
            adapter/  last/  model/  predictions/  failures/  report/  tensorboard/  mlruns/  wandb/
    SWEEP/  sweep.json  leaderboard.json  leaderboard.csv  .lock
            data/  baseline/  fleets/  runs/NAME/  report/  tensorboard/  mlruns/  wandb/
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from squadron.data.prepared import LAYOUT as DATA
from squadron.marks import ANALYSIS, analysis_files, has_keys, is_failures, is_predictions, is_report, is_scores
from squadron.ownership import Check, Layout, any_file, is_empty
from squadron.runs.layout import LOCK, RECORD, SCHEMA, SWEEP


def _of_analysis(depth: int) -> Check:
    """Return the check of a file that the analysis ``depth`` folders up lists."""

    def check(path: Path) -> bool:
        home = path.parents[depth]
        return path.relative_to(home).as_posix() in analysis_files(home)

    return check


def _plain_name(path: Path) -> bool:
    """Return True for MLflow's parameters and metrics, which are files without a suffix."""
    return "." not in path.name


WEIGHTS = Layout(
    dict.fromkeys(
        (
            "adapter_config.json",
            "adapter_model.safetensors",
            "config.json",
            "model.safetensors",
            "tokenizer.json",
            "tokenizer_config.json",
        ),
        any_file,
    )
)
"""The files of ``adapter/``, ``last/`` and ``model/``."""
EVALUATION: dict[str, Check | Layout] = {
    "scores.json": is_scores,
    "predictions": Layout({"*.json": is_predictions}),
    "failures": Layout({"*.json": is_failures}),
}
"""The files of an evaluation."""
REPORT = Layout(
    {
        "report.*.html": is_report,
        "report.*.pdf": is_report,
        ANALYSIS: _of_analysis(0),
        "tables.md": _of_analysis(0),
        "charts.html": _of_analysis(0),
        "tables": Layout({"*.csv": _of_analysis(1)}),
        "charts": Layout({"*.svg": _of_analysis(1), "*.png": _of_analysis(1)}),
    }
)
_METRICS = Layout({"*": _plain_name, "**": Layout({"*": _plain_name})})  # train/loss, validation/greedy/f1
_MLFLOW_RUN = Layout(
    {
        "meta.yaml": any_file,
        "params": Layout({"*": _plain_name}),
        "metrics": Layout({"*": _METRICS}),
        "tags": Layout({"mlflow.*": any_file, "squadron.*": any_file}),
        "artifacts": Layout({}),
    }
)
_MLFLOW_EXPERIMENT = Layout({"meta.yaml": any_file, "tags": Layout({"mlflow.*": any_file}), "?" * 32: _MLFLOW_RUN})
_WANDB_FILES = ("config.yaml", "output.log", "requirements.txt", "wandb-metadata.json", "wandb-summary.json")
_WANDB_RUN = Layout(
    {
        "files": Layout(dict.fromkeys(_WANDB_FILES, any_file)),
        "logs": Layout({"debug*.log": any_file}, links=("debug*.log",)),
        "run-*.wandb": any_file,
        "run-*.wandb.synced": any_file,
        "tmp": Layout({"code": Layout({})}),
    }
)
TRACKERS: dict[str, Check | Layout] = {
    "tensorboard": Layout({"*": Layout({"events.out.tfevents.*": any_file})}),
    "mlruns": Layout({".trash": Layout({}), "models": Layout({}), "[0-9]*": _MLFLOW_EXPERIMENT}),
    "wandb": Layout(
        {
            "debug*.log": any_file,
            "latest-run": any_file,
            "offline-run-*": _WANDB_RUN,
            "run-*": _WANDB_RUN,
            "settings": any_file,
        },
        links=("debug*.log", "latest-run"),
    ),
}
"""The files that the trackers' libraries write, each into its own folder."""
RUN = Layout(
    {
        RECORD: has_keys("config", "status", schema=SCHEMA, kind="train"),
        LOCK: is_empty,
        "metrics.jsonl": any_file,
        "checkpoint.safetensors": any_file,
        **dict.fromkeys(("adapter", "last", "model"), WEIGHTS),
        **EVALUATION,
        "report": REPORT,
        **TRACKERS,
    }
)


def sweep_layout(runs: Collection[str]) -> Layout:
    """Return the layout of a sweep folder whose runs have these names; other folders in ``runs/`` are foreign."""
    fleet = has_keys("runs"), has_keys("split"), has_keys("kept", "epoch")
    return Layout(
        {
            SWEEP: has_keys("config", "status", schema=SCHEMA, kind="sweep"),
            LOCK: is_empty,
            "leaderboard.json": has_keys("runs", schema=1),
            "leaderboard.csv": any_file,
            "data": DATA,
            "baseline": Layout(EVALUATION),
            "fleets": Layout(
                {
                    "*.json": lambda path: any(check(path) for check in fleet),
                    "*.safetensors": any_file,
                    "*.lock": is_empty,
                }
            ),
            "runs": Layout({_literal(name): RUN for name in runs}),
            "report": REPORT,
            **TRACKERS,
        }
    )


def _literal(name: str) -> str:
    """Return a pattern that matches exactly this name."""
    return "".join(f"[{character}]" if character in "*?[" else character for character in name)
