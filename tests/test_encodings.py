"""Text files in other encodings than UTF-8."""

from __future__ import annotations

import codecs
import json
from pathlib import Path

import pytest

from squadron.data.sources import load_data
from squadron.encodings import decode_text
from squadron.errors import DataError, ModelError
from squadron.files import read_json

ROW = {
    "id": "q",
    "context": "Zoë was born in Orléans.",
    "question": "Où?",
    "answers": {"text": ["Orléans"], "answer_start": [16]},
}
TEXT = json.dumps([ROW], ensure_ascii=False)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_data_in_unicode_with_a_mark_is_read(encoding: str, tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(TEXT, encoding=encoding)
    ((paragraph, question),) = load_data(path).questions()
    assert (paragraph.context, question.answers[0].text) == (ROW["context"], "Orléans")
    path.write_bytes(codecs.BOM_UTF16_BE + TEXT.encode("utf-16-be"))
    assert load_data(path).golds() == {"q": ["Orléans"]}


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (TEXT.encode("utf-16-le"), "looks like UTF-16-LE without a byte order mark; .*iconv -f UTF-16-LE -t UTF-8 "),
        (TEXT.encode("utf-16-be"), "looks like UTF-16-BE without a byte order mark"),
        (TEXT.encode("latin-1"), "byte 27 is not UTF-8; it looks like Latin-1; .*iconv -f ISO-8859-1 -t UTF-8 "),
        (TEXT.replace("O", "“").encode("cp1252"), "looks like Windows-1252; .*iconv -f WINDOWS-1252 -t UTF-8 "),
        ("Москва стоит на реке.".encode("cp1251"), "byte 0 is not UTF-8; it looks like an older encoding, such as"),
        ("東京は日本の首都です。".encode("shift-jis"), "it looks like an older encoding"),
        (TEXT.encode().replace(b"O", b"\xe9"), "byte 42 is not UTF-8, and the text around it is; correct it there"),
        (
            TEXT.encode().rpartition(b"\xb9")[0],
            "byte [0-9]+ is not UTF-8: the file ends within a character; is it whole",
        ),
        (TEXT.encode("utf-16")[:-1], "is not UTF-16-LE, in which the file begins; is it whole"),
        (b"ELF\x01\x02\xff\x00\x00", "byte 5 is not UTF-8, and it looks like no text"),
    ],
)
def test_another_encoding_is_named(data: bytes, words: str) -> None:
    with pytest.raises(DataError, match=f"^file: .*{words}") as caught:
        decode_text(data, "file", error=DataError)
    assert "\n" not in str(caught.value)


def test_json_in_another_encoding_is_named(tmp_path: Path) -> None:
    path = tmp_path / "config.json"
    path.write_text(TEXT, encoding="utf-16")
    assert read_json(path, what="a text", error=ModelError) == [ROW]
    path.write_text(TEXT, encoding="latin-1")
    with pytest.raises(ModelError, match=r"it looks like Latin-1; .*; expected a text"):
        read_json(path, what="a text", error=ModelError)
