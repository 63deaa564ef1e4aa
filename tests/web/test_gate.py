"""Clients other than a browser can send only the requests that the playground's page makes."""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import re
import stat
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .conftest import HOSTILE, RUN, Served

SECRET = "the words of a file that is nobody else's"
JOIN, DATA, PREDICT = "/gradio_api/queue/join", "/gradio_api/queue/data", "/gradio_api/run/predict"
OPEN = {
    *((method, path) for method in ("GET", "HEAD") for path in ("/", "/theme.css", "/favicon.ico")),
    *((method, path) for method in ("GET", "HEAD") for path in ("/gradio_api/app_id", "/assets/x", "/static/x")),
    ("GET", DATA),
    ("POST", JOIN),
}
"""The routes that the page uses, with x for every parameter; and ``/gradio_api/run/predict``, which is ``run/x``."""
METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
NAMES = ("127.0.0.2:7860", "127.0.0.1", "localhost:7860", "[::1]:7860")
FOREIGN = ("127.0.0.3", "[::2]", "rebound.example")
BUILD = """
import json, os, pathlib, sys
from squadron.options.core import PlaygroundOptions
from squadron.experiments.playground import Playground
from squadron.web import serving
from starlette.testclient import TestClient

def walk(app):
    for route in app.routes:
        for inner in ("app", "original_router"):
            if hasattr(getattr(route, inner, None), "routes"):
                yield from walk(getattr(route, inner))
        for method in getattr(route, "methods", None) or ():
            yield method, route.path

app = serving._server(Playground(PlaygroundOptions(host="127.0.0.2")), local=True).config.app
(gradio,) = (route.app for route in app.routes if hasattr(route, "app"))
cache = pathlib.Path(os.environ["GRADIO_TEMP_DIR"])
with TestClient(gradio, base_url="http://127.0.0.1", raise_server_exceptions=False) as client:
    status = client.post("/gradio_api/run/predict", json=json.loads(sys.argv[1])).status_code
def refused(host):
    return TestClient(app).get("/none", headers={"host": host}).text == "Invalid host header"

print(json.dumps({
    "refused": [host for host in json.loads(sys.argv[2]) if refused(host)],
    "routes": list(walk(app)),
    "caches": list({block.GRADIO_CACHE for block in gradio.get_blocks().blocks.values()}),
    "cache": str(cache),
    "status": status,
    "opened": [str(path) for path in cache.rglob("*") if path.is_file()],
}))
"""
"""Builds the server's app and attacks Gradio behind the gate, in its own process: Gradio leaves threads."""


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Any
    text: str

    def json(self) -> Any:
        return json.loads(self.text)


class Site:
    """The server as a client sees it, and the events that its page declares."""

    def __init__(self, served: Served) -> None:
        self.served = served
        text = self.call("GET", "/").text
        config, _ = json.JSONDecoder().raw_decode(text, text.index("{", text.index("window.gradio_config")))
        self.components = {component["id"]: component for component in config["components"]}
        self.events = {event["id"]: event for event in config["dependencies"] if event["backend_fn"]}

    def call(
        self,
        method: str,
        path: str,
        body: bytes | Iterable[bytes] | None = None,
        *,
        payload: Any = None,
        **headers: str,
    ) -> Reply:
        """Send a request unchanged: neither path nor body is normalized."""
        if payload is not None:
            body, headers = json.dumps(payload).encode(), {"Content-Type": "application/json", **headers}
        connection = http.client.HTTPConnection("127.0.0.1", self.served.port, timeout=30)
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        try:
            with contextlib.suppress(BrokenPipeError, ConnectionResetError):  # refused before the whole body was sent
                connection.request(method, path, body, named)
            answer = connection.getresponse()
            return Reply(answer.status, answer.headers, answer.read().decode())
        finally:
            connection.close()

    def send(self, event: dict[str, Any], **changed: Any) -> Reply:
        """Send an event as the page does, with the given changes."""
        return self.call("POST", JOIN if event["queue"] else PREDICT, payload=self.body(event, **changed))

    def outcome(self, event: dict[str, Any], **changed: Any) -> list[Any]:
        """Return the result of an event that is allowed."""
        answer = self.send(event, **changed)
        assert answer.status == 200, answer.text
        if not event["queue"]:
            return list(answer.json()["data"])
        lines = self.call("GET", f"{DATA}?session_hash={changed.get('session_hash', 'abc')}").text.splitlines()
        messages = [json.loads(line.removeprefix("data: ")) for line in lines if line]
        (done,) = (message for message in messages if message["msg"] == "process_completed")
        assert done["success"], done
        return list(done["output"]["data"])

    def named(self, name: str) -> dict[str, Any]:
        (event,) = (event for event in self.events.values() if event["api_name"] == name)
        return event

    def good(self, event: dict[str, Any]) -> list[Any]:
        """Return inputs that the page may send."""
        values = {
            "example": 0,
            "asked": "Why?",
            "context": "A town.",
            "question": "What?",
            "models": ["base:pocket"],
            "decoding": ["greedy"],
            "run": str(self.served.run),
        }
        return [values[self.components[number]["props"]["elem_id"]] for number in event["inputs"]]

    def body(self, event: dict[str, Any], **changed: Any) -> dict[str, Any]:
        return {"data": self.good(event), "fn_index": event["id"], "session_hash": "abc", **changed}

    def assert_unharmed(self) -> None:
        """Check that no file was copied to the folder that Gradio serves, and that the server logged no error."""
        assert [path for path in self.served.temporary.rglob("*") if path.is_file()] == []
        assert self.served.errors.read_text() == ""


@pytest.fixture(scope="module")
def opened(served: Served) -> Site:
    return Site(served)


@pytest.fixture
def site(opened: Site) -> Iterator[Site]:
    yield opened
    opened.assert_unharmed()


@pytest.fixture(scope="module")
def built(opened: Site, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The output of ``BUILD``."""
    body = opened.body(opened.named("lambda"), data=[exploit(tmp_path_factory.mktemp("built"))])
    command = [sys.executable, "-c", BUILD, json.dumps(body), json.dumps([*NAMES, *FOREIGN])]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def exploit(folder: Path) -> dict[str, Any]:
    """Return a value that would make Gradio open a file."""
    path = folder / "secret.txt"
    path.write_text(SECRET)
    return {"path": str(path), "meta": {"_type": "gradio.FileData"}}


@pytest.fixture
def secret(tmp_path: Path) -> dict[str, Any]:
    return exploit(tmp_path)


def assert_refused(answer: Reply, *statuses: int) -> str:
    """Check that the answer is one line of JSON with a reason."""
    assert answer.status in (statuses or (400, 403, 404, 413)), answer
    assert answer.json().keys() == {"error"}
    reason = answer.json()["error"]
    assert 0 < len(reason) < 120
    assert "\n" not in reason
    assert "default-src 'self'" in answer.headers["Content-Security-Policy"]
    return str(reason)


def test_only_routes_that_the_page_uses_are_open(site: Site, secret: dict[str, Any], built: dict[str, Any]) -> None:
    found = {(method, re.sub(r"\{[^}]*\}", "x", path)) for method, path in built["routes"]}
    assert found > {("POST", "/gradio_api/upload"), ("GET", "/gradio_api/file=x"), ("POST", "/gradio_api/run/x")}
    assert len(found) > 60
    assert found - OPEN > {("POST", "/gradio_api/component_server"), ("GET", "/config"), ("GET", "/monitoring")}
    paths = {path for _, path in found} | {"/docs", "/redoc", "/gradio_api/mcp/sse", "/gradio_api/dev/reload"}
    file = secret["path"]
    paths |= {f"/gradio_api/file={file}", f"/gradio_api/file{file}", f"/gradio_api/proxy=file://{file}"}
    paths |= {"/assets/../../../../routes.py", "/assets/%2e%2e/index.html", f"/static/{file}", "/assets/", "//", "/y"}
    named = {"api_name": "lambda", "component_id": 9, "fn_name": "load", "event_id": "x", **secret}
    body = {"data": [secret], "fn_index": 2, "session_hash": "abc", **named}
    for path in sorted(paths):
        for method in METHODS:
            if (method, path) not in OPEN:
                answer = site.call(method, path, payload=body)
                assert answer.status == 404, (method, path, answer)
                if method != "HEAD":
                    assert assert_refused(answer) == "the playground has no such page"
    for _, path in OPEN:
        assert_refused(site.call("POST", path, payload=body), 400, 404)
    for size in (0, 9):
        form = f'--x\r\nContent-Disposition: form-data; name="files"; filename="a"\r\n\r\n{"a" * size}\r\n--x--\r\n'
        kind = "multipart/form-data; boundary=x"
        assert_refused(site.call("POST", "/gradio_api/upload", form.encode(), Content_Type=kind), 404)


def test_the_page_s_own_files_are_served(site: Site) -> None:
    page = site.call("GET", "/")
    script = re.search(r"/assets/[\w.-]+\.js", page.text)
    assert script
    for path in (script[0], "/static/js/iframeResizer.contentWindow.min.js", "/theme.css", "/favicon.ico"):
        assert site.call("GET", path).status == 200, path
    # Gradio would read saved inputs from a file named in the query.
    assert site.call("GET", "/?deep_link=x&page=x").text == page.text


def test_no_input_of_any_event_accepts_a_file_name(site: Site, secret: dict[str, Any]) -> None:
    assert len(site.events) >= 6
    tried = 0
    for event in site.events.values():
        good = site.good(event)
        assert_refused(site.send(event, event_data=secret), 400)
        assert_refused(site.send(event, event_data={"run": secret}), 400)
        for shape in (secret, [secret], [[secret]], {"value": secret}, {"path": secret["path"]}, {}):
            assert_refused(site.send(event, data=[*good, shape]), 400)
            for place in range(len(good)):
                data = [*good[:place], shape, *good[place + 1 :]]
                for path in (JOIN, PREDICT):
                    assert_refused(site.call("POST", path, payload=site.body(event, data=data)), 400, 404)
                tried += 1
    assert tried == 6 * sum(len(event["inputs"]) for event in site.events.values()) >= 42


def test_gradio_behind_the_gate_opens_no_file_either(built: dict[str, Any]) -> None:
    assert (built["status"], built["opened"]) == (500, [])


def test_events_of_the_page_are_answered(site: Site) -> None:
    """Send each event from a session that never loaded the page, for which Gradio knows none of the choices."""
    shown = {
        event["api_name"]: site.outcome(event, session_hash=f"new{number}") for number, event in site.events.items()
    }
    assert len(shown["show_example"][0]) > 50
    assert 'class="compare"' in shown["answer"][0]
    assert RUN in shown["show_run"][0]
    assert shown["lambda"] == ["Why?"]
    assert "the context: empty" in site.outcome(site.named("answer"), data=[None, None, None, None])[0]


def test_only_listed_runs_are_opened(site: Site, sweep: Path, tmp_path: Path) -> None:
    (tmp_path / "metrics.jsonl").write_text('{"step": 1, "loss": 0.123}')
    (tmp_path / "link").symlink_to(sweep / "runs" / RUN)
    real = str(sweep / "runs" / RUN)
    show, pick = site.named("show_run"), site.named("pick")
    beside = (str(tmp_path), f"{real}/../{RUN}", f"{real}/", f"{sweep}/runs/../../{tmp_path.name}")
    for run in (*beside, str(tmp_path / "link"), RUN, "..", ""):
        facts, loss, f1 = site.outcome(show, data=[run])
        assert (facts, loss["visible"], f1["visible"]) == ("", False, False), run
        assert "value" not in site.outcome(pick, event_data={"run": run})[0]
    facts, loss, _ = site.outcome(show, data=[real])
    assert (RUN in facts, loss["visible"]) == (True, True)
    for event_data in (None, {}):
        assert "value" not in site.outcome(pick, event_data=event_data)[0]
    for name in (RUN, HOSTILE[0]):
        run = str(sweep / "runs" / name)
        assert site.outcome(pick, event_data={"run": run})[0]["value"] == run


def test_malformed_calls_get_a_one_line_error(site: Site) -> None:
    answer, example = site.named("answer"), site.named("show_example")
    for number in (-1, 0, 99, "3", None, True, 3.5, [3], {}, 10**30):
        assert_refused(site.send(answer, fn_index=number), 404)
    assert_refused(site.call("POST", PREDICT, payload=site.body(answer)), 404)  # a queued event
    assert_refused(site.call("POST", JOIN, payload=site.body(example)), 404)
    good = site.good(answer)
    wrong: list[Any] = [good[:3], [], [*good, "x"], [5, *good[1:]], [*good[:3], "greedy"], [*good[:3], ["best"]]]
    wrong += [None, "text", {}, [*good[:2], [None], good[3]], [*good[:2], ["x"] * 101, good[3]], ["a\ud800", *good[1:]]]
    for data in wrong:
        assert_refused(site.send(answer, data=data), 400)
    for value in (99, -1, "0", True, 0.0, [0]):
        assert_refused(site.send(example, data=[value]), 400)
    for session in (None, "", "a/b", "x" * 65, 5, ["a"], "a\n"):
        assert_refused(site.send(answer, session_hash=session), 400)
    for trigger in (1, "12", [12], True):
        assert_refused(site.send(answer, trigger_id=trigger), 400)
    for event_data in ([], "x", {"a": "b"}, {"path": "b"}, {"run": None}, {"run": 5}, {"run": ["x"]}):
        assert_refused(site.send(answer, event_data=event_data), 400)
    for extra in ("batched", "simple_format", "event_id", "oauth_token", "request"):
        assert_refused(site.send(answer, **{extra: True}), 400)
    body = json.dumps(site.body(answer)).encode()
    texts = [b"", b"{", b"[]", b"5", b"null", b"\xff", b"[" * 100_000, b'{"data": NaN}', b'{"data": ' + b"9" * 9_999]
    for text in (*texts, body.replace(b'"abc"', b'"abc", "event_data": {"a": 1e999}')):
        assert_refused(site.call("POST", JOIN, text, Content_Type="application/json"), 400)
    for kind in ("text/plain", "multipart/form-data", "application/x-www-form-urlencoded", ""):
        assert_refused(site.call("POST", JOIN, body, Content_Type=kind), 415)
    for query in ("", "?session_hash=never", "?session_hash=", "?session_hash=a%26b", "?session_hash=%ff", "?%"):
        assert_refused(site.call("GET", DATA + query), 404)


def test_duplicate_keys_are_read_once(site: Site, secret: dict[str, Any]) -> None:
    """JSON parsers differ on duplicate keys, so only the checked value is passed on."""
    text = json.dumps(site.body(site.named("lambda")))[1:-1]
    for first, second in ((secret, "Why?"), ("Why?", secret)):
        twice = f'{{"data": {json.dumps([first])}, {text}, "data": {json.dumps([second])}}}'
        answer = site.call("POST", PREDICT, twice.encode(), Content_Type="application/json")
        assert (answer.status == 200) == (second == "Why?")


def test_large_bodies_are_refused_before_they_are_read(site: Site) -> None:
    longest = "\U0001f600" * 100_000
    body = json.dumps(site.body(site.named("answer"), data=[longest, "What?", ["base:pocket"], ["greedy"]]))
    assert len(body) > 1_200_000  # two escapes per character
    json_type = {"Content_Type": "application/json"}
    assert site.call("POST", JOIN, body.encode(), **json_type).status == 200
    assert "process_completed" in site.call("GET", f"{DATA}?session_hash=abc").text
    assert_refused(site.call("POST", JOIN, b" " * (2 * 2**20 + 1), **json_type), 413)
    assert_refused(site.call("POST", JOIN, (b" " * 2**20 for _ in range(4)), **json_type), 413)
    for length in (str(2 * 2**20 + 1), "9" * 18):
        assert_refused(site.call("POST", JOIN, b"{}", **json_type, Content_Length=length), 413)


def test_requests_from_other_sites_are_refused(site: Site) -> None:
    asked, port = site.named("lambda"), site.served.port
    origins = ["http://other.example", "http://localhost:9", "http://127.0.0.1:9", "null", "", "http://["]
    origins += [f"http://127.0.0.1.other.example:{port}", f"http://127.0.0.1@other.example:{port}"]
    for origin in origins:
        for answer in (
            site.call("POST", PREDICT, payload=site.body(asked), Origin=origin),
            site.call("GET", "/", Origin=origin),
            site.call("OPTIONS", JOIN, Origin=origin, Access_Control_Request_Method="POST"),
        ):
            assert_refused(answer, 403)
            assert "Access-Control-Allow-Origin" not in answer.headers
    assert site.call("POST", PREDICT, payload=site.body(asked), Origin=f"http://127.0.0.1:{port}").status == 200
    for host in ("other.example", f"other.example:{port}", "127.0.0.1.other.example"):
        assert site.call("POST", PREDICT, payload=site.body(asked), Host=host).status == 400


def test_a_server_answers_to_the_address_that_it_listens_at(built: dict[str, Any]) -> None:
    assert built["refused"] == list(FOREIGN)


def test_gradio_s_temporary_folder_belongs_to_this_server(opened: Site, built: dict[str, Any]) -> None:
    """It is removed however the server is stopped (``test_page.py``, ``test_persian_page.py``)."""
    (folder,) = opened.served.temporary.iterdir()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert folder.stat().st_uid == os.getuid()
    assert built["caches"] == [built["cache"]]
    assert Path(built["cache"]).name.startswith("squadron-playground-")
    assert not Path(built["cache"]).exists()
