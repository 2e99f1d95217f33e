"""Access rules of the page: accepted host names, and a token if other machines can reach it."""

from __future__ import annotations

import hmac
import ipaddress
import secrets
import socket
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit


class Access:
    """Access rules of one server.

    Args:
        host: host name or address from the command line.
        bound: numeric address the server listens at. Unless it is loopback, a token is generated and required.
        port: port it listens at; browsers share cookies among the ports of a host, so the cookie's name includes it.
    """

    def __init__(self, host: str, bound: str, port: int) -> None:
        self.token = None if ipaddress.ip_address(bound).is_loopback else secrets.token_urlsafe(24)
        self.cookie = f"fastscnn_edge_{port}"
        name = socket.gethostname().lower()
        self._names = {"localhost", host.lower(), name, f"{name}.local"}

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
        return self.token is None or self.is_token(token) or self.is_token(self._cookie_value(cookies))

    def is_token(self, given: str | None) -> bool:
        """Whether ``given`` is the token, compared in constant time."""
        if self.token is None or given is None:
            return False
        return hmac.compare_digest(given.encode("utf-8", "surrogateescape"), self.token.encode())

    def _cookie_value(self, header: str | None) -> str | None:
        try:
            morsel = SimpleCookie(header or "").get(self.cookie)
        except CookieError:
            return None
        return morsel.value if morsel else None
