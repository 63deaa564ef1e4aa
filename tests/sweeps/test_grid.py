"""Configurations of sweeps: their runs, the names of these, and the report of all problems at once."""

from __future__ import annotations

import itertools
import re
import time
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers import load_script
from squadron.errors import ConfigError
from squadron.model.config import read_config
from squadron.model.targets import resolve_targets, trainable_parameters
from squadron.options.axes import AXES
from squadron.options.base import checked
from squadron.options.core import TrainOptions
from squadron.pocket.base import pocket_base
from squadron.scoring.designs import METRICS
from squadron.sweeps.axes import name_problem, run_name, same_run
from squadron.sweeps.grid import SweepPlan, read_sweep
from squadron.sweeps.yaml_file import read_yaml

ROOT = Path(__file__).resolve().parents[2]


def plan(tmp_path: Path, text: str, **overrides: Any) -> SweepPlan:
    path = tmp_path / "sweep.yaml"
    path.write_text(text)
    return read_sweep(path, overrides)


def names(tmp_path: Path, text: str, **overrides: Any) -> list[str]:
    return [run.name for run in plan(tmp_path, text, **overrides).runs]


def problems(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        plan(tmp_path, text)
    head, *lines = str(caught.value).splitlines()
    assert head == f"{tmp_path / 'sweep.yaml'}: {len(lines)} problem{'s' * (len(lines) > 1)}; nothing was started"
    return lines


def test_a_grid_is_every_combination_and_names_show_the_changes(tmp_path: Path) -> None:
    text = "base: {epochs: 1, train_size: 200, val_size: 50}\ngrid: {rank: [4, 8], lr: [1e-4, 1.0e-3], targets: [all]}"
    found = plan(tmp_path, text)
    assert [run.name for run in found.runs] == ["r4-lr1e-4-all", "r4-lr1e-3-all", "r8-lr1e-4-all", "r8-lr1e-3-all"]
    assert found.runs[1].changes == {"rank": 4, "lr": 1e-3, "targets": "all"}
    assert found.runs[1].options == {"epochs": 1, "rank": 4, "lr": 1e-3, "target_modules": ("all",)}
    assert found.config.data_options == {"train_size": 200, "val_size": 50}
    for run in found.runs:  # they are options of train
        checked(TrainOptions, {"base": "b", "data": "d", "out": "o", **run.options})


def test_tied_axes_move_together_and_exclusions_leave_combinations_out(tmp_path: Path) -> None:
    text = "grid: {seed: [0, 1]}\ntied: {rank: [4, 8, 16], alpha: [8, 16, 32]}\nexclude: [{seed: 1, rank: 8}]"
    own = ["r4-a8-s0", "r8-a16-s0", "r16-a32-s0", "r4-a8-s1", "r16-a32-s1"]
    assert names(tmp_path, text) == own


def test_single_runs_are_small_differences_and_may_have_names(tmp_path: Path) -> None:
    text = "base: {lr: 0.01}\nruns: [{rank: 64, name: large}, {targets: [attn.q, attn.v]}, {scaling: alpha/sqrt(r)}]"
    found = plan(tmp_path, text)
    assert [run.name for run in found.runs] == ["large", "attn.q+attn.v", "alpha-sqrt-r"]
    assert found.runs[1].options == {"lr": 0.01, "target_modules": ("attn.q", "attn.v")}


def test_seeds_make_replicates(tmp_path: Path) -> None:
    assert names(tmp_path, "grid: {rank: [4]}\nseeds: 2\nbase: {seed: 7}") == ["r4-s7", "r4-s8"]
    assert names(tmp_path, "runs: [{rank: 4, name: mine}]\nseeds: [3, 1]") == ["mine-s3", "mine-s1"]
    assert names(tmp_path, "seeds: 2") == ["s0", "s1"]
    assert names(tmp_path, "grid: {rank: [4]}", seeds=2) == ["r4-s0", "r4-s1"]


def test_overrides_replace_values_of_the_file(tmp_path: Path) -> None:
    text = "base: {epochs: 5, rank: 4}\ngrid: {lr: [0.1]}"
    found = plan(tmp_path, text, epochs=2, train_size=30, decoding=("span",), split="test")
    assert found.runs[0].options == {"epochs": 2, "rank": 4, "lr": 0.1}
    assert found.config.data_options == {"train_size": 30}
    assert (found.config.evaluate.split, found.config.evaluate.decoding) == ("test", ("span",))


def test_full_fine_tuning_ignores_the_adapter_options_of_the_base(tmp_path: Path) -> None:
    text = "base: {rank: 8, alpha: 16, epochs: 2}\ngrid: {lr: [0.1]}\nruns: [{method: full, lr: 5e-5}]"
    found = plan(tmp_path, text)
    assert [run.name for run in found.runs] == ["lr1e-1", "lr5e-5-full"]
    assert found.runs[1].options == {"epochs": 2, "method": "full", "lr": 5e-5}
    for run in found.runs:
        checked(TrainOptions, {"base": "b", "data": "d", "out": "o", **run.options})
    (told, *_) = problems(tmp_path, "grid: {rank: [4], method: [full]}")
    assert told.startswith("method full of 'r4-full': trains all weights and has no adapter: leave rank out")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("bsae: {}\nseeds: 1", "bsae {}: unknown key, perhaps base"),
        ("base: {epoch: 1}\nseeds: 1", "base.epoch 1: unknown option, perhaps epochs"),
        ("base: {out: x}\nseeds: 1", "base.out 'x': not set here; give it with out"),
        ("base: {rank: true}\nseeds: 1", "base.rank True: input should be a valid integer"),
        ("base: {lr: '1e-4'}\nseeds: 1", "base.lr '1e-4': input should be a valid number"),
        ("base: {rank: 010}\nseeds: 1", "base.rank '010': input should be a valid integer"),
        ("base: {lr: .nan}\nseeds: 1", "base.lr nan: input should be a finite number"),
        ("base: 3\nseeds: 1", "base 3: not a mapping"),
        (
            "grid: {rank: []}\nseeds: 1",
            "grid.rank []: too short; give 1 or more, or leave it out; an example is grid: {rank",
        ),
        ("grid: {rank: 4}\nseeds: 1", "grid.rank 4: not a list"),
        ("grid: {rank: [4, 4]}", "grid.rank [4, 4]: 4 is there more than once"),
        ("grid: {rank: [4, 0]}", "grid.rank[1] 0: input should be greater than or equal to 1"),
        ("grid: {targets: [c_proj]}\nseeds: 1", "grid.targets[0] 'c_proj': ambiguous, GPT-2 has two"),
        ("grid: {targets: [[]]}\nseeds: 1", "grid.targets[0] []: not a module"),
        ("grid: {train_size: [9]}\nseeds: 1", "grid.train_size [9]: the same for all runs of a sweep"),
        ("grid: {rnak: [9]}\nseeds: 1", "grid.rnak [9]: unknown axis, perhaps rank"),
        ("grid: {r: [4]}\nseeds: 1", "grid.r [4]: unknown axis, perhaps rank"),
        (
            "tied: {rank: [4, 8], alpha: [1]}\nseeds: 1",
            "tied[0] {'rank': [4, 8], 'alpha': [1]}: lists of different lengths (rank has 2, alpha has 1)",
        ),
        ("tied: {rank: [4]}\nseeds: 1", "tied[0] {'rank': [4]}: too short; give 2 or more"),
        ("grid: {rank: [1]}\ntied: {rank: [4], lr: [1]}", "tied[0].rank (4,): is in grid too"),
        ("grid: {rank: [4]}\nexclude: [{rank: 5}]", "exclude[0] {'rank': 5}: matches no run"),
        ("seeds: 2\nexclude: [{rank: 5}]", "exclude[0] {'rank': 5}: matches no run: there is no grid"),
        ("grid: {rank: [4]}\nexclude: [{rank: 4}]", "exclude [{'rank': 4}]: leaves no run"),
        ("runs: [{rank: 4, name: ../../etc}]", "runs[0].name '../../etc': not a name for a folder"),
        ("runs: [{rank: 4, name: اول}]", "runs[0].name 'اول': not a name for a folder; use ASCII letters"),
        ("runs: [{rank: 4, name: aux}]", "runs[0].name 'aux': a name that Windows reserves"),
        ("runs: [{rank: 4, name: [a]}]", "runs[0].name ['a']: not a name for a folder"),
        ("runs: [{rank: 5, name: A}, {rank: 6, name: a}]", "runs 'a': has the same name as another run, A"),
        ("grid: {targets: [all, attention+mlp]}", "runs 'attention+mlp': trains the same adapter as all"),
        ("runs: [{rank: 4}, {lr: 1e-3}]", "runs 'lr1e-3': trains the same adapter as r4"),  # both are the defaults
        ("grid: {seed: [1]}\nseeds: 2", "seeds (0, 1): seed is an axis of the runs too"),
        ("seeds: 0", "seeds 0: a number from 1"),
        ("base: {rank: 4}", "grid {}: no runs"),
        ("evaluate: {split: dev}\nseeds: 1", "evaluate.split 'dev': input should be"),
        ("evaluate: {decoding: [gredy]}\nseeds: 1", "evaluate.decoding ['gredy']: no strategy 'gredy'"),
        ("evaluate: {limit: true}\nseeds: 1", "evaluate.limit True: input should be a valid integer"),
        ("evaluate: {max_new_tokens: '8'}\nseeds: 1", "evaluate.max_new_tokens '8': input should be a valid integer"),
        ("base: {device: cpu}\nseeds: 1", "base.device 'cpu': not set here; give it with device"),
        ("base: {offline: true}\nseeds: 1", "base.offline True: not set here; give it with offline"),
        ("best: {spilt: test}\nseeds: 1", "best.spilt 'test': unknown key, perhaps split; known are split, decoding"),
        ("grid: 3\nseeds: 1", "grid 3: not a mapping; an example is grid: {rank"),
        ("runs: [4]", "runs[0] 4: not a mapping; an example is runs: [{rank"),
        ("runs: [{}]", "runs[0] {}: too short; give 1 or more"),
        ("runs: [rank: {a: 1}]", "runs[0].rank {'a': 1}: input should be a valid integer"),
        ("[1]", "the file [1]: not a mapping"),
        ("", "the file None: not a mapping"),
    ],
)
def test_a_problem_names_key_value_and_what_to_do(tmp_path: Path, text: str, told: str) -> None:
    found = problems(tmp_path, text)
    assert len(found) == 1, found
    assert found[0].startswith(told), found


def test_all_problems_are_reported_at_once(tmp_path: Path) -> None:
    text = """
        bsae: 1
        base: {epoch: 1, dropout: 2}
        grid: {rank: [], lr: [fast], loss: [answer]}
        runs: [{name: ../x, rank: 3}, {rnk: 1}]
        seeds: many
    """
    keys = [line.split(" ")[0] for line in problems(tmp_path, text)]
    own = ["base.dropout", "base.epoch", "grid.rank", "grid.lr[0]", "runs[0].name", "runs[1].rnk", "seeds", "bsae"]
    assert keys == own
    many = problems_shown(tmp_path, "grid: {rank: [" + ", ".join(f"x{i}" for i in range(100)) + "]}\nseeds: 1")
    assert len(many) == 32  # the head, 30 problems, and how many more
    assert many[-1] == "... and 70 more"


def problems_shown(tmp_path: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        plan(tmp_path, text)
    return str(caught.value).splitlines()


def test_many_combinations_are_counted_without_making_them(tmp_path: Path) -> None:
    hundred = list(range(1, 101))
    text = f"grid: {{rank: {hundred}, alpha: {hundred}, warmup_steps: {hundred}}}"
    began = time.process_time()
    assert problems(tmp_path, text)[0].startswith("grid '1,000,000 runs': more than 10,000")
    assert problems(tmp_path, text + "\nseeds: 10000")[0].startswith("grid '10,000,000,000 runs'")
    assert time.process_time() - began < 2  # making ten thousand million would take hours
    assert len(plan(tmp_path, f"grid: {{rank: {hundred}, alpha: {hundred}}}").runs) == 10_000


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "rank": st.integers(1, 512),
    "lr": st.floats(1e-9, 1),
    "alpha": st.floats(1e-3, 1e6),
    "dropout": st.floats(0, 0.99),
    "targets": st.sampled_from(["attention", "all", ("attn.q", "attn.v"), ("attn.q",)]),
    "scaling": st.sampled_from(["alpha/r", "alpha/sqrt(r)"]),
    "order": st.sampled_from(["question", "paragraph"]),
    "loss": st.sampled_from(["answer", "full"]),
    "schedule": st.sampled_from(["constant", "linear", "cosine"]),
    "seed": st.integers(0, 2**40),
    "epochs": st.integers(1, 99),
    "weight_decay": st.floats(0, 0.99),
}
CHANGES = st.fixed_dictionaries({}, optional=VALUES)


@settings(max_examples=300, deadline=None)
@given(CHANGES, CHANGES)
def test_names_are_safe_and_different_for_different_changes(one: dict[str, Any], other: dict[str, Any]) -> None:
    for changes in (one, other):
        assert name_problem(run_name(changes)) is None
        assert run_name(dict(reversed(changes.items()))) == run_name(changes)
    if {axis: _plain(value) for axis, value in one.items()} != {axis: _plain(value) for axis, value in other.items()}:
        assert run_name(one) != run_name(other)


def _plain(value: Any) -> Any:
    return value[0] if isinstance(value, tuple) and len(value) == 1 else value


def test_single_changes_have_different_names() -> None:
    """Axes whose values are words share one namespace in run names."""
    words = [
        {axis: value}
        for axis, values in {
            "targets": ["attention", "all", "attention+mlp"],
            "scaling": ["alpha/r", "alpha/sqrt(r)"],
            "order": ["question", "paragraph"],
            "loss": ["answer", "full"],
            "schedule": ["constant", "linear", "cosine"],
        }.items()
        for value in values
    ]
    assert len({run_name(changes) for changes in words}) == len(words) == 12


def test_every_axis_is_an_option_of_train() -> None:
    assert set(AXES.values()) <= TrainOptions.model_fields.keys()
    assert len(AXES) >= 17


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("a: 1\na: 2", "line 2: the key 'a' is there twice"),
        ("a: {b: 1, b: 1}", "line 1: the key 'b' is there twice"),
        ("a: &x [*x]", "nested more than 12 deep, or within itself"),
        ("[" * 3000, "nested more than 12 deep"),
        ("4: 5", "the key '4' is not text"),
        ("a: !!python/object/apply:os.system [echo]", "the tag tag:yaml.org,2002:python/object/apply:os.system"),
        ("a: !!int x", "is not read here"),
        ("a: !!seq x", "line 1: the tag tag:yaml.org,2002:seq of 'x' is not read here"),
        ('a: "\\UFFFFFFFF"', "not YAML (an escape above U+10FFFF)"),
        ("a: [", "not YAML (line 1, column 5"),
        ("a: 1\n---\nb: 2", "not YAML (line 2"),
        ("a: " + "x" * (1 << 18), "over 262,144 bytes"),
        (
            "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9) if i else 1}]" for i in range(9)),
            "over 50,000 values",
        ),
    ],
)
def test_yaml_is_bounded_and_says_where(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(ConfigError) as caught:
        plan(tmp_path, text)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *[("no", "no"), ("on", "on"), ("true", True), ("True", True), ("null", None), ("1e-3", 0.001), ("1E3", 1000.0)],
        *[("-1", -1), ("1.", 1.0), ("0x1f", 31), ("010", "010"), ("1_000", "1_000"), ("1:30", "1:30"), ("'1'", "1")],
        *[("2024-01-01", "2024-01-01"), ("<<", "<<"), ("!!str 1", "1"), ("[&a 1, &a 2, *a]", [1, 2, 2])],
        *[("%YAML 1.1\n---\n[no, 010, 1:30]", ["no", "010", "1:30"]), ("{a: &x [1], b: *x}", {"a": [1], "b": [1]})],
    ],
)
def test_values_are_those_of_yaml_1_2_unless_readers_differ(tmp_path: Path, text: str, value: Any) -> None:
    (tmp_path / "a.yaml").write_text(text)
    found = read_yaml(tmp_path / "a.yaml")
    assert (found, type(found)) == (value, type(value))


def test_a_file_that_cannot_be_read_is_reported_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file; give a YAML file"):
        read_sweep(tmp_path / "none.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_sweep(tmp_path)
    (tmp_path / "latin.yaml").write_bytes(b"a: \xe9")
    with pytest.raises(ConfigError, match="byte 3 is not UTF-8; it looks like Latin-1"):
        read_sweep(tmp_path / "latin.yaml")


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_is_no_part_of_a_configuration(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "a.yaml").write_text("epochs: 3\n", encoding=encoding)
    assert read_yaml(tmp_path / "a.yaml") == {"epochs": 3}


def test_samples_are_of_strategies_that_sample(tmp_path: Path) -> None:
    path = tmp_path / "a.yaml"
    path.write_text("grid: {rank: [4]}\nbest: {decoding: [greedy, top-k], samples: 5}\n")
    config = read_sweep(path).config
    assert config.best is not None
    assert config.best.model_dump()["samples"] == 5
    assert "samples" not in config.evaluate.model_dump()  # as in the records of sweeps before there was a choice
    path.write_text("grid: {rank: [4]}\nbest: {decoding: [greedy], samples: 5}\n")
    with pytest.raises(ConfigError, match=r"best\.samples 5: no chosen strategy samples; add top-k"):
        read_sweep(path)


def test_the_papers_75_runs() -> None:
    found = read_sweep(ROOT / "configs" / "paper.yaml")
    ranks, rates = (4, 8, 16, 32, 64), (7e-5, 1e-4, 2e-4, 5e-4, 1e-3)
    modules = ("attention", "attention+mlp", "query-value+attention")
    assert len(found.runs) == 75
    assert {(run.options["rank"], run.options["lr"], run.options["target_modules"]) for run in found.runs} == {
        (rank, rate, (preset,)) for rank, rate, preset in itertools.product(ranks, rates, modules)
    }
    shared = {"epochs": 5, "batch_size": 4, "gradient_accumulation": 2, "weight_decay": 0.01, "max_length": 256}
    assert all(run.options.items() >= shared.items() for run in found.runs)
    sizes = {"train_size": 2000, "val_size": 200}
    assert found.config.data_options == {**sizes, "test_split": "official", "test_size": "all"}
    # The study's own 5 questions, when asked for, are of its subset; a named split can be cut to a size, too.
    assert read_sweep("paper", {"test_size": 5}).config.data_options == {**sizes, "test_size": 5}
    cut = {"test_size": 500, "test_split": "official"}
    assert read_sweep("paper", cut).config.data_options == {**sizes, **cut}
    assert len(read_sweep(ROOT / "configs" / "quick.yaml").runs) == 3


def test_the_pocket_study_varies_what_matters_and_has_its_plan() -> None:
    found = read_sweep(ROOT / "configs" / "pocket.yaml")
    ranks, rates, scalings = (1, 4, 64), (1e-4, 1e-3, 4e-3), ("alpha/r", "alpha/sqrt(r)")
    varied = ("rank", "lr", "scaling", "seed")
    assert {tuple(run.options[key] for key in varied) for run in found.runs} == {
        *itertools.product(ranks, rates, scalings, range(3))
    }
    assert len(found.runs) == 54
    for name in ("quick", "paper", "pocket"):
        plan = read_sweep(ROOT / "configs" / f"{name}.yaml").config.analysis
        assert plan is not None
        assert plan.metrics == ("f1", "p_gold")
    study = load_script("scripts/pocket_page.py")
    assert (ranks, rates, scalings) == (study.RANKS, study.RATES, study.SCALINGS)


def test_the_grid_of_the_pocket_study_has_the_largest_size(tmp_path: Path) -> None:
    study = load_script("scripts/pocket_study.py")
    (tmp_path / "size.yaml").write_text(study.SIZE.format(size=study.SIZES[-1]))
    size, grid = read_sweep(tmp_path / "size.yaml"), read_sweep(ROOT / "configs" / "pocket.yaml")
    shared = [run for run in grid.runs if fnmatch(run.name, study.OF_GRID)]
    assert len(shared) == 3
    assert {same_run(run.options) for run in shared} == {same_run(run.options) for run in size.runs}
    assert size.config.data_options == grid.config.data_options


def test_the_pair_of_the_pocket_study_has_equal_parameters(tmp_path: Path) -> None:
    path = tmp_path / "pair.yaml"
    path.write_text(load_script("scripts/pocket_study.py").PAIR)
    config = read_config(pocket_base() / "config.json")
    runs = read_sweep(path).runs
    counts = {
        trainable_parameters(config, resolve_targets(run.options["target_modules"]), run.options["rank"])
        for run in runs
    }
    assert (len(runs), len(counts)) == (6, 1)


def test_the_configurations_are_part_of_an_installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert len(read_sweep("paper").runs) == 75
    assert len(read_sweep("configs/quick.yaml").runs) == 3
    built = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert built["force-include"] == {"configs": "squadron/configs"}
    (tmp_path / "quick").mkdir()  # such as a sweep's own --out
    assert len(read_sweep("quick").runs) == 3
    (tmp_path / "quick").rmdir()
    (tmp_path / "quick").write_text("seeds: 3")  # a file of the user's takes precedence
    assert len(read_sweep("quick").runs) == 3


def test_the_plan_of_the_analysis_is_part_of_the_configuration(tmp_path: Path) -> None:
    path = tmp_path / "c.yaml"
    path.write_text("grid: {rank: [4, 8], lr: [1e-4, 1e-3]}\nanalysis: {axes: lr, margin: 2, family: all}\n")
    plan = read_sweep(path).config
    assert plan.analysis is not None
    recorded = plan.model_dump(mode="json")["analysis"]
    assert recorded == {"axes": ["lr"], "margin": 2.0, "metrics": list(METRICS), "family": "all"}
    path.write_text("grid: {rank: [4, 8]}\n")
    assert read_sweep(path).config.analysis is None
    for section, wanted in (
        ("{axes: [alpha]}", "analysis.axes"),
        ("{metrics: [f2]}", "f1, exact_match"),
        ("{margin: 0}", "analysis.margin"),
        ("{margins: 1}", "unknown key"),
    ):
        path.write_text(f"grid: {{rank: [4, 8]}}\nanalysis: {section}\n")
        with pytest.raises(ConfigError, match=re.escape(wanted)):
            read_sweep(path)
