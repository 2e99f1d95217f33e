"""Addresses, names and tokens."""

from __future__ import annotations

import socket

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fastscnn_edge.runtime.web.access import Access, host_name
from fastscnn_edge.runtime.web.listen_address import ListenAddress

LOCAL = Access("127.0.0.1", "127.0.0.1", 8080)
OPEN = Access("0.0.0.0", "0.0.0.0", 8080)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:65535", ("::1", 65535)),
        ("board.local:80", ("board.local", 80)),
    ],
)
def test_addresses(text: str, expected: tuple[str, int]) -> None:
    assert ListenAddress.parse(text) == expected
    assert str(ListenAddress.parse(text)) == text


@pytest.mark.parametrize(
    "text", ["", "8080", ":8080", "host", "host:", "host:65536", "::1:80", "http://host:80", "a b:1"]
)
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(ValueError, match="is not HOST:PORT"):
        ListenAddress.parse(text)


@pytest.mark.parametrize(
    "header", ["127.0.0.1", "127.0.0.1:8080", "[::1]:8080", "localhost:1", "LOCALHOST", "10.0.0.7:80"]
)
def test_own_hosts(header: str) -> None:
    assert LOCAL.knows_host(header)


@pytest.mark.parametrize(
    "header",
    [None, "", "evil.example", "evil.example:8080", "127.0.0.1.evil.example", "[::1", "a@localhost.evil", "\x00"],
)
def test_rebound_hosts(header: str | None) -> None:
    assert not LOCAL.knows_host(header)
    assert not OPEN.knows_host(header)


def test_this_machines_name() -> None:
    assert OPEN.knows_host(f"{socket.gethostname()}:8080")
    assert OPEN.knows_host(f"{socket.gethostname()}.local")


def test_loopback_demands_no_token() -> None:
    assert LOCAL.token is None
    assert LOCAL.admits(None, None)
    assert not LOCAL.is_token("")


def test_elsewhere_a_token_by_address_or_cookie() -> None:
    token = OPEN.token
    assert token is not None and len(token) >= 32
    assert token != Access("0.0.0.0", "0.0.0.0", 8080).token
    assert OPEN.admits(token, None)
    assert OPEN.admits(None, f"other=1; {OPEN.cookie}={token}")
    assert OPEN.admits("wrong", f"{OPEN.cookie}={token}")
    assert not OPEN.admits(None, None)
    assert not OPEN.admits(None, f"fastscnn_edge_8081={token}")
    assert not OPEN.admits(token[:-1], f"{OPEN.cookie}={token}x")


@given(st.text(), st.text())
def test_anything_else_is_refused(token: str, cookies: str) -> None:
    assert not OPEN.admits(token, cookies)
    assert not OPEN.admits(token, f"{OPEN.cookie}={cookies}")
    OPEN.knows_host(token)  # whatever it says, it does not raise


@pytest.mark.parametrize(
    "others",
    [
        "grafana_session=a b[c]{d}",
        "[x]=1; y",
        '"=";=;;',
        "a=\x00\xff",
        "bad name=1, other=2",
        'sess="unfinished',
        "expires=Wed, 01 Jan 2030 00:00:00 GMT",
    ],
)
def test_another_program_s_cookie_does_not_matter(others: str) -> None:
    """Browsers send the cookies of all ports of a host."""
    for cookies in (f"{others}; {OPEN.cookie}={OPEN.token}", f"{OPEN.cookie}={OPEN.token}; {others}"):
        assert OPEN.admits(None, cookies)
    assert not OPEN.admits(None, others)


def test_each_cookie_of_our_name_is_tried() -> None:
    """An old one, of an earlier start or another path, may come first."""
    assert OPEN.admits(None, f"{OPEN.cookie}=old; {OPEN.cookie}={OPEN.token}")
    assert OPEN.admits(None, f"{OPEN.cookie}={OPEN.token}; {OPEN.cookie}=")
    assert not OPEN.admits(None, f"{OPEN.cookie}=old; {OPEN.cookie}=older")


def test_further_names_and_nothing_else() -> None:
    named = Access("0.0.0.0", "0.0.0.0", 8080, ("Board.example.org.", "cam"))
    for header in ("board.example.org", "BOARD.example.org:9000", "board.example.org.", "cam:8080", "localhost"):
        assert named.knows_host(header)
    for header in ("example.org", "x.board.example.org", "board.example.org.evil.example", "evil.example", "camera"):
        assert not named.knows_host(header)
    assert not OPEN.knows_host("board.example.org")
    assert named.token is not None


@pytest.mark.parametrize("text", ["board", "board.example.org", "board.example.org.", "xn--brcke-lva.example"])
def test_host_names(text: str) -> None:
    assert host_name(text) == text


@pytest.mark.parametrize(
    "text", ["", ".", "*", "*.example.org", "http://board", "board:8080", "a b", "-a", "a..b", "a" * 64 * 4, "ä"]
)
def test_what_is_no_host_name(text: str) -> None:
    with pytest.raises(ValueError, match="is not a host name"):
        host_name(text)
