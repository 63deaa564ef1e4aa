"""``squadron doctor``."""

from __future__ import annotations

from typing import Any

import rich.console
import typer

from squadron.cli.options import verb
from squadron.cli.output import Console, megabytes, two_columns
from squadron.cli.sweep_table import clock
from squadron.options.base import Options

_LISTED = 8
"""Most repositories of the cache that are listed."""


def add(app: typer.Typer) -> None:
    """Register the verb."""

    @verb(app, "doctor", Options)
    def doctor(options: Options, console: Console) -> int:
        """Show what this machine can do: device, precision, memory, speed, extras, the hub, and a run of the study."""
        from squadron.experiments.doctor import examine

        record = examine(options)

        def show(out: rich.console.Console) -> None:
            rates: dict[str, Any] = record["matrix_products_per_second"]
            out.print(
                two_columns(
                    [
                        ("device", record["environment"]["device"]),
                        ("threads", str(record["environment"]["threads"])),
                        ("memory", megabytes(record["memory_bytes"])),
                        ("precision", f"{record['precision']} for GPT-2 (by --precision {options.precision})"),
                        ("auto precision", _auto(record["auto"])),
                        ("fleet size", _auto(record["fleets"])),
                        *((f"{name} products", f"{rate / 1e9:,.0f} GFLOP/s") for name, rate in rates.items()),
                        *((name, version) for name, version in record["environment"]["versions"].items()),
                        *((f"extra {extra}", _extra(extra, found)) for extra, found in record["extras"].items()),
                        ("chromium", record["chromium"] or "missing; only browser tests and screenshots need it"),
                        *_hub(record["hub"]),
                        *((f"study on {name}", _study(found)) for name, found in record["study"].items()),
                    ]
                )
            )

        console.result(record, show)
        return 0


def _auto(found: dict[str, Any]) -> str:
    """Return what is chosen for the usual bases, and why."""
    chosen = ", ".join(f"{found[base]} for {base}" for base in found if base != "reason")
    return f"{chosen}: {found['reason']}"


def _extra(name: str, found: dict[str, str | None]) -> str:
    """Return an extra's installed packages, and how to install the missing ones."""
    installed = ", ".join(f"{package} {version}" for package, version in found.items() if version)
    missing = ", ".join(package for package, version in found.items() if not version)
    advice = f"{missing} missing: pip install 'squadron[{name}]'" if missing else ""
    return "; ".join(filter(None, (installed, advice)))


def _hub(found: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the rows about the hub and its cache."""
    repositories = found["repositories"]
    whole = megabytes(sum(one["bytes"] for one in repositories))
    listed = [f"{one['id']} ({megabytes(one['bytes'])})" for one in repositories[:_LISTED]]
    more = [f"and {len(repositories) - _LISTED} more"] if len(repositories) > _LISTED else []
    content = f"{whole}: {', '.join([*listed, *more])}"
    return [
        ("hub", f"{found['endpoint']}: {'reachable' if found['reachable'] else found['reason']}"),
        (
            "hub token",
            "set" if found["token"] else "none; needed for private or gated repositories and --push",
        ),
        ("hub cache", f"{found['cache']}: {content if repositories else 'empty'}"),
    ]


def _study(found: dict[str, Any]) -> str:
    """Return what one run of the study takes."""
    room = {True: "fits", False: "does not fit in what is free", None: "free memory unknown"}[found["fits"]]
    seconds = found["seconds_at_best"]
    time = "" if seconds is None else f"; training takes {clock(seconds)} or more"
    return f"one run in {found['precision']} needs {megabytes(found['bytes'])}: {room}{time}"
