"""Check and measure everything on one GPU, with one command and within nine minutes: `make gpu`.

It needs a checkout and what machines with a GPU have: Python 3.11 or newer with torch, numpy, safetensors, tokenizers,
transformers and peft. Nothing must be installed or carried along beside the checkout, and there is no network: the
base has GPT-2's 124M shape with seeded random weights, questions are random tokens with SQuAD's lengths.

Results go to `--out` (gpu-results/): gpu.json, gpu.log, the tables of the profiles, and a trace of one step. They are
written after every case, so that a run that is cut short keeps what it had; `--resume` continues it. `--tiny --device
cpu` runs all of the code in seconds, on sizes whose figures mean nothing. `--page FILE ...` makes docs/gpu.md from the
gpu.json of one card or more, the main one first, and copies them beside it (gpu.json, gpu-CARD.json). `--page none`
makes the page that says that nothing has been measured.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]  # runs from a checkout, uninstalled

import torch  # noqa: E402

from gpu_sections.page import page, summary  # noqa: E402
from gpu_sections.running import RECORD, SECTIONS, Run, restart_process  # noqa: E402
from gpu_sections.setting import FULL, TINY, Figures, Setting  # noqa: E402
from gpu_sections.tables import card_name  # noqa: E402
from gpu_sections.texts import ORIGIN  # noqa: E402
from squadron.errors import DataError, SquadronError  # noqa: E402
from squadron.files import read_json, write_json, write_text  # noqa: E402
from squadron.training.precision import resolve_device  # noqa: E402

PAGE = ROOT / "docs" / "gpu.md"


def main(given: Sequence[str] | None = None, *, device: torch.device | None = None) -> int:
    """Run the command line ``given``; ``device`` overrides its own. Return the exit code: 1 if a case failed."""
    arguments = _parser().parse_args(given)
    if arguments.page:
        _write_page([] if arguments.page == ["none"] else [Path(name) for name in arguments.page])
        return 0
    setting = Setting(
        device=device or resolve_device(arguments.device),
        sizes=TINY if arguments.tiny else FULL,
        precision=arguments.precision,
        full_study=arguments.full_study,
    )
    record: Figures = {"began": time.time(), "tiny": arguments.tiny, "texts": ORIGIN, "sections": {}}
    if arguments.resume and (arguments.out / RECORD).is_file():
        record = _read(arguments.out / RECORD)
    restart = sys.argv[1:] if given is None else list(given)
    run = Run(setting, arguments.out, budget=arguments.budget, restart=lambda: restart_process(restart), record=record)
    run.run(arguments.sections)
    print(summary(run.record), flush=True)
    failed = [own for cases in run.record["sections"].values() for own in cases.values()]
    return int(any("error" in own or own.get("holds") is False for own in failed))


def _write_page(paths: Sequence[Path]) -> None:
    """Write the page, and the records that it is made from beside it."""
    records = [_read(path) for path in paths]
    names = ["gpu.json", *(f"gpu-{_short_name(record)}.json" for record in records[1:])]
    if len(set(names)) < len(names):
        raise DataError(f"--page {' '.join(map(str, paths))}: two records beside the first are of one card; give one")
    for name, record in zip(names, records, strict=False):
        write_json(PAGE.with_name(name), record)
    write_text(PAGE, page(records))


def _short_name(record: Figures) -> str:
    """Return the word of a card's name that tells it from others, such as ``h100``."""
    words = card_name(record).lower().split()
    return next(
        (word for word in words if word.isalnum() and not word.isalpha()), "".join(filter(str.isalnum, words[-1]))
    )


def _read(path: Path) -> Figures:
    record: Figures = read_json(path, what="the figures of a GPU", error=DataError)
    return record


def _sections(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in SECTIONS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]} is unknown; sections are {', '.join(SECTIONS)}")
    return names


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("gpu-results"), help="folder of the results")
    parser.add_argument("--budget", type=float, default=540.0, help="seconds for everything; the rest is left out")
    parser.add_argument("--sections", type=_sections, default=list(SECTIONS), help=f"of {','.join(SECTIONS)}")
    parser.add_argument("--device", default="auto", help="auto, cuda, cuda:N or cpu")
    parser.add_argument("--precision", default="auto", choices=["auto", "bf16", "fp16", "fp32"])
    parser.add_argument("--tiny", action="store_true", help="run all code on sizes whose figures mean nothing")
    parser.add_argument("--full-study", action="store_true", help="train all 75 runs to their end")
    parser.add_argument("--resume", action="store_true", help="continue the run in --out")
    parser.add_argument(
        "--page", nargs="+", metavar="FILE", help="write docs/gpu.md from gpu.json (none: not measured)"
    )
    return parser


if __name__ == "__main__":
    try:
        sys.exit(main())
    except SquadronError as problem:
        print(f"Error: {problem}", file=sys.stderr)
        sys.exit(2)
