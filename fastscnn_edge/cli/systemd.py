"""Readiness and watchdog messages to systemd, without its library."""

from __future__ import annotations

import os
import socket


def notify(state: str) -> bool:
    """Send ``READY=1``, ``WATCHDOG=1`` or another state to systemd (sd_notify(3)); whether it was sent.

    Does nothing when ``NOTIFY_SOCKET`` is unset (not started by systemd).
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address or not hasattr(socket, "AF_UNIX"):
        return False
    # A leading @ stands for the zero byte of an abstract socket.
    address = "\0" + address[1:] if address[0] == "@" else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.sendto(state.encode(), address)
    except OSError:
        return False
    return True
