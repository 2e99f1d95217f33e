"""Videos, and requests to the live page."""

from __future__ import annotations

import re
import socket
import sys
import time
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from fastscnn_edge.errors import UsageError
from tests.fuzz.reader import Reader
from tests.helpers import random_image, segmented


class VideoReader(Reader):
    """Video files, through FFmpeg."""

    name, suffix, share = "video", ".mp4", 0.2

    def seeds(self, folder: Path) -> list[bytes]:
        import av

        files = []
        for codec in ("mpeg4", "mjpeg"):
            path = folder / "v.mp4"
            with av.open(str(path), "w") as container:
                stream = container.add_stream(codec, rate=10)
                stream.width, stream.height = 64, 48
                stream.pix_fmt = "yuv420p" if codec == "mpeg4" else "yuvj420p"
                for seed in range(4):
                    container.mux(stream.encode(av.VideoFrame.from_ndarray(random_image(48, 64, seed), format="rgb24")))
                container.mux(stream.encode())
            files.append(path.read_bytes())
        return files

    def read(self, path: Path) -> None:
        from fastscnn_edge.runtime.sources.open import open_source

        with open_source(path) as source:
            for frame in islice(source, 20):
                assert frame.rgb.dtype == np.uint8 and frame.rgb.ndim == 3


_REQUESTS = (
    b"GET / HTTP/1.1\r\nHost: localhost\r\nCookie: a=b; c=d\r\n\r\n",
    b"GET /status HTTP/1.0\r\nHost: 127.0.0.1:80\r\nAccept: */*\r\n\r\n",
    b"GET /stream.mjpg HTTP/1.1\r\nHost: [::1]\r\n\r\n",
    b"GET /page.js?token=abc HTTP/1.1\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n",
    b"POST /status HTTP/1.1\r\nHost: localhost\r\nContent-Length: 5\r\n\r\nhello",
    b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n\r\n",
)

_WORDS = (b"\r\n", b" ", b":", b"%00", b"../", b"HTTP/9.9", b"Host: evil\r\n", b"\xff", b"A" * 9000, b"X: y\r\n" * 120)


class HttpReader(Reader):
    """Raw requests to the live page. An answer of 4xx or 5xx, or none, refuses."""

    name, suffix = "http", ".txt"
    _view: Any = None

    def seeds(self, folder: Path) -> list[bytes]:
        return list(_REQUESTS)

    def mutate(self, rng: np.random.Generator, seeds: Sequence[bytes]) -> bytes:
        data = super().mutate(rng, seeds)
        if rng.random() < 0.4:
            at = int(rng.integers(len(data) + 1))
            data = data[:at] + _WORDS[int(rng.integers(len(_WORDS)))] + data[at:]
        return data

    def read(self, path: Path) -> None:
        view = self._running()
        failures: list[BaseException] = view.failures
        failures.clear()
        answer = self._exchange(path.read_bytes())
        if failures:
            raise failures[0]
        status = re.match(rb"HTTP/1\.[01] (\d{3}) ", answer)
        if path.read_bytes() in _REQUESTS:
            return  # among them are some that are answered by an error
        alive = self._exchange(_REQUESTS[1])
        assert alive.startswith(b"HTTP/1.0 200 "), f"the page no longer answers: {alive[:60]!r}"
        if not answer or (status and status[1] >= b"400"):  # an HTTP/0.9 request gets no status
            raise UsageError(f"status {status[1].decode() if status else 'none'}")

    def _running(self) -> Any:
        if HttpReader._view is None:
            from fastscnn_edge.classes import CAMVID
            from fastscnn_edge.runtime.web.listen_address import ListenAddress
            from fastscnn_edge.runtime.web.view import About, WebView

            view: Any = WebView(ListenAddress("127.0.0.1", 0), CAMVID, About("street", "model"), lambda: 0)
            view.failures = []
            view._server.handle_error = lambda *_: view.failures.append(sys.exc_info()[1])
            view.write(segmented(random_image(32, 48), np.zeros((32, 48), np.uint8)))
            HttpReader._view = view
        return HttpReader._view

    def _exchange(self, data: bytes) -> bytes:
        """What is answered: all of it, or of a stream the first image."""
        port = int(re.search(r":(\d+)/", self._running().url)[1])  # type: ignore[index]
        received, end = b"", time.monotonic() + 10
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            try:
                connection.sendall(data)
                connection.shutdown(socket.SHUT_WR)
                while time.monotonic() < end and (block := connection.recv(1 << 16)):
                    received += block
                    if received.count(b"--frame\r\n") > 1:  # a stream, which has no end
                        break
            except TimeoutError:
                pass
            except OSError:
                end = float("inf")  # the server has hung up without reading the rest
        assert time.monotonic() < end, "no end of the answer"
        return received
