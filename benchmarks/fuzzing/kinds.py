"""The kinds of inputs: which valid files each damages, and the commands that read them."""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from fuzzing.damage import damage_file
from fuzzing.sandbox import Command
from fuzzing.trees import TEXTS

_FIXED = ("--offline", "--precision", "fp32", "--device", "cpu")
_NOT_READ = ("table.csv", "best.json")
"""Valid files of formats that are refused with the way to convert them."""
_UNFINISHED = (0, 1, 2)
"""Exit codes of the verbs that train: 1 if a run failed or diverged."""


@dataclass(frozen=True, slots=True)
class Place:
    """The folder of the valid files and that of one input's sandbox."""

    valid: Path
    box: Path

    @property
    def inputs(self) -> Path:
        return self.box / "in"

    @property
    def out(self) -> Path:
        """The folder that a command may make."""
        return self.box / "out"

    @property
    def file(self) -> Path:
        """The one input, if the kind has one."""
        return min(self.inputs.iterdir(), default=self.inputs / "gone")

    def command(self, *words: object, owns: tuple[Path, ...] = (), codes: tuple[int, ...] = (0, 2)) -> Command:
        return Command((*map(str, words), *_FIXED), (self.out, *owns), codes)


Commands = Callable[[Place, random.Random], list[Command]]


@dataclass(frozen=True, slots=True)
class Kind:
    """Inputs of one kind: ``weight`` is their share.

    ``source`` is the folder of the valid files: a file of it is drawn, or if ``whole``, all of it is copied. Of a whole
    folder, files that match ``damaged`` are damaged. ``prepare`` writes the input in another way, or repairs checksums
    after the damage, so that it is read beyond them. ``commands`` lists the commands of which one is drawn.
    """

    name: str
    weight: int
    source: str
    commands: Commands
    whole: bool = False
    damaged: tuple[str, ...] = ("*",)
    prepare: Callable[[Place, random.Random], None] | None = None

    def make(self, place: Place, draw: random.Random) -> Command:
        """Write an input to a cleared sandbox; return the command that reads it.

        One in 25 is not damaged, and must be accepted: a fuzzer whose commands are all refused would find nothing.
        """
        source = place.valid / self.source
        damage = self.name == "bomb" or draw.random() > 0.04
        if self.whole:
            shutil.copytree(source, place.inputs, dirs_exist_ok=True, symlinks=True)
            files = sorted(path for pattern in self.damaged for path in place.inputs.rglob(pattern) if path.is_file())
        else:
            chosen = draw.choice(sorted(source.iterdir()))
            files = [Path(shutil.copy(chosen, place.inputs))]
        if damage:
            for path in draw.sample(files, min(len(files), draw.choice((1, 1, 1, 1, 2, 3)))):
                damage_file(path, draw)
        if self.prepare is not None and damage:
            self.prepare(place, draw)
        command = draw.choice(self.commands(place, draw))
        extra = ("--json",) * (draw.random() < 0.5)
        codes = command.codes if damage or place.file.name in _NOT_READ else (0,)
        return Command((*command.words, *extra), command.owns, codes)


def _ask(place: Place, *words: object, question: str = "Which town?") -> Command:
    context = place.valid / "context" / "context.txt"
    short = ("--max-new-tokens", 2, "--decoding", "greedy", "span", "nucleus")
    given = () if "--context" in words else ("--context", context)
    return place.command("ask", question, *words, *given, *short)


def _evaluate(place: Place, *words: object, owns: tuple[Path, ...] = ()) -> Command:
    return place.command("evaluate", *words, "--limit", 2, "--max-new-tokens", 2, owns=owns)


def _train(place: Place, *words: object, owns: tuple[Path, ...] = ()) -> Command:
    few = ("--max-steps", 1, "--eval-questions", 1, "--rank", 2)
    given = () if "--out" in words else ("--out", place.out)
    return place.command("train", *words, *given, *few, owns=owns, codes=_UNFINISHED)


def _dry_run(place: Place, config: Path, data: Path) -> Command:
    words = ("sweep", config, "--dry-run", "--base", place.valid / "base", "--dataset", data, "--out", place.out)
    sizes = () if data.is_dir() else ("--train-size", 6, "--val-size", 3, "--test-size", 2)
    return place.command(*words, *sizes)


def _data(place: Place, draw: random.Random) -> list[Command]:
    base, predictions = place.valid / "base", place.valid / "predictions"
    sizes = (
        "--train-size",
        4,
        "--val-size",
        2,
        "--test-size",
        1,
        "--split-by",
        draw.choice(("paragraph", "question")),
    )
    prepare = ("prepare", "--dataset", place.file, "--out", place.out, *sizes)
    decoding = draw.choice((("greedy",), ("span",), ("beam", "--beams", 2), ("all",)))
    return [
        *[place.command(*prepare)] * 4,
        place.command(*prepare, "--strict"),
        place.command(*prepare, "--split-contexts"),
        _train(place, "--base", base, "--data", place.file),
        _evaluate(place, "--base", base, "--data", place.file, "--decoding", *decoding),
        place.command("score", predictions / "official.json", place.file),
    ]


def _predictions(place: Place, _: random.Random) -> list[Command]:
    data, other = place.valid / "data" / "second.json", place.valid / "predictions" / "official.json"
    if "odds" in place.file.name:
        return [place.command("score", other, data, "--null-odds", place.file)]
    return [
        place.command("score", place.file, data),
        place.command("score", place.file, data, "--against", other),
        place.command(
            "score", other, data, "--against", place.file, "--null-odds", place.valid / "predictions" / "odds.json"
        ),
    ]


def _config(place: Place, draw: random.Random) -> list[Command]:
    return [_dry_run(place, place.file, place.valid / draw.choice(("prepared", "data/squad.json")))]


def _context(place: Place, draw: random.Random) -> list[Command]:
    question = draw.choice(("Which town?", draw.choice(TEXTS))).replace("\0", "")[:60_000]
    question = question.encode("utf-8", "surrogateescape" if question.isascii() else "replace").decode()
    words = ("--context", place.file, "--base", place.valid / "base")
    return [_ask(place, *words, question="Q" if question.startswith("-") else question)]


def _prepared(place: Place, draw: random.Random) -> list[Command]:
    base = place.valid / "base"
    return [
        _train(place, "--base", base, "--data", place.inputs),
        _evaluate(
            place, "--base", base, "--data", place.inputs, "--split", draw.choice(("train", "validation", "test"))
        ),
        _dry_run(place, place.valid / "config" / "grid.yaml", place.inputs),
        _evaluate(place, place.valid / "runs" / "run", "--data", place.inputs, "--out", place.out),
    ]


def _runs(place: Place, draw: random.Random) -> list[Command]:
    run, other, all_ = place.inputs / "run", place.inputs / "other", place.inputs
    out = ("--out", place.out)
    return [
        *[place.command("runs", "show", run)] * 2,
        *[place.command("runs", "list", all_, *draw.choice(((), ("--decoding", "span"), ("--by", "exact_match"))))] * 3,
        *[place.command("runs", "compare", run, other)] * 2,
        place.command("runs", "prune", all_, "--keep", 1, "--checkpoints", "--last", "--yes", owns=(all_,)),
        place.command("runs", "promote", draw.choice((run, all_)), *out),
        *[_evaluate(place, run, owns=(run,))] * 2,
        _evaluate(place, run, *out),
        *[_ask(place, "--run", run, "--compare", other)] * 2,
        place.command(
            "export",
            run,
            *out,
            "--to",
            draw.choice(("peft", "merged")),
            "--which",
            draw.choice(("adapter", "last")),
        ),
        place.command("report", run, "--out", place.out / "report.html"),
        place.command("analyze", "--results-dir", run, *out),
        *_resumed(place, "run"),
    ]


def _resumed(place: Place, name: str) -> list[Command]:
    run = place.inputs / name
    words = ("--base", place.valid / "base", "--data", place.valid / "prepared", "--epochs", 2, "--eval-questions", 2)
    given = ("train", *words, "--rank", 2, "--out", run)
    return [
        place.command(*given, "--resume", owns=(run,), codes=_UNFINISHED),
        place.command(*given, "--replace", owns=(run,), codes=_UNFINISHED),
    ]


def _sweep(place: Place, draw: random.Random) -> list[Command]:
    home = place.inputs
    lang = ("--lang", draw.choice(("en", "fa")))
    form = draw.choice(("html", "pdf"))
    places = ("--base", place.valid / "base", "--dataset", place.valid / "prepared", "--out", home)
    resume = ("sweep", place.valid / "config" / "grid.yaml", *places, "--resume")
    runs = sorted(path for path in (home / "runs").glob("*")) or [home]
    return [
        *[place.command("runs", "list", home)] * 4,
        place.command("runs", "prune", home, "--keep", 1, "--yes", owns=(home,)),
        place.command("runs", "promote", home, "--out", place.out),
        place.command("runs", "compare", home / "baseline", runs[0]),
        *[place.command(*resume, owns=(home,), codes=_UNFINISHED)] * 3,
        place.command(*resume[:-1], "--join", owns=(home,), codes=_UNFINISHED),
        place.command(*resume[:-1], "--replace", owns=(home,), codes=_UNFINISHED),
        place.command("report", home, "--out", place.out / f"report.{form}", "--format", form, *lang),
        place.command("report", home, *lang, owns=(home / "report",)),
        place.command("analyze", "--results-dir", home, "--out", place.out, *lang),
    ]


def _stopped(place: Place, _: random.Random) -> list[Command]:
    return _resumed(place, "stopped")[:1]


def _adapter(place: Place, draw: random.Random) -> list[Command]:
    run = place.inputs / "run"
    which = ("--which", draw.choice(("adapter", "last")), "--to", draw.choice(("peft", "merged", "hub-folder")))
    return [
        _evaluate(place, run, "--out", place.out),
        _ask(place, "--run", run),
        place.command("export", run, "--out", place.out, *which),
        place.command("runs", "show", run),
        *_resumed(place, "run")[:1],
    ]


def _base(place: Place, _: random.Random) -> list[Command]:
    base, data = place.inputs, place.valid / "data" / "squad.json"
    return [
        _evaluate(place, "--base", base, "--data", data),
        _ask(place, "--base", base),
        _train(place, "--base", base, "--data", data),
        _evaluate(place, place.valid / "runs" / "run", "--base", base, "--out", place.out),
    ]


def _bare_base(place: Place, draw: random.Random) -> list[Command]:
    """Return the commands for a base that no run was trained on."""
    return _base(place, draw)[:3]


def _seal(place: Place, draw: random.Random) -> None:
    """Mostly make the checksums match the damaged files again, so that they are read."""
    if draw.random() < 0.2:
        return
    for run in ("run", "stopped"):
        record = place.inputs / run / "run.json"
        try:
            content = json.loads(record.read_bytes())
            for which in content["weights_sha256"]:
                weights = place.inputs / run / which / "adapter_model.safetensors"
                content["weights_sha256"][which] = hashlib.sha256(weights.read_bytes()).hexdigest()
            record.write_text(json.dumps(content))
        except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
            pass  # the record itself is damaged, or the weights are gone
        _seal_checkpoint(place.inputs / run / "checkpoint.safetensors")


def _seal_checkpoint(path: Path) -> None:
    try:
        data = path.read_bytes()
    except OSError:
        return
    key = b'"sha256":"'
    at = data.find(key) + len(key)
    if at >= len(key) and len(data) >= at + 64:
        blank = data[:at] + b"0" * 64 + data[at + 64 :]
        path.write_bytes(data[:at] + hashlib.sha256(blank).hexdigest().encode() + data[at + 64 :])


def _bomb(place: Place, draw: random.Random) -> None:
    """Write a small file that unpacks to 0.5 to 1.3 GB, or a sparse one that holds as much without taking space."""
    place.file.unlink(missing_ok=True)
    size = draw.choice((500, 900, 1300)) * 10**6
    piece = draw.choice((b"\0", b" ", b"[", b'{"a":', b'"' + b"x" * 99, b'["x"],', b"1,", b"[],\n", '["é"],'.encode()))
    block = piece * (2**24 // len(piece))
    how = draw.randrange(3)
    if how == 2:
        with (place.inputs / "sparse.json").open("wb") as stream:
            stream.write(draw.choice((b"", b"[", b'{"data": "')))
            stream.truncate(size)
        return
    pack, name = (
        (lambda data: gzip.compress(data, 1, mtime=0), "bomb.json.gz"),
        (lambda data: lzma.compress(data, preset=0), "bomb.json.xz"),
    )[how]
    first, last = pack(b"["), pack(piece.rstrip(b",\n") + b"]")  # with both, some pieces make valid JSON
    (place.inputs / name).write_bytes(first + pack(block) * (size // len(block)) + last)


def _bombed(place: Place, draw: random.Random) -> list[Command]:
    found = _data(place, draw)
    answers = [place.command("score", place.file, place.valid / "data" / "squad.json")]
    context = [_ask(place, "--context", place.file, "--base", place.valid / "base")]
    return [*found[:1], *found[-3:], *answers, *context]


KINDS = {
    kind.name: kind
    for kind in (
        Kind("data", 60, "data", _data),
        Kind("predictions", 12, "predictions", _predictions),
        Kind("config", 24, "config", _config),
        Kind("context", 4, "context", _context),
        Kind("prepared", 14, "prepared", _prepared, whole=True),
        Kind("run", 30, "runs", _runs, whole=True, damaged=("run/*.json*", "other/*.json*", "run/*/*.json")),
        Kind("sweep", 22, "sweep", _sweep, whole=True, damaged=("*.json*", "*.csv")),
        Kind(
            "checkpoint",
            14,
            "runs",
            _stopped,
            whole=True,
            damaged=("stopped/*.safetensors", "stopped/run.json"),
            prepare=_seal,
        ),
        Kind("adapter", 20, "runs", _adapter, whole=True, damaged=("run/adapter/*", "run/last/*"), prepare=_seal),
        Kind("base", 24, "base", _base, whole=True, damaged=("config.json", "*.safetensors")),
        Kind("shards", 8, "shards", _bare_base, whole=True),
        Kind("tokenizer", 24, "base", _bare_base, whole=True, damaged=("token*.json",)),
        Kind("bomb", 1, "context", _bombed, prepare=_bomb),
    )
}
