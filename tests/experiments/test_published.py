"""``--adapter``: an adapter that is no run's, from a folder or the hub, on a base that is named."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from helpers import liven
from hub_fixtures import base_files
from loopback_hub import Hub
from squadron.errors import ConfigError, ModelError, SquadronError
from squadron.experiments.ask import ask
from squadron.experiments.evaluate import evaluate
from squadron.experiments.playground import Playground
from squadron.experiments.train import train
from squadron.model.adapters import save_adapter
from squadron.model.config import read_config
from squadron.model.fleet import Fleet
from squadron.model.lora import LoraSpec
from squadron.options.base import checked
from squadron.options.core import AskOptions, EvaluateOptions, PlaygroundOptions, TrainOptions

CONTEXT = "Town00 lies on the River00. Its bridge was built in 1800."


@pytest.fixture
def run(options: dict[str, Any]) -> Path:
    """A run, whose adapter is also given as if it were another's."""
    train(TrainOptions(**options, max_steps=3, lr=0.05))
    return Path(options["out"])


def test_evaluate_scores_an_adapter_like_the_run_that_has_it(
    run: Path, byte_base_dir: Path, small_data: Path, tmp_path: Path
) -> None:
    more: dict[str, Any] = {"max_new_tokens": 4, "precision": "fp32", "device": "cpu"}
    own = evaluate(EvaluateOptions(run=str(run), **more))
    given: dict[str, Any] = {"base": str(byte_base_dir), "data": str(small_data), "out": str(tmp_path / "out"), **more}
    found = evaluate(EvaluateOptions(adapter=str(run / "adapter"), **given))
    assert found["adapter"] == str(run / "adapter")
    answers = [json.loads((place / "predictions" / "greedy.json").read_text()) for place in (run, tmp_path / "out")]
    assert answers[0] == answers[1]
    assert own["decodings"]["greedy"] == found["decodings"]["greedy"]
    plain = evaluate(EvaluateOptions(base=str(byte_base_dir), data=str(small_data), **more))
    assert plain["decodings"]["greedy"] != found["decodings"]["greedy"]
    scores = [
        json.loads((place / "scores.json").read_text())["splits"]["validation"] for place in (run, tmp_path / "out")
    ]
    assert scores[0]["adapter_sha256"] == scores[1]["adapter_sha256"]


def test_ask_and_playground_answer_as_the_run_does(run: Path, byte_base_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "context.txt").write_text(CONTEXT)
    more: dict[str, Any] = {"max_new_tokens": 6, "precision": "fp32", "device": "cpu"}
    asked: dict[str, Any] = {"question": "When?", "context": str(tmp_path / "context.txt"), "decoding": ("greedy",)}
    adapter = str(run / "adapter")
    found = ask(AskOptions(base=str(byte_base_dir), adapter=adapter, compare=(str(run),), **asked, **more))["answers"]
    assert [one["model"] for one in found] == [adapter, str(run)]  # the base is not asked alone
    assert found[0]["answer"] == found[1]["answer"]
    base = ask(AskOptions(base=str(byte_base_dir), **asked, **more))["answers"]
    assert base[0]["answer"] != found[0]["answer"]

    playground = Playground(checked(PlaygroundOptions, {"base": str(byte_base_dir), "adapter": adapter, **more}))
    untouched, other = playground.choices()
    assert (other.key, other.is_untouched, untouched.is_untouched) == (f"adapter:{adapter}", False, True)
    shown = playground.ask(CONTEXT, "When?", [untouched.key, other.key], ["greedy"])["models"]
    assert [one["answers"][0]["answer"] for one in shown] == [base[0]["answer"], found[0]["answer"]]


def test_an_adapter_needs_its_base_and_stands_alone(run: Path, byte_base_dir: Path, tmp_path: Path) -> None:
    (tmp_path / "context.txt").write_text(CONTEXT)
    adapter = str(run / "adapter")
    asked: dict[str, Any] = {"question": "When?", "context": str(tmp_path / "context.txt")}
    for call in (
        lambda: evaluate(EvaluateOptions(adapter=adapter)),
        lambda: ask(AskOptions(adapter=adapter, **asked)),
        lambda: Playground(PlaygroundOptions(adapter=adapter)),
    ):
        with pytest.raises(ConfigError, match="needs base; name the base that it was trained on"):
            call()
    with pytest.raises(ConfigError, match="and a run; choose one"):
        evaluate(EvaluateOptions(run=str(run), adapter=adapter, base=str(byte_base_dir)))
    for wrong, words in ((str(run), "a run folder; give it as a run"), ("no such", "not a folder; give a folder with")):
        with pytest.raises(ModelError, match=words):
            ask(AskOptions(adapter=wrong, base=str(byte_base_dir), **asked))


def test_an_adapter_of_the_hub_is_read_at_a_commit_and_offline(hub: Hub, byte_base_dir: Path, tmp_path: Path) -> None:
    config = read_config(byte_base_dir / "config.json")
    spec = LoraSpec(rank=3, alpha=40, targets=("attention",))
    first = tmp_path / "first"
    save_adapter(first, liven(Fleet(config, [spec]), seed=3).weights(0), base="bytes")
    save_adapter(tmp_path / "second", liven(Fleet(config, [spec]), seed=4).weights(0), base="bytes")
    commit = hub.put("models", "some/adapter", {"optimizer.pt": b"x", **base_files(first)})
    hub.put("models", "some/adapter", base_files(tmp_path / "second"))
    (tmp_path / "context.txt").write_text(CONTEXT)

    def answer(adapter: str, offline: bool = False) -> str:
        options = {"question": "When?", "context": str(tmp_path / "context.txt"), "decoding": ("greedy",)}
        options |= {"base": str(byte_base_dir), "adapter": adapter, "precision": "fp32", "device": "cpu"}
        (found,) = ask(checked(AskOptions, {**options, "max_new_tokens": 9, "offline": offline}))["answers"]
        return str(found["answer"])

    assert answer("some/adapter") == answer(str(tmp_path / "second")) != answer(str(first))
    assert answer(f"some/adapter@{commit}") == answer(str(first))
    sent = len(hub.log)
    assert answer("some/adapter", offline=True) == answer(str(tmp_path / "second"))
    assert len(hub.log) == sent
    assert not hub.asked("optimizer")


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"README.md": "x"}, "some/adapter has no adapter_config.json, so no adapter; it has README.md"),
        ({"adapter_config.json": "{}", "adapter_model.bin": "x"}, "only pickled weights .adapter_model.bin."),
        ({"adapter_config.json": "{}"}, "has no adapter_model.safetensors; it has adapter_config.json"),
        ({"adapter_config.json": '{"peft_type": "IA3"}', "adapter_model.safetensors": "x"}, "peft_type is 'IA3'"),
        *(
            (
                {"adapter_config.json": f'{{"peft_type": "LORA", {setting}}}', "adapter_model.safetensors": "x"},
                f"^adapter='some/adapter': adapter_config.json: {words}",
            )
            for setting, words in (
                ('"init_lora_weights": "pissa"', "init_lora_weights is 'pissa', .* save it from peft as plain LoRA"),
                ('"use_dora": true', "use_dora is True; .* Merge it with peft .* give the result as base$"),
                ('"use_later": true', "use_later is True, a setting that Squadron does not know. Merge it with peft"),
            )
        ),
    ],
)
def test_what_cannot_be_read_is_refused_before_weights_come(
    files: dict[str, bytes | str], words: str, hub: Hub, byte_base_dir: Path, tmp_path: Path
) -> None:
    (tmp_path / "context.txt").write_text(CONTEXT)
    hub.put("models", "some/adapter", files)
    with pytest.raises(SquadronError, match=words):
        ask(
            AskOptions(
                question="?", context=str(tmp_path / "context.txt"), base=str(byte_base_dir), adapter="some/adapter"
            )
        )
    assert not hub.asked("cdn")
