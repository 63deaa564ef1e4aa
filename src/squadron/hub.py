"""Repositories of the hub: names with revisions, and snapshots of one commit, from the local cache or the network.

Every base and data set of the hub comes through here, so that both have one cache, one way of being pinned to a commit,
and one way of failing. What is read in a repository is decided by :mod:`squadron.model.hub` and
:mod:`squadron.data.hub`.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from squadron.errors import DataError, DeviceError, ModelError
from squadron.files import read_json, write_json, write_text
from squadron.hub_errors import BUGS, cannot_connect, explain, is_network, not_cached, response_of
from squadron.hub_transfer import Transfer, repository_folder, retried

Kind = Literal["model", "dataset"]
SHORT_NAMES: dict[Kind, dict[str, str]] = {
    "model": {
        **{name: f"openai-community/{name}" for name in ("gpt2", "gpt2-medium", "gpt2-large", "gpt2-xl")},
        "distilgpt2": "distilbert/distilgpt2",
    },
    "dataset": {"squad": "rajpurkar/squad", "squad_v2": "rajpurkar/squad_v2"},
}
"""Names that the hub still answers to, and the ones that it has moved them to: both have one cache."""
MAIN = "main"
_NAME = re.compile(r"(?P<id>[\w.-]+(?:/[\w.-]+)?)(?:@(?P<revision>[\w./-]+))?", re.ASCII)
_COMMIT = re.compile(r"[0-9a-f]{40}")
Result = TypeVar("Result")


def split_name(text: str) -> tuple[str, str | None] | None:
    """Return the id and the revision of ``ID`` or ``ID@REVISION``; None if the text is no name of the hub."""
    found = _NAME.fullmatch(text)
    return None if found is None or text.startswith((".", "/", "~")) else (found["id"], found["revision"])


@dataclass(frozen=True, slots=True)
class Snapshot:
    """One commit of a repository. ``revision`` is the branch, tag or commit that was asked for; None for the newest.

    ``subject`` is the option that names the repository, for messages.
    """

    kind: Kind
    id: str
    commit: str
    revision: str | None
    subject: str
    offline: bool

    @property
    def name(self) -> str:
        """``ID@COMMIT``: this commit, whatever the repository's newest one is."""
        return f"{self.id}@{self.commit}"

    @property
    def folder(self) -> Path:
        """The folder of the files that are in the cache."""
        return repository_folder(self.kind, self.id) / "snapshots" / self.commit

    def facts(self) -> dict[str, Any]:
        """Return the description of this commit for a record."""
        return {"id": self.id, "commit": self.commit, **({"revision": self.revision} if self.revision else {})}

    def listing(self) -> dict[str, int]:
        """Return the paths of all files and their sizes in bytes, from the cache if they were listed before."""
        kept = repository_folder(self.kind, self.id) / "listings" / f"{self.commit}.json"
        if kept.is_file():
            listed: dict[str, int] = read_json(kept, what="a list of a repository's files", error=self._error)
            return listed
        if self.offline:
            # Another program may have filled the cache: then what is here has to do.
            found = {
                path.relative_to(self.folder).as_posix(): path.stat().st_size
                for path in self.folder.rglob("*")
                if path.is_file()
            }
            if found and self.kind == "model":
                return found
            raise self._error(f"{self.subject}: {not_cached(self.kind, self.id, self.revision)}")
        listed = self._asked(lambda: retried(self._list))
        with contextlib.suppress(DeviceError):
            write_json(kept, listed)
        return listed

    def _list(self) -> dict[str, int]:
        from huggingface_hub import HfApi

        # Of the ways to list files, the one that does not itself wait, for minutes, when there are too many requests.
        about: Any = HfApi().repo_info(
            self.id, repo_type=self.kind, revision=self.commit, files_metadata=True, timeout=30
        )
        files = {one.rfilename: int(one.size or 0) for one in about.siblings or ()}
        # A path that leads out of the snapshot's folder would name a file of this machine.
        return {
            path: size for path, size in files.items() if ".." not in path.split("/") and not Path(path).is_absolute()
        }

    def fetch(self, paths: Iterable[str]) -> Path:
        """Return :attr:`folder` with these files in it, fetched unless they are there."""
        for path in paths:
            if (self.folder / path).is_file():
                continue
            if self.offline:
                raise self._error(f"{self.subject}: {not_cached(self.kind, self.id, self.revision)}")
            transfer = Transfer(self.kind, self.id, self.commit, path)
            self._asked(transfer.fetch, transfer)
        return self.folder

    def at(self, revision: str) -> Snapshot:
        """Return the snapshot of another revision of this repository."""
        return open_snapshot(self.kind, f"{self.id}@{revision}", subject=self.subject, offline=self.offline)

    @property
    def _error(self) -> type[DataError | ModelError]:
        return ModelError if self.kind == "model" else DataError

    def _asked(self, call: Callable[[], Result], transfer: Transfer | None = None) -> Result:
        try:
            return call()
        except BUGS:
            raise
        except Exception as problem:
            raise explain(
                problem,
                subject=self.subject,
                kind=self.kind,
                name=self.id,
                revision=self.revision,
                kept=0 if transfer is None else transfer.kept,
            ) from problem


def open_snapshot(kind: Kind, text: str, *, subject: str, offline: bool = False) -> Snapshot:
    """Return the snapshot that ``ID`` or ``ID@REVISION`` names. A commit is taken as it is, any other is looked up.

    Without a network, the commit that the revision had when it was last looked up is taken. Raises :class:`ModelError`
    or :class:`DataError` with the next step if there is none, or if the hub refuses.
    """
    from huggingface_hub import constants

    split = split_name(text)
    assert split is not None, text
    given, revision = split
    offline = offline or constants.HF_HUB_OFFLINE
    name = SHORT_NAMES[kind].get(given, given)
    if revision is not None and _COMMIT.fullmatch(revision):
        return Snapshot(kind, name, revision, revision, subject, offline)
    if not offline:
        try:
            name, commit = _looked_up(kind, name, revision or MAIN)
            return Snapshot(kind, name, commit, revision, subject, offline)
        except BUGS:
            raise
        except Exception as problem:
            passing = is_network(problem) or getattr(response_of(problem), "status_code", 0) >= 500
            if not passing or _cached(kind, (name, given), revision or MAIN) is None:
                raise explain(problem, subject=subject, kind=kind, name=given, revision=revision) from problem
    if (known := _cached(kind, (name, given), revision or MAIN)) is None:
        error = ModelError if kind == "model" else DataError
        raise error(f"{subject}: {not_cached(kind, given, revision)}")
    return Snapshot(kind, *known, revision, subject, offline)


def _looked_up(kind: Kind, name: str, revision: str) -> tuple[str, str]:
    """Return the repository's own name and the commit of a revision, and keep the commit for times without network."""
    from huggingface_hub import HfApi

    def ask() -> Any:
        return HfApi().repo_info(name, repo_type=kind, revision=revision, timeout=10)

    about = retried(ask) if _cached(kind, (name,), revision) is None else _retried_once_connected(ask)
    own = str(about.id or name)
    place = repository_folder(kind, own) / "refs" / revision
    if not place.is_file() or place.read_text(encoding="utf-8") != about.sha:
        with contextlib.suppress(DeviceError):  # others may share a cache that only they can write
            write_text(place, about.sha)
    return own, str(about.sha)


def _retried_once_connected(ask: Callable[[], Result]) -> Result:
    """Return what ``ask`` returns, tried again as usual, but not without any connection: the cache has an answer."""
    try:
        return ask()
    except Exception as problem:
        if cannot_connect(problem):
            raise
        return retried(ask)


def _cached(kind: Kind, names: Iterable[str], revision: str) -> tuple[str, str] | None:
    """Return the name and the commit that the cache has of a revision, under one of a repository's names."""
    for name in dict.fromkeys(names):
        place = repository_folder(kind, name) / "refs" / revision
        if place.is_file():
            return name, place.read_text(encoding="utf-8").strip()
    return None
