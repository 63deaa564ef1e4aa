"""Make the valid files that are damaged: questions in all layouts, configurations, bases, runs, a sweep."""

from __future__ import annotations

import gzip
import json
import lzma
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, pre_tokenizers

from squadron.model.checkpoint import random_model, save_model
from squadron.model.config import GPT2Config
from squadron.model.tokenizer import EOS, Tokenizer

Squadron = Callable[[Sequence[str]], None]
CONFIGS = {
    "grid": """\
base: {epochs: 1, batch_size: 4, eval_questions: 2, train_size: 6, val_size: 3, test_size: 2}
grid: {rank: [2, 3], lr: [1.0e-2]}
evaluate: {split: validation, decoding: [greedy], max_new_tokens: 2}
best: {split: test, decoding: [greedy, span], max_new_tokens: 2}
""",
    "all": """\
# every section
base:
  epochs: 1
  max_length: 128
  schedule: linear
grid: {rank: [2, 4], targets: [attention, [attn.q, attn.v]]}
tied: {alpha: [8, 16], dropout: [0, 0.1]}
exclude: [{rank: 4, alpha: 16}]
runs: [{rank: 3, name: large}]
seeds: 2
evaluate: {decoding: all, max_new_tokens: 2, limit: 3}
""",
    "search": """\
search:
  method: random
  trials: 3
  seed: 1
  space: {rank: [2, 4], lr: {low: 1e-5, high: 1e-2, log: true}}
""",
}


def make_valid(home: Path, squadron: Squadron) -> None:
    """Fill the folder ``home``; ``squadron`` runs a command line. All is seeded and small."""
    _write_data(home / "data")
    _write_predictions(home / "predictions")
    for name, text in CONFIGS.items():
        _write(home / "config" / f"{name}.yaml", text.encode())
    _write(
        home / "context" / "context.txt",
        "Town00 lies on the River00. Its bridge — a stone one — stands.\n".encode() * 3,
    )
    _write_bases(home)
    questions, base = home / "data" / "squad.json", home / "base"
    sizes = ("--train-size", "6", "--val-size", "3", "--test-size", "2")
    _run(squadron, "prepare", "--dataset", questions, "--out", home / "prepared", *sizes)
    train = (
        "train",
        "--base",
        base,
        "--data",
        home / "prepared",
        "--rank",
        "2",
        "--eval-questions",
        "2",
        "--epochs",
        "2",
    )
    for name, options in (("run", ()), ("other", ("--lr", "1e-2")), ("stopped", ("--max-steps", "1"))):
        _run(squadron, *train, *options, "--out", home / "runs" / name)
        short = ("--max-new-tokens", "2", "--samples", "2", "--decoding", "greedy", "top-k", "span")
        _run(squadron, "evaluate", home / "runs" / name, *short)
    config = home / "config" / "grid.yaml"
    _run(squadron, "sweep", config, "--base", base, "--dataset", home / "prepared", "--out", home / "sweep")


def _run(squadron: Squadron, *words: object) -> None:
    try:
        squadron([*map(str, words), "--offline", "--precision", "fp32", "--device", "cpu"])
    except SystemExit as ended:
        if ended.code:
            raise RuntimeError(f"a valid input was refused: {words}") from ended


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _paragraphs() -> list[tuple[str, list[tuple[str, str, str, int]]]]:
    """Return contexts with their questions: id, question, answer, start."""
    found = []
    for p in range(8):
        town, river, year = f"Town{p}", f"Rivér{p}", str(1800 + p)
        context = f"{town} lies on the {river}. Its bridge was built in {year}."
        asked = (("Which town?", town), ("On which river?", river), ("When?", year))
        found.append((context, [(f"{p}.{q}", ask, one, context.index(one)) for q, (ask, one) in enumerate(asked)]))
    return found


def _write_data(folder: Path) -> None:
    """Write the same questions in every layout that is read, and in one that is not."""
    paragraphs = _paragraphs()
    articles = [
        {
            "title": f"Article {k // 2}",
            "paragraphs": [
                {
                    "context": context,
                    "qas": [
                        {"id": name, "question": ask, "answers": [{"text": text, "answer_start": start}]}
                        for name, ask, text, start in asked
                    ],
                }
            ],
        }
        for k, (context, asked) in enumerate(paragraphs)
    ]
    rows = [
        {
            "id": name,
            "title": "A",
            "context": context,
            "question": ask,
            "answers": {"text": [text], "answer_start": [start]},
        }
        for context, asked in paragraphs
        for name, ask, text, start in asked
    ]
    second: Any = json.loads(json.dumps(articles))
    for article in second:
        qas = article["paragraphs"][0]["qas"]
        qas[1] |= {"answers": [], "is_impossible": True, "plausible_answers": qas[0]["answers"]}
    official = json.dumps({"version": "1.1", "data": articles}).encode()
    lines = b"\n".join(json.dumps(row).encode() for row in rows)
    mrqa: list[Any] = [{"header": {"dataset": "SQuAD", "split": "dev"}}]
    label_studio, doccano = [], []
    for number, (context, asked) in enumerate(paragraphs):
        qas = [
            {
                "qid": name,
                "question": ask,
                "answers": [text],
                "detected_answers": [{"text": text, "char_spans": [[start, start + len(text) - 1]]}],
            }
            for name, ask, text, start in asked
        ]
        mrqa.append({"id": "", "context": context, "qas": qas})
        for name, ask, text, start in asked:
            value = {"start": start, "end": start + len(text), "text": text, "labels": ["Answer"]}
            result = [{"from_name": "answer", "to_name": "text", "type": "labels", "value": value}]
            task = {"text": context, "question": ask}
            label_studio.append({"id": name, "data": task, "annotations": [{"id": 1, "result": result}]})
        spans = [[start, start + len(text), ask] for _, ask, text, start in asked]
        doccano.append({"id": number, "text": context, "label": spans})
    columns = {key: [row[key] for row in rows] for key in rows[0]}
    table = "id,context,question,text,answer_start\n" + "".join(
        f'{name},"{context}",{ask},{text},{start}\n'
        for context, asked in paragraphs
        for name, ask, text, start in asked
    )
    for name, data in {
        "squad.json": official,
        "second.json": json.dumps({"version": "v2.0", "data": second}).encode(),
        "articles.json": json.dumps(articles).encode(),
        "rows.jsonl": lines,
        "rows.json": json.dumps({"rows": [{"row": row} for row in rows]}).encode(),
        "columns.json": json.dumps(columns).encode(),
        "splits.json": json.dumps({"train": rows, "validation": rows[:3]}).encode(),
        "table.csv": table.encode(),
        "squad.json.gz": gzip.compress(official, mtime=0),
        "squad.json.xz": lzma.compress(official),
        "mrqa.jsonl.gz": gzip.compress(b"\n".join(json.dumps(one).encode() for one in mrqa), mtime=0),
        "label_studio.json": json.dumps(label_studio).encode(),
        "doccano.jsonl": b"\n".join(json.dumps(one).encode() for one in doccano),
    }.items():
        _write(folder / name, data)
    _write_parquet(folder, rows)


def _write_parquet(folder: Path, rows: list[Any]) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pa.Table.from_pylist(rows)
    ways: tuple[dict[str, Any], ...] = (
        {"compression": "snappy"},
        {"compression": "none", "use_dictionary": False, "row_group_size": 4},
        {"compression": "zstd", "data_page_version": "2.0"},
        {"compression": "gzip", "use_dictionary": False},
    )
    for number, way in enumerate(ways):
        pq.write_table(table, folder / f"rows{number}.parquet", **way)


def _write_predictions(folder: Path) -> None:
    answers = {name: text for _, asked in _paragraphs() for name, _, text, _ in asked}
    best = {
        name: [{"text": text, "probability": 0.9}, {"text": "x", "probability": 0.1}] for name, text in answers.items()
    }
    for name, data in {
        "official.json": answers,
        "list.json": [
            {"id": name, "prediction_text": text, "no_answer_probability": 0.5} for name, text in answers.items()
        ],
        "best.json": best,
        "odds.json": {name: k - 5.5 for k, name in enumerate(answers)},
    }.items():
        _write(folder / name, json.dumps(data).encode())


def _write_bases(home: Path) -> None:
    """Write a small base with a byte tokenizer, and one in shards with a vocabulary and merges."""
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    backend = Backend(models.BPE(vocab={symbol: i for i, symbol in enumerate(letters)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([EOS])
    base, shards = home / "base", home / "shards"
    Tokenizer(backend, "bytes").save(base)
    model = random_model(
        GPT2Config(vocab_size=257, n_positions=256, n_embd=16, n_layer=2, n_head=2, n_inner=24), seed=5
    )
    with torch.no_grad():
        model.wte.weight.mul_(20)  # so that logits differ
    save_model(model, base)
    _write_shards(base, shards, letters)


def _write_shards(base: Path, shards: Path, letters: list[str]) -> None:
    from safetensors.torch import load_file, save_file

    shards.mkdir()
    tensors = load_file(base / "model.safetensors")
    names = sorted(tensors)
    index = {}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        file = f"model-{number:05}-of-00002.safetensors"
        save_file({f"transformer.{name}": tensors[name] for name in part}, shards / file, metadata={"format": "pt"})
        index |= {f"transformer.{name}": file for name in part}
    _write(shards / "model.safetensors.index.json", json.dumps({"metadata": {}, "weight_map": index}).encode())
    shutil.copy(base / "config.json", shards)
    vocabulary = {symbol: i for i, symbol in enumerate(letters)} | {EOS: 256}
    _write(shards / "vocab.json", json.dumps(vocabulary).encode())
    _write(shards / "merges.txt", b"#version: 0.2\n")
    _write(shards / "special_tokens_map.json", json.dumps({"eos_token": EOS, "unk_token": {"content": EOS}}).encode())
