"""Decode the text files of users: UTF-8, or what a byte order mark says; name the encoding of any other."""

from __future__ import annotations

import codecs
import json

from squadron.errors import SquadronError

_MARKED = {
    codecs.BOM_UTF32_LE: "utf-32",  # before UTF-16, whose mark it begins with
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_SAMPLE = 1 << 16
"""Bytes before and after the first that is not UTF-8, from which the encoding is guessed."""
_MANY = 0.3
"""Share of non-ASCII characters above which a text is not in Latin letters."""


def decode_text(data: bytes, source: str, *, error: type[SquadronError]) -> str:
    """Return the text of a file, without its byte order mark: UTF-8, or UTF-16 or UTF-32 with such a mark.

    Raises ``error`` for any other encoding: one line that names ``source``, the encoding that it looks like, and how to
    convert it.
    """
    encoding = next((name for mark, name in _MARKED.items() if data.startswith(mark)), "utf-8-sig")
    guessed = json.detect_encoding(data)
    if encoding == "utf-8-sig" and guessed not in ("utf-8", "utf-8-sig"):
        raise error(f"{source}: looks like {guessed.upper()} without a byte order mark; {_conversion(guessed.upper())}")
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as problem:
        raise error(f"{source}: {encoding_fault(data, problem)}") from None


def encoding_fault(data: bytes, problem: UnicodeDecodeError) -> str:
    """Return in words where ``data`` cannot be decoded, the encoding that it looks like, and how to convert it."""
    name = problem.encoding.upper()
    if not name.startswith("UTF-8"):
        return f"byte {problem.start} is not {name}, in which the file begins; is it whole?"
    place = f"byte {problem.start} is not UTF-8"
    sample = data[max(0, problem.start - _SAMPLE) : problem.start + _SAMPLE]
    if any(byte < 32 and byte not in b"\t\n\r\f" for byte in sample):
        return f"{place}, and it looks like no text; give a text file in UTF-8"
    read = sample.decode("utf-8", "replace")
    bad, others = read.count("\ufffd"), sum(letter > "\x7f" for letter in read)
    if problem.reason == "unexpected end of data" and others > bad:
        return f"{place}: the file ends within a character; is it whole?"
    if others > 2 * bad:
        return f"{place}, and the text around it is; correct it there, or save the file as UTF-8"
    if bad > _MANY * len(read):
        return f"{place}; it looks like an older encoding, such as Windows-1251, GB18030 or Shift-JIS; save it as UTF-8"
    looks = "WINDOWS-1252" if any(0x80 <= byte <= 0x9F for byte in sample) else "ISO-8859-1"
    said = "Windows-1252" if looks == "WINDOWS-1252" else "Latin-1"
    return f"{place}; it looks like {said}; {_conversion(looks)}"


def _conversion(encoding: str) -> str:
    return f"save it as UTF-8, for example with: iconv -f {encoding} -t UTF-8 FILE > NEW"
