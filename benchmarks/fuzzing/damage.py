"""Damage to files: their bytes, their structure by format, and what stands in their place."""

from __future__ import annotations

import gzip
import json
import lzma
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

from fuzzing.trees import RAW, damaged_tree, hostile_value, json_text

_PIECES = (
    *(b"\x00", b"\xff", b"\xff\xfe", b"\xef\xbb\xbf", b"\xc3\x28", b"\xed\xa0\x80", b'"', b"{", b"}", b"[", b"]", b","),
    *(b":", b"\n", b"\r", b"\\", b"\\ud800", b"\\u0000", b"null", b"NaN", b"-1", b"1e999", b"9" * 30, b"\xff" * 8),
    *(b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"[" * 3000, b"\x1b[2J", "\u202e".encode(), b"\x00" * 1000),
)
_YAML_PIECES = (
    *(
        "&a ",
        "*a",
        "!!int ",
        "!!python/object/apply:os.system [id] ",
        "!!binary ",
        "<<: *a",
        "? ",
        "- ",
        "\t",
        "|\n",
        ">",
    ),
    *(
        "%YAML 1.1\n---\n",
        "---\n",
        "...\n",
        "{",
        "}",
        "[",
        "]",
        ": ",
        "# ",
        "'",
        '"',
        "1_000",
        "010",
        "0x1f",
        ".inf",
        ".nan",
    ),
    *("~", "yes", "2001-01-01", "1e400", "9" * 400, "\u202e", "\x85", "a: &a [*a]\n", "[" * 40, "- " * 500, "x" * 5000),
)
_ALIASES = "a0: &a0 [x, x]\n" + "".join(f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 12))
"""YAML that stands for nine to the eleventh values."""


def damage_file(path: Path, draw: random.Random) -> None:
    """Damage a file in place: by its format, by its bytes, or by what stands in its place."""
    data = path.read_bytes()
    chance = draw.random()
    if chance < 0.03:
        _replace_place(path, draw)
    elif chance < 0.25 or not (changed := _by_format(path.name, data, draw)):
        path.write_bytes(damaged_bytes(data, draw))
    else:
        path.write_bytes(changed)


def damaged_bytes(data: bytes, draw: random.Random) -> bytes:
    """Return bytes with one to five changes: flips, cuts, insertions, repetitions."""
    data = bytearray(data)
    for _ in range(draw.choice((1, 1, 1, 2, 5))):
        size = len(data)
        # The first bytes and the last hold the headers of most formats.
        at = min(
            draw.choice(
                (draw.randrange(size + 1), draw.randrange(min(size, 64) + 1), size - draw.randrange(min(size, 64) + 1))
            ),
            size,
        )
        length = draw.choice((1, 2, 8, 60, 1000))
        how = draw.randrange(8)
        if how == 0:
            for _ in range(draw.choice((1, 1, 8, 64))):
                if data:
                    bit = draw.randrange(8 * len(data))
                    data[bit // 8] ^= 1 << bit % 8
        elif how == 1:
            del data[at:]
        elif how == 2:
            del data[at : at + length]
        elif how == 3:
            data[at:at] = draw.choice(_PIECES)
        elif how == 4:
            piece = draw.choice(_PIECES)
            data[at : at + len(piece)] = piece
        elif how == 5:
            data[at:at] = data[at : at + length] * draw.choice((1, 3, 50))
        elif how == 6:
            data[at : at + length] = draw.randbytes(length)
        elif draw.random() < 0.2:
            data = bytearray(draw.choice((b"", b"\n", b"\x00" * 4096, draw.randbytes(300))))
    return bytes(data)


def _replace_place(path: Path, draw: random.Random) -> None:
    """Put something else in the place of a file: nothing, a folder, or a link to nowhere, itself or elsewhere."""
    path.unlink()
    how = draw.randrange(5)
    if how == 1:
        path.mkdir()
    elif how == 2:
        path.symlink_to("nowhere")
    elif how == 3:
        path.symlink_to(path.name)
    elif how == 4:
        path.symlink_to("/dev/null")


def _by_format(name: str, data: bytes, draw: random.Random) -> bytes | None:
    """Return data that is damaged as its format invites, by the file's name; None for a format without structure."""
    try:
        for suffix, damaged in _FORMATS.items():
            if name.endswith(suffix):
                return damaged(data, draw)
    except (ValueError, RecursionError, EOFError, lzma.LZMAError, OSError, IndexError, KeyError):
        pass  # the file was damaged before
    return None


def _json(data: bytes, draw: random.Random) -> bytes:
    if draw.random() < 0.05:
        return _twice(data, draw)
    return json_text(damaged_tree(json.loads(data), draw), draw)


def _twice(data: bytes, draw: random.Random) -> bytes:
    """Return JSON with a key that is there twice."""
    tree = json.loads(data)
    text = json.dumps(tree)
    if not isinstance(tree, dict) or not tree:
        return data + data
    key = draw.choice(list(tree))
    again = json_text({key: hostile_value(draw)}, random.Random(1)).lstrip(b"\xef\xbb\xbf\xff\xfe")
    return text[:-1].encode() + b", " + again.strip()[1:]


def _json_lines(data: bytes, draw: random.Random) -> bytes:
    lines = data.splitlines() or [b"{}"]
    for _ in range(draw.choice((1, 1, 3))):
        at = draw.randrange(len(lines))
        how = draw.randrange(6)
        if how == 0:
            lines[at] = draw.choice((b"", b"null", b"[]", b"7", b"{", RAW[3].encode(), lines[at] + lines[at]))
        elif how == 1:
            lines[at:at] = [lines[at]] * draw.choice((1, 5, 200))
        else:
            lines[at] = json.dumps(damaged_tree(json.loads(lines[at]), draw)).encode()
    return draw.choice((b"\n", b"\n", b"\r\n")).join(lines)


def _yaml(data: bytes, draw: random.Random) -> bytes:
    from ruamel.yaml import YAML

    if draw.random() < 0.5:
        text = data.decode()
        for _ in range(draw.choice((1, 2, 4))):
            at = draw.randrange(len(text) + 1)
            text = text[:at] + draw.choice(_YAML_PIECES) + text[at:]
        return (_ALIASES * (draw.random() < 0.05) + text).encode()
    return json_text(damaged_tree(YAML(typ="safe", pure=True).load(data), draw), draw)  # JSON is YAML, too


def _safetensors(data: bytes, draw: random.Random) -> bytes:
    """Damage the header, which is JSON behind its own length, or the length, or the weights."""
    size = int.from_bytes(data[:8], "little")
    header, weights = json.loads(data[8 : 8 + size]), data[8 + size :]
    how = draw.randrange(8)
    if how == 0:
        length = draw.choice((0, 1, size - 1, size + 1, len(data), 2**31, 2**62, 2**64 - 1))
        return length.to_bytes(8, "little") + data[8:]
    if how == 1:
        return data[: 8 + size] + damaged_bytes(weights, draw)
    if how == 2:  # numbers that are valid and extreme
        patterns = (b"\x00\x00\xc0\x7f", b"\x00\x00\x80\x7f", b"\xff\xff\x7f\x7f", b"\x00\x00\x00\x00")
        return data[: 8 + size] + draw.choice(patterns) * (len(weights) // 4)
    if how == 3:
        _change_tensor(header, draw)
    elif how == 4 and "state" in header.get("__metadata__", {}):
        state = damaged_tree(json.loads(header["__metadata__"]["state"]), draw)
        header["__metadata__"]["state"] = json_text(state, random.Random(1)).decode("utf-8", "replace")
    else:
        header = damaged_tree(header, draw)
    text = json.dumps(header).encode("utf-8", "replace")
    return len(text).to_bytes(8, "little") + text + weights


def _change_tensor(header: dict[str, Any], draw: random.Random) -> None:
    """Change a tensor's entry, so that the file stays consistent or nearly so."""
    name = draw.choice([key for key in header if key != "__metadata__"])
    entry = header[name]
    changes: tuple[Callable[[], Any], ...] = (
        lambda: entry.update(shape=entry["shape"][::-1]),
        lambda: entry.update(shape=[*entry["shape"], 1]),
        lambda: entry.update(shape=[0, *entry["shape"][1:]], data_offsets=[entry["data_offsets"][0]] * 2),
        lambda: entry.update(dtype=draw.choice(("F64", "F16", "BF16", "I32", "U32", "I8", "BOOL", "F8_E4M3", "F32"))),
        lambda: entry.update(shape=[2**40, 2**40]),
        lambda: header.update({draw.choice((f"{name}.x", name.upper(), "", "h.99.x", "é" * 99)): header.pop(name)}),
        lambda: entry.update(data_offsets=[entry["data_offsets"][0], entry["data_offsets"][1] + draw.choice((-4, 4))]),
    )
    draw.choice(changes)()


def _gzipped(data: bytes, draw: random.Random) -> bytes:
    inner = _inner(gzip.decompress(data), draw)
    return gzip.compress(inner, 1, mtime=0)


def _xz(data: bytes, draw: random.Random) -> bytes:
    return lzma.compress(_inner(lzma.decompress(data), draw), preset=0)


def _inner(data: bytes, draw: random.Random) -> bytes:
    return (_json_lines if data.count(b"\n") > 2 and data[-2:] != b"]}" else _json)(data, draw)


_FORMATS: dict[str, Callable[[bytes, random.Random], bytes]] = {
    ".jsonl.gz": _gzipped,
    ".json.gz": _gzipped,
    ".json.xz": _xz,
    ".jsonl": _json_lines,
    ".json": _json,
    ".yaml": _yaml,
    ".safetensors": _safetensors,
}
