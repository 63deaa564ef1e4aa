"""Tell apart what can go wrong with the hub, and say for each what to do next.

The libraries below raise many types; they are told apart by what they carry (a response, an error number), else by the
names of their classes, so that nothing here depends on which HTTP library ``huggingface_hub`` uses.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from squadron.errors import DataError, DeviceError, ModelError, SquadronError, option
from squadron.files import disk_is_full

PASSING = (408, 429, 500, 502, 503, 504)
"""Statuses that may be another one a moment later."""
LONGEST_WAIT = 30
"""Seconds. If the hub asks to wait for longer, the user is told so instead."""
BUGS = (AssertionError, AttributeError, ImportError, LookupError, NameError, TypeError)
"""Errors that are the program's own, not the hub's."""
LOG_IN = "hf auth login"
_HERE = {"model": "folder", "dataset": "file"}


class IncompleteError(OSError):
    """A file arrived shorter than it is, or with other bytes than its checksum says."""


def causes(problem: BaseException) -> Iterator[BaseException]:
    """Yield an error and those that it was raised from, the last first."""
    seen: set[int] = set()
    found: BaseException | None = problem
    while found is not None and id(found) not in seen:
        seen.add(id(found))
        yield found
        found = found.__cause__ or (None if found.__suppress_context__ else found.__context__)


def response_of(problem: BaseException) -> Any:
    """Return the hub's response that an error carries, or one that it was raised from; None if there is none."""
    found = (getattr(one, "response", None) for one in causes(problem))
    return next((one for one in found if getattr(one, "status_code", None) is not None), None)


def is_network(problem: BaseException) -> bool:
    """Return True if an error means that a connection could not be made, or broke."""
    if response_of(problem) is not None or _is_offline(problem):
        return False
    return any(
        isinstance(one, (ConnectionError, TimeoutError, IncompleteError))
        or _names(one) & {"TransportError", "RequestException", "XetDownloadError"}
        for one in causes(problem)
    )


def cannot_connect(problem: BaseException) -> bool:
    """Return True if there was no connection at all: no network, no such host, nobody there."""
    return any(_names(one) & {"ConnectError", "ConnectTimeout"} for one in causes(problem))


def seconds_to_wait(problem: BaseException) -> float | None:
    """Return for how long to wait before trying again; None if that would not help, or takes too long."""
    response = response_of(problem)
    if response is None:
        return 0.0 if is_network(problem) else None
    if response.status_code not in PASSING:
        return None
    asked = _retry_after(response)
    return float(asked) if asked <= LONGEST_WAIT else None


def explain(
    problem: BaseException, *, subject: str, kind: str, name: str, revision: str | None, kept: int = 0
) -> SquadronError:
    """Return one line about a problem with a repository: what it is, and what to do.

    ``subject`` is the option that named the repository, ``kind`` is model or dataset; ``kept`` is the number of bytes
    of an unfinished file that the next attempt goes on from.
    """
    if isinstance(problem, SquadronError):
        return problem
    error = ModelError if kind == "model" else DataError
    if any(disk_is_full(one) for one in causes(problem)):
        return _disk_is_full(subject, kept)
    return error(f"{subject}: {_reason(problem, kind, name, revision, kept)}")


def _reason(problem: BaseException, kind: str, name: str, revision: str | None, kept: int) -> str:
    what = "data set" if kind == "dataset" else "model"
    names = {own for one in causes(problem) for own in _names(one)}
    response = response_of(problem)
    if _is_offline(problem):
        return not_cached(kind, name, revision)
    if "HFValidationError" in names:
        return f"{name!r} cannot be a name on the hub; give OWNER/NAME, with @REVISION if need be"
    if response is not None:
        said = str(response.headers.get("X-Error-Message") or "")
        if "GatedRepoError" in names:
            own = " with this account" if _has_token() else f", and log in with: {LOG_IN}"
            return f"{name} is gated; ask for access on its page of the hub, {_page(kind, name)}{own}"
        if response.status_code == 401 and ("credentials" in said or "RepositoryNotFoundError" not in names):
            return f"the hub does not know this token; log in again with: {LOG_IN} (or leave HF_TOKEN unset)"
        if "RepositoryNotFoundError" in names:
            private = "your account may not see it" if _has_token() else f"it is private: log in with: {LOG_IN}"
            return f"no such {_HERE[kind]} here, and the hub has no {what} {name}, or {private}; check the name"
        if "RevisionNotFoundError" in names:
            return f"{name} has no revision {revision}; see its branches and commits on {_page(kind, name)}"
        if response.status_code == 429:
            wait = f"for {seconds} seconds" if (seconds := _retry_after(response)) else "for a while"
            more = "" if _has_token() else f"; with a token more is allowed: {LOG_IN}"
            return f"the hub has had too many requests from here; wait {wait}, then run the same command again{more}"
        if response.status_code >= 500:
            return f"the hub has a fault of its own (status {response.status_code}); run the same command again later"
        return f"the hub refuses this (status {response.status_code}: {said or 'no reason given'})"
    if is_network(problem):
        done = f"; {kept:,} bytes are kept, and it goes on from there" if kept else ""
        return (
            f"the connection to the hub failed ({_first_line(problem)}); check the network, then run the same command "
            f"again{done}"
        )
    return f"the hub did not give it ({_first_line(problem)}); the cause is shown with {option('debug', True)}"


def not_cached(kind: str, name: str, revision: str | None) -> str:
    """Say that something is not in the local cache, and that the network may not be used."""
    at = f" at {revision}" if revision else ""
    return (
        f"no such {_HERE[kind]} here, and {name}{at} is not (whole) in the local cache of the hub; run the same "
        f"command once without {option('offline', True)}"
    )


def _disk_is_full(subject: str, kept: int) -> DeviceError:
    from huggingface_hub import constants

    cache = Path(constants.HF_HUB_CACHE)
    place = next(one for one in (cache, *cache.parents) if one.exists())
    done = f"; {kept:,} bytes are kept, and it goes on from there" if kept else ""
    free = f"{shutil.disk_usage(place).free:,} bytes free"
    return DeviceError(
        f"{subject}: the disk of the hub's cache, {cache}, is full ({free}); free some space, or name another folder "
        f"by HF_HOME, and run the same command again{done}"
    )


def _retry_after(response: Any) -> int:
    """Return the seconds that the hub asks to wait; 0 if it does not say."""
    told = str(response.headers.get("Retry-After") or "")
    if told.isdigit():
        return int(told[:9])
    limit = str(response.headers.get("RateLimit") or "")  # "api";r=0;t=55
    seconds = limit.rpartition("t=")[2]
    return int(seconds[:9]) if seconds.isdigit() else 0


def _has_token() -> bool:
    from huggingface_hub import get_token

    return get_token() is not None


def _page(kind: str, name: str) -> str:
    from huggingface_hub import constants

    return f"{constants.ENDPOINT}/{'datasets/' if kind == 'dataset' else ''}{name}"


def _names(problem: BaseException) -> set[str]:
    return {one.__name__ for one in type(problem).__mro__}


def _is_offline(problem: BaseException) -> bool:
    return any("OfflineModeIsEnabled" in _names(one) for one in causes(problem))


def _first_line(problem: BaseException) -> str:
    """Return the first line of the first cause, with its type if it has no text."""
    *_, first = causes(problem)
    return (str(first).splitlines() or [""])[0] or type(first).__name__
