"""Every call that removes or overwrites files must be listed here with the reason that it is allowed."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[1] / "src" / "squadron"
REMOVING = {"rmtree", "unlink", "rmdir", "remove", "removedirs", "remove_owned", "remove_leftover"}
REMOVING |= {"sweep_leftovers", "sweep_folder"}
MOVING = {"rename", "renames", "move", "copy", "copy2", "copyfile", "copytree", "symlink_to", "hardlink_to"}
MOVING |= {"replace_folder", "swap"}
WRITING = {"write_bytes", "write_text", "write_json", "truncate", "touch", "save", "save_file", "save_model"}
WRITING |= {"save_adapter", "save_checkpoint", "write_failures", "write_predictions", "write_prepared", "savefig"}
WRITING |= {"atomic_path", "atomic_folder", "temporary", "FileLock", "SoftFileLock"}

TEMPORARY = "a temporary with Squadron's naming, which no running process holds"
GIVEN = "writes to the path that its caller, which is listed, gives"
HELD = "within a run or sweep folder that this process made or took over, and whose lock it holds"
FRESH = "a new temporary folder, renamed when it is complete"
MEMORY = "in memory, no file"

ALLOWED = {
    "cli/output.py _discard": ("open", "the null device"),
    "cli/output.py ready_streams": ("open", "the null device"),
    "bench/generate.py bench_generation": ("save_adapter write_json", "a folder of tempfile's"),
    "bench/plan.py TrainPlan.write": ("write_json", "a folder of tempfile's"),
    "bench/plan.py plan_training": ("save_adapter", "a folder of tempfile's"),
    "bench/scale.py _measure": ("write_json", "a folder of tempfile's"),
    "data/prepared.py write_prepared": ("write_json write_json", GIVEN),
    "experiments/bases.py init_base": ("atomic_folder save save_model", FRESH),
    "tracking/events.py Stream._each": ("remove", MEMORY),
    "experiments/export.py export": ("atomic_folder write_text", FRESH),
    "experiments/export.py _write": ("save save_model", GIVEN),
    "experiments/export.py _write_adapter": ("write_bytes write_json", GIVEN),
    "experiments/training_job.py FleetJob.drop": ("save", HELD),
    "experiments/training_job.py FleetJob.finish": ("save", HELD),
    "experiments/training_job.py FleetJob.run": ("save", HELD),
    "experiments/training_job.py FleetJob.save": ("save_checkpoint", HELD),
    "experiments/trainables.py save_trained": ("save save_adapter save_model", HELD),
    "experiments/prepare.py prepare": (
        "atomic_folder sweep_leftovers write_prepared",
        "--replace, and refuse_foreign by the manifest's checksums",
    ),
    "runs/folder.py RunFolder.begin": ("remove_owned", "--replace, and refuse_foreign by the layout"),
    "runs/folder.py RunFolder.discard": ("remove_owned rmdir", "was empty when this command began"),
    "runs/folder.py RunFolder.try_take": ("sweep_folder", TEMPORARY),
    "runs/folder.py RunFolder.update": ("write_json", HELD),
    "runs/folder.py RunFolder.write_metrics": ("write_text", HELD),
    "runs/folder.py folder_lock": ("FileLock", "missing or empty"),
    "experiments/scores.py _drop_scores": ("write_json", "refuse_foreign_results, or HELD"),
    "experiments/scores.py _write_answers": (
        "write_failures write_json write_predictions",
        "refuse_foreign_results, or HELD",
    ),
    "experiments/scores.py _write_scores": ("write_json", "refuse_foreign_results, or HELD"),
    "sweeps/engines.py LocalEngine.run": ("remove", MEMORY),
    "runs/sweep_folder.py SweepFolder.add_fleets": ("write_json", HELD),
    "runs/sweep_folder.py SweepFolder._parts_held": ("FileLock", "a lock that exists, after refuse_foreign"),
    "runs/sweep_folder.py SweepFolder.fleet_lock": ("FileLock", HELD),
    "runs/sweep_folder.py SweepFolder.split_fleet": ("unlink write_json write_json", HELD),
    "runs/sweep_folder.py SweepFolder.write_part": ("unlink write_bytes", HELD),
    "sweeps/halving.py decide": ("write_json", HELD),
    "sweeps/worker.py SweepJob._run_part": ("unlink", "the checkpoint of a fleet that is done, and HELD"),
    "sweeps/worker.py SweepJob._split": ("save", HELD),
    "sweeps/leaderboard.py write_leaderboard": ("write_json write_text", HELD),
    "sweeps/memory.py _peak": ("write_text", "a switch of the kernel's in /proc"),
    "sweeps/ray_engine.py RayEngine.run": ("remove remove", MEMORY),
    "sweeps/ray_worker.py _load_inputs": ("write_bytes", "a folder of tempfile's"),
    "sweeps/sweep.py _open_inputs": ("rename rmtree", "questions that this command has just made, and HELD"),
    "runs/maintenance.py _mark_pruned": ("write_json", "the record of a run, held"),
    "runs/maintenance.py _remove": ("remove_owned rmdir unlink", "--yes, and the layout of weights, held"),
    "runs/maintenance.py _copy": ("copy2", GIVEN),
    "runs/maintenance.py promote": (
        "atomic_folder copytree sweep_leftovers write_json",
        "--replace, and refuse_foreign by the layout",
    ),
    "hub.py Snapshot.listing": ("write_json", "in the hub's cache, under a name of its own there"),
    "hub.py _looked_up": ("write_text", "in the hub's cache: the commit of a branch, as its library writes it"),
    "hub_transfer.py Transfer._check": ("unlink unlink", "in the hub's cache, under a name of its own there"),
    "hub_transfer.py Transfer._download": ("unlink unlink", "in the hub's cache, under a name of its own there"),
    "hub_transfer.py Transfer._fetch_blob": (
        "FileLock replace rmdir unlink",
        "in the hub's cache, under a name of its own there",
    ),
    "files.py atomic_folder": ("rename replace_folder rmdir sweep_leftovers temporary", GIVEN),
    "files.py atomic_path": ("open replace sweep_leftovers temporary", GIVEN),
    "files.py write_bytes": ("atomic_path write_bytes", GIVEN),
    "files.py write_json": ("write_text", GIVEN),
    "files.py write_text": ("write_bytes", GIVEN),
    "options/keywords.py ": ("write_text", "run as a program: the generated module beside it"),
    "model/adapters.py save_adapter": ("atomic_path save_file write_json", GIVEN),
    "model/checkpoint.py save_model": ("atomic_path save_file write_json", GIVEN),
    "model/tokenizer.py Tokenizer.save": ("write_json write_text", GIVEN),
    "ownership.py remove_owned": ("remove_leftover remove_owned rmdir unlink", "the layout that its caller gives"),
    "ownership.py sweep_folder": ("remove_leftover", TEMPORARY),
    "pocket/build.py build": (
        "save save_model unlink write_json write_text",
        "a folder that was empty, or holds the checkpoint of a build",
    ),
    "pocket/pretrain.py _save": ("save_checkpoint", GIVEN),
    "reporting/analyze.py _write": ("write_bytes write_json", "refuse_overwrite by the list in analysis.json"),
    "reporting/report.py write_reports": ("write_bytes write_bytes", "refuse_overwrite by the mark of a report"),
    "scoring/failures.py write_failures": ("write_json", GIVEN),
    "scoring/predictions.py write_predictions": ("write_json", GIVEN),
    "temporaries.py _make": ("open", "a name that did not exist"),
    "temporaries.py _restore": ("rename", TEMPORARY),
    "temporaries.py remove_leftover": ("rmtree unlink", TEMPORARY),
    "temporaries.py replace_folder": ("rename rename rename rmtree swap", GIVEN),
    "temporaries.py sweep_leftovers": ("remove_leftover", TEMPORARY),
    "temporaries.py temporary": (
        "rmtree unlink",
        "the temporary that this process made, or the old content that it replaced",
    ),
    "training/checkpoint.py save_checkpoint": ("atomic_path open save_file", GIVEN),
}
"""By file and function: the calls, each as often as it occurs there, and the reason that allows them."""


def risky(call: ast.Call) -> str | None:
    """Return the name of a call that removes or overwrites files; None for any other."""
    function = call.func
    name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
    if name in REMOVING | MOVING | WRITING:
        return name
    if name == "replace" and isinstance(function, ast.Attribute):  # of a path; text has two arguments, dataclasses more
        return name if len(call.args) == 1 and not call.keywords else None
    if name in ("open", "fdopen"):
        given = [*call.args, *(keyword.value for keyword in call.keywords)]
        modes = [one.value for one in given if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        flags = " ".join(ast.unparse(one) for one in given if not isinstance(one, ast.Constant))
        writes = any(set(mode) <= set("rwxab+t") and set(mode) & set("wxa+") for mode in modes)
        return name if writes or any(flag in flags for flag in ("O_CREAT", "O_TRUNC", "O_WRONLY", "O_RDWR")) else None
    return None


def places(node: ast.AST, where: str = "") -> Iterator[tuple[str, str]]:
    """Yield each function with a call in it that removes or overwrites files."""
    for child in ast.iter_child_nodes(node):
        inner = where
        if isinstance(child, ast.ClassDef | ast.FunctionDef) and where.count(".") < 1:
            inner = f"{where}.{child.name}".lstrip(".") if isinstance(node, ast.Module | ast.ClassDef) else where
        if isinstance(child, ast.Call) and (name := risky(child)):
            yield inner, name
        yield from places(child, inner)


def test_every_call_that_removes_or_overwrites_is_listed_with_its_reason() -> None:
    found: dict[str, list[str]] = {}
    for path in sorted(SOURCE.rglob("*.py")):
        for function, name in places(ast.parse(path.read_text())):
            found.setdefault(f"{path.relative_to(SOURCE).as_posix()} {function}", []).append(name)
    assert len(found) > 40
    calls = {place: " ".join(sorted(names)) for place, names in found.items()}
    assert calls == {place: names for place, (names, _) in ALLOWED.items()}


def test_the_scan_finds_calls_that_remove_or_overwrite() -> None:
    lines = {
        "shutil.rmtree(x)": "rmtree",
        "os.remove(x)": "remove",
        "path.replace(other)": "replace",
        "text.replace(a, b)": None,
        "dataclasses.replace(one, a=b)": None,
        "path.open('rb')": None,
        "path.open('w')": "open",
        "open(path, mode='ab')": "open",
        "os.open(path, os.O_WRONLY | os.O_CREAT)": "open",
        "os.open(path, os.O_RDONLY)": None,
        "shutil.move(a, b)": "move",
        "files.write_json(a, b)": "write_json",
    }
    for line, name in lines.items():
        (call,) = (node for node in ast.walk(ast.parse(line)) if isinstance(node, ast.Call))
        assert risky(call) == name, line
