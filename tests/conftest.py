"""Fixtures for all tests: the real data, if it is beside the project, and small seeded models and data."""

from __future__ import annotations

import gc
import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, pre_tokenizers

from helpers import TINY, shake
from squadron.data.prepared import load_split
from squadron.experiments.inputs import Inputs, open_inputs
from squadron.experiments.prepare import prepare
from squadron.model.checkpoint import random_model, save_model
from squadron.model.config import SIZES, GPT2Config
from squadron.model.tokenizer import EOS, Tokenizer, load_tokenizer
from squadron.options.core import PrepareOptions

BYTES = sorted(pre_tokenizers.ByteLevel.alphabet())
CHROMIUM = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
"""Arguments of the browser: no window, and no requests of its own."""
pytest_plugins = ["study_fixtures", "hub_fixtures"]
TOGETHER = ("tests/bench/", "tests/reporting/", "tests/web/")
"""Folders whose files one process runs, since they share what takes seconds to start."""
LONG = (*TOGETHER, "tests/emulation/", "tests/end_to_end/", "tests/sweeps/test_kill.py", "tests/test_notebook.py")
"""Where a file takes longest. They run first: else one of two processes would have them to itself at the end."""


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Collect tests without collecting garbage: imports make millions of objects that stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.enable()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give whole files to processes, and those of some folders to the same one."""
    from xdist.scheduler import LoadFileScheduling

    class FilesOrFolders(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return next((folder for folder in TOGETHER if nodeid.startswith(folder)), super()._split_scope(nodeid))

    return FilesOrFolders(config, log) if config.getoption("dist") == "loadfile" else None


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    items.sort(key=lambda item: not item.nodeid.startswith(LONG))  # stable: files stay together, in their order


@pytest.fixture(scope="module", autouse=True)
def _short_collections() -> None:
    """Exempt what is there before a module from garbage collection: PyTorch alone makes a collection take 0.2 s.

    Trials of memory and sweeps collect after every fleet, as they must.
    """
    gc.collect()
    gc.freeze()


SHARED = Path(__file__).resolve().parents[2] / "shared"


def _shared(relative: str) -> Path:
    path = SHARED / relative
    if not path.exists():
        pytest.skip(f"the real data is not beside the project: ../shared/{relative} is absent")
    return path


@pytest.fixture(scope="session")
def shared_squad() -> Path:
    """8,381 real SQuAD v1.1 questions, in the official layout, xz-compressed."""
    return _shared("squad/squad-v1.1-dev-38.json.xz")


@pytest.fixture(scope="session")
def gpt2_tokenizer_dir() -> Path:
    """The folder with GPT-2's own ``vocab.json`` and ``merges.txt``."""
    return _shared("gpt2-tokenizer")


@pytest.fixture(scope="session")
def tiny_base_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small checkpoint folder (no tokenizer) with seeded random weights, large enough that logits differ."""
    folder = tmp_path_factory.mktemp("tiny-base")
    save_model(shake(random_model(TINY, seed=1), seed=2, size=0.15), folder)
    return folder


@pytest.fixture(scope="session")
def gpt2_shape_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint folder of GPT-2's real shape (124M) with seeded random weights; no tokenizer."""
    folder = tmp_path_factory.mktemp("gpt2-shape")
    save_model(shake(random_model(SIZES["gpt2"], seed=3), seed=4, size=0.02), folder)
    return folder


@pytest.fixture(scope="session")
def gpt2_real_dir(gpt2_shape_dir: Path, gpt2_tokenizer_dir: Path) -> Path:
    """:func:`gpt2_shape_dir` with GPT-2's real tokenizer beside it."""
    load_tokenizer(gpt2_tokenizer_dir).save(gpt2_shape_dir)
    return gpt2_shape_dir


@pytest.fixture(scope="session")
def byte_base_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small, fast checkpoint folder with a byte tokenizer: one token per byte, and EOS."""
    folder = tmp_path_factory.mktemp("byte-base")
    backend = Backend(models.BPE(vocab={symbol: i for i, symbol in enumerate(BYTES)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([EOS])
    Tokenizer(backend, "bytes").save(folder)
    config = GPT2Config(vocab_size=257, n_positions=512, n_embd=32, n_layer=2, n_head=2, n_inner=48)
    save_model(shake(random_model(config, seed=5), seed=6, size=0.1), folder)
    return folder


@pytest.fixture(scope="session")
def small_squad(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQuAD file of 12 paragraphs with 3 questions each."""
    path = tmp_path_factory.mktemp("small-squad") / "small.json"
    articles = []
    for a in range(4):
        paragraphs = []
        for p in range(3):
            town, river, year = f"Town{a}{p}", f"River{a}{p}", str(1800 + 10 * a + p)
            context = f"{town} lies on the {river}. Its bridge was built in {year}."
            asked = [("Which town?", town), ("On which river?", river), ("When?", year)]
            qas = [
                {
                    "id": f"{a}.{p}.{q}",
                    "question": question,
                    "answers": [{"text": answer, "answer_start": context.index(answer)}],
                }
                for q, (question, answer) in enumerate(asked)
            ]
            paragraphs.append({"context": context, "qas": qas})
        articles.append({"title": f"Article {a}", "paragraphs": paragraphs})
    path.write_text(json.dumps({"version": "1.1", "data": articles}))
    return path


@pytest.fixture(scope="session")
def small_data(tmp_path_factory: pytest.TempPathFactory, small_squad: Path) -> Path:
    """:func:`small_squad` prepared: 20 questions to train on, 9 to validate, 5 to test."""
    out = tmp_path_factory.mktemp("small-data") / "data"
    prepare(PrepareOptions(dataset=str(small_squad), out=str(out), train_size=20, val_size=9, test_size=5))
    return out


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """The system's Chromium, headless; one for all tests, since Playwright allows one at a time."""
    playwright = pytest.importorskip("playwright.sync_api", reason="browser tests need playwright")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if found is None:
        pytest.skip("browser tests need Chromium (Debian: apt-get install chromium)")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=found, args=CHROMIUM)
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def inputs(byte_base_dir: Path, small_data: Path) -> Inputs:
    """The inputs of a small training run, opened once per module."""
    training = load_split(small_data, "train")
    where = {"dtype": torch.float32, "device": torch.device("cpu"), "offline": True}
    return open_inputs(str(byte_base_dir), str(small_data), training=training, **where)  # type: ignore[arg-type]
