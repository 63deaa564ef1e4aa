"""YAML as configurations need it: plain data, one meaning a value, bounded in size, depth and aliases.

PyYAML reads YAML 1.1, where ``1e-4`` is text, ``no`` is false, ``010`` is eight and ``1:30`` is ninety. Here plain
words follow YAML 1.2: numbers as people write them, ``true``, ``false``, ``null``, and text. Nothing is ever
constructed but dictionaries, lists, text, numbers, booleans and None.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from squadron.errors import ConfigError

MOST_BYTES = 1 << 18
_MOST_NODES = 50_000
"""Values in all once aliases are written out: a bomb of aliases ends here, before it takes memory."""
_MOST_DEPTH = 12


class _Loader(yaml.SafeLoader):
    """Resolves plain scalars by YAML 1.2's core rules alone."""

    yaml_implicit_resolvers: dict[str, list[tuple[str, re.Pattern[str]]]] = {}  # noqa: RUF012 (PyYAML's own name)


_NUMBER_STARTS = list("-+.0123456789")
_Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile(r"^(?:true|false)$"), list("tf"))
_Loader.add_implicit_resolver("tag:yaml.org,2002:null", re.compile(r"^(?:~|null|)$"), ["~", "n", ""])
_Loader.add_implicit_resolver("tag:yaml.org,2002:int", re.compile(r"^[-+]?(?:0|[1-9][0-9]*)$"), _NUMBER_STARTS)
_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?$"),
    _NUMBER_STARTS,
)


def read_yaml(path: Path) -> Any:
    """The data in a YAML file.

    Raises :class:`ConfigError` where the file cannot be read, is too large, is no YAML, has a key twice, a key that is
    no text, a tag, or more values than any configuration has.
    """
    try:
        with path.open("rb") as stream:
            data = stream.read(MOST_BYTES + 1)
    except FileNotFoundError:
        raise ConfigError(f"{path}: no such file; give a YAML file") from None
    except OSError as problem:
        raise ConfigError(f"{path}: cannot be read ({problem.strerror}); give a YAML file") from None
    if len(data) > MOST_BYTES:
        raise ConfigError(f"{path}: over {MOST_BYTES:,} bytes; a configuration is shorter")
    try:
        text = data.decode("utf-8")
        node = yaml.compose(text, Loader=_Loader)
    except UnicodeDecodeError as problem:
        raise ConfigError(f"{path}: byte {problem.start} is not UTF-8; save it as UTF-8") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested more than {_MOST_DEPTH} deep; write it flatter") from None
    except yaml.YAMLError as problem:
        mark = getattr(problem, "problem_mark", None)
        place = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
        what = getattr(problem, "problem", None) or str(problem)
        raise ConfigError(f"{path}: not YAML ({place}{' '.join(what.split())}); mend it there") from None
    return None if node is None else _Builder(path).build(node, 0)


class _Builder:
    """Makes plain data of the nodes of one file."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._nodes = 0

    def build(self, node: yaml.Node, depth: int) -> Any:
        self._nodes += 1
        if self._nodes > _MOST_NODES:
            raise ConfigError(f"{self._path}: over {_MOST_NODES:,} values with aliases written out; write it shorter")
        if depth > _MOST_DEPTH:
            raise self._problem(node, f"nested more than {_MOST_DEPTH} deep, or within itself; write it flatter")
        if isinstance(node, yaml.MappingNode) and node.tag == "tag:yaml.org,2002:map":
            return self._mapping(node, depth)
        if isinstance(node, yaml.SequenceNode) and node.tag == "tag:yaml.org,2002:seq":
            return [self.build(item, depth + 1) for item in node.value]
        if isinstance(node, yaml.ScalarNode):
            return self._scalar(node)
        raise self._problem(node, f"the tag {node.tag} is not read here; write plain values")

    def _mapping(self, node: yaml.MappingNode, depth: int) -> dict[str, Any]:
        built: dict[str, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value if isinstance(key_node, yaml.ScalarNode) else None
            if key is None or key_node.tag != "tag:yaml.org,2002:str":
                raise self._problem(key_node, f"the key {key!r} is no text; quote it")
            if key in built:
                raise self._problem(key_node, f"the key {key!r} is there twice; keep one")
            built[key] = self.build(value_node, depth + 1)
        return built

    def _scalar(self, node: yaml.ScalarNode) -> Any:
        kind, text = node.tag.removeprefix("tag:yaml.org,2002:"), node.value
        try:
            # Only an explicit tag, such as !!int, can bring a text that its kind does not read.
            if kind in _SCALARS:
                return _SCALARS[kind](text)
        except (ValueError, KeyError):
            pass
        raise self._problem(node, f"{text[:60]!r} with the tag {node.tag} is not read here; write it plainly")

    def _problem(self, node: yaml.Node, text: str) -> ConfigError:
        return ConfigError(f"{self._path}: line {node.start_mark.line + 1}: {text}")


_SCALARS: dict[str, Any] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": {"true": True, "false": False}.__getitem__,
    "null": lambda _: None,
}
