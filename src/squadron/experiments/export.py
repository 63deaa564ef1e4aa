"""Export a trained model for others: adapter, merged checkpoint or both, each with tokenizer and card; and push it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from squadron.errors import ConfigError, RunError, option
from squadron.experiments.card import CardFacts, Scored, model_card, scored_by
from squadron.experiments.load_run import is_full, open_run
from squadron.experiments.pocket import base_location
from squadron.experiments.public_name import PublicBase, public_base
from squadron.experiments.published import open_adapter, require_base
from squadron.files import atomic_folder, sha256_file, write_bytes, write_json, write_text
from squadron.hub_upload import check_push, push
from squadron.model.adapters import CONFIG, WEIGHTS, merge
from squadron.model.checkpoint import Base, load_base, save_model
from squadron.model.lora import AdapterWeights
from squadron.model.peft_settings import read_settings
from squadron.model.tokenizer import load_tokenizer
from squadron.options.core import ExportOptions
from squadron.runs.layout import SCORES
from squadron.runs.places import Tell
from squadron.runs.reader import ScoresFile
from squadron.tracking.progress import Reporter

_PRIVATE = {"base", "data", "out", "device", "offline"}
"""Options of a run that its card leaves out: places on this machine, and what it tells elsewhere."""


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is exported. ``folder`` has the adapter's files; None if all weights were trained."""

    base: Base
    adapter: AdapterWeights
    folder: Path | None
    public: PublicBase
    base_sha256: str
    settings: Mapping[str, Any]
    data: Mapping[str, Any]
    scored: tuple[Scored, ...] = ()
    origin: str | None = None

    def parts(self, to: str) -> tuple[str, ...]:
        """Return the parts of an export, as :class:`CardFacts` has them."""
        if self.folder is None:
            return ("model",)
        return {"peft": ("adapter",), "merged": ("merged",), "hub-folder": ("merged", "adapter")}[to]


def export(options: ExportOptions, *, reporter: Reporter | None = None) -> dict[str, Any]:
    """Write the adapter or model of a run, or another's adapter, to a folder of its own; push it if that is asked.

    Returns the path, the format, the base and the files, and what was pushed. If a push fails, no folder is left, and
    the same call does all of it again.
    """
    reporter = reporter or Reporter()
    out = Path(options.out)
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise RunError(f"{option('out', out)}: exists and is not an empty folder; choose another")
    if options.public and options.push is None:
        raise ConfigError(f"{option('public', True)}: is for {option('push')}; give the repository, OWNER/NAME")
    if options.push is not None:
        check_push(options.push, offline=options.offline)
    subject = _open(options, reporter.note)
    facts = CardFacts(
        name=options.push or out.resolve().name,
        parts=subject.parts(options.to),
        base=subject.public,
        base_sha256=subject.base_sha256,
        license=options.license,
        settings=subject.settings,
        data=subject.data,
        scored=subject.scored,
        origin=subject.origin,
    )
    record: dict[str, Any] = {
        "run": options.run,
        **({"adapter": options.adapter} if options.adapter else {}),
        "out": str(out),
        "to": options.to,
        "base": subject.public.name,
    }
    with atomic_folder(out) as fresh:
        _write(fresh, subject, facts.parts)
        write_text(fresh / "README.md", model_card(facts))
        if options.push is not None:
            record["pushed"] = push(
                fresh,
                options.push,
                public=options.public,
                message=f"Upload {' and '.join(facts.parts)} for {subject.public.name}",
                note=reporter.note,
            )
    return record


def _open(options: ExportOptions, tell: Tell) -> _Subject:
    require_base("export", options.adapter, options.base, options.run)
    if options.run is not None:
        return _open_run(options, options.run, tell)
    if options.adapter is None or options.base is None:
        raise ConfigError(f"export: give a run folder, or {option('adapter')} with {option('base')}")
    base = load_base(base_location(options.base), offline=options.offline)
    found = open_adapter(options.adapter, base, offline=options.offline)
    origin = f"{found.hub['id']} at commit `{found.hub['commit']}`" if found.hub else Path(options.adapter).name
    keys = ("r", "lora_alpha", "lora_dropout", "use_rslora", "target_modules", "rank_pattern", "alpha_pattern")
    settings = {key: value for key in keys if (value := found.settings.get(key)) not in (None, {})}
    public = public_base(options.base, base.hub)
    return _Subject(base, found.weights, found.folder, public, base.sha256, settings, {}, origin=origin)


def _open_run(options: ExportOptions, place: str, tell: Tell) -> _Subject:
    run = open_run(Path(place), which=options.which, base_place=options.base, offline=options.offline, tell=tell)
    if options.to == "peft" and is_full(run.folder):
        raise RunError(
            f"{option('to', 'peft')}: {run.folder.path} has no adapter ({option('method', 'full')}); "
            f"use {option('to', 'merged')}"
        )
    record, scores = run.folder.record, run.folder.path / SCORES
    scored = scored_by(ScoresFile.read(scores), sha256_file(run.weights)) if scores.is_file() else ()
    facts = record["base"]
    settings = {key: value for key, value in record["config"].items() if key not in _PRIVATE and value is not None}
    return _Subject(
        run.base,
        run.adapter,
        None if is_full(run.folder) else run.weights.parent,
        public_base(record["config"]["base"], facts.get("hub")),
        facts["sha256"],
        settings,
        record["data"]["train"],
        scored,
    )


def _write(out: Path, subject: _Subject, parts: tuple[str, ...]) -> None:
    """Write the parts of an export with the tokenizer beside each."""
    tokenizer = load_tokenizer(subject.base.folder, vocab_size=subject.base.model.config.vocab_size)
    for part in parts:
        place = out if part == parts[0] else out / part
        tokenizer.save(place)
        if part == "adapter":
            assert subject.folder is not None
            _write_adapter(place, subject.folder, subject.public)
        else:
            save_model(merge(subject.base.model, subject.adapter), place, eos_id=tokenizer.eos_id)


def _write_adapter(out: Path, folder: Path, base: PublicBase) -> None:
    """Copy an adapter's files; its configuration names the base as others may know it, at its commit."""
    write_bytes(out / WEIGHTS, (folder / WEIGHTS).read_bytes())
    named: dict[str, Any] = {"base_model_name_or_path": base.id or base.name}
    write_json(out / CONFIG, {**read_settings(folder), **named, **({"revision": base.commit} if base.commit else {})})
