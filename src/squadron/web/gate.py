"""Filter the requests that reach Gradio: only those that the playground's page makes are allowed.

Gradio has about sixty routes, and every input of every event also accepts the name of a file, which Gradio then opens.
The page needs none of that. This module allows listed routes and valid values of events only, so that a new feature of
Gradio is not reachable until it is listed here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Container, Mapping, MutableMapping
from typing import Any
from urllib.parse import parse_qs, urlsplit

Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

FILES = ("/", "/theme.css", "/favicon.ico", "/gradio_api/app_id")
"""The page's files, besides ``/assets/`` and ``/static/``. The page polls the id to notice a restart of the server."""
ANSWERS = "/gradio_api/queue/data"
EVENTS = {"/gradio_api/queue/join": True, "/gradio_api/run/predict": False}
"""The routes of events; True for events that wait in the queue."""
LARGEST_BODY = 2 * 2**20
"""Bytes of a request. The longest context takes 1.2 million if each character is written as two escapes."""
_SHIPPED = re.compile(r"/(assets|static)/(?:[\w-][\w.-]*/)*[\w-][\w.-]*", re.ASCII)
_SESSION = re.compile(r"[\w-]{1,64}", re.ASCII)
_FIELDS = {"data", "fn_index", "trigger_id", "session_hash", "event_data"}
_MOST_ITEMS = 100
"""Selected values of one list."""


class RefusedError(Exception):
    """A request that is refused, with the HTTP status and one line for the client."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Gate:
    """ASGI middleware that answers 4xx with ``{"error": ...}`` to every request that the page would not send."""

    def __init__(self, app: App, page: Any) -> None:
        """Guard ``app``, which serves ``page`` (a ``gradio.Blocks`` with all its events)."""
        self._app = app
        self._page = page
        config = page.get_config_file()
        components = {component["id"]: component for component in config["components"]}
        self._events = {
            event["id"]: (event, [components[number] for number in event["inputs"]])
            for event in config["dependencies"]
            if event["backend_fn"]
        }

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":  # the page uses none
            await send({"type": "websocket.close"})
            return
        if scope["type"] == "http":
            try:
                scope, receive = await self._checked(scope, receive)
            except RefusedError as refusal:
                await _answer(refusal, send)
                return
        await self._app(scope, receive, send)

    async def _checked(
        self, scope: MutableMapping[str, Any], receive: Receive
    ) -> tuple[MutableMapping[str, Any], Receive]:
        """Return the request for Gradio, with only the checked parts of its query and body."""
        method, path, headers = scope["method"], scope["path"], dict(scope["headers"])
        _check_origin(headers)
        if method in ("GET", "HEAD") and (path in FILES or _SHIPPED.fullmatch(path)):
            return {**scope, "query_string": b""}, receive  # a query could name other pages or saved inputs
        if method == "GET" and path == ANSWERS:
            session = parse_qs(scope["query_string"].decode("latin-1")).get("session_hash", [""])[-1]
            # Gradio answers 200 to an unknown session, and then fails.
            if session not in self._page._queue.pending_messages_per_session:
                raise RefusedError(404, "this session has no pending event")
            return {**scope, "query_string": f"session_hash={session}".encode()}, receive
        if method == "POST" and path in EVENTS:
            content = headers.get(b"content-type", b"").decode("latin-1").partition(";")[0].strip().lower()
            if content != "application/json":
                raise RefusedError(415, "an event must be application/json")
            body = self._checked_event(await _read(headers, receive), queued=EVENTS[path])
            kept = [pair for pair in scope["headers"] if pair[0] not in (b"content-length", b"transfer-encoding")]
            length = (b"content-length", str(len(body)).encode())
            return {**scope, "query_string": b"", "headers": [*kept, length]}, _replayed(body, receive)
        raise RefusedError(404, "the playground has no such page")

    def _checked_event(self, body: bytes, *, queued: bool) -> bytes:
        """Return the event in a body, serialized again, so that Gradio cannot read duplicate keys differently."""
        try:
            sent = json.loads(body.decode("utf-8"), parse_constant=_no_number)
        except (ValueError, RecursionError):
            raise RefusedError(400, "the body is not JSON") from None
        if not isinstance(sent, dict) or not isinstance(sent.get("data"), list) or not sent.keys() <= _FIELDS:
            raise RefusedError(400, "the body is not an event of the page")
        number, trigger, session = sent.get("fn_index"), sent.get("trigger_id"), sent.get("session_hash")
        if not _is_whole(number) or number not in self._events or self._events[number][0]["queue"] != queued:
            raise RefusedError(404, "the page has no such event")
        event, inputs = self._events[number]
        if trigger is not None and not (_is_whole(trigger) and trigger in [target for target, _ in event["targets"]]):
            raise RefusedError(400, "trigger_id: no such trigger of the event")
        if not isinstance(session, str) or not _SESSION.fullmatch(session):
            raise RefusedError(400, "session_hash: must be 1 to 64 letters, digits, - or _")
        if len(sent["data"]) != len(inputs):
            raise RefusedError(400, f"the event takes {len(inputs)} inputs, not {len(sent['data'])}")
        for place, (value, component) in enumerate(zip(sent["data"], inputs, strict=True), 1):
            if not _fits(value, component):
                raise RefusedError(400, f"input {place}: not a possible value of the page's {component['type']}")
        if not _is_event_data(sent.get("event_data")):
            raise RefusedError(400, "event_data: may hold only the name of a run")
        try:
            return json.dumps({**sent, "event_data": sent.get("event_data") or {}}, ensure_ascii=False).encode()
        except UnicodeEncodeError:  # an unpaired surrogate
            raise RefusedError(400, "the body is not valid Unicode") from None


def _check_origin(headers: Mapping[bytes, bytes]) -> None:
    """Refuse requests from pages of other sites. Browsers send the site as the origin; other clients send none."""
    origin = headers.get(b"origin")
    if origin is not None:
        try:
            site = urlsplit(origin.decode("latin-1")).netloc
        except ValueError:
            site = ""
        if not site or site.lower() != headers.get(b"host", b"").decode("latin-1").lower():
            raise RefusedError(403, "requests from other sites are refused")


async def _read(headers: Mapping[bytes, bytes], receive: Receive) -> bytes:
    too_large = RefusedError(413, f"the body is larger than {LARGEST_BODY:,} bytes")
    claimed = headers.get(b"content-length", b"0")
    if not claimed.isdigit() or len(claimed) > len(str(LARGEST_BODY)) or int(claimed) > LARGEST_BODY:
        raise too_large
    body, more = bytearray(), True
    while more:
        message = await receive()
        body += message.get("body", b"")  # a disconnect has none
        if len(body) > LARGEST_BODY:
            raise too_large
        more = message.get("more_body", False)
    return bytes(body)


def _replayed(body: bytes, receive: Receive) -> Receive:
    """Return a channel that gives the body first, then later messages, such as a disconnect."""
    first: list[MutableMapping[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]

    async def again() -> MutableMapping[str, Any]:
        return first.pop() if first else await receive()

    return again


async def _answer(refusal: RefusedError, send: Send) -> None:
    body = json.dumps({"error": str(refusal)}).encode()
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": refusal.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _fits(value: Any, component: Mapping[str, Any]) -> bool:
    """Return True if a component can have the value; False for component types that the page does not use."""
    kind, properties = component["type"], component["props"]
    if kind not in ("textbox", "dropdown", "radio", "checkboxgroup"):
        return False
    if value is None:
        return True
    if kind == "textbox":
        return isinstance(value, str)
    # A list that is filled after loading has no choices here; its event handler checks the values.
    known: Container[Any] = [choice for _, choice in properties["choices"]]
    if kind == "checkboxgroup" or properties.get("multiselect"):
        return isinstance(value, list) and len(value) <= _MOST_ITEMS and all(_is_choice(one, known) for one in value)
    return _is_choice(value, known)


def _is_choice(value: Any, known: Container[Any]) -> bool:
    return (_is_whole(value) or isinstance(value, str)) and (not known or value in known)


def _is_event_data(value: Any) -> bool:
    """Return True for data that the page's own script sends. Gradio would open a file named under ``path``."""
    return value is None or (
        isinstance(value, dict) and value.keys() <= {"run"} and all(isinstance(run, str) for run in value.values())
    )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _no_number(name: str) -> Any:
    raise ValueError(name)
