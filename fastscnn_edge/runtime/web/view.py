"""Sink that shows a run on a web page: newest overlay, class shares, frame rate, latency, temperature."""

from __future__ import annotations

import ipaddress
import json
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ...errors import OutputError
from ...spec import ClassSet
from ..board.board import BoardState, read_state, throttle_verdict
from ..frames import SegmentedFrame
from ..sinks.running_stats import RunningStats
from ..sinks.shares import class_shares
from ..sinks.style import PLAIN, Style
from .access import Access
from .arenas import limit_arenas
from .listen_address import ListenAddress
from .live_feed import LiveFeed, Numbered
from .server import WebServer

_BOARD_INTERVAL = 3.0
"""Seconds between two readings of the board's temperature while the page is open."""


class About(NamedTuple):
    """Names of source and model, for the page's head."""

    source: str
    model: str


class WebView:
    """Sink with a web page. The server runs in threads of its own from construction on.

    Args:
        address: host and port to listen at.
        class_set: names and colors.
        about: names of source and model.
        dropped: returns the number of frames lost so far; called while the page is open.
        names: further host names under which the page may be opened.
        style: looks of the picture.

    Attributes:
        url: URL of the page, with the token if one is required.

    Raises:
        OutputError: the server cannot listen at ``address``.
    """

    def __init__(
        self,
        address: ListenAddress,
        class_set: ClassSet,
        about: About,
        dropped: Callable[[], int],
        names: Sequence[str] = (),
        style: Style = PLAIN,
    ) -> None:
        limit_arenas()
        self._feed = LiveFeed(class_set, style)
        self._status = Status(class_set, about, self._feed, dropped, style)
        try:
            # The first address of the name: "localhost" is 127.0.0.1 on one machine and ::1 on another.
            family, _, _, _, bound = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
            self._server = WebServer(family, bound, self._feed, self._status.to_json)
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or str(error)
            raise OutputError(
                f"cannot serve at {address}: {reason}; choose an address of this machine and a free port (0: any)"
            ) from error
        host, port = self._server.server_address[:2]
        access = self._server.access = Access(address.host, str(host), port, names)
        self.url = _url(address.host, str(host), port, access.token)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="web", daemon=True)
        self._thread.start()

    def write(self, result: SegmentedFrame) -> None:
        """Show ``result`` to the viewers."""
        self._status.stats.add(result)
        self._feed.show(result)

    def finish(self) -> None:
        """Note that no frame will follow; the page says so and keeps the last one."""
        self._status.finished = True

    def close(self) -> None:
        """Stop listening and disconnect all viewers."""
        self._feed.close()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    discard = close


class Status:
    """Status figures of the page. The class shares of a frame are counted once, however many viewers ask."""

    def __init__(
        self, class_set: ClassSet, about: About, feed: LiveFeed, dropped: Callable[[], int], style: Style = PLAIN
    ) -> None:
        self._style = style
        self.stats = RunningStats()
        self._class_set, self._about, self._feed, self._dropped = class_set, about, feed, dropped
        self.finished = False
        self._run = secrets.token_hex(4)
        self._board: BoardState | None = None
        self._counted: tuple[int, list[float]] = (0, [])
        self._lock = threading.Lock()

    def to_json(self) -> bytes:
        """Encode as one JSON object: latency in milliseconds, temperature in degrees Celsius, null where unknown."""
        newest = self._feed.newest()
        shares = self._shares_of(newest)
        board = self._look_at_board()
        hottest = max(board.temperatures.values(), default=None)
        described = enumerate(zip(self._class_set.labels, self._class_set.palette, shares, strict=True))
        status: dict[str, Any] = {
            "run": self._run,  # changes with every start
            **self._about._asdict(),
            "frame": newest.result.frame.name if newest else None,
            "shape": newest.result.class_map.shape[1] / newest.result.class_map.shape[0] if newest else None,
            "finished": self.finished,
            "frames": self.stats.frames,
            "age_s": _rounded(time.monotonic() - newest.result.frame.captured_at if newest else None, 2),
            "fps": _rounded(self.stats.rate(), 2),
            "latency_ms": _rounded(self.stats.latency(), 2),
            "temperature_c": _rounded(None if hottest is None else hottest / 1000, 1),
            "throttle": throttle_verdict([board]),
            "dropped": self._dropped(),
            "classes": [
                {
                    "label": label,
                    "color": "#{:02x}{:02x}{:02x}".format(*color),
                    "painted": self._style.paints(index),
                    "share": round(share, 4),
                }
                for index, (label, color, share) in described
            ],
        }
        return json.dumps(status).encode()

    def _shares_of(self, newest: Numbered | None) -> list[float]:
        if newest is None:
            return [0.0] * len(self._class_set)
        with self._lock:
            if self._counted[0] != newest.number:
                shares = class_shares(newest.result.class_map, len(self._class_set)).tolist()
                self._counted = newest.number, shares
            return self._counted[1]

    def _look_at_board(self) -> BoardState:
        with self._lock:
            now = time.monotonic()
            if self._board is None or now - self._board.seconds > _BOARD_INTERVAL:
                self._board = read_state(0.0)  # "seconds" is not used here
            return self._board


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)


def _url(asked: str, bound: str, port: int, token: str | None) -> str:
    """URL to open; for a wildcard address, this machine's name is the best guess for other machines."""
    host = socket.gethostname() if ipaddress.ip_address(bound).is_unspecified else asked
    return f"http://{ListenAddress(host, port)}/" + (f"?token={token}" if token else "")
