"""URLs for messages and reports: without their secrets."""

from __future__ import annotations

import re

_SECRET = re.compile(r"(?<![a-z])((?:pass|passwd|password|pwd|token|auth|key)=)[^&/?;]*", re.IGNORECASE)
"""Many cameras take their password as a parameter: ``/user=admin&password=123&channel=1``."""


def without_password(url: str) -> str:
    """``url`` without what stands before an @ in its host, and without what is named like a secret behind it.

    Any other text as it is.
    """
    scheme, mark, rest = url.partition("://")
    host, slash, path = rest.partition("/")
    return scheme + mark + _SECRET.sub(r"\1***", host.rpartition("@")[2] + slash + path) if mark else url
