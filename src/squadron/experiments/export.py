"""Export what a run trained: an adapter as PEFT's files, or a checkpoint that ``transformers`` opens."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from squadron.errors import RunError, option
from squadron.experiments.load_run import is_full, open_run
from squadron.files import atomic_folder, write_bytes
from squadron.model.adapters import CONFIG, WEIGHTS, merge
from squadron.model.checkpoint import save_model
from squadron.model.tokenizer import load_tokenizer
from squadron.options.core import ExportOptions
from squadron.runs.places import Tell, quiet


def export(options: ExportOptions, *, tell: Tell = quiet) -> dict[str, Any]:
    """Write the adapter or model of a run to a folder of its own; return the path, format and base.

    ``tell`` says where a base was found that is not where it was.
    """
    out = Path(options.out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError(f"{option('out', out)}: exists and is not an empty folder; choose another")
    place = Path(options.run)
    run = open_run(place, which=options.which, base_place=options.base, offline=options.offline, tell=tell)
    if options.format == "peft" and is_full(run.folder):
        raise RunError(
            f"{option('format', 'peft')}: {run.folder.path} has no adapter ({option('method', 'full')}); "
            f"use {option('format', 'merged')}"
        )
    with atomic_folder(out) as fresh:
        if options.format == "peft":
            for file in (WEIGHTS, CONFIG):
                write_bytes(fresh / file, (run.weights.parent / file).read_bytes())
        else:
            tokenizer = load_tokenizer(run.base.folder)
            tokenizer.save(fresh)
            save_model(merge(run.base.model, run.adapter), fresh, eos_id=tokenizer.eos_id)
    return {"run": options.run, "out": str(out), "format": options.format, "base": run.folder.record["config"]["base"]}
