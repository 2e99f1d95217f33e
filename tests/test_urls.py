"""What of a camera's address may be shown."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastscnn_edge.urls import without_password


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("rtsp://admin:secret@10.0.0.7/stream1", "rtsp://10.0.0.7/stream1"),
        ("rtsp://admin:sec/ret@10.0.0.7/stream1", "rtsp://10.0.0.7/stream1"),
        ("rtsp://admin:s@cr@t@10.0.0.7:554/stream1", "rtsp://10.0.0.7:554/stream1"),
        ("rtsp://admin:s?cr&t=1@10.0.0.7/stream1", "rtsp://10.0.0.7/stream1"),
        ("rtsp://admin@10.0.0.7/stream1", "rtsp://10.0.0.7/stream1"),
        ("rtsp://10.0.0.7:554/stream1", "rtsp://10.0.0.7:554/stream1"),
        ("rtsp://[fe80::1]:554/stream1", "rtsp://[fe80::1]:554/stream1"),
        ("rtsp:/admin:secret@10.0.0.7/stream1", "rtsp:/10.0.0.7/stream1"),
        ("--camera=rtsp://admin:secret@cam/1", "--camera=rtsp://cam/1"),
        ("rtsp://cam/user=admin&password=123&channel=1", "rtsp://cam/user=***&password=***&channel=1"),
        ("http://cam/video?codigo=geheim&resolution=640x480", "http://cam/video?codigo=***&resolution=640x480"),
        ("http://cam/video?mail=a@b", "http://cam/video?mail=***"),
        ("street.jpg", "street.jpg"),
        ("/dev/video0", "/dev/video0"),
        ("a@b:c", "a@b:c"),
    ],
)
def test_secrets_are_hidden_and_the_rest_is_shown(url: str, shown: str) -> None:
    assert without_password(url) == shown


ASCII = st.characters(codec="ascii", exclude_categories=["Cc"], exclude_characters=" :")


ASCII = st.characters(codec="ascii", exclude_categories=["Cc"], exclude_characters=" :")


@example(password="00]?", parameter="aaa")
@given(
    password=st.text(ASCII, min_size=4, max_size=12),
    parameter=st.text(st.characters(codec="ascii", categories=["Ll"]), min_size=3, max_size=6),
)
def test_no_password_is_ever_shown(password: str, parameter: str) -> None:
    marked = f"Q{password}Q"
    assert marked not in without_password(f"rtsp://user:{marked}@camera.local/stream")
    clean = "".join(c for c in marked if c not in "&;?/=@")
    if len(clean) > 4:
        assert clean not in without_password(f"http://camera.local/live?x{parameter}z={clean}&channel=1")
