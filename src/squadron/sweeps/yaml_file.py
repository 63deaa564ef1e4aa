"""Read YAML 1.2 as plain data, bounded in size, depth and aliases."""

from __future__ import annotations

import re
from itertools import count
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.composer import MaxDepthExceededError
from ruamel.yaml.constructor import SafeConstructor
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.resolver import VersionedResolver

from squadron.encodings import decode_text
from squadron.errors import ConfigError

_MOST_BYTES = 1 << 18
_MOST_NODES = 50_000
"""Most values with aliases expanded: the limit stops an alias bomb before it fills the memory."""
_MOST_DEPTH = 12
_TAG = "tag:yaml.org,2002:"
_PLAIN = {_TAG + name for name in ("str", "int", "float", "bool", "null")}
_AMBIGUOUS = re.compile(r"[-+]?0[0-9b]|.*_")
"""Numbers that readers of YAML 1.1 and 1.2 read differently, such as ``010`` and ``1_000``."""


class _Resolver(VersionedResolver):
    """ruamel's rules for YAML 1.2, whatever version a file declares; dates and merge keys are text."""

    @property
    def processing_version(self) -> Any:
        return (1, 2)

    def resolve(self, kind: Any, value: Any, implicit: Any) -> Any:
        tag = super().resolve(kind, value, implicit)
        if kind is not ScalarNode:
            return tag
        unclear = str(tag) in (_TAG + "int", _TAG + "float") and _AMBIGUOUS.match(value)
        return tag if str(tag) in _PLAIN and not unclear else self.DEFAULT_SCALAR_TAG


def read_yaml(path: Path) -> Any:
    """Return the data in a YAML file: dictionaries, lists, text, numbers, booleans and None.

    Raises :class:`ConfigError` if the file cannot be read, is too large, is not YAML, or has a duplicate key, a key
    that is not text, a tag, or too many values or levels.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; give a YAML file") from None
    except OSError as problem:
        raise ConfigError(f"{path}: cannot be read ({problem.strerror}); give a YAML file") from None
    if len(data) > _MOST_BYTES:
        raise ConfigError(f"{path}: over {_MOST_BYTES:,} bytes; a configuration should be shorter")
    yaml = YAML(typ="safe", pure=True)
    yaml.Resolver, yaml.max_depth = _Resolver, _MOST_DEPTH + 1
    yaml.composer.warn_double_anchors = False  # YAML allows them: the last one counts
    try:
        node = yaml.compose(decode_text(data, str(path), error=ConfigError))
        return None if node is None else _data(path, node, yaml.constructor, 0, count(1))
    except MaxDepthExceededError as problem:
        raise _too_deep(path, problem.problem_mark) from None
    except YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        place = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
        what = getattr(problem, "problem", None) or str(problem)
        raise ConfigError(f"{path}: not YAML ({place}{' '.join(what.split())}); correct it there") from None
    except OverflowError:
        raise ConfigError(f"{path}: not YAML (an escape above U+10FFFF); correct it there") from None


def _data(path: Path, node: Node, constructor: SafeConstructor, depth: int, number: count[int]) -> Any:
    """Return the data of a node; ``number`` counts the nodes of the file so far."""
    if next(number) > _MOST_NODES:
        raise ConfigError(f"{path}: over {_MOST_NODES:,} values with aliases expanded; make it shorter")
    if depth > _MOST_DEPTH:
        raise _too_deep(path, node.start_mark)
    tag = str(node.tag)
    if isinstance(node, SequenceNode) and tag == _TAG + "seq":
        return [_data(path, item, constructor, depth + 1, number) for item in node.value]
    if isinstance(node, MappingNode) and tag == _TAG + "map":
        found: dict[str, Any] = {}
        for key_node, value in node.value:
            key = key_node.value if isinstance(key_node, ScalarNode) else None
            if key is None or str(key_node.tag) != _TAG + "str":
                raise _problem(path, key_node.start_mark, f"the key {key!r} is not text; quote it")
            if key in found:
                raise _problem(path, key_node.start_mark, f"the key {key!r} is there twice; keep one")
            found[key] = _data(path, value, constructor, depth + 1, number)
        return found
    try:
        if isinstance(node, ScalarNode) and tag in _PLAIN:
            return constructor.construct_object(node)
    except (YAMLError, ValueError, LookupError):
        pass  # an explicit tag, such as !!int, on a text that is not of that type
    shown = f" of {node.value[:60]!r}" if isinstance(node, ScalarNode) else ""
    raise _problem(path, node.start_mark, f"the tag {tag}{shown} is not read here; write plain values")


def _too_deep(path: Path, mark: Any) -> ConfigError:
    return _problem(path, mark, f"nested more than {_MOST_DEPTH} deep, or within itself; write it flatter")


def _problem(path: Path, mark: Any, text: str) -> ConfigError:
    return ConfigError(f"{path}: line {mark.line + 1}: {text}")
