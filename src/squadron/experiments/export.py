"""A run's adapter for other programs: as PEFT's files, or merged into a checkpoint that ``transformers`` opens."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from squadron.errors import RunError
from squadron.experiments.options import ExportOptions
from squadron.experiments.pocket import base_location
from squadron.experiments.run_folder import RunFolder
from squadron.model.adapters import CONFIG, WEIGHTS, load_adapter, merge
from squadron.model.checkpoint import load_base, save_model
from squadron.model.tokenizer import load_tokenizer


def export(options: ExportOptions) -> dict[str, Any]:
    """Write the adapter of a run to a folder of its own; return where and what."""
    out = Path(options.out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError(f"--out {out}: exists and is not an empty folder; choose another")
    folder = RunFolder.open(Path(options.run))
    source = folder.path / options.which
    if not source.is_dir():
        raise RunError(f"{folder.path}: has no {options.which} yet (status: {folder.record['status']}); train it first")
    name = folder.record["config"]["base"]
    base = load_base(base_location(name), offline=options.offline)
    adapter = load_adapter(source, base.model.config)  # checks the files, whichever format is wanted
    if options.format == "peft":
        out.mkdir(parents=True, exist_ok=True)
        for file in (WEIGHTS, CONFIG):
            shutil.copyfile(source / file, out / file)
    else:
        load_tokenizer(base.folder).save(out)
        save_model(merge(base.model, adapter), out)
    return {"run": options.run, "out": str(out), "format": options.format, "base": name}
