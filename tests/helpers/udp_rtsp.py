"""An RTSP camera that refuses TCP, as some do: Motion JPEG over UDP, in a thread."""

from __future__ import annotations

import re
import socket
import threading

import av

from tests.helpers import random_image

_SDP = (
    "v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 0 RTP/AVP 26\r\na=control:1\r\n"
)


class UdpCamera:
    """Serves one viewer after the other; ``refused`` counts the requests for TCP."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"rtsp://127.0.0.1:{self._listener.getsockname()[1]}/live"
        self.refused = 0
        self._playing = threading.Event()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._stopped.set()
        self._listener.close()
        self._thread.join(10)

    def _serve(self) -> None:
        while not self._stopped.is_set():
            try:
                viewer, _ = self._listener.accept()
            except OSError:
                return
            with viewer, viewer.makefile("rb") as lines:
                self._answer(viewer, lines)

    def _answer(self, viewer: socket.socket, lines) -> None:
        port = 0
        while request := self._request(lines):
            sequence = re.search(r"CSeq: *(\d+)", request)
            status, headers, body = "200 OK", "", ""
            if request.startswith("DESCRIBE"):
                headers, body = "Content-Type: application/sdp\r\nContent-Base: " + self.url + "/\r\n", _SDP
            elif request.startswith("SETUP"):
                ports = re.search(r"client_port=(\d+)", request)
                if ports is None:
                    self.refused += 1
                    status = "461 Unsupported Transport"
                else:
                    port = int(ports[1])
                    headers = f"Transport: RTP/AVP;unicast;client_port={port}-{port + 1};server_port=5000-5001\r\n"
                    headers += "Session: 1\r\n"
            elif request.startswith("PLAY"):
                self._playing.set()
                threading.Thread(target=self._send, args=(port,), daemon=True).start()
                headers = "Session: 1\r\n"
            elif request.startswith("TEARDOWN"):
                self._playing.clear()
            answer = f"RTSP/1.0 {status}\r\nCSeq: {sequence[1] if sequence else 0}\r\n{headers}"
            viewer.sendall(f"{answer}Content-Length: {len(body)}\r\n\r\n{body}".encode())

    def _request(self, lines) -> str:
        request = ""
        while not request.endswith("\r\n\r\n"):
            try:
                line = lines.readline()
            except OSError:
                return ""
            if not line:
                return ""
            request += line.decode()
        return request

    def _send(self, port: int) -> None:
        with av.open(f"rtp://127.0.0.1:{port}", "w", format="rtp") as container:
            stream = container.add_stream("mjpeg", rate=25)
            stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
            number = 0
            while self._playing.is_set() and not self._stopped.wait(0.04):
                frame = av.VideoFrame.from_ndarray(random_image(48, 64, number % 8), format="rgb24")
                frame.pts, number = number, number + 1
                container.mux(stream.encode(frame.reformat(format="yuvj420p")))
