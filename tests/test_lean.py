"""The engine runs from a plain checkout, with PyTorch, NumPy, safetensors and tokenizers alone: as on a GPU machine."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "squadron"
PACKAGES = ("model", "data", "training", "decoding")
LEAN = {"torch", "numpy", "safetensors", "tokenizers"}
OPTIONAL = {
    "data/parquet.py": {"pyarrow"},
    "data/hub.py": {"huggingface_hub"},
}
"""What functions import that read parquet files or from the hub, each in the one place where it is needed."""

REFUSE = f"""
import builtins, sys
found = builtins.__import__
allowed = {sorted(LEAN)!r} + ["squadron", *sys.stdlib_module_names]

def lean(name, globals=None, locals=None, fromlist=(), level=0):
    importer = (globals or {{}}).get("__name__", "")
    if importer.split(".")[0] == "squadron" and level == 0 and name.split(".")[0] not in allowed:
        raise ImportError(f"{{importer}} imports {{name}}")
    return found(name, globals, locals, fromlist, level)

builtins.__import__ = lean
for name in ("pydantic", "huggingface_hub", "filelock", "datasets", "pyarrow", "scipy", "jinja2", "typer", "rich",
             "ruamel"):
    sys.modules[name] = None  # refused to the libraries too
"""
"""Code that lets Squadron's modules import nothing but the standard library and what is lean."""

STUDY = """
from pathlib import Path
import squadron

base_folder, data, out = map(Path, sys.argv[1:])
from squadron.training.precision import dtype_rule, resolve_device
device = resolve_device("cpu")
base = squadron.load_base(str(base_folder), dtype=dtype_rule("auto", device), device=device)
config, tokenizer = base.model.config, squadron.load_tokenizer(base_folder)
dataset = squadron.load_data(data)
examples, _ = squadron.encode_training(dataset, tokenizer, max_length=128)
batches = squadron.BatchSampler(examples, batch_size=4, order="paragraph", seed=1)
fleet = squadron.Fleet(config, [squadron.LoraSpec(rank=2), squadron.LoraSpec(rank=3, dropout=0.1)], device=device)
trainer = squadron.FleetTrainer(base.model, fleet, batches, learning_rates=(1e-3, 1e-3), total_steps=2)
print(trainer.step().tokens > 0, trainer.step().step)
squadron.save_adapter(out, fleet.weights(0), base="bytes")
again = squadron.Fleet.from_weights(config, [squadron.load_adapter(out, config)], device=device)
contexts, _ = squadron.encode_evaluation(dataset, tokenizer, max_prompt=120)
strategies = squadron.resolve_strategies(["greedy", "beam", "nucleus", "span"])
answers = squadron.generate(
    base.model, contexts[:1], strategies=strategies, max_new_tokens=3, eos_id=tokenizer.eos_id, fleet=again,
    encoder=tokenizer,
)
print(sorted(answers))
"""


def outside(path: Path, *, deferred: bool) -> set[str]:
    """Return the libraries that a module imports as it is loaded, or, ``deferred``, that its functions import."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    within = {id(inner) for function in functions for inner in ast.walk(function)}
    names: set[str] = set()
    for node in ast.walk(tree):
        if (id(node) in within) is deferred:
            if isinstance(node, ast.Import):
                names |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                names.add((node.module or "").partition(".")[0])
    return names - set(sys.stdlib_module_names) - LEAN - {"squadron"}


def of_gpus(name: str) -> set[str]:
    """Return what the modules of GPU kernels may import: Triton, which PyTorch for GPUs brings along."""
    return {"triton"} if name.startswith("model/gpu/") else set()


def engine_modules() -> list[Path]:
    found = [path for package in PACKAGES for path in sorted((SOURCE / package).rglob("*.py"))]
    assert len(found) > 30
    return found


def run(code: str, *arguments: object) -> str:
    """Run code in a process of its own that refuses all else."""
    command = [sys.executable, "-c", REFUSE + code, *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(SOURCE.parent)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_modules_of_the_engine_load_nothing_else() -> None:
    for path in engine_modules():
        name = path.relative_to(SOURCE).as_posix()
        assert outside(path, deferred=False) <= of_gpus(name), name
        assert outside(path, deferred=True) <= OPTIONAL.get(name, set()) | of_gpus(name), name


def test_whatever_they_import_loads_nothing_else() -> None:
    paths = [path for path in engine_modules() if "triton" not in outside(path, deferred=False)]
    names = [".".join(path.relative_to(SOURCE.parent).with_suffix("").parts) for path in paths]
    names += [f"squadron.{name}" for name in ("errors", "files", "randomness", "threads", "marks", "ownership")]
    code = f"import importlib\nfor name in {names}:\n    importlib.import_module(name)\nprint(len(sys.modules))"
    assert int(run(code)) > len(names)


def test_the_engine_trains_and_answers_with_nothing_else(
    byte_base_dir: Path, small_squad: Path, tmp_path: Path
) -> None:
    printed = run(STUDY, byte_base_dir, small_squad, tmp_path)
    assert printed == "True 1\n['beam', 'greedy', 'nucleus', 'span']\n"
