"""Kill a sweep again and again, as a program of its own: ``python killing.py BASE DATA OUT SEED KILLS``.

It forks from a process that has imported all and computed nothing, so that each try costs little. A try counts the
steps, batches of answers and renamings it makes and, at the one that was drawn, kills itself with SIGKILL: before the
renaming, when the file lies there unnamed, or after it. Prints one JSON object.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

import torch

from squadron.experiments.environment import describe_environment
from squadron.experiments.training_job import FleetTrainer
from squadron.options.sweep import SweepOptions
from squadron.sweeps import worker
from squadron.sweeps.sweep import sweep

CONFIG = """
base: {epochs: 4, lr: 0.05, train_size: 16, val_size: 9, test_size: 5, eval_questions: 4, checkpoint_seconds: 0}
grid: {rank: [2, 3], seed: [0, 1]}
evaluate: {max_new_tokens: 6}
best: {split: test, decoding: [greedy, top-k], max_new_tokens: 6}
"""


class Clock:
    """Count events; kill the process before or after event ``last``."""

    def __init__(self, last: int | None, *, before: bool) -> None:
        self.count, self.last, self.before = 0, last, before

    def around(self, call: Any) -> Any:
        def counted(*arguments: Any, **options: Any) -> Any:
            self.count += 1
            mine = self.count == self.last
            if mine and self.before:
                os.kill(os.getpid(), signal.SIGKILL)
            found = call(*arguments, **options)
            if mine:
                os.kill(os.getpid(), signal.SIGKILL)
            return found

        return counted


def attempt(base: str, data: str, out: Path, last: int | None, *, before: bool) -> int | None:
    """Run one attempt in its own process; return its number of events, or None if it was killed."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        torch.set_num_threads(1)
        clock = Clock(last, before=before)
        os.replace, os.rename = clock.around(os.replace), clock.around(os.rename)
        FleetTrainer.step = clock.around(FleetTrainer.step)  # type: ignore[method-assign]
        worker.SweepJob.check_interruption = clock.around(  # type: ignore[method-assign]
            worker.SweepJob.check_interruption
        )
        config = out.with_suffix(".yaml")
        options = SweepOptions(
            config=str(config), base=base, dataset=data, out=str(out), fleet_size=2, halving=2, precision="fp32"
        )
        result = sweep(options, resume=True)
        assert result["status"] == "done", result
        slow = {"torch._dynamo", "torch.fx.experimental.symbolic_shapes"} & sys.modules.keys()
        assert not slow, "making a model loaded parts of torch's compiler, which takes seconds"
        os.write(writer, str(clock.count).encode())
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as stream:
        counted = stream.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        assert os.WTERMSIG(status) == signal.SIGKILL, status
        return None
    assert os.WEXITSTATUS(status) == 0, "the sweep failed; its trace is above"
    return int(counted)


def main(base: str, data: str, out: str, seed: int, kills: int) -> None:
    """Run one undisturbed sweep, then sweeps to their end that are killed ``kills`` times in all."""
    folder = Path(out)
    folder.mkdir()
    (folder / "whole.yaml").write_text(CONFIG)
    describe_environment(torch.device("cpu"))  # asks git once, before the forks
    total = attempt(base, data, folder / "whole", None, before=False)
    assert total is not None
    draw = random.Random(seed)
    killed: list[int] = []
    ends = []
    while len(killed) < kills:
        own = folder / f"killed-{len(ends)}"
        own.with_suffix(".yaml").write_text(CONFIG)
        here = 0
        while True:
            last = draw.randint(1, total // 3) if len(killed) < kills else None
            if attempt(base, data, own, last, before=draw.random() < 0.5) is not None:
                break
            assert last is not None
            killed.append(last)
            here += 1
        ends.append({"out": str(own), "kills": here})
    sys.stdout.write(json.dumps({"whole": str(folder / "whole"), "counted": total, "killed": ends, "moments": killed}))


if __name__ == "__main__":
    main(*sys.argv[1:4], int(sys.argv[4]), int(sys.argv[5]))
