"""Address the page is served at; separate from the server, so that a run without a page does not import it."""

from __future__ import annotations

import re
from typing import NamedTuple


class ListenAddress(NamedTuple):
    """Host and port to listen at; port 0 is any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @staticmethod
    def parse(text: str) -> ListenAddress:
        """Parse ``HOST:PORT``, an IPv6 address in brackets.

        Raises:
            ValueError: another form.
        """
        match = re.fullmatch(r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9.-]+)):(\d{1,5})", text)
        if match is None or int(match[3]) > 65535:
            raise ValueError(f"'{text}' is not HOST:PORT, for example 127.0.0.1:8080, 0.0.0.0:8080 or [::1]:8080")
        return ListenAddress(match[1] or match[2], int(match[3]))
