"""Threads: settings made before PyTorch is loaded, inherited by workers, and never over the user's own."""

from __future__ import annotations

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

import squadron
from squadron.bench import processes
from squadron.options.sweep import SweepOptions
from squadron.sweeps.engines import join_command
from squadron.threads import SPINNING, cpu_quota, set_thread_defaults, thread_limit, usable_processors

VARIABLES = ("OMP_WAIT_POLICY", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "GOMP_SPINCOUNT", "KMP_BLOCKTIME")
V2 = {"proc/self/cgroup": "0::/\n"}


def environment(**own: str) -> dict[str, str]:
    """This process's environment with these variables of OpenMP alone."""
    kept = {name: value for name, value in os.environ.items() if name not in VARIABLES}
    return {**kept, "PYTHONPATH": str(Path(squadron.__file__).parents[1]), **own}


def python(code: str, **own: str) -> dict[str, str | int | None]:
    """Run code that prints a JSON object, in a process of its own."""
    command = [sys.executable, "-c", f"import json, os, sys\n{code}"]
    done = subprocess.run(command, env=environment(**own), capture_output=True, text=True, check=True)
    found: dict[str, str | int | None] = json.loads(done.stdout.splitlines()[-1])
    return found


def files(root: Path, contents: dict[str, str]) -> Path:
    for name, text in contents.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


@pytest.mark.parametrize("module", ["squadron", "squadron.cli.main", "squadron.sweeps.engines"])
def test_the_policy_is_set_before_torch_is_loaded(module: str) -> None:
    # The process ends where it would load PyTorch, which takes seconds.
    code = f"""
import builtins
real = builtins.__import__
def watched(name, *more, **named):
    if name == "torch":
        print(json.dumps({{"policy": os.environ.get("OMP_WAIT_POLICY")}}), flush=True)
        os._exit(0)
    return real(name, *more, **named)
builtins.__import__ = watched
import {module}
import squadron.training.precision"""
    assert python(code) == {"policy": "PASSIVE"}
    assert python(code, OMP_WAIT_POLICY="ACTIVE") == {"policy": "ACTIVE"}


@pytest.fixture(scope="module")
def started() -> tuple[int, str]:
    """The number of threads of a process that loads Squadron and then PyTorch, and what OpenMP says of its settings."""
    code = "import squadron, torch; print(torch.get_num_threads())"
    shown = environment(OMP_DISPLAY_ENV="true")
    done = subprocess.run([sys.executable, "-c", code], env=shown, capture_output=True, text=True, check=True)
    return int(done.stdout), done.stderr.replace("[host] ", "")


def test_the_runtime_itself_reports_what_was_set(started: tuple[int, str]) -> None:
    if "OMP_WAIT_POLICY" not in started[1]:
        pytest.skip("this PyTorch uses no OpenMP that displays its environment")
    assert "OMP_WAIT_POLICY = 'PASSIVE'" in started[1]


def test_the_number_of_threads_stays_what_pytorch_would_choose_or_the_limit(started: tuple[int, str]) -> None:
    both = "print(json.dumps({'threads': torch.get_num_threads(), 'plain': plain}))"
    own = python("import torch; plain = torch.get_num_threads(); torch.set_num_threads(3)\nimport squadron\n" + both)
    assert own["threads"] == 3
    plain = own["plain"]
    assert isinstance(plain, int)
    assert started[0] == min(plain, thread_limit(usable_processors()))


def test_workers_inherit_the_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of benchmarks and of sweeps: started as Squadron starts them."""
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    set_thread_defaults()
    script = tmp_path / "python"
    script.write_text('#!/bin/sh\nprintf \'{"policy": "%s"}\\n\' "$OMP_WAIT_POLICY"\n')
    script.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(script))
    assert processes.run_worker("train", "squadron", tmp_path) == {"policy": "PASSIVE"}
    command = join_command(SweepOptions(config="quick", base="b", dataset="d", out="o"), "cuda:1")
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == {"policy": "PASSIVE"}


def test_what_the_user_set_stays() -> None:
    given = {"OMP_WAIT_POLICY": "ACTIVE", "OMP_NUM_THREADS": "7"}
    found = dict(given)
    set_thread_defaults(found)
    assert found == given


@pytest.mark.parametrize("name", ["OMP_NUM_THREADS", "MKL_NUM_THREADS"])
def test_a_limit_sets_the_number_unless_the_user_did(name: str, tmp_path: Path) -> None:
    root = files(tmp_path, {**V2, "sys/fs/cgroup/cpu.max": "50000 100000\n"})
    found: dict[str, str] = {}
    set_thread_defaults(found, root=root)
    expected = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "300000"}
    if len(usable_processors()) > 1:
        expected["OMP_NUM_THREADS"] = "1"
    assert found == expected
    own = {name: "5"}
    set_thread_defaults(own, root=root)
    assert own == {name: "5", "OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "300000"}


@pytest.mark.parametrize("name", ["GOMP_SPINCOUNT", "KMP_BLOCKTIME"])
def test_how_long_the_user_lets_threads_spin_stays(name: str, tmp_path: Path) -> None:
    found = {name: "7"}
    set_thread_defaults(found, root=tmp_path)
    assert found == {**SPINNING, name: "7"}


def test_without_a_limit_the_number_is_left_to_the_runtime(tmp_path: Path) -> None:
    found: dict[str, str] = {}
    set_thread_defaults(found, root=tmp_path)
    assert found == {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "300000"}


@pytest.mark.parametrize(
    ("contents", "quota"),
    [
        ({}, math.inf),
        ({"sys/fs/cgroup/cpu.max": "max 100000"}, math.inf),
        ({"sys/fs/cgroup/cpu.max": "350000 100000"}, 3.5),
        ({"sys/fs/cgroup/cpu.max": "garbage"}, math.inf),
        ({"sys/fs/cgroup/cpu.max": "100000 0"}, math.inf),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "200000 100000"}, 2.0),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/cpu.max": "200000 100000",
                "sys/fs/cgroup/a/b/cpu.max": "400000 100000",
            },
            2.0,
        ),
        ({"proc/self/cgroup": "0::/docker/of-the-host\n", "sys/fs/cgroup/cpu.max": "150000 50000"}, 3.0),
        (
            {
                "proc/self/cgroup": "3:cpuset:/\n2:cpu,cpuacct:/job\n0::/\n",
                "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_quota_us": "600000",
                "sys/fs/cgroup/cpu,cpuacct/job/cpu.cfs_period_us": "100000",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "-1",
                "sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000",
            },
            6.0,
        ),
        ({"proc/self/cgroup": "1:cpu:/\n", "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "0"}, math.inf),
    ],
)
def test_the_lowest_limit_of_all_cgroups_counts(contents: dict[str, str], quota: float, tmp_path: Path) -> None:
    assert cpu_quota(files(tmp_path, {**V2, **contents})) == quota


@pytest.mark.parametrize(
    ("processors", "siblings", "limit", "threads"),
    [
        (range(4), None, "max 100000", 4),
        (range(4), {0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"}, "max 100000", 2),
        ((0, 1), {0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"}, "max 100000", 2),
        ((0, 2), {0: "0,2", 1: "1,3", 2: "0,2", 3: "1,3"}, "max 100000", 1),
        (range(8), None, "350000 100000", 3),
        (range(8), None, "50000 100000", 1),
        (range(2), None, "800000 100000", 2),
    ],
)
def test_threads_are_physical_cores_within_the_limit(
    processors: range, siblings: dict[int, str] | None, limit: str, threads: int, tmp_path: Path
) -> None:
    topology = {
        f"sys/devices/system/cpu/cpu{number}/topology/thread_siblings_list": f"{text}\n"
        for number, text in (siblings or {}).items()
    }
    assert thread_limit(processors, root=files(tmp_path, {**V2, **topology, "sys/fs/cgroup/cpu.max": limit})) == threads


def test_prepared_products_of_many_lengths_do_not_pile_up() -> None:
    """In a process of its own, as the limits are read when the library is loaded."""
    program = (
        "import squadron, resource, torch\n"
        "x, w = torch.ones(1200, 256).bfloat16(), torch.ones(1024, 256).bfloat16()\n"
        "def grown(lengths):\n"
        "    for n in lengths: torch.nn.functional.linear(x[:n], w)\n"
        "    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "print((-grown(range(900, 1040)) + grown(range(1040, 1200))) // 1024)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert int(done.stdout) < 100, "MiB for 160 lengths more"
