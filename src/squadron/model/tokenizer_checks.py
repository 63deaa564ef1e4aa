"""Checks of a ``tokenizer.json`` before the tokenizers library reads it.

The library panics, hangs or uses up all memory on some files: an expression that does not compile or that backtracks
without end, a prefix cut within a character. So only known parts of bounded size are passed to it.
"""

from __future__ import annotations

import reprlib
from collections.abc import Iterator, Mapping
from typing import Any

MAX_BYTES = 256 * 2**20
"""The size limit of a tokenizer's file; GPT-2's has 3 MB."""
_MAX_TOKENS = 2_000_000
_MAX_ADDED = 10_000
_MAX_TOKEN_LENGTH = 1_000
_MAX_TEXT_LENGTH = 100
"""The limit, in characters, of a text setting of a part: a prefix, a separator, a replacement."""
_MAX_PARTS = 100
_MAX_ID = 2**31 - 1

_PARTS: Mapping[str, tuple[str, ...]] = {
    "normalizer": (
        *("BertNormalizer", "ByteLevel", "Lowercase", "NFC", "NFD", "NFKC", "NFKD", "Nmt", "Prepend", "Replace"),
        *("Sequence", "Strip", "StripAccents"),
    ),
    "pre_tokenizer": (
        *("BertPreTokenizer", "ByteLevel", "CharDelimiterSplit", "Digits", "Metaspace", "Punctuation", "Sequence"),
        *("Split", "UnicodeScripts", "Whitespace", "WhitespaceSplit"),
    ),
    "post_processor": ("BertProcessing", "ByteLevel", "RobertaProcessing", "Sequence", "TemplateProcessing"),
    "decoder": ("BPEDecoder", "ByteFallback", "ByteLevel", "Fuse", "Metaspace", "Replace", "Sequence", "WordPiece"),
}
_NESTED_KEYS = ("normalizers", "pretokenizers", "processors", "decoders")
"""The keys under which a sequence holds its parts."""

_CONTRACTIONS = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_CASED = (
    r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
    r"|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?"
)
_EXPRESSIONS = frozenset(
    {
        # GPT-2's, in the spellings in use.
        r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+",
        r"'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s",
        # Later byte-level families: GPT-4 and Llama 3, Qwen 2, GPT-4o, Bloom.
        *(
            _CONTRACTIONS
            + r"|[^\r\n\p{L}\p{N}]?\p{L}+|"
            + numbers
            + r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
            for numbers in (r"\p{N}{1,3}", r"\p{N}")
        ),
        _CASED + r"|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+",
        r" ?[^(\s|[.,!?…。，、।۔،])]+",
        # Single character classes, as parts of a sequence.
        *(one + more for one in (r"\s", r"\d", r"[0-9]", r"\p{N}", r"\p{L}", r"\p{P}") for more in ("", "+")),
        r"\p{N}{1,3}",
        r"\w+|[^\w\s]+",
        r"[\r\n]",
        r"\n",
    }
)


def tokenizer_fault(data: Any) -> str | None:
    """Return why the JSON of a ``tokenizer.json`` is refused, in words; None if it is accepted."""
    if not isinstance(data, dict):
        return f"a JSON object is expected, not {type(data).__name__}"
    model = data.get("model")
    if not isinstance(model, dict):
        return f"model is {reprlib.repr(model)}; an object is expected"
    if model.get("type", "BPE") != "BPE":
        return f"a model of type {reprlib.repr(model['type'])} is refused; GPT-2's is BPE"
    return next(
        (
            found
            for found in (
                _model_fault(model),
                _added_fault(data.get("added_tokens")),
                *(_part_fault(where, data.get(where)) for where in _PARTS),
            )
            if found
        ),
        None,
    )


def vocabulary_fault(vocabulary: Any) -> str | None:
    """Return why a vocabulary, texts with their token ids, is refused, in words; None if it is accepted."""
    if not isinstance(vocabulary, dict) or not vocabulary:
        return f"the vocabulary is {reprlib.repr(vocabulary)}; texts with their token ids are expected"
    if len(vocabulary) > _MAX_TOKENS:
        return f"the vocabulary has {len(vocabulary):,} tokens; at most {_MAX_TOKENS:,} are taken"
    for token, number in vocabulary.items():
        if len(token) > _MAX_TOKEN_LENGTH:
            return f"a token has {len(token):,} characters; at most {_MAX_TOKEN_LENGTH:,} are taken"
        if not _is_id(number):
            return f"the id of token {reprlib.repr(token)} is {reprlib.repr(number)}; a whole number is expected"
        if not token.isascii() and not _is_text(token, _MAX_TOKEN_LENGTH):
            return f"token {reprlib.repr(token)} is not Unicode text"
    return None


def _model_fault(model: Mapping[str, Any]) -> str | None:
    vocabulary = model.get("vocab")
    if (found := vocabulary_fault(vocabulary)) is not None:
        return found
    assert isinstance(vocabulary, dict)
    merges = model.get("merges")
    if not isinstance(merges, list) or len(merges) > _MAX_TOKENS:
        return f"model.merges is {reprlib.repr(merges)}; a list of at most {_MAX_TOKENS:,} pairs is expected"
    for pair in merges:
        texts = pair.split(" ") if isinstance(pair, str) else pair
        if not (isinstance(texts, list) and len(texts) == 2 and all(_is_text(one, _MAX_TOKEN_LENGTH) for one in texts)):
            return f"model.merges has {reprlib.repr(pair)}; pairs of tokens are expected"
    if model.get("dropout") not in (None, 0):
        return f"model.dropout is {reprlib.repr(model['dropout'])}; tokens that are drawn by chance are refused"
    if model.get("continuing_subword_prefix") not in (None, ""):
        return f"model.continuing_subword_prefix is {reprlib.repr(model['continuing_subword_prefix'])}; GPT-2 has none"
    unknown = model.get("unk_token")
    if unknown is not None and (not isinstance(unknown, str) or unknown not in vocabulary):
        return f"model.unk_token {reprlib.repr(unknown)} is not in the vocabulary"
    return _text_fault("model", model, except_for=("vocab", "merges"))


def _added_fault(added: Any) -> str | None:
    if added is None:
        return None
    if not isinstance(added, list) or len(added) > _MAX_ADDED:
        return f"added_tokens is {reprlib.repr(added)}; a list of at most {_MAX_ADDED:,} is expected"
    for one in added:
        content = one.get("content") if isinstance(one, dict) else None
        if not content or not _is_text(content, _MAX_TOKEN_LENGTH) or not _is_id(one.get("id")):
            return f"added_tokens has {reprlib.repr(one)}; an object with id and content is expected"
    return None


def _part_fault(where: str, value: Any) -> str | None:
    if value is None:
        return None
    for count, part in enumerate(_parts(value)):
        if not isinstance(part, dict):
            return f"{where} has {reprlib.repr(part)}; an object with a type is expected"
        kind = part.get("type")
        if not isinstance(kind, str) or kind not in _PARTS[where] or count == _MAX_PARTS:
            return f"{where} of type {reprlib.repr(kind)} is refused; known are {', '.join(_PARTS[where])}"
        if (found := _pattern_fault(f"{where} {kind}", part.get("pattern"))) is not None:
            return found
        if (found := _text_fault(f"{where} {kind}", part, except_for=("pattern",))) is not None:
            return found
    return None


def _parts(value: Any) -> Iterator[Any]:
    """Yield a part and those nested in it, without recursion: the nesting can be deep."""
    waiting = [value]
    while waiting:
        part = waiting.pop()
        yield part
        if isinstance(part, dict):
            for key in _NESTED_KEYS:
                if isinstance(part.get(key), list):
                    waiting += part[key]


def _pattern_fault(where: str, pattern: Any) -> str | None:
    if pattern is None:
        return None
    if isinstance(pattern, dict) and len(pattern) == 1:
        text = pattern.get("String")
        if text and _is_text(text, _MAX_TEXT_LENGTH):
            return None
        expression = pattern.get("Regex")
        if isinstance(expression, str) and expression in _EXPRESSIONS:
            return None
    return (
        f"the pattern {reprlib.repr(pattern)} of {where} is refused; known are the expressions of GPT-2, GPT-4, "
        f"GPT-4o, Qwen 2 and Bloom, and plain text; ByteLevel with use_regex does what GPT-2's does"
    )


def _text_fault(where: str, part: Mapping[str, Any], *, except_for: tuple[str, ...]) -> str | None:
    for key, value in part.items():
        if key not in except_for and isinstance(value, str) and not _is_text(value, _MAX_TEXT_LENGTH):
            return f"{key} of {where} is {reprlib.repr(value)}; at most {_MAX_TEXT_LENGTH} characters of text are taken"
    return None


def _is_id(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _MAX_ID


def _is_text(value: Any, longest: int) -> bool:
    """Return True if a value is text without lone surrogates, of at most ``longest`` characters."""
    if not isinstance(value, str) or len(value) > longest:
        return False
    return not any("\ud800" <= letter <= "\udfff" for letter in value)
