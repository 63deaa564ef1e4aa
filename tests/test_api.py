"""The verbs from Python: types that editors and mypy see, the checks of the command line, and README's example."""

from __future__ import annotations

import inspect
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

import squadron
from squadron import api
from squadron.cli.main import main
from squadron.errors import ConfigError, SquadronError
from squadron.options import keywords, typed
from squadron.options.base import Options
from squadron.options.core import TrainOptions

ROOT = Path(__file__).resolve().parents[1]
CALLS: Mapping[str, tuple[str, str]] = {
    "prepare": ("dataset=PLACE, out='data', split_by='article'", "split_by='page'"),
    "train": ("base='pocket', data='data', out=PLACE, rank=8, track=['mlflow']", "rank='8'"),
    "evaluate": ("run=PLACE, decoding=('greedy', 'span'), top_k=None", "samples=None"),
    "sweep": ("config='quick', base='gpt2', dataset=PLACE, out='sweep', seeds=3, dry_run=True", "halving='3'"),
    "reproduce": ("base='gpt2', dataset='squad', out=PLACE, languages=['fa'], preset='paper'", "languages=['de']"),
    "demo": ("out=PLACE, replace=True", "replace='yes'"),
    "ask": ("question='Who?', context=PLACE, run='run', compare=[PLACE, 'other']", "compare=[3]"),
    "score": ("predictions=PLACE, data='data.json', against=PLACE", "against=3"),
    "export": ("run=PLACE, out='peft', to='merged'", "to='onnx'"),
    "analyze": ("results_dir=PLACE, lang='fa'", "lang='de'"),
    "report": ("folder=PLACE, format='pdf', out=PLACE", "format='docx'"),
    "init_base": ("tokenizer=PLACE, out='base', size='gpt2-medium'", "size=2"),
    "doctor": ("device='cpu', precision='fp32'", "precision='fp8'"),
    "list_runs": ("folder=PLACE, by='exact_match'", "by='em'"),
    "show_run": ("run=PLACE", "seed=None"),
    "compare_runs": ("first=PLACE, second='b', split='test'", "data=3"),
    "prune_runs": ("folder=PLACE, keep=3, yes=True", "keep=3.5"),
    "promote_run": ("folder=PLACE, out='best', replace=True", "out=None"),
}
"""Of each function: the arguments of a right call, and one that has the wrong type."""

Function = Callable[..., Any]


def keywords_name(function: str) -> str:
    return "".join(word.title() for word in function.split("_")) + "Keywords"


def model_of(function: str) -> type[Options]:
    return keywords.REQUESTS[keywords_name(function)]


def test_every_function_is_public_and_has_its_options() -> None:
    functions = {
        name for name, value in vars(api).items() if inspect.isfunction(value) and value.__module__ == api.__name__
    }
    assert functions == CALLS.keys()
    assert {keywords_name(name) for name in functions} == keywords.REQUESTS.keys()
    for name in functions:
        assert getattr(squadron, name) is getattr(api, name)
        assert inspect.get_annotations(getattr(api, name))["options"] == f"Unpack[typed.{keywords_name(name)}]"


def test_the_typed_keywords_are_those_that_the_options_make() -> None:
    made = Path(typed.__file__).read_text(encoding="utf-8")
    assert made == keywords.source(), "make it again: python -m squadron.options.keywords"


@pytest.mark.parametrize("name", CALLS)
def test_a_signature_shows_every_option_with_its_default(name: str) -> None:
    function, model = getattr(squadron, name), model_of(name)
    parameters = inspect.signature(function).parameters
    own = {key for key in ("reporter", "listeners") if f"{key}: " in inspect.getsource(function)}
    assert parameters.keys() == model.model_fields.keys() | own
    for key, field in model.model_fields.items():
        shown = parameters[key]
        assert shown.kind is inspect.Parameter.KEYWORD_ONLY
        if field.is_required():
            assert shown.default is inspect.Parameter.empty
        else:
            assert shown.default == field.default
    required = [key for key, parameter in parameters.items() if parameter.default is inspect.Parameter.empty]
    assert [*parameters][: len(required)] == required


@pytest.mark.parametrize("name", CALLS)
def test_a_function_checks_the_options_of_its_model(name: str) -> None:
    with pytest.raises(ConfigError) as caught:
        getattr(squadron, name)(nosuch=1)
    known = ", ".join(model_of(name).model_fields)
    assert f"nosuch: unknown option; known are {known}" in str(caught.value)


@pytest.mark.parametrize("name", squadron.__all__)
def test_a_public_name_exists_and_is_documented(name: str) -> None:
    value = getattr(squadron, name)
    assert value.__doc__
    assert name in dir(squadron)


def test_an_unknown_name_is_an_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        squadron.trian  # type: ignore[attr-defined]  # noqa: B018


def a_program() -> list[str]:
    """Return a user's program, a line each: right and wrong calls of every function, and every public name."""
    lines = ["from pathlib import Path", "import squadron", "PLACE = Path('somewhere')"]
    for name, (right, wrong) in CALLS.items():
        key = wrong.partition("=")[0]
        rest = re.sub(rf"\b{key}=('[^']*'|\[[^\]]*\]|\w+)(, )?", "", right).rstrip(", ")
        lines += [f"squadron.{name}({right})", f"squadron.{name}({right}, nosuch=1)"]
        lines += [f"squadron.{name}({', '.join(filter(None, (rest, wrong)))})"]
    lines += ["squadron.train(base='gpt2', data='data')", "squadron.train('gpt2')", "squadron.trian()"]
    return lines + [f"reveal_type(squadron.{name})" for name in squadron.__all__]


@pytest.fixture(scope="module")
def checked_program(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """What ``mypy --strict`` says of :func:`a_program`, by line of code: ``call-arg`` and the like, and types."""
    pytest.importorskip("mypy", reason="types are checked by mypy")
    folder = tmp_path_factory.mktemp("typed")
    lines = a_program()
    (folder / "program.py").write_text("\n".join(lines) + "\n")
    # The types of other libraries are in none of these calls, and take most of mypy's time.
    others = ",".join(f"{name}.*" for name in ("torch", "numpy", "transformers", "altair", "huggingface_hub", "gradio"))
    (folder / "mypy.ini").write_text(f"[mypy]\n[mypy-{others}]\nfollow_imports = skip\n")
    command = [sys.executable, "-m", "mypy", "--strict", "--config-file=mypy.ini", "--no-pretty", "--no-error-summary"]
    # As a user has it: found on Python's path, with its types because of py.typed.
    environment = {**os.environ, "PYTHONPATH": str(Path(squadron.__file__).parents[1])}
    done = subprocess.run(
        [*command, "--cache-dir", str(folder / "cache"), "program.py"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.stderr
    found: dict[str, list[str]] = {line: [] for line in lines}
    for said in done.stdout.splitlines():
        if " defined in " in said:
            continue  # a note to the error before it
        match = re.fullmatch(r"program\.py:(\d+): (?:error: .*\[([a-z-]+)\]|note: Revealed type is (.*))", said)
        assert match, said
        number, code, revealed = match.groups()
        found[lines[int(number) - 1]].append(code or revealed)
    return found


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", CALLS)
def test_mypy_refuses_a_wrong_name_and_a_wrong_type(name: str, checked_program: dict[str, list[str]]) -> None:
    calls = [line for line in checked_program if line.startswith(f"squadron.{name}(")][:3]
    wrong = "list-item" if "=[" in CALLS[name][1] else "arg-type"
    assert [checked_program[line] for line in calls] == [[], ["call-arg"], [wrong]], calls


@pytest.mark.timeout(900)
def test_mypy_refuses_what_is_missing_or_misspelt(checked_program: dict[str, list[str]]) -> None:
    assert checked_program["squadron.train(base='gpt2', data='data')"] == ["call-arg"]
    assert "call-arg" in checked_program["squadron.train('gpt2')"]
    assert checked_program["squadron.trian()"] == ["attr-defined"]


@pytest.mark.timeout(900)
@pytest.mark.parametrize("name", squadron.__all__)
def test_mypy_sees_the_type_of_a_public_name(name: str, checked_program: dict[str, list[str]]) -> None:
    (revealed,) = checked_program[f"reveal_type(squadron.{name})"]
    assert revealed.startswith(('"def ', '"Overload(def ')), revealed


BOTH: Mapping[str, tuple[str, dict[str, Any], list[str], str, str]] = {
    "train": (
        "train",
        {"base": "b", "data": "d", "out": "o", "resume": True, "replace": True},
        ["train", "--base", "b", "--data", "d", "--out", "o", "--resume", "--replace"],
        "--resume and --replace: choose one",
        "resume=True and replace=True: choose one",
    ),
    "full": (
        "train",
        {"base": "b", "data": "d", "out": "o", "method": "full", "rank": 8, "target_modules": ["all", "attn.c_attn"]},
        [
            *("train", "--base", "b", "--data", "d", "--out", "o", "--method", "full"),
            *("--rank", "8", "--target-modules", "all", "attn.c_attn"),
        ],
        "--method full: trains all weights and has no adapter; leave out --rank 8, --target-modules all attn.c_attn",
        "method='full': trains all weights and has no adapter; leave out rank=8, target_modules=['all', 'attn.c_attn']",
    ),
    "sweep": (
        "sweep",
        {"config": "quick", "base": "b", "dataset": "d", "out": "o", "dry_run": True, "join": True},
        ["sweep", "quick", "--base", "b", "--dataset", "d", "--out", "o", "--join", "--dry-run"],
        "--dry-run and --join: choose one",
        "dry_run=True and join=True: choose one",
    ),
    "evaluate": (
        "evaluate",
        {},
        ["evaluate"],
        "evaluate: give either a run folder, or --base for a base without adapter",
        "evaluate: give either a run folder, or base for a base without adapter",
    ),
    "ask": (
        "ask",
        {"question": "Who?", "context": "c"},
        ["ask", "Who?", "--context", "c"],
        "ask: give --run for an adapter, or --base for a base alone",
        "ask: give run for an adapter, or base for a base alone",
    ),
    "prune": (
        "prune_runs",
        {"folder": "f"},
        ["runs", "prune", "f"],
        "runs prune: choose what to remove: --keep N, --checkpoints or --last",
        "runs prune: choose what to remove: keep N, checkpoints=True or last=True",
    ),
    "track": (
        "train",
        {"base": "b", "data": "d", "out": "o", "track": "paper"},
        ["train", "--base", "b", "--data", "d", "--out", "o", "--track", "paper"],
        "--track paper: unknown; trackers are tensorboard, mlflow, wandb",
        "track='paper': unknown; trackers are tensorboard, mlflow, wandb",
    ),
    "device": (
        "doctor",
        {"device": "tpu"},
        ["doctor", "--device", "tpu"],
        "--device tpu: unknown; use auto, cpu, cuda or cuda:N",
        "device='tpu': unknown; use auto, cpu, cuda or cuda:N",
    ),
}
"""A function and its options, the same as a command, and the error of the command and of the function."""


@pytest.mark.parametrize("case", BOTH)
def test_python_and_the_command_line_make_the_same_checks(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    function, options, command, message, in_python = BOTH[case]
    with pytest.raises(SquadronError) as caught:
        getattr(squadron, function)(**options)
    assert in_python == str(caught.value)
    with pytest.raises(SystemExit) as ended:
        main(command)
    assert ended.value.code == 2
    assert f"squadron: error: {message}" in " ".join(capsys.readouterr().err.split())
    assert not [*tmp_path.iterdir()]


def test_paths_and_one_text_for_a_list_are_taken(tmp_path: Path, small_squad: Path, byte_base_dir: Path) -> None:
    data, run, out = tmp_path / "data", tmp_path / "run", tmp_path / "scores"
    squadron.prepare(dataset=small_squad, out=data, train_size=8, val_size=4, test_size=0)
    options: typed.TrainKeywords = {"base": byte_base_dir, "data": data, "out": run, "max_steps": 1}
    # Lists are what the types ask for; one text is what people write all the same.
    squadron.train(**options, target_modules="attn.c_attn", eval_questions=0)
    record = json.loads((run / "run.json").read_text())
    assert record["config"]["target_modules"] == ["attn.c_attn"]
    assert record["config"]["base"] == str(byte_base_dir)
    assert record["config"]["out"] == str(run)
    scores = squadron.evaluate(run=run, decoding="greedy", max_new_tokens=2, out=out)
    assert [*scores["decodings"]] == ["greedy"]
    assert (out / "scores.json").is_file()
    assert TrainOptions(base=byte_base_dir, data=data, out=run).out == str(run)  # type: ignore[arg-type]


def test_the_example_of_readme_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(encoding="utf-8"), re.DOTALL)
    smaller = {
        'dataset="squad"': 'dataset="pocket", train_size=8, val_size=4',
        'base="gpt2"': 'base="pocket", max_steps=1, eval_questions=0',
        'decoding=("greedy", "span")': 'decoding=("greedy", "span"), max_new_tokens=2',
    }
    for whole, small in smaller.items():
        assert example.count(whole) == 1
        example = example.replace(whole, small)
    names: dict[str, Any] = {}
    exec(example, names)
    assert 0 <= names["scores"]["f1"] <= 100
    assert [*names["scores"]["decodings"]] == ["greedy", "span"]
