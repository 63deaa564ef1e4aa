"""Fetch files of the hub into its local cache: what fails in passing is tried again, and goes on from where it was.

``huggingface_hub`` drops an unfinished file when a download fails. Here it stays beside the cache's blobs, so that the
same command goes on from it; a blob gets its name only when its length and checksum are right.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import logging
import os
import shutil
import time
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit

from squadron.hub_errors import IncompleteError, response_of, seconds_to_wait

WAITS = (0.5, 1.0, 2.0, 4.0)
"""Seconds before each further attempt. They start anew whenever more of the file has arrived."""
_SHOWN = 2**22
"""Bytes from which a download has a progress bar."""
Result = TypeVar("Result")


def retried(call: Callable[[], Result], *, reached: Callable[[], int] = lambda: 0) -> Result:
    """Return what ``call`` returns; after a passing fault it is called again, until nothing was gained by so many.

    ``reached`` says how far it has come. Raises the last error.
    """
    failures, before = 0, reached()
    while True:
        try:
            with quiet():
                return call()
        except Exception as problem:
            wait = seconds_to_wait(problem)
            if (now := reached()) > before:
                failures, before = 0, now
            if wait is None or failures == len(WAITS):
                raise
            time.sleep(max(WAITS[failures], wait))
            failures += 1


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the library from logging what is retried, or told in one line."""
    logger = logging.getLogger("huggingface_hub")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def repository_folder(kind: str, name: str) -> Path:
    """Return the folder of a repository in the hub's cache."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE).expanduser() / "--".join([f"{kind}s", *name.split("/")])


class Transfer:
    """One file of a repository on its way into the cache. ``kept`` is how much of it lies there, in bytes."""

    def __init__(self, kind: str, name: str, commit: str, path: str) -> None:
        self.kind, self.name, self.commit, self.path = kind, name, commit, path
        self._partial: Path | None = None

    @property
    def kept(self) -> int:
        """The bytes of the unfinished file."""
        return self._partial.stat().st_size if self._partial is not None and self._partial.is_file() else 0

    def fetch(self) -> Path:
        """Return the file's path in the cache, fetched if need be. Raises whatever the last attempt raised."""
        return retried(self._attempt, reached=lambda: self.kept)

    def _attempt(self) -> Path:
        from huggingface_hub import get_hf_file_metadata, hf_hub_download, hf_hub_url, try_to_load_from_cache

        where: dict[str, Any] = {"repo_type": self.kind, "revision": self.commit}
        found = try_to_load_from_cache(self.name, self.path, **where)
        if isinstance(found, str):
            return Path(found)
        url = hf_hub_url(self.name, self.path, **where)
        about = get_hf_file_metadata(url, timeout=10)
        # Files in the hub's newer storage come in pieces, which their own library fetches, keeps and checks.
        if about.etag is not None and not (about.xet_file_data is not None and _has_xet()):
            self._fetch_blob(about.location, url, about.etag, about.size)
        return Path(hf_hub_download(self.name, self.path, **where))  # makes the snapshot's link to the blob

    def _fetch_blob(self, location: str, url: str, etag: str, size: int | None) -> None:
        from filelock import FileLock

        folder = repository_folder(self.kind, self.name)
        blob, self._partial = folder / "blobs" / etag, folder / "unfinished" / etag
        for parent in (blob.parent, self._partial.parent):
            parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self._partial.with_name(f"{etag}.lock")):
            if not blob.exists():
                self._download(location, _headers(location, url), size)
                self._check(etag, size)
                self._partial.replace(blob)
        with contextlib.suppress(OSError):
            self._partial.with_name(f"{etag}.lock").unlink()
            self._partial.parent.rmdir()

    def _download(self, location: str, headers: dict[str, str], size: int | None) -> None:
        """Add to the unfinished file what it lacks."""
        from huggingface_hub import constants, get_session
        from huggingface_hub.utils import hf_raise_for_status  # type: ignore[attr-defined]

        assert self._partial is not None
        if size is not None and self.kept > size:
            self._partial.unlink()
        have = self.kept
        if have == size:
            return
        if size is not None and shutil.disk_usage(self._partial.parent).free < size - have:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self._partial))
        asked = {**headers, "Accept-Encoding": "identity", **({"Range": f"bytes={have}-"} if have else {})}
        timeout = constants.HF_HUB_DOWNLOAD_TIMEOUT
        with get_session().stream("GET", location, headers=asked, timeout=timeout) as response:
            try:
                hf_raise_for_status(response)
            except Exception as problem:
                if getattr(response_of(problem), "status_code", None) != 416:
                    raise
                self._partial.unlink()
                raise IncompleteError(f"the hub sends {have:,} of {size or 0:,} bytes") from None
            if response.status_code != 206:
                have = 0  # the whole file again: what is there is written over
            with self._partial.open("ab" if have else "wb") as file, _bar(self.path, size, have) as bar:
                for block in response.iter_bytes():
                    file.write(block)
                    bar.update(len(block))

    def _check(self, etag: str, size: int | None) -> None:
        """Raise :class:`IncompleteError` if the file has another length, or other bytes, than the hub says."""
        assert self._partial is not None
        if size is not None and self.kept < size:
            raise IncompleteError(f"{self.path} ended after {self.kept:,} of {size:,} bytes")
        if size is not None and self.kept > size:
            self._partial.unlink()
            raise IncompleteError(f"{self.path} has more than its {size:,} bytes")
        kinds = {64: hashlib.sha256(), 40: hashlib.sha1(b"blob %d\0" % self.kept)}  # of large files; of others, git's
        digest = kinds.get(len(etag))
        if digest is None:
            return
        with self._partial.open("rb") as file:
            while block := file.read(2**20):
                digest.update(block)
        if digest.hexdigest() != etag:
            self._partial.unlink()
            raise IncompleteError(f"{self.path} arrived with other bytes than its checksum says")


def _has_xet() -> bool:
    from huggingface_hub import constants

    return find_spec("hf_xet") is not None and not constants.HF_HUB_DISABLE_XET


def _headers(location: str, url: str) -> dict[str, str]:
    """Return the headers of a download; the token goes to the hub alone."""
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    headers: dict[str, str] = build_hf_headers()
    same = urlsplit(location).netloc == urlsplit(url).netloc
    return headers if same else {name: value for name, value in headers.items() if name.lower() != "authorization"}


def _bar(path: str, size: int | None, have: int) -> Any:
    """Return the progress bar of a download; hidden if it is small, or if nobody looks at a terminal."""
    from huggingface_hub import utils

    hidden = None if (size or 0) >= _SHOWN else True
    bar: Any = utils.tqdm  # type: ignore[attr-defined]
    return bar(total=size, initial=have, unit="B", unit_scale=True, desc=path, disable=hidden)
