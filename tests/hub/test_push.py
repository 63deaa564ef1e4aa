"""``export --push``: what is said and sent, to whom it is visible, and that it loads back."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import torch

from hub_fixtures import SQUAD, base_files, squad_files
from loopback_hub import GOOD, Hub
from squadron.errors import ConfigError, ModelError, SquadronError
from squadron.experiments.ask import ask
from squadron.experiments.evaluate import evaluate
from squadron.experiments.export import export
from squadron.experiments.prepare import prepare
from squadron.experiments.train import train
from squadron.options.base import checked
from squadron.options.core import AskOptions, EvaluateOptions, ExportOptions, PrepareOptions, TrainOptions
from squadron.tracking.progress import Reporter

# The library's own way to send a file.
pytestmark = pytest.mark.filterwarnings("ignore:Use 'content=:DeprecationWarning")
GPT2 = "openai-community/gpt2"


class Notes(Reporter):
    """Keeps what is said."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, text: str) -> None:
        self.lines.append(text)


@pytest.fixture
def run(hub: Hub, byte_base_dir: Path, small_squad: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run on a base and data of the hub, scored on its validation split by two strategies; the token may write."""
    hub.put("models", GPT2, base_files(byte_base_dir))
    hub.put("datasets", SQUAD, squad_files(small_squad))
    data, out = tmp_path / "data", tmp_path / "run"
    prepare(PrepareOptions(dataset="squad", out=str(data), train_size=12, val_size=9, test_size=0))
    fast: dict[str, Any] = {"precision": "fp32", "device": "cpu"}
    train(TrainOptions(base="gpt2", data=str(data), out=str(out), max_steps=3, lr=0.05, eval_questions=0, **fast))
    evaluate(EvaluateOptions(run=str(out), decoding=("greedy", "span"), max_new_tokens=4, **fast))
    monkeypatch.setenv("HF_TOKEN", GOOD)
    monkeypatch.setattr("transformers.utils.hub._hf_api", None, raising=False)  # it keeps the address of its first hub
    return out


def pushed(run: Path, out: Path, **options: Any) -> tuple[dict[str, Any], list[str]]:
    notes = Notes()
    record = export(
        checked(ExportOptions, {"run": str(run), "out": str(out), "push": "me/qa", **options}), reporter=notes
    )
    return record, notes.lines


def test_a_pushed_adapter_loads_back_with_peft_and_with_squadron(hub: Hub, run: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM

    hub.forget()
    record, notes = pushed(run, tmp_path / "out", license="mit")
    repository = hub.repositories["models", "me/qa"]
    assert repository.private
    files = repository.commits[record["pushed"]["commit"]]
    written = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    assert {name: data for name, data in files.items() if name != ".gitattributes"} == written
    assert set(written) == {
        *("adapter_config.json", "adapter_model.safetensors", "README.md", "tokenizer.json", "tokenizer_config.json")
    }
    (line,) = notes
    assert line.startswith("uploading to me/qa (new, private): 5 files, ")
    for name, data in written.items():
        assert re.search(rf"{re.escape(name)} \({len(data) if len(data) < 1000 else round(len(data) / 1000, 1)} ", line)
    assert [one.method for one in hub.asked("PUT")] == ["PUT"]  # the weights alone are sent apart
    assert not any(one.token for one in hub.asked("PUT"))
    assert all(GOOD.encode() not in data for data in files.values())
    assert str(tmp_path).encode() not in b"".join(files.values())

    # The code of the card loads it, at the base's commit.
    code = re.search(r"```python\n(.*?)```", written["README.md"].decode(), re.DOTALL)
    assert code is not None
    found: dict[str, Any] = {}
    exec(code[1], found)
    tokens = torch.arange(20)[None]
    adapted = found["model"].eval()(tokens).logits
    plain = AutoModelForCausalLM.from_pretrained(GPT2).eval()(tokens).logits
    assert (adapted - plain).abs().max() > 1e-2

    (tmp_path / "context.txt").write_text("Town00 lies on the River00.")
    asked: dict[str, Any] = {"question": "Where?", "context": str(tmp_path / "context.txt"), "decoding": ("span",)}
    (ours,) = ask(AskOptions(run=str(run), **asked))["answers"]
    command = re.search(r"--base (\S+) --adapter (\S+)", written["README.md"].decode())
    assert command is not None
    (back,) = ask(AskOptions(base=command[1], adapter=command[2], **asked))["answers"]
    assert (back["answer"], back["probability"]) == (ours["answer"], pytest.approx(ours["probability"]))


@pytest.mark.usefixtures("hub")
def test_every_part_of_a_hub_folder_loads_back(run: Path, tmp_path: Path) -> None:
    from peft import AutoPeftModelForCausalLM
    from transformers import AutoTokenizer

    pushed(run, tmp_path / "both", to="hub-folder", push="me/both")
    pushed(run, tmp_path / "adapter", push="me/adapter")
    tokens = torch.arange(20)[None]
    found: list[dict[str, Any]] = [{}, {}]
    blocks = re.findall(r"```python\n(.*?)```", (tmp_path / "both" / "README.md").read_text(), re.DOTALL)
    for code, names in zip(blocks, found, strict=True):
        exec(code, names)
    merged, adapted = (names["model"].eval()(tokens).logits for names in found)
    alone = AutoPeftModelForCausalLM.from_pretrained("me/adapter").eval()(tokens).logits
    torch.testing.assert_close(adapted, merged, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(adapted, alone)
    assert found[0]["tokenizer"]("ab") == AutoTokenizer.from_pretrained("me/adapter")("ab")
    fast: dict[str, Any] = {"data": str(tmp_path / "data"), "max_new_tokens": 4, "precision": "fp32", "device": "cpu"}
    ours = evaluate(EvaluateOptions(run=str(run), **fast))["decodings"]["greedy"]
    for given in (
        {"base": "me/both"},
        {"base": "gpt2", "adapter": "me/both"},
        {"base": "gpt2", "adapter": "me/adapter"},
    ):
        assert evaluate(checked(EvaluateOptions, {**fast, **given}))["decodings"]["greedy"]["f1"] == ours["f1"]
    both = str(tmp_path / "both")
    local = evaluate(checked(EvaluateOptions, {**fast, "base": "gpt2", "adapter": both}))["decodings"]["greedy"]
    assert local == ours


def test_what_is_public_is_only_pushed_to_as_such(hub: Hub, run: Path, tmp_path: Path) -> None:
    pushed(run, tmp_path / "open", push="me/open", public=True)
    assert not hub.repositories["models", "me/open"].private
    with pytest.raises(ConfigError, match="push='me/open': this repository is public; add public=True"):
        pushed(run, tmp_path / "again", push="me/open")
    assert not (tmp_path / "again").exists()
    pushed(run, tmp_path / "closed")
    with pytest.raises(ConfigError, match="is private; change that on its page"):
        pushed(run, tmp_path / "again", public=True)
    record, notes = pushed(run, tmp_path / "again")
    assert (record["pushed"]["private"], notes[0].startswith("uploading to me/qa (private)")) == (True, True)


def test_what_cannot_be_pushed_is_told_before_any_work(
    hub: Hub, run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.forget()
    for options, words in (
        ({"push": "qa"}, "give OWNER/NAME"),
        ({"push": "me/qa@main"}, "give OWNER/NAME"),
        ({"offline": True}, "needs the network; leave out offline=True"),
        ({"push": None, "public": True}, "public=True: is for push"),
    ):
        with pytest.raises(ConfigError, match=words):
            pushed(run, tmp_path / "out", **options)
    monkeypatch.delenv("HF_TOKEN")
    with pytest.raises(ConfigError, match="needs a token with the right to write; log in with: hf auth login"):
        pushed(run, tmp_path / "out")
    assert hub.log == []
    assert not (tmp_path / "out").exists()


def test_a_refused_or_broken_push_leaves_nothing_and_goes_the_second_time(hub: Hub, run: Path, tmp_path: Path) -> None:
    hub.fail("POST /api/repos/create", status=403)
    with pytest.raises(ModelError, match=r"push='me/qa': the hub refuses this \(status 403"):
        pushed(run, tmp_path / "out")
    hub.fail("POST /api/models/me/qa/commit", status=500, times=50)
    with pytest.raises(SquadronError, match="a fault of its own"):
        pushed(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    hub.faults.clear()
    hub.fail("POST /api/models/me/qa/commit", status=503)
    record, _ = pushed(run, tmp_path / "out")
    assert "README.md" in hub.repositories["models", "me/qa"].commits[record["pushed"]["commit"]]
