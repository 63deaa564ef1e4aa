"""Feed damaged and hostile inputs to the command line, and check what it promises of any input: `make fuzz`.

Valid files of every kind are made once: questions in all layouts, predictions, configurations, prepared data, runs, a
sweep, checkpoints, adapters, bases and tokenizers. Each input is one of them with seeded damage, and a command that
reads it, in a process of its own. The command must end with the exit code that is documented, a refusal with one line;
without a traceback, a warning or a signal; within 10 s and 2 GB; with no file made, changed or left outside of the
folder that it was given, nothing unpickled, and no connection.

A failure is printed with the kind and the seed that make it again (`--replay KIND SEED`), and its files are kept in
`--out`. The exit code is then 1.
"""

from __future__ import annotations

import argparse
import os
import sys

if __name__ == "__main__":  # before torch is imported; threads do not survive a fork
    os.environ.update(OMP_NUM_THREADS="1", HF_HUB_OFFLINE="1", TOKENIZERS_PARALLELISM="false")
    sys.dont_write_bytecode = True

import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "src"), str(ROOT / "benchmarks")]  # runs from a checkout, uninstalled

from fuzzing.kinds import KINDS  # noqa: E402
from fuzzing.running import Fuzzer, planned, replay, table  # noqa: E402


def main(given: Sequence[str] | None = None) -> int:
    """Run the command line ``given``; return the exit code: 1 if an input failed."""
    arguments = _parser().parse_args(given)
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="squadron-fuzz-") as home:
        fuzzer = Fuzzer(Path(home).resolve(), arguments.out, arguments.workers)
        fuzzer.prepare()
        if arguments.replay:
            return replay(fuzzer, arguments.replay[0], int(arguments.replay[1]))
        fuzzer.run(planned(arguments.kinds, arguments.inputs, arguments.seed))
    print("\n".join(table(fuzzer.tallies)))
    print(f"{time.monotonic() - began:.0f} s, seed {arguments.seed}, {len(fuzzer.failures)} failures", flush=True)
    return int(bool(fuzzer.failures))


def _kinds(text: str) -> list[str]:
    names = text.split(",")
    unknown = [name for name in names if name not in KINDS]
    if unknown:
        raise argparse.ArgumentTypeError(f"{unknown[0]} is unknown; kinds are {', '.join(KINDS)}")
    return names


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=2000, help="number of inputs")
    parser.add_argument("--seed", type=int, default=0, help="seed of all damage")
    parser.add_argument("--kinds", type=_kinds, default=list(KINDS), help=f"of {','.join(KINDS)}")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1, help="processes at once")
    parser.add_argument("--out", type=Path, default=Path("fuzz-results"), help="folder for the inputs that failed")
    parser.add_argument("--replay", nargs=2, metavar=("KIND", "SEED"), help="run one input again and show its output")
    return parser


if __name__ == "__main__":
    sys.exit(main())
