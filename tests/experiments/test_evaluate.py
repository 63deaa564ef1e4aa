"""Evaluation through the verb: every option takes effect, and the record has what was asked and answered."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from helpers import reference_model
from squadron.data.prepared import load_split
from squadron.data.prompt import answer_text, prompt_text
from squadron.data.sources import load_data
from squadron.decoding.strategies import STRATEGIES, Strategy
from squadron.errors import ConfigError, RunError
from squadron.experiments import evaluate as evaluation
from squadron.experiments import load_run
from squadron.experiments.evaluate import evaluate
from squadron.experiments.train import train
from squadron.model.tokenizer import load_tokenizer
from squadron.options.core import EvaluateOptions, TrainOptions
from squadron.runs.layout import answers_stem
from squadron.runs.reader import ScoresFile
from squadron.scoring.predictions import read_gold_probabilities
from squadron.tracking.progress import Reporter

SHORT = 80
"""Tokens: fewer than any prompt of the small data has, at one token per character."""


@pytest.fixture(scope="module")
def run(byte_base_dir: Path, small_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with short sequences, barely trained."""
    out = tmp_path_factory.mktemp("evaluated") / "run"
    more: dict[str, Any] = {"precision": "fp32", "eval_questions": 0, "max_steps": 1, "max_length": SHORT}
    train(TrainOptions(base=str(byte_base_dir), data=str(small_data), out=str(out), **more))
    return out


def lengths(data: Path, split: str) -> list[int]:
    """Compute the lengths of the prompts by hand, at one token per character."""
    dataset = load_split(data, split).dataset
    return [len(f"Context: {one.context} Question: {two.text} Answer:") for one, two in dataset.questions()]


def test_a_run_is_evaluated_at_the_length_that_it_was_trained_at(run: Path, small_data: Path, tmp_path: Path) -> None:
    prompts = lengths(small_data, "validation")
    assert min(prompts) > SHORT
    for chosen, most in ((None, SHORT), (90, 90), (max(prompts), max(prompts))):
        out = tmp_path / str(chosen)
        options = {"run": str(run), "precision": "fp32", "max_new_tokens": 2, "out": str(out), "max_length": chosen}
        record = evaluate(EvaluateOptions(**options))
        assert record["max_length"] == most
        cut = record["decodings"]["greedy"]["truncation"]
        assert cut["truncated"] == sum(length > most for length in prompts)
        assert cut["tokens_dropped"] == sum(max(0, length - most) for length in prompts)
        written = json.loads((out / "scores.json").read_text())["splits"]["validation"]["decodings"]["greedy"]
        assert written["truncation"] == cut


def one_question(path: Path, length: int) -> Path:
    """Write a SQuAD file whose only prompt has ``length`` characters."""
    rest = len("Context:  Question: Who? Answer:")
    context = "Ann " + "x" * (length - rest - 4)
    asked = {"id": "q", "question": "Who?", "answers": [{"text": "Ann", "answer_start": 0}]}
    content = {"version": "1.1", "data": [{"title": "t", "paragraphs": [{"context": context, "qas": [asked]}]}]}
    path.write_text(json.dumps(content))
    return path


@pytest.mark.parametrize(
    ("length", "options", "dropped"),
    [
        (256, {}, 0),
        (257, {}, 1),
        (300, {"max_length": 300}, 0),
        (301, {"max_length": 300}, 1),
        (502, {"max_length": 512, "max_new_tokens": 10}, 0),  # answers need room, too: this base has 512 positions
        (503, {"max_length": 512, "max_new_tokens": 10}, 1),
    ],
)
def test_a_base_alone_sees_256_tokens_by_default_and_a_prompt_that_just_fits_is_not_cut(
    length: int, options: dict[str, Any], dropped: int, byte_base_dir: Path, tmp_path: Path
) -> None:
    data = str(one_question(tmp_path / "data.json", length))
    chosen = {"base": str(byte_base_dir), "data": data, "precision": "fp32", "max_new_tokens": 1, **options}
    cut = evaluate(EvaluateOptions(**chosen))["decodings"]["greedy"]["truncation"]
    assert (cut["truncated"], cut["tokens_dropped"], cut["too_long"]) == (dropped, dropped, [])


def test_intervals_resample_whole_paragraphs(run: Path, tmp_path: Path) -> None:
    """9 questions of 3 paragraphs."""
    out = tmp_path / "out"
    options = {"run": str(run), "out": str(out), "precision": "fp32", "max_new_tokens": 2}
    record = evaluate(EvaluateOptions(**options))["decodings"]["greedy"]
    written = json.loads((out / "scores.json").read_text())["splits"]["validation"]["decodings"]["greedy"]
    for scores in (record, written):
        assert (scores["questions"], scores["clusters"]) == (9, 3)
        assert scores["f1_interval_method"].endswith("(3 clusters)")
        assert scores["exact_match_interval_method"].endswith("(3 clusters)")


Asked = Callable[..., dict[str, Any]]


@pytest.fixture
def asked(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Asked:
    """Return a function that evaluates the run and returns the arguments of ``answer_questions``."""
    told: dict[str, Any] = {}
    answer = evaluation.answer_questions

    def spy(model: Any, tokenizer: Any, dataset: Any, **how: Any) -> Any:
        told.update(how, dtype=model.dtype, ids=[question.id for _, question in dataset.questions()])
        return answer(model, tokenizer, dataset, **how)

    monkeypatch.setattr(evaluation, "answer_questions", spy)

    def call(**options: Any) -> dict[str, Any]:
        settings = {"run": str(run), "out": str(tmp_path / "out"), "precision": "fp32", "max_new_tokens": 2, **options}
        told["record"] = evaluate(EvaluateOptions(**settings))
        return told

    return call


def test_the_defaults_are_greedy_and_ask_all(asked: Asked, small_data: Path) -> None:
    told = asked()
    assert told["strategies"] == (STRATEGIES["greedy"],)
    assert (told["samples"], told["seed"], told["suppress_eos"], told["max_new_tokens"]) == (1, 0, False, 2)
    assert told["ids"] == list(load_split(small_data, "validation").dataset.golds())
    assert told["dtype"] == torch.float32


def test_every_value_of_decoding_reaches_its_strategy(asked: Asked) -> None:
    names = ("top-k", "nucleus", "temperature", "beam", "span")
    told = asked(decoding=names, top_k=3, top_p=0.5, temperature=0.7, beams=2, limit=2)
    assert told["strategies"] == (
        Strategy("top-k", top_k=3, sample=True),
        Strategy("nucleus", top_p=0.5, sample=True),
        Strategy("temperature", temperature=0.7, sample=True),
        Strategy("beam", beams=2),
        Strategy("span", span=True),
    )
    assert list(told["record"]["decodings"]) == list(names)


def test_every_other_option_reaches_the_answers(asked: Asked, small_data: Path, tmp_path: Path) -> None:
    told = asked(
        decoding=("nucleus",),
        samples=3,
        seed=5,
        suppress_eos=True,
        max_new_tokens=4,
        max_length=70,
        limit=2,
        split="test",
        precision="bf16",
    )
    assert (told["samples"], told["seed"], told["suppress_eos"]) == (3, 5, True)
    assert (told["max_new_tokens"], told["max_prompt"], told["dtype"]) == (4, 70, torch.bfloat16)
    ids = list(load_split(small_data, "test").dataset.golds())
    assert told["ids"] == ids[:2]
    record = told["record"]
    assert (record["split"], record["precision"], record["max_length"], record["questions"]) == ("test", "bf16", 70, 2)
    details = json.loads((tmp_path / "out" / "predictions" / "nucleus.test.details.json").read_text())
    assert list(details) == ids[:2]
    assert {(len(samples), one["tokens"]) for samples in details.values() for one in samples} == {(3, 4)}
    settings = json.loads((tmp_path / "out" / "scores.json").read_text())["splits"]["test"]["decodings"]["nucleus"]
    kept = {name: settings["settings"][name] for name in ("samples", "seed", "suppress_eos", "max_new_tokens")}
    assert kept == {"samples": 3, "seed": 5, "suppress_eos": True, "max_new_tokens": 4}
    assert (settings["settings"]["max_length"], settings["settings"]["limit"]) == (70, 2)


def test_other_questions_can_be_asked_and_answers_are_written_to_the_run_by_default(
    asked: Asked, run: Path, small_squad: Path
) -> None:
    told = asked(data=str(small_squad), out=None, limit=4)
    assert told["ids"] == ["0.0.0", "0.0.1", "0.0.2", "0.1.0"]
    assert told["record"]["out"] == str(run)
    (written,) = (run / "predictions").glob("greedy.small.json")
    assert list(json.loads(written.read_text())) == told["ids"]


@pytest.mark.parametrize("offline", [False, True])
def test_offline_reaches_every_download(
    offline: bool, run: Path, byte_base_dir: Path, small_squad: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[tuple[str, bool]] = []

    def spied(name: str, call: Any) -> Any:
        def spy(*arguments: Any, **options: Any) -> Any:
            told.append((name, options.get("offline", False)))
            return call(*arguments, **options)

        return spy

    monkeypatch.setattr(evaluation, "load_base", spied("base", evaluation.load_base))
    monkeypatch.setattr(load_run, "load_base", spied("base of the run", load_run.load_base))
    options: dict[str, Any] = {"data": str(small_squad), "limit": 1, "max_new_tokens": 1, "precision": "fp32"}
    evaluate(EvaluateOptions(base=str(byte_base_dir), offline=offline, **options))
    assert told == [("base", offline)]  # questions are files here; `prepare` alone fetches any
    told.clear()
    evaluate(EvaluateOptions(run=str(run), offline=offline, out=str(run.parent / "offline"), **options))
    assert told == [("base of the run", offline)]


def test_evaluate_notices_another_base_and_a_run_without_adapter(
    options: dict[str, Any], tiny_base_dir: Path, tmp_path: Path
) -> None:
    train(TrainOptions(**options, max_steps=1))
    record = tmp_path / "run" / "run.json"
    content = json.loads(record.read_text())
    record.write_text(json.dumps({**content, "base": {**content["base"], "sha256": "0" * 64}}))
    with pytest.raises(RunError, match=r"was trained on another .*put the base back"):
        evaluate(EvaluateOptions(run=str(tmp_path / "run")))
    record.write_text(json.dumps({**content, "schema": 99}))
    with pytest.raises(RunError, match=r"run\.json: schema: 99 is not 1, .*; put the file back"):
        evaluate(EvaluateOptions(run=str(tmp_path / "run")))
    with pytest.raises(RunError, match="no such run folder"):
        evaluate(EvaluateOptions(run=str(tmp_path / "none")))
    with pytest.raises(ConfigError, match="either a run folder, or base for"):
        evaluate(EvaluateOptions())
    with pytest.raises(ConfigError, match="data: missing"):
        evaluate(EvaluateOptions(base=str(tiny_base_dir)))


def test_logits_that_are_not_numbers_are_counted_and_reported(options: dict[str, Any], tmp_path: Path) -> None:
    train(TrainOptions(**options, max_steps=1))
    weights = tmp_path / "run" / "adapter" / "adapter_model.safetensors"
    tensors = load_file(weights)
    save_file({name: torch.full_like(tensor, torch.nan) for name, tensor in tensors.items()}, weights)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    del record["weights_sha256"]  # else it is refused as damaged
    (tmp_path / "run" / "run.json").write_text(json.dumps(record))
    notes: list[str] = []

    class Listener(Reporter):
        def note(self, text: str) -> None:
            notes.append(text)

    scores = evaluate(EvaluateOptions(run=str(tmp_path / "run"), precision="fp32"), reporter=Listener())
    assert scores["decodings"]["greedy"]["nan_answers"] == scores["questions"] == 9
    assert notes == ["greedy: 9 answers ended at a logit that is not a number"]
    assert scores["f1"] == 0


def test_a_split_without_a_question_that_fits_does_not_crash(options: dict[str, Any], tmp_path: Path) -> None:
    train(TrainOptions(**options, max_steps=1))
    scores = evaluate(EvaluateOptions(run=str(tmp_path / "run"), max_length=3))
    assert scores["f1"] == 0
    assert len(scores["decodings"]["greedy"]["truncation"]["too_long"]) == 9
    with pytest.raises(ConfigError, match="max_length=9999: this base has 512 positions; lower it"):
        evaluate(EvaluateOptions(run=str(tmp_path / "run"), max_length=9999))
    with pytest.raises(ConfigError, match="max_new_tokens=512: this base has 512 positions; lower it"):
        evaluate(EvaluateOptions(run=str(tmp_path / "run"), max_new_tokens=512))


def squad_file(path: Path, version: str) -> Path:
    """Write three questions: with two golds, with one, and (in v2.0) without any."""
    context = "Ann met Bob near the river; Cid saw both of them there."
    first = [{"text": text, "answer_start": context.index(text)} for text in ("Ann", "Ann met Bob", "Ann")]
    last = [] if version == "v2.0" else [{"text": "river", "answer_start": context.index("river")}]
    asked = [
        {"id": "two", "question": "Who met?", "answers": first},
        {"id": "one", "question": "Who saw them?", "answers": [{"text": "Cid", "answer_start": 28}]},
        {"id": "last", "question": "Where were they?", "answers": last, "is_impossible": not last},
    ]
    content = {"version": version, "data": [{"title": "t", "paragraphs": [{"context": context, "qas": asked}]}]}
    path.write_text(json.dumps(content))
    return path


@torch.inference_mode()
def reference_gold(base: Path, prompt: str, golds: list[str]) -> float:
    """Return the probability of the likeliest gold and EOS after a prompt, by ``transformers``."""
    tokenizer = load_tokenizer(base)
    asked = tokenizer.encode(prompt)
    values = []
    for gold in golds:
        targets = [*tokenizer.encode(answer_text(gold)), tokenizer.eos_id]
        scores = reference_model(base)(torch.tensor([[*asked, *targets]])).logits[0].log_softmax(-1)
        values.append(sum(float(scores[len(asked) - 1 + i, token]) for i, token in enumerate(targets)))
    return math.exp(max(values))


@pytest.mark.parametrize("version", ["1.1", "v2.0"])
@pytest.mark.parametrize("cut", [None, 80])
def test_p_gold_is_that_of_the_prompt_that_is_answered(
    version: str, cut: int | None, byte_base_dir: Path, tmp_path: Path
) -> None:
    data = squad_file(tmp_path / "data.json", version)
    given: dict[str, Any] = {"base": str(byte_base_dir), "data": str(data), "precision": "fp32", "max_new_tokens": 2}
    out = tmp_path / "out"
    more = {"decoding": ("greedy", "top-k"), "samples": 2, "max_length": cut}
    record = evaluate(EvaluateOptions(**given, out=str(out), **more))
    expected = {}
    for paragraph, question in load_data(data).questions():
        prompt = prompt_text(paragraph.context, question.text)
        if cut is not None:  # at one token a character, the end of the context is lost
            prompt = prompt_text(paragraph.context[: cut - len(prompt)], question.text)
            assert len(prompt) == cut
        expected[question.id] = reference_gold(
            byte_base_dir, prompt, [answer.text for answer in question.answers] or [""]
        )
    assert len(set(expected.values())) == 3
    stem = answers_stem("greedy", record["split"])
    assert read_gold_probabilities(out / "predictions" / f"{stem}.details.json") == pytest.approx(expected, rel=1e-3)
    mean = 100 * sum(expected.values()) / 3
    written = json.loads((out / "scores.json").read_text())
    for found in (record, written, record["decodings"]["greedy"], record["decodings"]["top-k"]):
        assert found["p_gold"] == pytest.approx(mean, rel=1e-3)
    low, high = record["decodings"]["greedy"]["p_gold_interval"]
    assert low < mean < high


def test_a_question_that_does_not_fit_has_no_probability(byte_base_dir: Path, tmp_path: Path) -> None:
    data = squad_file(tmp_path / "data.json", "1.1")
    given: dict[str, Any] = {"base": str(byte_base_dir), "data": str(data), "precision": "fp32", "max_new_tokens": 2}
    out = tmp_path / "out"
    longest = len(prompt_text("", "Where were they?")) - 1  # without context, the last question is as long as this
    record = evaluate(EvaluateOptions(**given, out=str(out), max_length=longest - 1))
    assert record["decodings"]["greedy"]["truncation"]["too_long"] == ["last"]
    stem = answers_stem("greedy", record["split"])
    found = read_gold_probabilities(out / "predictions" / f"{stem}.details.json")
    assert found is not None
    assert found["last"] == 0
    assert found["one"] > 0
    assert record["p_gold"] == pytest.approx(100 * sum(found.values()) / 3)


def test_scores_from_before_p_gold_stay_beside_new_ones(run: Path, tmp_path: Path) -> None:
    """Of one strategy they are kept as they are; evaluated again, they have it."""
    out = tmp_path / "out"
    given: dict[str, Any] = {"run": str(run), "out": str(out), "precision": "fp32", "max_new_tokens": 2}
    evaluate(EvaluateOptions(**given))
    path = out / "scores.json"
    old = json.loads(path.read_text())
    own = old["splits"]["validation"]["decodings"]["greedy"]
    for record in (old, own):
        for key in [key for key in record if key.startswith("p_gold")]:
            del record[key]
    path.write_text(json.dumps(old))
    evaluate(EvaluateOptions(**given, decoding=("span",)))
    kept = ScoresFile.read(path)
    before, after = kept.find("validation", "greedy"), kept.find("validation", "span")
    assert before is not None
    assert after is not None
    assert (before.p_gold, before.p_gold_interval) == (None, None)
    assert after.p_gold is not None
    evaluate(EvaluateOptions(**given))
    again = ScoresFile.read(path).find("validation", "greedy")
    assert again is not None
    assert again.p_gold == after.p_gold
