"""Removal of secrets from URLs for messages and reports."""

from __future__ import annotations

import re

_SECRET = re.compile(r"(?<![a-z])((?:pass|passwd|password|pwd|token|auth|key)=)[^&/?;]*", re.IGNORECASE)
"""Secret parameters: many cameras take their password as one, as in ``/user=admin&password=123&channel=1``."""


def without_password(url: str) -> str:
    """Remove user and password before the host of ``url``, and the values of parameters named like a secret.

    Text that is not a URL is returned unchanged.
    """
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return scheme + mark + _SECRET.sub(r"\1***", host.rpartition("@")[2] + slash + path) if mark else url
