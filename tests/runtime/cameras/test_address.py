"""What users write after --camera."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastscnn_edge.errors import SourceError, UsageError
from fastscnn_edge.runtime.cameras import address as module
from fastscnn_edge.runtime.cameras.address import CameraAddress, is_jetson, open_camera, parse
from fastscnn_edge.runtime.cameras.v4l2.modes import ModeRequest


@pytest.mark.parametrize(
    ("text", "kind", "value", "shown"),
    [
        ("0", "v4l2", "/dev/video0", "/dev/video0"),
        ("02", "v4l2", "/dev/video2", "/dev/video2"),
        ("/dev/v4l/by-id/usb-x", "v4l2", "/dev/v4l/by-id/usb-x", "/dev/v4l/by-id/usb-x"),
        ("csi", "csi", "0", "csi:0"),
        ("csi:1", "csi", "1", "csi:1"),
        (
            "rtsp://me:secret@10.0.0.7:554/a@b",
            "network",
            "rtsp://me:secret@10.0.0.7:554/a@b",
            "rtsp://b",
        ),
        ("HTTP://host/x", "network", "HTTP://host/x", "HTTP://host/x"),
        ("file:drive.mp4", "file", "drive.mp4", "drive.mp4"),
    ],
)
def test_addresses(text: str, kind: str, value: str, shown: str) -> None:
    address = parse(text)
    assert address == CameraAddress(kind, value)
    assert str(address) == shown


@pytest.mark.parametrize("text", ["", "front", "-1", "csi:", "csi:x", "ftp://x", "file:", "video0", "²"])
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="is not a camera: 0, /dev/video0, csi"):
        parse(text)


@pytest.mark.parametrize(
    ("text", "asked", "option"),
    [
        ("csi", ModeRequest(format="NV12"), "--camera-format"),
        ("rtsp://host", ModeRequest(rate=30), "--camera-fps"),
        ("file:x.mp4", ModeRequest(size=(64, 48)), "--camera-size"),
    ],
)
def test_wishes_that_mean_nothing(text: str, asked: ModeRequest, option: str) -> None:
    with pytest.raises(UsageError, match=f"{option} means nothing"):
        open_camera(parse(text), asked)


def test_an_absent_camera_says_which_there_are(tmp_path: Path) -> None:
    wanted = CameraAddress("v4l2", str(tmp_path / "video0"))
    with pytest.raises(SourceError, match=r"no .*video\* at all.*--camera csi"):
        open_camera(wanted, ModeRequest())
    for name in ("video2", "video10", "videodev"):
        (tmp_path / name).touch()
    with pytest.raises(SourceError, match=r"there is \S*/video2, \S*/video10; fastscnn-edge cameras"):
        open_camera(wanted, ModeRequest())


def test_a_jetson_is_known_by_its_name(tmp_path: Path) -> None:
    assert not is_jetson(tmp_path)
    (tmp_path / "proc/device-tree").mkdir(parents=True)
    (tmp_path / "proc/device-tree/model").write_bytes(b"Raspberry Pi 5 Model B Rev 1.0\0")
    assert not is_jetson(tmp_path)
    (tmp_path / "proc/device-tree/model").write_bytes(b"NVIDIA Jetson Orin Nano Developer Kit\0")
    assert is_jetson(tmp_path)


@pytest.mark.parametrize(("jetson", "expected"), [(True, "JetsonCamera"), (False, "PiCamera")])
def test_the_board_decides_who_reads_csi(monkeypatch: pytest.MonkeyPatch, jetson: bool, expected: str) -> None:
    monkeypatch.setattr(module, "is_jetson", lambda: jetson)
    source = open_camera(parse("csi:1"), ModeRequest())
    assert type(source._camera).__name__ == expected  # type: ignore[attr-defined]
