"""A hub on this machine alone, for tests: repositories in memory, a log of all requests, and faults to order.

It speaks what ``huggingface_hub`` asks: a repository's information, and its files, small ones directly, large
ones and weights by a redirect to another host name, which stands for the content network and must see no token. All
commits of a repository stay, as on the real hub.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import socket
import struct
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

GOOD, BAD = "hf_good", "hf_bad"
"""The token that opens everything, and one that the hub does not know."""
LARGE = 2**20
_BLOCK = 2**14
_API = re.compile(r"/api/(models|datasets)/([^/]+(?:/[^/]+)?)(?:/revision/([^/]+))?")
_FILE = re.compile(r"/(datasets/)?([^/]+/[^/]+|[^/]+)/resolve/([^/]+)/(.+)")


class RefusedError(Exception):
    """An error that the hub answers with."""

    def __init__(self, status: int, code: str, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status, self.headers = status, {"X-Error-Message": text, **(headers or {})}
        if code:
            self.headers["X-Error-Code"] = code


@dataclass
class Fault:
    """What goes wrong with the next ``times`` requests that match.

    ``status`` with ``headers``: an error. ``cut``: the connection ends after so many bytes of the body, by a reset if
    ``reset``. ``longer``: the length that is announced is wrong by so much. ``keep``: the file ends early, and all
    headers agree. ``delay``: seconds before the answer. ``rate``: bytes per second.
    """

    match: str
    times: int = 1
    status: int | None = None
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    cut: int | None = None
    reset: bool = False
    longer: int = 0
    keep: int | None = None
    delay: float = 0.0
    rate: float | None = None


@dataclass
class Asked:
    """A request as it was answered; ``sent`` is the number of bytes of the body."""

    method: str
    path: str
    status: int = 0
    sent: int = 0
    range: str | None = None
    token: bool = False
    content_network: bool = False


@dataclass
class Repository:
    """A repository: the files of each commit, and the commit of each branch."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    gated: bool = False
    private: bool = False


class Hub:
    """The hub; :attr:`url` is its address, for ``HF_ENDPOINT``."""

    def __init__(self) -> None:
        self.repositories: dict[tuple[str, str], Repository] = {}
        self.aliases: dict[str, str] = {}
        self.faults: list[Fault] = []
        self.log: list[Asked] = []
        self.blobs: dict[str, bytes] = {}
        self._lock = threading.Lock()
        self._server = _Server(("127.0.0.1", 0), _Handler)
        self._server.hub = self
        self.port = self._server.server_port
        self.url = f"http://127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def put(self, kind: str, name: str, files: Mapping[str, bytes | str], revision: str = "main") -> str:
        """Commit files as the whole content of a branch; return the commit."""
        content = {path: data.encode() if isinstance(data, str) else data for path, data in files.items()}
        repository = self.repositories.setdefault((kind, name), Repository())
        digests = sorted((path, hashlib.sha256(data).hexdigest()) for path, data in content.items())
        commit = hashlib.sha1(repr((name, revision, digests)).encode()).hexdigest()
        repository.commits[commit], repository.branches[revision] = content, commit
        return commit

    def fail(self, match: str, times: int = 1, **how: Any) -> None:
        """Order a fault for the next requests whose ``METHOD PATH`` matches."""
        self.faults.append(Fault(match, times, **how))

    def fault_of(self, request: str) -> Fault:
        """Return the fault that is ordered for a request; one without effect if there is none."""
        with self._lock:
            for fault in self.faults:
                if fault.times > 0 and re.search(fault.match, request):
                    fault.times -= 1
                    return fault
        return Fault("")

    def asked(self, match: str) -> list[Asked]:
        """Return the requests whose ``METHOD PATH`` matches."""
        return [one for one in self.log if re.search(match, f"{one.method} {one.path}")]

    def sent(self) -> int:
        """Return the bytes of all bodies so far."""
        return sum(one.sent for one in self.log)

    def forget(self) -> None:
        """Forget the log and the faults that are still ordered."""
        self.log.clear()
        self.faults.clear()

    def close(self) -> None:
        """Stop serving."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    hub: Hub

    def handle_error(self, request: Any, client_address: Any) -> None:
        pass  # a client that went away


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def do_POST(self) -> None:
        self._answer()

    def do_PUT(self) -> None:
        self._answer()

    def _answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        self.body = self.rfile.read(length)
        hub, path = self.server.hub, urlsplit(self.path).path
        self.asked = Asked(
            self.command,
            unquote(path),
            range=self.headers.get("Range"),
            token="Authorization" in self.headers,
            content_network=self.headers.get("Host", "").startswith("localhost"),
        )
        hub.log.append(self.asked)
        self.fault = hub.fault_of(f"{self.command} {unquote(path)}")
        time.sleep(self.fault.delay)
        try:
            if self.fault.status is not None:
                raise RefusedError(self.fault.status, self.fault.code, "as the test ordered", self.fault.headers)
            self._route(path)
        except RefusedError as refused:
            self.fault = Fault("")
            body = json.dumps({"error": str(refused)}).encode()
            self._send(body, status=refused.status, headers=refused.headers)

    def _route(self, path: str) -> None:
        hub = self.server.hub
        if self.command in ("POST", "PUT"):
            token = self.headers.get("Authorization", "").removeprefix("Bearer ")
            answer = receive(hub, path, self.body, write=token == GOOD)
            self._send(json.dumps(answer).encode(), headers={"Content-Type": "application/json"})
        elif path.startswith("/cdn/"):
            blob = hub.blobs[path.removeprefix("/cdn/")]
            self._send(blob, headers={"ETag": f'"{path.removeprefix("/cdn/")}"'})
        elif found := _API.fullmatch(path):
            kind, name, revision = found.groups()
            if not self._moved(kind, name):
                self._describe(kind, name, unquote(revision or "main"))
        elif found := _FILE.fullmatch(path):
            kind = "datasets" if found[1] else "models"
            if not self._moved(kind, found[2]):
                self._file(kind, found[2], unquote(found[3]), unquote(found[4]))
        else:
            raise RefusedError(404, "", f"{path} is not spoken here")

    def _moved(self, kind: str, name: str) -> bool:
        new = self.server.hub.aliases.get(f"{kind}/{name}")
        if new is not None:
            self._send(b"", status=307, headers={"Location": self.path.replace(f"/{name}", f"/{new}", 1)})
        return new is not None

    def _find(self, kind: str, name: str, revision: str, *, content: bool) -> tuple[Repository, str, dict[str, bytes]]:
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if token == BAD:
            raise RefusedError(401, "", "Invalid credentials in Authorization header")
        repository = self.server.hub.repositories.get((kind, name))
        if repository is None or (repository.private and token != GOOD):
            raise RefusedError(404 if token else 401, "RepoNotFound", "Repository not found")
        commit = repository.branches.get(revision, revision)
        if commit not in repository.commits:
            raise RefusedError(404, "RevisionNotFound", f"Invalid rev id: {revision}")
        if repository.gated and content and token != GOOD:
            raise RefusedError(403 if token else 401, "GatedRepo", f"Access to {name} is restricted")
        return repository, commit, repository.commits[commit]

    def _describe(self, kind: str, name: str, revision: str) -> None:
        repository, commit, files = self._find(kind, name, revision, content=False)
        answer: dict[str, Any] = {"id": name, "sha": commit, "private": repository.private, "gated": repository.gated}
        sizes = parse_qs(urlsplit(self.path).query).get("blobs") == ["true"]
        answer["siblings"] = [
            {"rfilename": path, **({"size": len(data)} if sizes else {})} for path, data in files.items()
        ]
        self._send(json.dumps(answer).encode(), headers={"Content-Type": "application/json"})

    def _file(self, kind: str, name: str, revision: str, path: str) -> None:
        _, commit, files = self._find(kind, name, revision, content=True)
        headers = {"X-Repo-Commit": commit}
        if path not in files:
            raise RefusedError(404, "EntryNotFound", f"{path} does not exist", headers)
        entry, data = _entry(path, files[path]), files[path]
        if "lfs" not in entry:
            self._send(data, headers={**headers, "ETag": f'"{entry["oid"]}"'})
            return
        digest = entry["lfs"]["oid"]
        self.server.hub.blobs[digest] = data
        headers |= {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(data))}
        headers |= {"Location": f"http://localhost:{self.server.hub.port}/cdn/{digest}"}
        self._send(b"", status=302, headers=headers)

    def _send(self, data: bytes, *, status: int = 200, headers: Mapping[str, str] | None = None) -> None:
        fault = self.fault
        data = data if fault.keep is None else data[: fault.keep]
        own = {"Accept-Ranges": "bytes", **(headers or {})}
        wanted = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range", "")) if status == 200 else None
        if wanted and int(wanted[1]) >= len(data):
            status, own["Content-Range"], data = 416, f"bytes */{len(data)}", b""
        elif wanted:
            start, stop = int(wanted[1]), min(int(wanted[2] or len(data)) + bool(wanted[2]), len(data))
            status, own["Content-Range"], data = 206, f"bytes {start}-{stop - 1}/{len(data)}", data[start:stop]
        self.asked.status = status
        self.send_response(status)
        for name, value in {**own, "Content-Length": str(len(data) + fault.longer)}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "HEAD":
            return
        whole = len(data) if fault.cut is None else min(fault.cut, len(data))
        for start in range(0, whole, _BLOCK):
            block = data[start : min(start + _BLOCK, whole)]
            self.wfile.write(block)
            self.asked.sent += len(block)
            if fault.rate is not None:
                time.sleep(len(block) / fault.rate)
        if fault.cut is not None or fault.longer:
            self.close_connection = True
            if fault.reset:
                time.sleep(0.1)  # what was sent arrives before the reset throws the rest away
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.shutdown(socket.SHUT_RD)
                self.connection.close()


def _entry(path: str, data: bytes) -> dict[str, Any]:
    """Return the sizes and checksums of a file."""
    size = len(data)
    entry: dict[str, Any] = {
        "type": "file",
        "path": path,
        "size": size,
        "oid": hashlib.sha1(b"blob %d\0" % size + data).hexdigest(),
    }
    if size >= LARGE or path.endswith((".safetensors", ".parquet", ".bin")):
        entry["lfs"] = {"oid": hashlib.sha256(data).hexdigest(), "size": size, "pointerSize": 135}
    return entry


def receive(hub: Hub, path: str, body: bytes, *, write: bool) -> dict[str, Any]:
    """Take part in an upload: make a repository, choose how files are sent, keep a large one, or make the commit.

    Raises :class:`RefusedError` without the right to ``write``, except where the hub asks for no token.
    """
    if path == "/api/validate-yaml":
        return {"errors": [], "warnings": []}
    if path.startswith("/store/"):
        digest = hashlib.sha256(body).hexdigest()
        assert path == f"/store/{digest}", "the content has another checksum than was announced"
        hub.blobs[digest] = body
        return {}
    if not write:
        raise RefusedError(403, "", "You have no right to write here")
    if path == "/api/repos/create":
        asked = json.loads(body)
        name = f"{asked['organization']}/{asked['name']}"
        if ("models", name) in hub.repositories:
            raise RefusedError(409, "", "You already created this model repo")
        hub.put("models", name, {".gitattributes": "*.safetensors filter=lfs\n"})
        hub.repositories["models", name].private = asked["visibility"] == "private"
        return {"url": f"{hub.url}/{name}", "name": name}
    if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/preupload/main", path):
        files = json.loads(body)["files"]
        modes = {one["path"]: "lfs" if "lfs" in _entry(one["path"], b" " * one["size"]) else "regular" for one in files}
        return {"files": [{"path": name, "uploadMode": mode, "shouldIgnore": False} for name, mode in modes.items()]}
    if re.fullmatch(r"/[^/]+/[^/]+\.git/info/lfs/objects/batch", path):
        actions = {
            one["oid"]: {"upload": {"href": f"http://localhost:{hub.port}/store/{one['oid']}"}}
            for one in json.loads(body)["objects"]
        }
        sizes = {one["oid"]: one["size"] for one in json.loads(body)["objects"]}
        return {"objects": [{"oid": oid, "size": sizes[oid], "actions": own} for oid, own in actions.items()]}
    if found := re.fullmatch(r"/api/models/([^/]+/[^/]+)/commit/main", path):
        repository = hub.repositories["models", found[1]]
        content: dict[str, bytes | str] = dict(repository.commits[repository.branches["main"]])
        for line in map(json.loads, body.splitlines()):
            value = line["value"]
            if line["key"] == "lfsFile":
                content[value["path"]] = hub.blobs[value["oid"]]
            elif line["key"] == "file":
                content[value["path"]] = base64.b64decode(value["content"])
        commit = hub.put("models", found[1], content)
        return {"commitUrl": f"{hub.url}/{found[1]}/commit/{commit}", "commitOid": commit, "success": True}
    raise RefusedError(404, "", f"{path} is not spoken here")
