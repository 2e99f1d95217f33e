"""Access rules of the page: accepted host names, and a token if other machines can reach it."""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
import socket
from collections.abc import Sequence
from urllib.parse import urlsplit

_NAME = re.compile(r"(?=.{1,253}$)[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*", re.IGNORECASE)


class Access:
    """Access rules of one server.

    Args:
        host: host name or address from the command line.
        bound: numeric address the server listens at. Unless it is loopback, a token is generated and required.
        port: port it listens at; browsers share cookies among the ports of a host, so the cookie's name includes it.
        names: further host names of this machine.
    """

    def __init__(self, host: str, bound: str, port: int, names: Sequence[str] = ()) -> None:
        self.token = None if ipaddress.ip_address(bound).is_loopback else secrets.token_urlsafe(24)
        self.cookie = f"fastscnn_edge_{port}"
        name = socket.gethostname().lower()
        self._names = {"localhost", host.lower(), name, f"{name}.local", *(n.lower().rstrip(".") for n in names)}

    def knows_host(self, header: str | None) -> bool:
        """Whether a Host header names this machine.

        A foreign page can point its own name at this address (DNS rebinding) and would then share this server's
        origin, but its name stays in the header. A numeric address cannot be rebound. Ports are ignored: a tunnel may
        use another one.
        """
        try:
            name = urlsplit(f"//{header or ''}").hostname or ""
        except ValueError:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return name.rstrip(".") in self._names
        return True

    def admits(self, token: str | None, cookies: str | None) -> bool:
        """Whether the token in the URL or in the Cookie header is correct, or none is required."""
        return self.token is None or self.is_token(token) or any(map(self.is_token, self._cookie_values(cookies)))

    def is_token(self, given: str | None) -> bool:
        """Whether ``given`` is the token, compared in constant time."""
        if self.token is None or given is None:
            return False
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self.token.encode())

    def _cookie_values(self, header: str | None) -> list[str]:
        """Values of each cookie of our name, whatever stands beside them.

        Other programs on this host set cookies for all of its ports, in any syntax and under any name, which
        ``http.cookies`` answers by dropping ours. One name may come twice, with different paths.
        """
        pairs = (cookie.partition("=") for cookie in (header or "").split(";"))
        return [value.strip().strip('"') for name, _, value in pairs if name.strip() == self.cookie]


def host_name(text: str) -> str:
    """Check a host name from the command line.

    Raises:
        ValueError: it is an address with a scheme or port, a wildcard, or no name at all.
    """
    if not _NAME.fullmatch(text.rstrip(".")):
        raise ValueError(f"'{text}' is not a host name, for example board.example.org: without http://, port or *")
    return text
