"""Span search: every answer is a span of its context, for any context and any model."""

from __future__ import annotations

import json
import lzma
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from tokenizers import Tokenizer as Backend
from tokenizers import decoders, models, pre_tokenizers

from decoding.paths import SpanPath
from helpers import shake
from squadron.data.encoding import EncodedContext, Encoder, Prompt, encode_evaluation
from squadron.data.squad import Dataset, Paragraph, Question
from squadron.decoding.generate import Generation, generate
from squadron.decoding.span import SpanIndex
from squadron.decoding.span_search import SpanSearch, span_tables
from squadron.decoding.strategies import STRATEGIES
from squadron.model.checkpoint import random_model
from squadron.model.config import GPT2Config
from squadron.model.tokenizer import EOS, Tokenizer, load_tokenizer

PIECES = ["Saint Bernadette", "in 1858", "the", "NASA", "naïve café", "東京", "🎈", "“quoted”", "e\u0301", "x-ray",
          "$5.00", "don't", "Ünïcödé", "Москва", "12,345", "A", "(born 1912)", "a\u00a0b", "!"]  # fmt: skip
JOINTS = [" ", " ", " ", " ", ", ", "  ", "\n", " (", ") ", '"', ' "', "", "\t", "—", "   "]


def random_text(rng: random.Random) -> str:
    """Return a text of few pieces, so that phrases repeat, with all kinds of whitespace, also at both ends."""
    few = rng.sample(PIECES, rng.randint(1, 5))
    text = rng.choice(["", "", " ", "  ", "\n", '"'])
    for _ in range(rng.randint(1, 25)):
        text += rng.choice(few) + rng.choice(JOINTS)
    return text


def bytes_tokenizer() -> Tokenizer:
    """Return a tokenizer with one token per byte: a space is a token, and a non-ASCII character is several."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {character: i for i, character in enumerate(alphabet)} | {EOS: 256}
    backend = Backend(models.BPE(vocab=vocabulary, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([EOS])
    return Tokenizer(backend, "bytes")


@pytest.fixture(scope="module", params=["gpt2", "bytes"])
def tokenizer(request: pytest.FixtureRequest) -> Tokenizer:
    if request.param == "bytes":
        return bytes_tokenizer()
    return load_tokenizer(request.getfixturevalue("gpt2_tokenizer_dir"))


def encode(texts: list[str], encoder: Encoder, *, max_prompt: int = 200) -> list[EncodedContext]:
    """Encode each text as a context with one question."""
    paragraphs = [Paragraph("a", text, (Question(f"q{number}", "Who?", ()),)) for number, text in enumerate(texts)]
    return encode_evaluation(Dataset(tuple(paragraphs), "2.0", "test"), encoder, max_prompt=max_prompt)[0]


def answer(
    contexts: list[EncodedContext], tokenizer: Tokenizer, *, seed: int, steps: int, encoder: Encoder | None
) -> Iterator[tuple[EncodedContext, Generation]]:
    """Yield each context with the answer of a small random model."""
    config = GPT2Config(tokenizer.size, n_positions=256, n_embd=12, n_layer=1, n_head=2, n_inner=17)
    model = shake(random_model(config, seed=seed), seed=seed, size=0.5)
    with torch.no_grad():  # make EOS less likely, as few tokens are allowed beside it: answers should be short and long
        model.wte.weight[tokenizer.eos_id] = -0.5 * model.ln_f.bias
    found = generate(
        model,
        contexts,
        strategies=[STRATEGIES["span"]],
        max_new_tokens=steps,
        eos_id=tokenizer.eos_id,
        encoder=encoder,
    )["span"][0]
    for context in contexts:
        for prompt in context.prompts:
            yield context, found[prompt.id][0]


@pytest.mark.parametrize("respelled", [True, False])
def test_answers_are_spans_of_a_thousand_random_contexts(tokenizer: Tokenizer, respelled: bool) -> None:
    rng = random.Random(31)
    contexts = encode([random_text(rng) for _ in range(1000)], tokenizer, max_prompt=90)
    stopped = cut = repeated = truncated = unspaced = small = 0
    encoder = tokenizer if respelled else None
    for context, ours in answer(contexts, tokenizer, seed=1, steps=8, encoder=encoder):
        assert ours.span is not None
        start, stop = ours.span
        text = context.text[start:stop]
        emitted = tokenizer.decode(ours.tokens)
        (prompt,) = context.prompts
        sees = context.offsets[prompt.visible - 1][1]
        assert 0 <= start <= stop <= max(sees, 0)
        assert text == text.strip()
        if not respelled:
            unspaced += emitted[:1] not in ("", " ")
            emitted = emitted if emitted[:1] in ("", " ") else f" {emitted}"
        elif text and emitted[1:2] != text[0]:  # the first word of a sentence, spelled with a small letter
            assert emitted[1] == text[0].lower()
            assert context.text[:start].rstrip(" \"'“‘«([")[-1:] in ("", ".", "!", "?", "\n")
            emitted = f" {text[0]}{emitted[2:]}"
            small += 1
        if ours.stopped:
            assert emitted == (f" {text}" if text else "")
            assert text or not context.text[: max(sees, 0)].strip()
        else:
            assert len(ours.tokens) == 8
            assert emitted.startswith(f" {text}" if text else " ")
        stopped += ours.stopped
        cut += not ours.stopped
        repeated += context.text.count(text) > 1
        truncated += prompt.visible < len(context.tokens)
    assert stopped + cut == 1000
    assert min(stopped, cut, repeated, truncated) > 50, (stopped, cut, repeated, truncated)
    assert respelled == (unspaced == 0)
    assert (small > 0) == respelled, small


def test_the_index_allows_what_a_scan_finds(gpt2_tokenizer_dir: Path) -> None:
    """In texts of words separated by spaces, an answer is any token sequence that starts with a space."""
    tokenizer = load_tokenizer(gpt2_tokenizer_dir)
    rng = random.Random(7)
    eos, steps = tokenizer.eos_id, 0
    for _ in range(200):
        text = " ".join(rng.choice(["alpha", "beta", "Bernadette", "Soubirous", "alphabet"]) for _ in range(20))
        (context,) = encode([text], tokenizer)
        inside = list(context.tokens[2:])
        spaced = [text[max(start, 0)] == " " or start < 0 for start, _ in context.offsets[2:]]
        path, emitted = SpanPath(SpanIndex(context, len(context.tokens))), list[int]()
        while True:
            runs = [i for i in range(len(inside)) if spaced[i] and inside[i : i + len(emitted)] == emitted]
            behind = {inside[i + len(emitted)] for i in runs if i + len(emitted) < len(inside)}
            assert path.allowed(eos, suppress_eos=False).tolist() == sorted(behind | ({eos} if emitted else set()))
            if emitted:
                first = context.offsets[2:][runs[0]][0] + 1
                assert path.span == (first, context.offsets[2:][runs[0] + len(emitted) - 1][1])
            token = rng.choice(sorted(behind | ({eos} if emitted else set())))
            if token == eos:
                break
            emitted.append(token)
            path.take(token)
            steps += 1
    assert steps > 400


def follow(index: SpanIndex, tokens: list[int], eos_id: int) -> tuple[int, int] | None:
    """Return the span of an answer; None if the index does not allow it."""
    path = SpanPath(index)
    for token in tokens:
        if token not in path.allowed(eos_id, suppress_eos=False):
            return None
        path.take(token)
    return path.span if eos_id in path.allowed(eos_id, suppress_eos=False) else None


def test_words_without_a_space_before_them(tokenizer: Tokenizer) -> None:
    text = 'In "Hamlet"\nNASA (NASA, 1958) said: $5 to Bob-Ann. "Hamlet" again'
    (context,) = encode([text], tokenizer)
    respelled = SpanIndex(context, len(context.tokens), tokenizer)
    bare = SpanIndex(context, len(context.tokens))

    def find(index: SpanIndex, answer: str) -> str | None:
        place = follow(index, tokenizer.encode(f" {answer}"), tokenizer.eos_id)
        return None if place is None else text[slice(*place)]

    for word in ("In", "Hamlet", "NASA", "1958", "NASA (NASA, 1958", "$5", "Bob-Ann", "Ann", "Bob", '"Hamlet" again'):
        assert find(respelled, word) == word
    assert find(bare, "In") == "In"
    assert find(bare, "Hamlet") is None  # in the context there is no space before it
    assert follow(bare, tokenizer.encode("Hamlet"), tokenizer.eos_id) == (4, 10)
    for index in (bare, respelled):
        assert follow(index, tokenizer.encode("again"), tokenizer.eos_id) is None  # its space is required
    assert follow(respelled, tokenizer.encode("Hamlet"), tokenizer.eos_id) is None
    for absent in ("amlet", "Hamlet again", "ASA", "Macbeth", "Bob Ann", "again In"):
        assert find(respelled, absent) is None
    assert follow(respelled, tokenizer.encode(" Hamlet"), tokenizer.eos_id) == (4, 10)  # the first of the two


def test_the_first_word_of_a_sentence_may_have_a_small_letter(tokenizer: Tokenizer) -> None:
    text = 'Dark oak. "Old Tom" came. The Dark Tower? He said so.\nÉcole'
    (context,) = encode([text], tokenizer)
    index = SpanIndex(context, len(context.tokens), tokenizer)

    def find(answer: str) -> str | None:
        place = follow(index, tokenizer.encode(f" {answer}"), tokenizer.eos_id)
        return None if place is None else text[slice(*place)]

    for answer, place in (("dark oak", "Dark oak"), ("Dark", "Dark"), ("old Tom", "Old Tom"), ("the Dark", "The Dark")):
        assert find(answer) == place
    for answer in ("he said", "école"):
        assert find(answer) == answer.capitalize()
    for absent in ("tom", "dark Tower", "tower", "old tom", "ark oak"):
        assert find(absent) is None
    bare = SpanIndex(context, len(context.tokens))
    assert follow(bare, tokenizer.encode(" dark"), tokenizer.eos_id) is None


def test_answers_are_within_the_part_that_the_prompt_sees(tokenizer: Tokenizer) -> None:
    text = "one two three (four five"
    (context,) = encode([text], tokenizer)
    for visible in range(len(context.tokens) + 1):
        index = SpanIndex(context, visible, tokenizer)
        seen = text[: max(context.offsets[visible - 1][1], 0)] if visible else ""
        for answer in ("one", "one two", "three (four", "four", "four five", "five"):
            found = follow(index, tokenizer.encode(f" {answer}"), tokenizer.eos_id)
            assert (found is not None) == (answer in seen), (visible, answer)


def test_the_gold_answers_of_squad_can_be_reached(gpt2_tokenizer_dir: Path, shared_squad: Path) -> None:
    tokenizer = load_tokenizer(gpt2_tokenizer_dir)
    data = json.loads(lzma.decompress(shared_squad.read_bytes()))["data"]
    paragraphs = [paragraph for article in data for paragraph in article["paragraphs"]][::20]
    golds = reached = bare = 0
    for paragraph, context in zip(paragraphs, encode([p["context"] for p in paragraphs], tokenizer), strict=True):
        index = SpanIndex(context, len(context.tokens), tokenizer)
        plain = SpanIndex(context, len(context.tokens))
        for question in paragraph["qas"]:
            text = question["answers"][0]["text"]
            tokens = tokenizer.encode(f" {text}")
            place = follow(index, tokens, tokenizer.eos_id)
            golds += 1
            reached += place is not None
            bare += follow(plain, tokens, tokenizer.eos_id) is not None
            if place is not None:
                assert paragraph["context"][slice(*place)] == text
    assert golds > 400
    assert reached / golds > 0.98, (reached, golds)
    assert bare < reached  # the others need the second spelling


def test_an_empty_context_has_an_empty_answer() -> None:
    tokenizer = bytes_tokenizer()
    contexts = encode(["", "   ", "\n"], tokenizer)
    for _, ours in answer(contexts, tokenizer, seed=2, steps=3, encoder=tokenizer):
        assert (ours.tokens, ours.stopped, ours.span) == ((), True, (0, 0))


def test_without_eos_a_span_ends_at_the_end_of_the_context() -> None:
    context = EncodedContext("a b c", (1, 2, 3), ((-1, 1), (1, 3), (3, 5)), (Prompt("q", 3, (4,)),))
    model = shake(random_model(GPT2Config(11, 20, 4, 1, 2, 5), seed=1), seed=2, size=0.5)
    (found,) = generate(
        model, [context], strategies=[STRATEGIES["span"]], max_new_tokens=9, eos_id=0, suppress_eos=True
    )["span"]
    (ours,) = found["q"]
    assert not ours.stopped
    assert ours.tokens[-1] == 3
    assert ours.span == (2 * (3 - len(ours.tokens)), 5)
    assert -30 < ours.log_probability < 0


def test_offsets_without_whitespace_are_equivalent() -> None:
    full = EncodedContext("ab  cd e", (1, 2, 3, 4), ((-1, 2), (2, 3), (3, 6), (6, 8)), ())
    trimmed = EncodedContext("ab  cd e", (1, 2, 3, 4), ((0, 2), (3, 3), (4, 6), (7, 8)), ())
    for token, place in ((1, (0, 2)), (3, (4, 6)), (4, (7, 8))):
        assert follow(SpanIndex(full, 4), [token], 9) == place
        assert follow(SpanIndex(trimmed, 4), [token], 9) == place
    assert follow(SpanIndex(full, 4), [2, 3], 9) is None


def search(
    indices: Sequence[SpanIndex], tree_of: Sequence[int], *, fleet_size: int, eos_id: int, suppress_eos: bool
) -> SpanSearch:
    """Start rows in the indices ``tree_of``."""
    tables = span_tables(indices, np.array(tree_of))
    return SpanSearch(
        {name: torch.from_numpy(table) for name, table in tables.items()}, fleet_size, eos_id, suppress_eos
    )


def test_the_likeliest_allowed_token_is_taken() -> None:
    context = EncodedContext("a b a c", (1, 2, 1, 3), ((-1, 1), (1, 3), (3, 5), (5, 7)), ())
    everywhere, none = slice(None), torch.zeros(1, 3, dtype=torch.bool)
    paths = search([SpanIndex(context, 4)], [0] * 3, fleet_size=1, eos_id=0, suppress_eos=False)
    logits = torch.tensor([[[9.0, 1, 2, 3, 8], [9, 3, 2, 1, 8], [9, 2, 3, 1, 8]]])
    # EOS is not allowed first, and 4 never.
    assert paths.take(everywhere, everywhere, logits, none).tolist() == [[3, 1, 2]]
    assert paths.take(everywhere, everywhere, torch.tensor([[[-9.0, 7, 8, 7, 7]] * 3]), none).tolist() == [[0, 2, 1]]
    assert paths.span[0].tolist() == [[6, 7], [0, 3], [2, 5]]
    paths.keep(torch.tensor([1]))
    assert paths.take(everywhere, everywhere, torch.tensor([[[7.0, 7, 8, 7, 7]]]), none[:, :1]).tolist() == [[0]]
    assert paths.span.tolist() == [[[0, 3]]]


@pytest.mark.parametrize("suppress_eos", [False, True])
def test_all_rows_at_once_take_the_paths_of_one_row_at_a_time(suppress_eos: bool) -> None:
    """Tokens, ties, spans and frozen rows are those of plain steps, row by row, also if a part of the rows moves."""
    tokenizer, rng = bytes_tokenizer(), random.Random(3)
    generator, eos = torch.Generator().manual_seed(4), 256
    contexts = encode(["", "  ", *(random_text(rng) for _ in range(38))], tokenizer, max_prompt=60)
    indices = [SpanIndex(one, one.prompts[0].visible, tokenizer) for one in contexts]
    tree_of = [rng.randrange(len(indices)) for _ in range(60)]
    tree_of[:2] = [0, 1]
    both = search(indices, tree_of, fleet_size=2, eos_id=eos, suppress_eos=suppress_eos)
    plain = [[SpanPath(indices[tree]) for tree in tree_of] for _ in range(2)]
    ended = tied = 0
    for _ in range(9):
        # Few different values, so that tokens tie.
        logits = torch.randint(4, (2, 60, 257), generator=generator).float()
        frozen = torch.rand(2, 60, generator=generator) < 0.2
        rows = torch.randperm(60, generator=generator)[:50].sort().values
        k = slice(0, 2) if rng.random() < 0.5 else slice(1, 2)
        taken = both.take(k, rows, logits[k, rows], frozen[k, rows])
        for adapter in range(2)[k]:
            for place, row in enumerate(rows.tolist()):
                if frozen[adapter, row]:
                    continue
                allowed = plain[adapter][row].allowed(eos, suppress_eos)
                scores = logits[adapter, row, torch.from_numpy(allowed)]
                token = int(allowed[int(scores.argmax())])
                assert int(taken[adapter - (k.start or 0), place]) == token
                tied += int((scores == scores.max()).sum()) > 1
                ended += token == eos
                if token != eos:
                    plain[adapter][row].take(token)
        assert both.span.tolist() == [[list(path.span) for path in own] for own in plain]
    assert tied > 50
    assert ended > 20
