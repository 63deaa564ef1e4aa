"""The playground's server. By default it listens on this machine only; its page can load nothing from elsewhere."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import tempfile
from collections.abc import AsyncIterator, Callable
from typing import Any

from squadron.errors import DeviceError, option
from squadron.experiments.playground import Playground
from squadron.extras import require_extra
from squadron.languages import WRITING, Language
from squadron.options.core import PlaygroundOptions

_POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'; "
    "form-action 'none'; base-uri 'self'; object-src 'none'"
)
"""The page may load only files of its own server. Gradio's scripts and Vega's expressions need the two exceptions."""


def serve(options: PlaygroundOptions, *, ready: Callable[[dict[str, Any]], None]) -> None:
    """Serve the page until the user stops it. Once the server listens, call ``ready`` with ``url``, ``host``, ``port``,
    ``models`` and ``open`` (True if other machines can reach it).

    Raises :class:`ConfigError` if gradio is not there, :class:`DeviceError` if the address cannot be used.
    """
    require_extra("playground", "web", "gradio")
    listening = _listen(options.host, options.port)
    try:
        playground = Playground(options)
        server = _server(playground, local=_is_local(options.host))
        port = int(listening.getsockname()[1])
        host = _in_url(options.host)
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
    """Open a socket at the address. This comes before models are loaded, so that a used port is reported at once."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as problem:
        reason = str(problem.strerror).partition(" (while")[0]  # Python appends the address, which the message has
        raise DeviceError(
            f"{option('host', host)} {option('port', port)}: cannot listen there ({reason}); "
            f"use another {option('port')} (0 for any), or {option('host', '127.0.0.1')}"
        ) from None


def _is_local(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _in_url(host: str) -> str:
    """Return a host as URLs and requests name it: an IPv6 address in brackets."""
    return f"[{host}]" if ":" in host else host


def _direction(language: Language) -> str:
    """Return the element that gives the page its language and direction: Gradio's own is English."""
    return (
        f"<script>document.documentElement.lang = '{language}'; "
        f"document.documentElement.dir = '{WRITING[language].direction}';</script>"
    )


_REDRAW = """<script>setInterval(() => {
    const empty = [...document.querySelectorAll('svg.marks[width="0"]')];
    if (empty.some((chart) => chart.closest('[id$="-curve"]')?.offsetWidth))
        window.dispatchEvent(new Event('resize'));
}, 250);</script>"""
"""Has a chart drawn again that was drawn before its place had a width: it takes its width when the window's changes."""


def _server(playground: Playground, *, local: bool) -> Any:
    """Build the page and its security headers, and return the server, not yet started."""
    # Set before Gradio is imported: otherwise it reports each start to its developers and checks for updates.
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    # Set before the page is built: Gradio's default is a folder in /tmp that all users of the machine share.
    cache = tempfile.TemporaryDirectory(prefix="squadron-playground-")
    os.environ["GRADIO_TEMP_DIR"] = cache.name
    import gradio as gr
    import uvicorn
    from fastapi import FastAPI
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from squadron.reporting.render.fonts import text_fonts
    from squadron.web import page
    from squadron.web.gate import Gate

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        with cache:  # removed here, because SIGTERM ends the process right after the server stops
            yield

    language = playground.options.lang
    app = FastAPI(openapi_url=None, lifespan=lifespan)
    blocks = page.build(playground)
    app.add_middleware(Gate, page=blocks)  # innermost, so that its error responses get the headers below too
    if local:
        # Against DNS rebinding: refuse requests through any other name that resolves to 127.0.0.1.
        names = {"127.0.0.1", "localhost", "[::1]", _in_url(playground.options.host)}
        app.add_middleware(TrustedHostMiddleware, allowed_hosts=sorted(names))

    @app.middleware("http")
    async def add_headers(request: Any, call_next: Any) -> Any:
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
        theme=page.theme(language),
        css="".join(text_fonts()) if WRITING[language].direction == "rtl" else None,
        css_paths=page.CSS,
        head=_direction(language) + _REDRAW,
    )
    # Gradio checks file access only in a launched app, and a mounted one is never marked as launched.
    blocks.has_launched = True
    return uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, timeout_graceful_shutdown=3))
