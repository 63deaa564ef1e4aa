"""Say where this machine stands with the hub: its cache, whether the hub answers, and whether there is a token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from squadron.hub_errors import is_network, response_of
from squadron.hub_transfer import quiet

_SECONDS = 3
"""For how long to wait for the hub."""
_ASKED = "openai-community/gpt2"


def hub_status(*, offline: bool) -> dict[str, Any]:
    """Return ``endpoint``, ``cache``, ``repositories``, ``reachable``, ``reason`` and ``token``.

    ``repositories`` are those in the cache, each with ``kind``, ``id``, ``bytes`` and the number of ``commits``.
    ``reachable`` is None if the hub was not asked, since the network is not to be used; ``reason`` says why it is not
    True. ``token`` is True if there is one; neither its value nor the token itself goes anywhere.
    """
    from huggingface_hub import constants, get_token

    cache = Path(constants.HF_HUB_CACHE).expanduser()
    off = offline or constants.HF_HUB_OFFLINE
    reachable, reason = (None, "not asked: offline") if off else _ask()
    return {
        "endpoint": constants.ENDPOINT,
        "cache": str(cache),
        "repositories": _cached(cache),
        "reachable": reachable,
        "reason": reason,
        "token": get_token() is not None,
    }


def _ask() -> tuple[bool, str | None]:
    """Ask the hub for something public, without a token; return True if it answers, else False and the reason."""
    from huggingface_hub import HfApi

    try:
        with quiet():
            HfApi(token=False).repo_info(_ASKED, repo_type="model", timeout=_SECONDS)
    except Exception as problem:
        response = response_of(problem)
        if response is not None and response.status_code < 500:
            return True, None  # it answered, if with a refusal
        if response is not None:
            return False, f"the hub has a fault of its own (status {response.status_code})"
        if not is_network(problem):
            raise
        return False, f"no connection ({(str(problem).splitlines() or [type(problem).__name__])[0]})"
    return True, None


def _cached(cache: Path) -> list[dict[str, Any]]:
    """Return the repositories in the cache, by kind and id."""
    found = []
    for kind in ("model", "dataset"):
        for folder in sorted(cache.glob(f"{kind}s--*")):
            snapshots = folder / "snapshots"
            found.append(
                {
                    "kind": kind,
                    "id": folder.name.removeprefix(f"{kind}s--").replace("--", "/"),
                    "bytes": sum(
                        path.stat().st_size
                        for path in folder.rglob("*")
                        if path.is_file() and not path.is_symlink() and path.parent.name != "listings"
                    ),
                    "commits": sum(1 for _ in snapshots.iterdir()) if snapshots.is_dir() else 0,
                }
            )
    return found
