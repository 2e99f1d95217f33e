"""The page's server, over real connections."""

from __future__ import annotations

import http.client
import io
import json
import re
import socket
import threading
import time
from collections.abc import Iterator

import numpy as np
import pytest
from PIL import Image

from fastscnn_edge.classes import CAMVID
from fastscnn_edge.errors import OutputError
from fastscnn_edge.runtime.board.board import BoardState
from fastscnn_edge.runtime.sinks.style import Style
from fastscnn_edge.runtime.web import request as web_request
from fastscnn_edge.runtime.web import view as view_module
from fastscnn_edge.runtime.web.listen_address import ListenAddress
from fastscnn_edge.runtime.web.server import MAX_CONNECTIONS, MAX_STREAMS
from fastscnn_edge.runtime.web.view import About, WebView
from tests.helpers import random_image, segmented

CLASSES = np.repeat(np.array([0, 0, 0, 8], np.uint8), 16 * 96).reshape(64, 96)


def make(host: str = "127.0.0.1") -> WebView:
    return WebView(ListenAddress(host, 0), CAMVID, About("drive.mp4", "tiny"), lambda: 7)


@pytest.fixture
def view() -> Iterator[WebView]:
    made = make()
    yield made
    made.close()


@pytest.fixture
def open_view() -> Iterator[WebView]:
    """Listens at all addresses, so it demands a token."""
    made = make("0.0.0.0")
    yield made
    made.close()


def port(view: WebView) -> int:
    match = re.search(r":(\d+)/", view.url)
    assert match
    return int(match[1])


def token(view: WebView) -> str:
    return view.url.split("token=")[1]


def show(view: WebView, seed: int = 0, height: int = 64, width: int = 96) -> None:
    class_map = CLASSES if (height, width) == CLASSES.shape else np.zeros((height, width), np.uint8)
    view.write(segmented(random_image(height, width, seed), class_map, f"frame_{seed}"))


def get(view: WebView, target: str, method: str = "GET", **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port(view), timeout=30)
    connection.request(method, target, headers=headers)
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def raw(view: WebView, data: bytes) -> bytes:
    """All that the server answers to these bytes until it hangs up."""
    with socket.create_connection(("127.0.0.1", port(view)), timeout=30) as connection:
        connection.sendall(data)
        return b"".join(iter(lambda: connection.recv(1 << 16), b""))


class Viewer:
    """Reads a stream picture by picture."""

    def __init__(self, view: WebView, receive_buffer: int | None = None) -> None:
        self._socket = socket.socket()
        if receive_buffer:
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self._socket.settimeout(30)
        self._socket.connect(("127.0.0.1", port(view)))
        self._socket.sendall(b"GET /stream.mjpg HTTP/1.0\r\nHost: localhost\r\n\r\n")
        self._file = self._socket.makefile("rb")
        self.status = int(self._file.readline().split()[1])

    def skip_head(self) -> None:
        while self._file.readline() not in (b"\r\n", b""):
            pass

    def image(self) -> Image.Image:
        line = b""
        while not line.startswith(b"Content-Length"):
            line = self._file.readline()
            assert line, "the stream has ended"
        self._file.readline()
        data = self._file.read(int(line.split()[1]))
        return Image.open(io.BytesIO(data))

    def close(self) -> None:
        self._file.close()
        self._socket.close()


def wait_until(condition, seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.01)


def web_threads() -> int:
    return sum(thread.name == "web" or "process_request_thread" in thread.name for thread in threading.enumerate())


@pytest.mark.parametrize(
    ("route", "kind", "says"),
    [
        ("/", "text/html", b"<title>"),
        ("/page.css", "text/css", b"prefers-color-scheme"),
        ("/page.js", "text/javascript", b"use strict"),
        ("/icon.svg", "image/svg+xml", b"<svg"),
    ],
)
def test_the_page_and_its_parts(view: WebView, route: str, kind: str, says: bytes) -> None:
    response, body = get(view, route)
    assert response.status == 200
    assert (response.headers.get_content_type(), says in body) == (kind, True)
    assert response.headers["Cache-Control"] == "no-store"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert response.headers["Content-Security-Policy"].startswith("default-src 'none'; ")
    assert "unsafe" not in response.headers["Content-Security-Policy"]
    assert "Python" not in response.headers["Server"]


def test_figures(view: WebView) -> None:
    before = json.loads(get(view, "/status")[1])
    assert (before["frame"], before["fps"], before["frames"]) == (None, None, 0)
    for seed in range(3):
        show(view, seed)
        time.sleep(0.02)
    status = json.loads(get(view, "/status")[1])
    assert (status["source"], status["model"], status["frame"], status["frames"]) == ("drive.mp4", "tiny", "frame_2", 3)
    assert status["dropped"] == 7
    assert 0 < status["fps"] < 60
    assert 0 <= status["latency_ms"] < 60_000
    assert [c["label"] for c in status["classes"]] == list(CAMVID.labels)
    assert {c["label"]: c["share"] for c in status["classes"] if c["share"]} == {"sky": 0.75, "car": 0.25}
    assert status["classes"][8]["color"] == "#00008e"
    assert status["run"] == before["run"]


def test_the_stream_shows_the_newest_frame(view: WebView) -> None:
    show(view, 0)
    viewer = Viewer(view)
    assert viewer.status == 200
    assert viewer.image().size == (96, 64)
    show(view, 1, 40, 50)
    assert viewer.image().size == (50, 40)
    viewer.close()


@pytest.mark.parametrize(
    "target",
    [
        "/nothing",
        "/page.html",
        "/.",
        "/../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/page.css/../../serve.py",
        "/..%5c..%5cpage.css",
        "/web/page.css",
        "/page.css%00",
        "http://127.0.0.1/",
        "//localhost/",
        "/page.css;x",
        "http://[",
    ],
)
def test_unknown_routes_and_traversal(view: WebView, target: str) -> None:
    answer = raw(view, f"GET {target} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.0 404 ")
    assert b"Content-Security-Policy" in head
    assert body == b"404 Not Found: Not Found\n"  # nothing of the request comes back


@pytest.mark.parametrize(("target", "status"), [("/", 200), ("/status", 200), ("/stream.mjpg", 200), ("/none", 404)])
def test_head_is_answered_like_get_without_a_body(view: WebView, target: str, status: int) -> None:
    response, body = get(view, target, "HEAD")
    assert (response.status, body) == (status, b"")
    if target in ("/", "/none"):
        assert response.headers["Content-Length"] == get(view, target)[0].headers["Content-Length"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "<script>"])
def test_other_methods(view: WebView, method: str) -> None:
    answer = raw(view, f"{method} / HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
    assert answer.startswith(b"HTTP/1.0 501 ")
    assert b"script" not in answer.partition(b"\r\n\r\n")[2]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example:8080", ""])
def test_rebound_names_are_turned_away(view: WebView, host: str) -> None:
    response, body = get(view, "/status", Host=host)
    assert response.status == 421
    assert b"localhost" in body
    assert b"HTTP/1.0 421 " in raw(view, b"GET / HTTP/1.0\r\n\r\n")


def test_without_the_token(open_view: WebView) -> None:
    for target in ("/", "/page.js", "/status", "/stream.mjpg", "/nothing", "/?token=wrong", "/?token=", "/?token=%ff"):
        response, body = get(open_view, target)
        assert response.status == 403, target
        assert token(open_view).encode() not in body
        assert "Set-Cookie" not in response.headers
    for cookie in ("fastscnn_edge=x", f"fastscnn_edge_{port(open_view)}=wrong"):
        assert get(open_view, "/", Cookie=cookie)[0].status == 403


def test_with_the_token(open_view: WebView) -> None:
    response, _ = get(open_view, f"/?token={token(open_view)}")
    assert (response.status, response.headers["Location"]) == (303, "/")
    cookie = response.headers["Set-Cookie"]
    assert "HttpOnly" in cookie and "SameSite=Lax" in cookie
    assert get(open_view, "/", Cookie=cookie.split(";")[0])[0].status == 200
    assert get(open_view, "/status", Cookie=cookie.split(";")[0])[0].status == 200
    assert get(open_view, f"/status?token={token(open_view)}")[0].status == 200  # for programs without cookies


def test_an_unread_stream_neither_stalls_the_pipeline_nor_the_others(view: WebView) -> None:
    show(view, 0, 720, 1280)
    idle = [Viewer(view, receive_buffer=4096) for _ in range(3)]
    watching = Viewer(view)
    seen = []
    for seed in range(1, 6):
        began = time.monotonic()
        show(view, seed, 720, 1280)
        spent = time.monotonic() - began
        assert spent < 5  # handing over a reference; a send to a full socket would wait 10 seconds
        seen.append(np.asarray(watching.image()).mean())
    assert len(set(seen)) > 1
    for viewer in (*idle, watching):
        viewer.close()


def test_a_slow_viewer_skips_to_the_newest(view: WebView) -> None:
    large, small = random_image(720, 1280), random_image(40, 50)  # told apart by their size
    view.write(segmented(large, np.zeros((720, 1280), np.uint8), "large"))
    viewer = Viewer(view, receive_buffer=1 << 15)
    viewer.image()
    for _ in range(40):
        view.write(segmented(large, np.zeros((720, 1280), np.uint8), "large"))
        time.sleep(0.02)
    view.write(segmented(small, np.zeros((40, 50), np.uint8), "small"))
    stale = 0
    while viewer.image().size != (50, 40):
        stale += 1
    assert stale < 10
    viewer.close()


def test_streams_are_limited_and_places_come_back(view: WebView) -> None:
    show(view)
    viewers = [Viewer(view) for _ in range(MAX_STREAMS)]
    assert [viewer.status for viewer in viewers] == [200] * MAX_STREAMS
    response, body = get(view, "/stream.mjpg")
    assert (response.status, b"watching already" in body) == (503, True)
    assert get(view, "/status")[0].status == 200
    viewers.pop().close()

    def admitted() -> bool:
        show(view)
        viewer = Viewer(view)
        viewer.close()
        return viewer.status == 200

    wait_until(admitted)
    for viewer in viewers:
        viewer.close()


def connected(view: WebView, count: int, data: bytes = b"") -> list[socket.socket]:
    made = [socket.create_connection(("127.0.0.1", port(view)), timeout=30) for _ in range(count)]
    for connection in made:
        connection.sendall(data)
    return made


@pytest.mark.parametrize("sent", [b"", b"GET / HTTP/1.0\r\nHost: local"], ids=["silent", "half a request"])
def test_idle_connections_lock_no_viewer_out(view: WebView, sent: bytes) -> None:
    idle = connected(view, 3 * MAX_CONNECTIONS, sent)
    began = time.monotonic()
    for _ in range(5):
        assert get(view, "/status")[0].status == 200
    assert time.monotonic() - began < 3  # not after the idle ones' five seconds
    show(view)
    viewer = Viewer(view)
    assert viewer.image().size == (96, 64)
    idle += connected(view, 2 * MAX_CONNECTIONS, sent)
    show(view, 1, 40, 50)
    while viewer.image().size != (50, 40):  # a viewer being served keeps its place
        pass
    viewer.close()
    assert idle[0].recv(10) == b""
    for connection in idle:
        connection.close()


def test_connections_are_limited_and_places_come_back(view: WebView, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of viewers that have sent their request and wait for the answer."""
    answer = threading.Event()
    monkeypatch.setattr(view._server, "status", lambda: answer.wait(30) and b"{}")
    waiting = connected(view, MAX_CONNECTIONS, b"GET /status HTTP/1.0\r\nHost: localhost\r\n\r\n")
    wait_until(lambda: len(view._server._open) == MAX_CONNECTIONS and not view._server._silent)
    assert raw(view, b"").startswith(b"HTTP/1.0 503 ")
    answer.set()
    for connection in waiting:
        assert connection.recv(100).startswith(b"HTTP/1.0 200 ")
        connection.close()
    wait_until(lambda: raw(view, b"GET /status HTTP/1.0\r\nHost: localhost\r\n\r\n").startswith(b"HTTP/1.0 200 "))


def test_cookies_of_many_other_programs(open_view: WebView) -> None:
    cookies = "; ".join(f"program{n}={'x' * 4000}" for n in range(6))
    ours = f"{cookies}; fastscnn_edge_{port(open_view)}={token(open_view)}"
    assert get(open_view, "/status", Cookie=ours)[0].status == 200


def test_a_further_name() -> None:
    view = WebView(ListenAddress("127.0.0.1", 0), CAMVID, About("a", "b"), lambda: 0, ("board.example.org",))
    assert get(view, "/status", Host=f"board.example.org:{port(view)}")[0].status == 200
    assert get(view, "/status", Host="evil.example")[0].status == 421
    view.close()


def test_endless_requests_are_cut_off(view: WebView) -> None:
    with socket.create_connection(("127.0.0.1", port(view)), timeout=30) as connection:
        sent = 0
        with pytest.raises(OSError):  # noqa: PT011  # reset or broken pipe, as it happens
            while sent < 50_000_000:
                connection.sendall(b"X: " + b"x" * 1000 + b"\r\n" if sent else b"GET / HTTP/1.0\r\n")
                sent += 1000
    assert raw(view, b"GET /" + b"x" * (web_request._MAX_BYTES - 5)).startswith(b"HTTP/1.0 431 ")
    assert get(view, "/status")[0].status == 200


def test_dripping_requests_are_cut_off(view: WebView, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web_request, "_MAX_SECONDS", 0.5)
    address = ("127.0.0.1", port(view))
    with socket.create_connection(address, timeout=30) as connection, pytest.raises(OSError):  # noqa: PT011
        for _ in range(600):
            connection.sendall(b"G")
            time.sleep(0.05)


def test_many_viewers_at_once(view: WebView) -> None:
    show(view)
    statuses: list[int] = []
    clients = [threading.Thread(target=lambda: statuses.append(get(view, "/status")[0].status)) for _ in range(20)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    assert statuses == [200] * 20


def test_closing_hangs_up_and_leaves_no_thread() -> None:
    threads = web_threads()
    view = make()
    show(view, 0, 720, 1280)
    stalled, watching = Viewer(view, receive_buffer=4096), Viewer(view)
    silent = socket.create_connection(("127.0.0.1", port(view)), timeout=30)
    watching.image()
    wait_until(lambda: len(view._server._open) == 3)  # one not accepted yet would be reset
    view.close()
    assert silent.recv(10) == b""
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port(view)), timeout=30)
    wait_until(lambda: web_threads() == threads)
    for viewer in (stalled, watching):
        viewer.close()
    silent.close()


def test_addresses_that_cannot_be_had(view: WebView) -> None:
    for address, reason in (
        (ListenAddress("127.0.0.1", port(view)), "in use"),
        (ListenAddress("192.0.2.1", 0), "assign"),
    ):
        with pytest.raises(OutputError, match=f"cannot serve at {address}: .*{reason}.*choose an address"):
            WebView(address, CAMVID, About("a", "b"), lambda: 0)


def test_ipv6() -> None:
    try:
        view = make("::1")
    except OutputError:
        pytest.skip("this machine has no IPv6 loopback")
    assert view.url == f"http://[::1]:{port(view)}/"
    connection = http.client.HTTPConnection("::1", port(view), timeout=30)
    connection.request("GET", "/status")
    assert connection.getresponse().status == 200
    connection.close()
    view.close()


def test_the_board_is_looked_at_again_and_again(view: WebView, monkeypatch: pytest.MonkeyPatch) -> None:
    """The page's temperature follows the board, at most one look in three seconds however many viewers ask."""
    looks: list[float] = []

    def state(began: float) -> BoardState:
        looks.append(began)
        return BoardState(time.monotonic() - began, (), (), {"cpu": 40_000 + 1000 * len(looks)}, None, None)

    monkeypatch.setattr(view_module, "read_state", state)
    monkeypatch.setattr(view_module, "_BOARD_INTERVAL", 0.3)
    first = [json.loads(get(view, "/status")[1])["temperature_c"] for _ in range(3)]
    assert set(first) == {41.0} and len(looks) == 1
    time.sleep(0.35)
    assert json.loads(get(view, "/status")[1])["temperature_c"] == 42.0


def test_the_page_has_the_looks_asked_for() -> None:
    """Other classes keep their shares, and have no color; the picture is not painted where they are."""
    style = Style(opacity=1, only=frozenset({8}))
    view = WebView(ListenAddress("127.0.0.1", 0), CAMVID, About("drive.mp4", "tiny"), lambda: 0, style=style)
    try:
        view.write(segmented(np.full((64, 96, 3), 200, np.uint8), CLASSES))
        status = json.loads(view._status.to_json())
        _, picture = view._feed.jpeg(0, 1.0) or (0, b"")
    finally:
        view.close()
    assert [c["label"] for c in status["classes"] if c["painted"]] == ["car"]
    assert status["classes"][0]["share"] == 0.75
    assert status["shape"] == 1.5
    with Image.open(io.BytesIO(picture)) as image:
        pixels = np.asarray(image).astype(int)
    assert np.abs(pixels[20, 48] - 200).max() <= 6
    assert np.abs(pixels[60, 48] - CAMVID.palette[8]).max() <= 6
