"""Push a folder to a repository of the hub: private unless it is to be public, after saying what is uploaded.

The token is ``huggingface_hub``'s own, from the environment or from its log-in; nothing here reads, keeps or shows it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from squadron.errors import ConfigError, option
from squadron.hub import split_name
from squadron.hub_errors import BUGS, LOG_IN, explain, response_of
from squadron.hub_transfer import retried

Result = TypeVar("Result")


def check_push(name: str, *, offline: bool) -> None:
    """Raise :class:`ConfigError` if a push cannot succeed, before any work is done for it."""
    from huggingface_hub import constants, get_token

    split = split_name(name)
    if split is None or split[1] is not None or "/" not in name:
        raise ConfigError(f"{option('push', name)}: give OWNER/NAME, a repository of yours on the hub")
    if offline or constants.HF_HUB_OFFLINE:
        raise ConfigError(f"{option('push', name)}: needs the network; leave out {option('offline', True)}")
    if get_token() is None:
        raise ConfigError(f"{option('push', name)}: needs a token with the right to write; log in with: {LOG_IN}")


def push(folder: Path, name: str, *, public: bool, message: str, note: Callable[[str], None]) -> dict[str, Any]:
    """Upload all files of ``folder`` as one commit of the model repository ``name``, which is created if need be.

    ``note`` is called with a line that lists the files and their sizes before anything is sent. Returns ``repository``,
    ``commit``, ``private``, ``url`` and ``files`` (sizes in bytes by path). Raises :class:`ConfigError` if the
    repository is public without ``public``, or private with it, and :class:`ModelError` if the hub refuses.
    """
    from huggingface_hub import HfApi

    api = HfApi()
    files = {
        path.relative_to(folder).as_posix(): path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()
    }
    private = _is_private(api, name)
    if private is not None and private is public:
        why = f"public; add {option('public', True)}"
        if private:
            why = "private; change that on its page of the hub first"
        raise ConfigError(f"{option('push', name)}: this repository is {why}, or name another one")
    new = "new, " if private is None else ""
    listed = ", ".join(f"{path} ({readable(size)})" for path, size in files.items())
    note(
        f"uploading to {name} ({new}{'public' if public else 'private'}): {len(files)} files, "
        f"{readable(sum(files.values()))}: {listed}"
    )
    if private is None:
        _asked(name, lambda: api.create_repo(name, repo_type="model", private=not public))
    done: Any = _asked(
        name, lambda: api.upload_folder(repo_id=name, folder_path=folder, repo_type="model", commit_message=message)
    )
    return {
        "repository": name,
        "commit": str(done.oid),
        "private": not public,
        "url": f"{api.endpoint}/{name}",
        "files": files,
    }


def readable(size: int) -> str:
    """Return a size in bytes for people."""
    for unit, factor in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= factor:
            return f"{size / factor:.1f} {unit}"
    return f"{size} bytes"


def _is_private(api: Any, name: str) -> bool | None:
    """Return True if a repository is private, False if it is public, and None if there is none."""

    def ask() -> bool | None:
        try:
            return bool(api.repo_info(name, repo_type="model", timeout=10).private)
        except Exception as problem:
            if response_of(problem) is not None and response_of(problem).status_code == 404:
                return None
            raise

    return _asked(name, ask)


def _asked(name: str, call: Callable[[], Result]) -> Result:
    """Return what ``call`` returns, tried again after passing faults. Raises one line about any other."""
    try:
        return retried(call)
    except BUGS:
        raise
    except Exception as problem:
        raise explain(problem, subject=option("push", name), kind="model", name=name, revision=None) from problem
