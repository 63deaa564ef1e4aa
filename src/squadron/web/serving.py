"""The playground's server: this machine alone unless told otherwise, and a page that can reach nothing but it."""

from __future__ import annotations

import contextlib
import importlib.util
import ipaddress
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from typing import Any

from squadron.errors import ConfigError, DeviceError, option
from squadron.experiments.playground import Playground
from squadron.options.core import PlaygroundOptions

_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'; "
    "form-action 'none'; base-uri 'self'; object-src 'none'"
)
"""What the page may load: its own server's files. Gradio's scripts and Vega's expressions need the two exceptions."""


def serve(options: PlaygroundOptions, *, ready: Callable[[dict[str, Any]], None]) -> None:
    """Serve the page until a person stops it. ``ready`` is told ``url``, ``host``, ``port``, ``models`` and ``open``
    (whether other machines can reach it) once the server listens.

    Raises a :class:`squadron.errors.SquadronError` for what a user can cause.
    """
    if importlib.util.find_spec("gradio") is None:
        raise ConfigError("playground: gradio is not installed; get it with: pip install 'squadron[web]'")
    listening = _listen(options.host, options.port)
    try:
        playground = Playground(options)
        server = _server(playground, local=_is_local(options.host))
        port = int(listening.getsockname()[1])
        host = f"[{options.host}]" if ":" in options.host else options.host
        ready(
            {
                "url": f"http://{host}:{port}/",
                "host": options.host,
                "port": port,
                "open": not _is_local(options.host),
                "models": [choice.label for choice in playground.choices()],
            }
        )
        server.run(sockets=[listening])
    finally:
        listening.close()


def _listen(host: str, port: int) -> socket.socket:
    """A socket at the address, before anything is loaded: what is in use is said at once."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as problem:
        reason = str(problem.strerror).partition(" (while")[0]  # Python adds the address, which is named already
        raise DeviceError(
            f"{option('host', host)} {option('port', port)}: cannot listen there ({reason}); "
            f"use another {option('port')} (0 for any), or {option('host', '127.0.0.1')}"
        ) from None


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _server(playground: Playground, *, local: bool) -> Any:
    """The page behind its policy, as a server that is not started yet."""
    # Before Gradio is imported: it would tell its makers of each start, and ask them for its newest version.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    # Before the page is built: Gradio's own choice is one folder in /tmp that all users of the machine share.
    cache = tempfile.TemporaryDirectory(prefix="squadron-playground-")
    os.environ["GRADIO_TEMP_DIR"] = cache.name
    import gradio as gr
    import uvicorn
    from fastapi import FastAPI
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from squadron.web import page
    from squadron.web.gate import Gate

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with cache:  # removed here, because SIGTERM ends the process right after the server
            yield

    app = FastAPI(openapi_url=None, lifespan=lifespan)
    blocks = page.build(playground)
    app.add_middleware(Gate, page=blocks)  # innermost: its refusals have the headers below too
    if local:
        # A page of another site that calls itself by a name for 127.0.0.1 gets no answer.
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost", "[::1]"])

    @app.middleware("http")
    async def keep_home(request: Any, call_next: Any) -> Any:
        response = await call_next(request)
        response.headers["Content-Security-Policy"] = _POLICY
        response.headers["Referrer-Policy"] = "no-referrer"
        response.headers["X-Content-Type-Options"] = "nosniff"
        return response

    gr.mount_gradio_app(
        app,
        blocks,
        path="/",
        footer_links=[],
        run_history=False,
        show_error=False,
        max_file_size=0,
        ssr_mode=False,
        enable_monitoring=False,
        pwa=False,
        theme=page.theme(),
        css_paths=page.CSS,
    )
    # Gradio asks whether it may open a file only where it has launched, which a mounted app never says of itself.
    blocks.has_launched = True
    return uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=3))
