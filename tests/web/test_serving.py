"""Starting the playground: its address, its output, and its errors."""

from __future__ import annotations

import importlib.util
import json
import socket
from typing import Any

import pytest

from squadron.cli.main import main
from squadron.web import serving


@pytest.fixture
def squadron(capsys: pytest.CaptureFixture[str]) -> Any:
    def call(*arguments: object) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as ended:
            main(["playground", *map(str, arguments)])
        captured = capsys.readouterr()
        return int(ended.value.code or 0), captured.out, captured.err

    return call


class Idle:
    """A server that is stopped at once."""

    def run(self, sockets: list[socket.socket]) -> None:
        assert sockets[0].getsockname()[1] > 0
        raise KeyboardInterrupt


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_server", lambda *_, **__: Idle())


@pytest.mark.usefixtures("idle")
def test_it_prints_its_address_and_ctrl_c_stops_it(squadron: Any) -> None:
    code, out, err = squadron("--port", 0)
    assert (code, err) == (0, "")
    assert "http://127.0.0.1:" in out
    code, out, err = squadron("--port", 0, "--json")
    assert (code, err) == (0, "")
    assert json.loads(out)["models"] == ["pocket (untouched)"]


@pytest.mark.usefixtures("idle")
def test_listening_for_other_machines_is_reported(squadron: Any) -> None:
    code, out, err = squadron("--port", 0, "--host", "0.0.0.0", "--json")
    assert (code, json.loads(out)["open"]) == (0, True)
    assert "anyone who can reach this machine" in err
    assert "there is no password" in err


def test_a_failed_start_is_a_one_line_error(squadron: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        taken.listen()
        code, _, err = squadron("--port", port)
        assert (code, f"--port {port}: cannot listen there" in err) == (2, True), err
    code, _, err = squadron("--port", 0, "--host", "192.0.2.1")  # reserved for documents: no machine has it
    assert (code, "cannot listen there (Cannot assign requested address)" in err) == (2, True), err
    code, _, err = squadron("--port", 0, tmp_path)
    assert (code, "run.json: no such file" in err) == (2, True), err
    code, _, err = squadron("--port", 0, "--sweep", tmp_path)
    assert (code, "leaderboard.json: no such file" in err) == (2, True), err
    code, _, err = squadron("--port", 0, "--base", tmp_path / "none")
    assert (code, err.count("\n")) == (2, 1), err
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    code, _, err = squadron()
    assert (code, "pip install 'squadron[web]'" in err) == (2, True), err
