"""Training one run: the best adapter is kept, a bad loss is reported, a failed start leaves nothing."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from squadron.data.batches import BatchSampler
from squadron.data.encoding import encode_training
from squadron.data.prepared import load_split
from squadron.data.trees import MicroBatch, build_trees, pack_trees
from squadron.errors import ConfigError, RunError
from squadron.experiments import inputs, training_job
from squadron.experiments import train as training
from squadron.experiments.ask import ask
from squadron.experiments.evaluate import evaluate
from squadron.experiments.train import train
from squadron.model.adapters import load_adapter
from squadron.model.checkpoint import load_base
from squadron.model.config import read_config
from squadron.model.fleet import Fleet
from squadron.model.tokenizer import load_tokenizer
from squadron.model.updates import measure_update
from squadron.options.base import checked
from squadron.options.core import AskOptions, EvaluateOptions, TrainOptions
from squadron.options.runs import RunsPruneOptions
from squadron.runs.maintenance import prune
from squadron.tracking.progress import Reporter
from squadron.training import precision
from squadron.training.checkpoint import load_checkpoint, save_checkpoint
from squadron.training.schedules import learning_rate_factor
from squadron.training.steps import FleetTrainer, StepResult, mean_losses


@pytest.fixture
def trainers(monkeypatch: pytest.MonkeyPatch) -> list[tuple[FleetTrainer, list[list[int]]]]:
    """Record the trainer of each step, with the tokens that it trained on."""
    told: list[tuple[FleetTrainer, list[list[int]]]] = []
    step = FleetTrainer.step

    def spy(self: FleetTrainer) -> StepResult:
        told.append((self, [pack.tokens.tolist() for pack in self.batches.step(self.step_number)]))
        return step(self)

    monkeypatch.setattr(FleetTrainer, "step", spy)
    return told


def lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]


def contents(folder: Path) -> dict[str, bytes]:
    """Return the bytes of all files by their paths in the folder."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_adapter_of_the_lowest_validation_loss_is_kept(
    options: dict[str, Any], byte_base_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = iter([[3.0], [1.0], [2.0]])
    with monkeypatch.context() as patch:
        patch.setattr(training_job, "mean_losses", lambda *_: next(told))
        assert train(TrainOptions(**options, epochs=3))["best_step"] == 6
    train(TrainOptions(**{**options, "out": str(tmp_path / "short")}, epochs=3, max_steps=6))

    def weights(run: str, name: str) -> bytes:
        return (tmp_path / run / name / "adapter_model.safetensors").read_bytes()

    assert weights("run", "adapter") == weights("short", "last")
    assert weights("run", "adapter") != weights("run", "last")
    # The update on record is that of the weights that are scored.
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    config = read_config(byte_base_dir / "config.json")
    best, last = (measure_update(load_adapter(tmp_path / "run" / one, config)) for one in ("adapter", "last"))
    assert best is not None
    assert last is not None
    assert record["update"] == best.to_json()
    assert record["update"]["norm"] != pytest.approx(last.norm, rel=1e-3)


def test_the_validation_loss_is_that_of_the_adapter_on_all_validation_questions(
    options: dict[str, Any], byte_base_dir: Path, small_data: Path, tmp_path: Path
) -> None:
    train(TrainOptions(**options, epochs=2))
    losses = [line["validation_loss"] for line in lines(tmp_path / "run") if "validation_loss" in line]
    base = load_base(str(byte_base_dir))
    tokenizer = load_tokenizer(byte_base_dir)
    held_out, _ = encode_training(load_split(small_data, "validation").dataset, tokenizer, max_length=256)
    fleet = Fleet.from_weights(base.model.config, [load_adapter(tmp_path / "run" / "last", base.model.config)])
    assert mean_losses(base.model, fleet, [pack_trees(build_trees(held_out))])[0] == pytest.approx(losses[-1], rel=1e-5)
    assert losses[0] != pytest.approx(losses[-1], rel=1e-3)


def test_training_learns_and_evaluation_shows_it(options: dict[str, Any], tmp_path: Path) -> None:
    more = {"epochs": 100, "lr": 0.02, "rank": 16, "target_modules": ("all",), "eval_questions": 9}
    summary = train(TrainOptions(**{**options, **more}))
    run = tmp_path / "run"
    first = next(line["loss"] for line in lines(run) if "loss" in line)
    assert summary["loss"] < 0.6 * first
    assert summary["validation_questions"] == 9
    # The scores during training equal those that evaluate gives the last adapter.
    (run / "adapter").rename(run / "best")
    (run / "last").rename(run / "adapter")
    record = json.loads((run / "run.json").read_text())
    record["weights_sha256"]["adapter"] = record["weights_sha256"]["last"]
    (run / "run.json").write_text(json.dumps(record))
    scores = evaluate(EvaluateOptions(run=str(run), precision="fp32"))
    assert scores["f1"] == pytest.approx(summary["validation_f1"])
    assert scores["f1"] > 30
    assert evaluate(EvaluateOptions(run=str(run), precision="fp32", split="train"))["f1"] > 80


def test_a_nan_loss_stops_the_run_and_keeps_the_last_good_adapter(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from squadron.training import optimizer

    step = optimizer.FleetAdamW.step

    def wild(self: Any, rates: Any, active: Any) -> None:
        step(self, [1e30 if self.steps[0] == 3 else rate for rate in rates], active)

    monkeypatch.setattr(optimizer.FleetAdamW, "step", wild)
    summary = train(TrainOptions(**options, epochs=4))
    assert summary["status"] == "diverged"
    assert "at step 4; lower the learning rate" in summary["reason"]
    for name in ("last", "adapter"):
        for tensor in load_file(tmp_path / "run" / name / "adapter_model.safetensors").values():
            assert torch.isfinite(tensor).all()
    assert [line["loss"] for line in lines(tmp_path / "run") if "loss" in line][-1] is None
    # Resuming does not continue it, and reports the same again.
    again = train(TrainOptions(**options, epochs=4), resume=True)
    assert (again["status"], again["steps"]) == ("diverged", summary["steps"])


def test_a_failed_start_leaves_nothing_behind(options: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="max_length=1000: this base has 512 positions; lower it"):
        train(TrainOptions(**options, max_length=1000))
    assert not (tmp_path / "run").exists()


def test_a_plain_file_trains_without_validation(options: dict[str, Any], small_squad: Path, tmp_path: Path) -> None:
    summary = train(TrainOptions(**{**options, "data": str(small_squad)}, max_steps=3))
    assert "validation_loss" not in summary
    assert summary["best_step"] is None  # three steps are less than an epoch here
    first = load_file(tmp_path / "run" / "adapter" / "adapter_model.safetensors")
    last = load_file(tmp_path / "run" / "last" / "adapter_model.safetensors")
    assert all(torch.equal(first[name], last[name]) for name in first)
    scores = evaluate(EvaluateOptions(run=str(tmp_path / "run"), data=str(small_squad), limit=4, max_new_tokens=4))
    assert scores["questions"] == 4
    with pytest.raises(ConfigError, match="was trained on a plain file, so name other questions"):
        evaluate(EvaluateOptions(run=str(tmp_path / "run")))


@pytest.mark.parametrize("order", ["question", "paragraph"])
def test_a_stopped_and_resumed_run_equals_one_that_was_never_stopped(
    options: dict[str, Any], tmp_path: Path, order: str
) -> None:
    """Also if the early stop is in the middle of an epoch, and if contexts are truncated."""
    options = {**options, "lr": 0.2, "max_length": 70, "order": order}
    train(TrainOptions(**{**options, "out": str(tmp_path / "whole")}, epochs=3))
    for steps in (1, 4, 6, 8):
        train(TrainOptions(**options, epochs=3, max_steps=steps), resume=True)
        assert (tmp_path / "run" / "adapter").is_dir()
    train(TrainOptions(**options, epochs=3), resume=True)
    for name in ("metrics.jsonl", "adapter/adapter_model.safetensors", "last/adapter_model.safetensors"):
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


@pytest.mark.parametrize("order", ["question", "paragraph"])
def test_a_run_begun_on_batches_of_the_old_rule_is_not_continued_on_others(
    options: dict[str, Any], tmp_path: Path, order: str
) -> None:
    """Checkpoints did not name a rule before there were two; that of ``question`` has stayed."""
    own = {**options, "order": order, "epochs": 2}
    train(TrainOptions(**own, max_steps=4))
    path = tmp_path / "run" / "checkpoint.safetensors"
    tensors, state = load_checkpoint(path)
    assert state.pop("batches") == {"question": 1, "paragraph": 2}[order]
    save_checkpoint(path, tensors, state)
    record = tmp_path / "run" / "run.json"
    record.write_text(json.dumps({**json.loads(record.read_text()), "status": "interrupted"}))
    before = contents(tmp_path / "run")
    if order == "question":
        assert train(TrainOptions(**own), resume=True)["steps"] == 6
        return
    with pytest.raises(RunError, match=r"checkpoint\.safetensors: trained with order='paragraph' on batches that this"):
        train(TrainOptions(**own), resume=True)
    assert contents(tmp_path / "run") == before
    path.unlink()
    train(TrainOptions(**own), resume=True)
    train(TrainOptions(**{**own, "out": str(tmp_path / "whole")}))
    for name in FILES:
        assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_the_validation_loss_of_both_orders_is_on_the_same_windows(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[list[list[int]]] = []
    measure = training_job.mean_losses

    def spy(model: Any, fleet: Any, batches: list[MicroBatch]) -> list[float]:
        told.append([batch.tokens.tolist() for batch in batches])
        return measure(model, fleet, batches)

    monkeypatch.setattr(training_job, "mean_losses", spy)
    for order in ("question", "paragraph"):
        train(TrainOptions(**{**options, "out": str(tmp_path / order)}, order=order, max_length=70, epochs=1))
    assert told[0] == told[1] != []
    records = [json.loads((tmp_path / order / "run.json").read_text()) for order in ("question", "paragraph")]
    assert [record["truncation"]["truncated"] for record in records] == [20, 20]


FILES = ("metrics.jsonl", "adapter/adapter_model.safetensors", "last/adapter_model.safetensors")


@pytest.mark.parametrize("ended", [True, False])
def test_a_run_resumed_with_more_epochs_equals_one_that_had_them_from_the_start(
    options: dict[str, Any], tmp_path: Path, ended: bool
) -> None:
    """Whether it has ended or was stopped within an epoch; with dropout and warm-up."""
    own = {**options, "lr": 0.2, "dropout": 0.2, "warmup_steps": 4}
    train(TrainOptions(**{**own, "out": str(tmp_path / "whole")}, epochs=4))
    train(TrainOptions(**own, epochs=2, max_steps=None if ended else 4))
    before = [(tmp_path / "run" / name).read_bytes() for name in FILES]
    summary = train(TrainOptions(**own, epochs=4), resume=True)
    assert (summary["status"], summary["steps"]) == ("done", 12)
    record = json.loads((tmp_path / "run" / "run.json").read_text())
    assert (record["status"], record["config"]["epochs"]) == ("done", 4)
    for name, old in zip(FILES, before, strict=True):
        new = (tmp_path / "run" / name).read_bytes()
        assert new == (tmp_path / "whole" / name).read_bytes(), name
        assert new != old or name.startswith("adapter"), name  # the best one may be of an earlier epoch


@pytest.mark.parametrize(
    ("schedule", "epochs", "reason"),
    [
        ("linear", 3, r"epochs was 2 and is now 3, but the linear schedule falls over all epochs, .* choose another"),
        ("cosine", 3, r"epochs was 2 and is now 3, but the cosine schedule"),
        ("constant", 1, r"epochs was 2 and is now 1; resume with the same options, or use"),
    ],
)
def test_other_epochs_that_would_make_another_run_are_refused(
    options: dict[str, Any], tmp_path: Path, schedule: str, epochs: int, reason: str
) -> None:
    own = {**options, "schedule": schedule}
    train(TrainOptions(**own, epochs=2))
    before = contents(tmp_path / "run")
    with pytest.raises(RunError, match=reason):
        train(TrainOptions(**own, epochs=epochs), resume=True)
    assert contents(tmp_path / "run") == before


def test_more_epochs_need_the_checkpoint_of_a_run_that_has_ended(options: dict[str, Any], tmp_path: Path) -> None:
    train(TrainOptions(**options, epochs=1))
    (tmp_path / "run" / "checkpoint.safetensors").unlink()
    before = contents(tmp_path / "run")
    with pytest.raises(RunError, match=r"but its checkpoint\.safetensors is gone, .* train from the start, in another"):
        train(TrainOptions(**options, epochs=2), resume=True)
    assert contents(tmp_path / "run") == before


def test_a_run_that_has_ended_stays_as_it_is_if_its_checkpoint_is_gone(options: dict[str, Any], tmp_path: Path) -> None:
    run, notes = tmp_path / "run", []

    class Notes(Reporter):
        def note(self, text: str) -> None:
            notes.append(text)

    summary = train(TrainOptions(**options, epochs=1, max_steps=2))
    prune(RunsPruneOptions(folder=str(tmp_path), checkpoints=True, yes=True))
    before = contents(run)
    assert "checkpoint.safetensors" not in before
    for steps in (2, 1):
        again = train(TrainOptions(**options, epochs=1, max_steps=steps), resume=True, reporter=Notes())
        assert again == summary
        assert notes == [f"{run}: has ended, and its checkpoint.safetensors is gone; nothing is trained or changed"]
        assert contents(run) == before
        notes.clear()
    with pytest.raises(
        RunError, match=r"ended after step 2 and is now to end after step 3, but its checkpoint\.safete"
    ):
        train(TrainOptions(**options, epochs=1), resume=True)
    assert contents(run) == before
    (run / "adapter" / "adapter_model.safetensors").unlink()  # then there is nothing to lose
    train(TrainOptions(**options, epochs=1, max_steps=2), resume=True)
    name = "adapter/adapter_model.safetensors"
    assert contents(run)[name] == before[name]


def test_a_run_keeps_its_record_if_it_cannot_be_resumed(
    options: dict[str, Any], byte_base_dir: Path, tmp_path: Path
) -> None:
    base = shutil.copytree(byte_base_dir, tmp_path / "base")
    own = {**options, "base": str(base)}
    train(TrainOptions(**own, epochs=1))
    before = contents(tmp_path / "run")
    weights = base / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-4] + bytes(4))
    with pytest.raises(RunError, match=r"base: its sha256 was .* put it back"):
        train(TrainOptions(**own, epochs=2), resume=True)
    assert contents(tmp_path / "run") == before


@pytest.mark.parametrize("with_validation", [True, False])
def test_a_last_update_that_breaks_the_adapter_is_detected(
    options: dict[str, Any],
    small_squad: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    with_validation: bool,
) -> None:
    from squadron.training import optimizer

    step = optimizer.FleetAdamW.step

    def wild(self: Any, rates: Any, active: Any) -> None:
        step(self, [1e30 if self.steps[0] == 2 else rate for rate in rates], active)

    monkeypatch.setattr(optimizer.FleetAdamW, "step", wild)
    data = options["data"] if with_validation else str(small_squad)
    summary = train(TrainOptions(**{**options, "data": data}, epochs=1, max_steps=3))
    assert summary["status"] == "diverged"
    assert "after step 3; lower the learning rate" in summary["reason"]
    for name in ("last", "adapter"):
        for tensor in load_file(tmp_path / "run" / name / "adapter_model.safetensors").values():
            assert torch.isfinite(tensor).all()


def test_a_resumed_run_with_auto_keeps_its_precision(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The machine may be another one by then; the number format must not change."""
    del options["precision"]
    monkeypatch.setattr(precision, "AMX_WIDTH", 1)

    def on_a_machine(*, amx: bool) -> None:
        monkeypatch.setattr(precision, "has_amx", lambda: amx)

    def begun() -> str:
        return str(json.loads((tmp_path / "run" / "run.json").read_text())["precision"])

    on_a_machine(amx=True)
    train(TrainOptions(**options, epochs=2, max_steps=2))
    assert begun() == "bf16"
    on_a_machine(amx=False)
    train(TrainOptions(**options, epochs=2), resume=True)
    assert begun() == "bf16"
    on_a_machine(amx=True)
    train(TrainOptions(**{**options, "out": str(tmp_path / "whole")}, epochs=2))
    name = "last/adapter_model.safetensors"
    assert (tmp_path / "run" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    on_a_machine(amx=False)
    train(TrainOptions(**options, epochs=2), replace=True)
    assert begun() == "fp32"


def test_nothing_is_timed_to_choose_a_precision(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    del options["precision"]
    monkeypatch.setattr(precision, "has_amx", lambda: True)

    def refuse(*_: object, **__: object) -> float:
        raise AssertionError("a matrix product was timed")

    for name in ("_timed", "matmul_rates", "cpu_rates"):
        monkeypatch.setattr(precision, name, refuse)
    run = tmp_path / "run"
    question = {"question": "When?", "context": str(tmp_path / "context.txt"), "max_new_tokens": 1}
    (tmp_path / "context.txt").write_text("It was in 1932.")
    for width, expected in ((10**6, "fp32"), (1, "bf16")):
        monkeypatch.setattr(precision, "AMX_WIDTH", width)
        train(TrainOptions(**options, max_steps=1), replace=run.exists())
        assert json.loads((run / "run.json").read_text())["precision"] == expected
        assert evaluate(EvaluateOptions(run=str(run), limit=1, max_new_tokens=1))["precision"] == expected
        for where in ({"run": str(run)}, {"base": options["base"]}):
            (answer,) = ask(checked(AskOptions, {**where, **question, "decoding": "greedy"}))["answers"]
            assert answer["model"] == next(iter(where.values()))


Trainers = list[tuple[FleetTrainer, list[list[int]]]]


def test_every_value_reaches_the_trainer(options: dict[str, Any], trainers: Trainers, tmp_path: Path) -> None:
    own: dict[str, Any] = {"lr": 0.3, "weight_decay": 0.2, "gradient_clipping": 0.7, "schedule": "linear"}
    shape: dict[str, Any] = {"rank": 3, "alpha": 6.0, "dropout": 0.25, "scaling": "alpha/sqrt(r)", "seed": 4}
    batches: dict[str, Any] = {"batch_size": 3, "gradient_accumulation": 2, "order": "paragraph", "loss": "full"}
    more = {"target_modules": ("mlp.c_fc",), "warmup_steps": 2, "epochs": 2, "max_steps": 3}
    train(TrainOptions(**{**options, **own, **shape, **batches, **more}))
    trainer, _ = trainers[0]
    assert len(trainers) == 3
    assert (trainer.learning_rates, trainer.optimizer.weight_decay) == ((0.3,), (0.2,))
    assert (trainer.clipping, trainer.rate_schedules) == ((0.7,), ("linear",))
    spec = trainer.fleet.specs[0]
    assert (spec.rank, spec.alpha, spec.dropout, spec.scaling, spec.seed) == (3, 6.0, 0.25, "alpha/sqrt(r)", 4)
    assert spec.targets == ("mlp.c_fc",)
    schedule = trainer.batches
    assert (schedule.batch_size, schedule.questions_per_step) == (3, 6)
    assert (schedule.order, schedule.loss, schedule.seed) == ("paragraph", "full", 4)
    # 20 questions, 6 per step: 4 steps per epoch. The rate rises over 2 of the 8 steps and falls over the other 6.
    assert (trainer.warmup_steps, trainer.total_steps) == (2, 8)
    rates = [line["learning_rate"] for line in lines(tmp_path / "run") if "loss" in line]
    assert rates == pytest.approx([0.3 * learning_rate_factor("linear", step, total=8, warmup=2) for step in range(3)])
    assert rates[0] < rates[1]


def test_no_gradient_clipping_reaches_the_trainer_as_none(options: dict[str, Any], trainers: Trainers) -> None:
    train(TrainOptions(**options, gradient_clipping=0.0, max_steps=1))
    assert trainers[0][0].clipping == (None,)


def test_the_order_of_the_questions_depends_on_the_seed_and_on_what_makes_batches(
    options: dict[str, Any], trainers: Trainers, tmp_path: Path
) -> None:
    def seen(**more: Any) -> list[list[int]]:
        trainers.clear()
        place = str(tmp_path / str(len(list(tmp_path.iterdir()))))
        train(TrainOptions(**{**options, "out": place, "max_steps": 1, **more}))
        return trainers[0][1]

    plain = seen()
    assert len(plain) == 2
    assert seen(seed=1) != plain
    assert seen(order="paragraph") != plain
    alike: list[dict[str, Any]] = [
        {"rank": 7, "alpha": 3.0, "dropout": 0.3, "scaling": "alpha/sqrt(r)", "target_modules": ("all",)},
        {"lr": 0.5, "weight_decay": 0.5, "schedule": "cosine", "warmup_steps": 3, "gradient_clipping": 0.1},
        {"epochs": 9, "eval_questions": 2, "precision": "bf16", "checkpoint_seconds": 0.0},
        {"method": "full"},
    ]
    for more in alike:
        assert seen(**more) == plain, more


def test_an_epoch_differs_from_the_one_before(options: dict[str, Any], trainers: Trainers) -> None:
    train(TrainOptions(**options, epochs=2))
    first, second = ([tokens for _, tokens in trainers[start : start + 3]] for start in (0, 3))
    assert first != second


@pytest.mark.parametrize("loss", ["answer", "full"])
@pytest.mark.parametrize("length", [70, 256])
def test_loss_and_length_reach_training_and_validation(
    options: dict[str, Any],
    small_data: Path,
    monkeypatch: pytest.MonkeyPatch,
    loss: Any,
    length: int,
) -> None:
    """Targets by hand: one token per character, a space before the answer and EOS after it."""
    made: dict[int, list[MicroBatch]] = {}
    step = BatchSampler.step

    def spy(self: BatchSampler, number: int) -> list[MicroBatch]:
        found = step(self, number)
        made.setdefault(self.batch_size, []).extend(found)
        return found

    validation = training_job.paragraph_batches

    def spy_on_validation(*examples: Any, batch_size: int, loss: Any) -> list[MicroBatch]:
        made[batch_size] = validation(*examples, batch_size=batch_size, loss=loss)
        return made[batch_size]

    monkeypatch.setattr(BatchSampler, "step", spy)
    monkeypatch.setattr(training_job, "paragraph_batches", spy_on_validation)
    monkeypatch.setattr(FleetTrainer, "verify", lambda _: None)  # it would run the latest step again
    train(TrainOptions(**options, loss=loss, max_length=length, epochs=1))
    assert sorted(made) == [4, 16]  # training, and validation in larger batches
    for split, packs in (("train", made[4]), ("validation", made[16])):
        dataset = load_split(small_data, split).dataset
        answers = [len(question.answers[0].text) + 2 for _, question in dataset.questions()]
        whole = [
            len(f"Context: {paragraph.context} Question: {question.text} Answer: {question.answers[0].text}") + 1
            for paragraph, question in dataset.questions()
        ]
        assert sum(pack.questions for pack in packs) == len(answers)
        expected = sum(answers) if loss == "answer" else sum(min(length, one) - 1 for one in whole)
        assert sum(pack.targets for pack in packs) == expected
        assert max(int(pack.positions.max()) for pack in packs) == min(length, max(whole)) - 2  # EOS is not read


def test_an_epoch_is_scored_on_the_first_questions_at_the_runs_own_length(
    options: dict[str, Any], small_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[Any] = []
    answer = training_job.answer_questions

    def spy(*arguments: Any, **how: Any) -> Any:
        found = answer(*arguments, **how)
        told.append((found["greedy"][0], how))
        return found

    monkeypatch.setattr(training_job, "answer_questions", spy)
    asked = list(load_split(small_data, "validation").dataset.questions())[:4]
    prompts = [len(f"Context: {one.context} Question: {two.text} Answer:") for one, two in asked]
    for length in (80, 256):
        run = {**options, "out": str(tmp_path / str(length)), "eval_questions": 4, "epochs": 2, "max_length": length}
        summary = train(TrainOptions(**run))
        assert summary["validation_questions"] == 4
        assert len(told) == 2
        for answers, how in told:
            assert list(answers.texts) == [question.id for _, question in asked]
            assert how["max_new_tokens"] == 32
            assert answers.truncation.truncated == sum(one > length for one in prompts)
            assert answers.truncation.tokens_dropped == sum(max(0, one - length) for one in prompts)
        told.clear()
    assert min(prompts) > 80


def test_checkpoints_are_as_frequent_as_requested(
    options: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is one at the end of each epoch and of the run in any case: two epochs of three steps."""
    saved: list[int] = []
    save = training_job.save_checkpoint

    def spy(path: Path, tensors: Any, state: Any) -> None:
        saved.append(state["trainer"]["step"])
        save(path, tensors, state)

    monkeypatch.setattr(training_job, "save_checkpoint", spy)
    for seconds, expected in ((0.0, [1, 2, 3, 4, 5, 6, 6]), (1000.0, [3, 6, 6])):
        saved.clear()
        out = str(tmp_path / str(seconds))
        train(TrainOptions(**{**options, "out": out, "epochs": 2, "checkpoint_seconds": seconds}))
        assert saved == expected


@pytest.mark.parametrize("offline", [False, True])
def test_offline_and_device_reach_the_base(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch, offline: bool
) -> None:
    told: dict[str, Any] = {}

    def spied(name: str, call: Any) -> Any:
        def spy(*arguments: Any, **how: Any) -> Any:
            told[name] = how.get("offline", arguments[:1])
            return call(*arguments, **how)

        return spy

    monkeypatch.setattr(inputs, "load_base", spied("base", inputs.load_base))
    monkeypatch.setattr(training, "resolve_device", spied("device", training.resolve_device))
    train(TrainOptions(**options, offline=offline, device="cpu", max_steps=1))
    assert told == {"base": offline, "device": ("cpu",)}
