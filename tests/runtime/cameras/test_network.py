"""A network camera: a real server and real sockets, PyAV on the other side."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import islice

import pytest
from PIL import Image

from fastscnn_edge.errors import CameraLostError, SourceError
from fastscnn_edge.runtime.cameras.network import NetworkSource
from fastscnn_edge.runtime.cameras.reconnect import Reconnecting
from fastscnn_edge.runtime.frame_pool import LIVE_FRAMES
from fastscnn_edge.urls import without_password
from tests.helpers import random_image

pytest.importorskip("av", reason="network cameras are read with av")


def jpeg() -> bytes:
    stream = io.BytesIO()
    Image.fromarray(random_image(48, 64)).save(stream, "JPEG")
    return stream.getvalue()


def transport_stream() -> bytes:
    import av

    stream = io.BytesIO()
    with av.open(stream, "w", format="mpegts") as container:
        video = container.add_stream("mpeg2video", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        for n in range(20):
            container.mux(video.encode(av.VideoFrame.from_ndarray(random_image(48, 64, n), format="rgb24")))
        container.mux(video.encode())
    return stream.getvalue()


@pytest.fixture
def server() -> Iterator[ThreadingHTTPServer]:
    """Motion JPEG at /stream, 20 frames a connection; /stall stops sending after them; /ts is 20 frames of MPEG-TS."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            if self.path == "/ts":
                data = transport_stream()
                self.send_header("Content-Type", "video/mp2t")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)
                return
            self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=frame")
            self.end_headers()
            data = jpeg()
            head = f"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: {len(data)}\r\n\r\n".encode()
            try:
                for _ in range(20):
                    self.wfile.write(head + data + b"\r\n")
                    time.sleep(0.01)
                if self.path == "/stall":
                    done.wait(30)
            except OSError:
                return

        def log_message(self, format: str, *arguments: object) -> None:
            return None

    done = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    done.set()
    server.shutdown()
    thread.join()
    server.server_close()


def url(server: ThreadingHTTPServer, path: str) -> str:
    return f"http://127.0.0.1:{server.server_address[1]}/{path}"


def test_frames(server: ThreadingHTTPServer) -> None:
    with NetworkSource(url(server, "stream")) as source:
        assert source.mode == "mjpeg 64x48"
        frames = list(islice(source, 5))
        assert source._pool.allocated == LIVE_FRAMES
    assert [frame.name for frame in frames] == [f"frame_{n:06d}" for n in range(1, 6)]
    assert frames[0].rgb.shape == (48, 64, 3)


def test_every_frame_of_a_transport_stream(server: ThreadingHTTPServer) -> None:
    frames = []
    with NetworkSource(url(server, "ts")) as source, pytest.raises(CameraLostError, match="ended its stream"):
        frames.extend(iter(source))  # keeps what came before the end
    assert source.mode == "mpeg2video 64x48"
    assert (len(frames), source.skipped) == (20, 0)


def test_the_end_of_a_stream_is_a_lost_camera_and_it_is_opened_again(server: ThreadingHTTPServer) -> None:
    said: list[str] = []
    with Reconnecting(NetworkSource(url(server, "stream")), 20, said.append) as source:
        assert len(list(islice(source, 50))) == 50
    assert source.outages.count >= 1
    assert "ended its stream" in said[0] or "stopped after" in said[0]  # FFmpeg does not always tell them apart


def test_silence_is_a_lost_camera(server: ThreadingHTTPServer) -> None:
    with NetworkSource(url(server, "stall"), stall=0.5) as source, pytest.raises(CameraLostError):
        list(source)


def test_nobody_answers() -> None:
    source = NetworkSource("rtsp://me:secret@127.0.0.1:9/x")
    with pytest.raises(SourceError, match=r"cannot open camera rtsp://127\.0\.0\.1:9/x") as caught, source:
        pass
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://me:secret@10.0.0.7:554/stream1", "rtsp://10.0.0.7:554/stream1"),
        ("rtsp://me:secret@host?a=b", "rtsp://host?a=***"),
        ("http://host/video?user=me&password=secret&channel=1", "http://host/video?user=***&password=***&channel=1"),
        ("rtsp://host/user=me_PASSWORD=secret_channel=1", "rtsp://host/user=***"),
        ("http://host/monkey=1", "http://host/monkey=***"),
        ("--camera=rtsp://me:secret@host/", "--camera=rtsp://host/"),
        ("mail@key=x", "mail@key=x"),
    ],
)
def test_passwords_are_not_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


def test_a_camera_that_refuses_tcp_is_read_over_udp() -> None:
    from tests.helpers.udp_rtsp import UdpCamera

    camera = UdpCamera()
    try:
        with NetworkSource(camera.url) as source:
            frames = list(islice(source, 3))
            source.stop()
    finally:
        camera.close()
    assert camera.refused >= 1
    assert all(frame.rgb.shape == (48, 64, 3) for frame in frames)
