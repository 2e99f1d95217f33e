"""Removal of secrets from URLs for messages and reports."""

from __future__ import annotations

import re

_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):/{1,2}", re.IGNORECASE)
"""Scheme with one or two slashes: pathlib turns two into one."""

_PARAMETER = re.compile(r"(?<=[?&;/])([^?&;/=]*)=([^&;]*)")

_HARMLESS = frozenset(
    "channel chn stream streamtype subtype subchannel resolution size width height fps rate framerate codec videocodec "  # noqa: SIM905
    "profile quality compression bitrate camera cameraid id n track trackid transport proto protocol unicast".split()
)
"""Parameters of camera URLs that are shown. All others are hidden: vendors use any name for a password."""


def without_password(url: str) -> str:
    """Remove user and password from ``url``, and the values of parameters that may be secret.

    Passwords with unescaped ``/``, ``?`` and ``@`` are recognized too. Text that is not a URL is returned unchanged.
    """
    scheme = _SCHEME.search(url)
    if scheme is None:
        return url
    start, rest = url[: scheme.end()], url[scheme.end() :]
    return start + _PARAMETER.sub(_shown, rest[_end_of_user(rest) :])


def _end_of_user(rest: str) -> int:
    """Index of the host after ``user:password@``; 0 if there is no user."""
    authority = re.split(r"[/?]", rest, maxsplit=1)[0]
    is_ipv6 = re.match(r"\[[^]]*\](:|$)", authority) is not None
    port = authority.rpartition(":")[2] if ":" in authority and not is_ipv6 else ""
    # A colon that is not followed by a port starts a password, which ends at the last @ of the URL.
    cut_short = bool(port) and not port.isdecimal()
    where = rest if "@" in authority or cut_short else rest.split("?")[0]
    return where.rfind("@") + 1


def _shown(match: re.Match[str]) -> str:
    name, value = match.groups()
    return f"{name}={value if name.lower() in _HARMLESS else '***'}"
