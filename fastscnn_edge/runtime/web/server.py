"""HTTP server of the page: a fixed set of routes, no file access after start, limits on every client."""

from __future__ import annotations

import io
import select
import socket
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

from .access import Access
from .live_feed import LiveFeed
from .request import LimitedRequest, RequestTooLargeError

MAX_CONNECTIONS = 32
"""Simultaneous connections, since each costs a thread. A further one takes the place of the one that has withheld its
request for longest, or is refused where all have sent theirs."""

MAX_STREAMS = 8
"""Simultaneous image streams; the remaining connections serve the page and its status."""

_STREAM_INTERVAL = 1 / 15
"""Minimum seconds between two images to one viewer: smooth enough, and half the encoding of a 30 fps camera."""

_REPEAT_AFTER = 2.0
"""Seconds without a new frame after which the last is sent again: only sending reveals that a viewer is gone."""

_SEND_TIMEOUT = 10.0
"""Seconds a viewer may take to receive one image."""

_SEND_BUFFER = 1 << 16
"""Bytes of the kernel's send buffer per stream. Small, so that a slow viewer sees few old images before the newest."""

_HANG_UP_SECONDS = 1.0
"""Seconds in which a connection that was hung up gives its place to the next."""

_HEADERS = {
    "Content-Security-Policy": "default-src 'none'; img-src 'self'; style-src 'self'; script-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",  # a URL may contain the token
    "Cross-Origin-Resource-Policy": "same-origin",  # other pages may not embed the images
    "Cross-Origin-Opener-Policy": "same-origin",
    "Connection": "close",
}

_WEB = Path(__file__).parent / "static"
_TEXT = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
}
_BOUNDARY = "frame"

_BUSY = b"HTTP/1.0 503 Service Unavailable\r\nRetry-After: 5\r\nConnection: close\r\n\r\ntoo many connections\n"


class WebServer(ThreadingHTTPServer):
    """HTTP server that listens once constructed and answers in ``serve_forever``, run in a thread.

    Args:
        family: ``socket.AF_INET`` or ``AF_INET6``.
        address: socket address from ``socket.getaddrinfo``.
        feed: source of the images.
        status: makes the status as a JSON object; called in any thread.

    Raises:
        OSError: the address is in use or not one of this machine.
    """

    daemon_threads = True
    request_queue_size = 2 * MAX_CONNECTIONS  # with a short queue the kernel drops handshakes in a burst
    access: Access  # set once the port is known

    def __init__(self, family: int, address: Any, feed: LiveFeed, status: Callable[[], bytes]) -> None:
        self.address_family = family
        self.feed, self.status = feed, status
        self.texts = {route: ((_WEB / name).read_bytes(), kind) for route, (name, kind) in _TEXT.items()}
        self.streams = threading.BoundedSemaphore(MAX_STREAMS)
        self._places = threading.BoundedSemaphore(MAX_CONNECTIONS)
        self._open: set[socket.socket] = set()
        self._silent: dict[socket.socket, None] = {}  # without a whole request yet, the oldest first
        super().__init__(address, _Handler)

    def server_bind(self) -> None:
        """Bind without looking up this machine's name, which hangs where there is no name server."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.socket.bind(self.server_address)
        self.server_address = self.socket.getsockname()
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]

    def process_request(self, request: Any, client_address: Any) -> None:
        if not (self._places.acquire(blocking=False) or self._hang_up_on_a_silent_one()):
            with suppress(OSError):
                request.setblocking(False)
                request.send(_BUSY)
            self.shutdown_request(request)
            return
        self._open.add(request)
        self._silent[request] = None
        try:
            super().process_request(request, client_address)
        except RuntimeError:  # no thread can be started
            self._leave(request)
            raise

    def request_is_complete(self, connection: socket.socket) -> None:
        """Note that ``connection`` has sent its request, so that it keeps its place until it is answered."""
        self._silent.pop(connection, None)

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        try:
            super().process_request_thread(request, client_address)
        finally:
            self._leave(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Do nothing: disconnects and malformed requests are not logged."""

    def server_close(self) -> None:
        super().server_close()
        for connection in tuple(self._open):
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def _hang_up_on_a_silent_one(self) -> bool:
        """Take the place of the connection that has withheld its request for longest; False if there is none.

        Viewers send theirs at once, so however many connections idle, the next viewer is served. One whose bytes only
        wait to be read, on a busy board, is no idle one.
        """
        silent = tuple(self._silent)
        for connection in silent:
            with suppress(OSError, ValueError):  # it has just left
                if not _has_bytes(connection):
                    self._silent.pop(connection, None)
                    connection.shutdown(socket.SHUT_RDWR)  # wakes its thread, which leaves
                    break
        return bool(silent) and self._places.acquire(timeout=_HANG_UP_SECONDS)

    def _leave(self, request: socket.socket) -> None:
        self._silent.pop(request, None)
        self._open.discard(request)
        self._places.release()


def _has_bytes(connection: socket.socket) -> bool:
    if not hasattr(select, "poll"):  # Windows, where select() takes sockets of any number
        return bool(select.select([connection], [], [], 0)[0])
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return bool(poll.poll(0))


class _Handler(BaseHTTPRequestHandler):
    """Handler of one request on one connection."""

    server: WebServer

    def setup(self) -> None:
        super().setup()
        self.rfile = io.BufferedReader(LimitedRequest(self.connection))

    def handle(self) -> None:
        try:
            super().handle()
        except RequestTooLargeError:
            self.requestline, self.request_version, self.command = "", "HTTP/1.0", ""
            self.send_error(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
        except OSError:
            pass  # the client disconnected

    def do_GET(self) -> None:
        self.server.request_is_complete(self.connection)
        self.connection.settimeout(_SEND_TIMEOUT)
        access = self.server.access
        if not access.knows_host(self.headers.get("Host")):
            self.send_error(HTTPStatus.MISDIRECTED_REQUEST, "open this page by its address, or as localhost")
            return
        # Neither decoded nor normalized: a route must match exactly.
        route, _, query = self.path.partition("?")
        token = next(iter(parse_qs(query).get("token", [])), None)
        if not access.admits(token, ";".join(self.headers.get_all("Cookie", []))):
            self.send_error(HTTPStatus.FORBIDDEN, "open the address printed where fastscnn-edge was started")
        elif route == "/" and access.is_token(token):
            self._remember(str(token))
        elif route in self.server.texts:
            self._send(*self.server.texts[route])
        elif route == "/status":
            self._send(self.server.status(), "application/json")
        elif route == "/stream.mjpg":
            self._stream()
        else:
            self.send_error(HTTPStatus.NOT_FOUND)

    def do_HEAD(self) -> None:
        self.do_GET()  # the body is left out where it is sent

    def _remember(self, token: str) -> None:
        """Move the token from the URL, which is displayed, saved and shared, into a cookie."""
        self.send_response(HTTPStatus.SEE_OTHER)
        self.send_header("Location", "/")
        self.send_header("Set-Cookie", f"{self.server.access.cookie}={token}; HttpOnly; SameSite=Lax; Path=/")
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _send(self, body: bytes, kind: str, status: int = HTTPStatus.OK) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _stream(self) -> None:
        if not self.server.streams.acquire(blocking=False):
            self.send_error(HTTPStatus.SERVICE_UNAVAILABLE, f"{MAX_STREAMS} viewers are watching already")
            return
        try:
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SEND_BUFFER)
            self._stream_pictures()
        finally:
            self.server.streams.release()

    def _stream_pictures(self) -> None:
        feed, number, due = self.server.feed, 0, 0.0
        self.send_response(HTTPStatus.OK)
        self.send_header("Content-Type", f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
        self.end_headers()
        if self.command == "HEAD":
            return
        # Browsers show a part when they see the boundary after it, so it is sent with the part, not with the next.
        self.wfile.write(f"--{_BOUNDARY}\r\n".encode())
        while feed.pause(max(0.0, due - time.monotonic())):
            due = time.monotonic() + _STREAM_INTERVAL
            image = feed.jpeg(number, _REPEAT_AFTER)
            if image is None:
                continue
            number, data = image
            head = f"Content-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n"
            self.wfile.write(head.encode() + data + f"\r\n--{_BOUNDARY}\r\n".encode())

    def end_headers(self) -> None:
        for name, value in _HEADERS.items():
            self.send_header(name, value)
        super().end_headers()

    def send_error(self, code: int, message: str | None = None, explain: str | None = None) -> None:
        """Send an error as plain text that quotes nothing from the request."""
        status = HTTPStatus(code)
        text = message if status in _EXPLAINED and message else status.phrase
        self._send(f"{status.value} {status.phrase}: {text}\n".encode(), "text/plain; charset=utf-8", status)

    def version_string(self) -> str:
        """Omits versions, which an unauthenticated client should not learn."""
        return "fastscnn-edge"

    def log_message(self, format: str, *args: Any) -> None:
        """Do nothing: requests are not logged."""


# Our own words; http.server's quote the request.
_EXPLAINED = {HTTPStatus.MISDIRECTED_REQUEST, HTTPStatus.FORBIDDEN, HTTPStatus.SERVICE_UNAVAILABLE}
