"""The command-line reference, made from the commands themselves: ``python -m squadron.cli.reference > docs/cli.md``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import Any

import typer

from squadron.cli.main import build


def reference() -> str:
    """The whole reference as Markdown."""
    lines = [
        "# The verbs and their options",
        "",
        "Made by `python -m squadron.cli.reference > docs/cli.md`; a test compares.",
        "",
    ]
    root: Any = typer.main.get_command(build())
    for name, command in sorted(_commands(root, "squadron")):
        lines += [
            f"## `{name}`",
            "",
            (command.help or "").strip(),
            "",
            "| option | default | meaning |",
            "|---|---|---|",
        ]
        for parameter in command.params:
            if parameter.param_type_name == "argument":
                shown, default = parameter.metavar or parameter.name.upper(), "required" if parameter.required else ""
            else:
                shown = "/".join(parameter.opts)
                default = "required" if parameter.required else _default(parameter)
            text = (getattr(parameter, "help", None) or "").replace("|", "\\|")
            lines.append(f"| `{shown}` | {default} | {text} |")
        lines.append("")
    return "\n".join(lines)


def _commands(group: Any, path: str) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _commands(command, f"{path} {name}")
        else:
            yield f"{path} {name}", command


def _default(parameter: Any) -> str:
    shown = parameter.show_default if isinstance(parameter.show_default, str) else parameter.default
    return "" if shown is None or shown is False or shown == "" else f"`{shown}`"


if __name__ == "__main__":
    sys.stdout.write(reference())
