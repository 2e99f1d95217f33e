"""``fastscnn-edge cameras``."""

from __future__ import annotations

import errno
from pathlib import Path

import pytest

from fastscnn_edge.commands import cameras
from fastscnn_edge.runtime.cameras.listing import Found, describe_cameras, find_cameras
from fastscnn_edge.runtime.cameras.v4l2.camera import abi
from fastscnn_edge.runtime.cameras.v4l2.modes import FormatModes, Mode, SizeRange
from fastscnn_edge.testing.v4l2 import FakeCamera


def test_every_node_is_listed_with_what_it_can_do(tmp_path: Path) -> None:
    webcam = FakeCamera(
        [Mode("YUYV", 640, 480, (30.0, 15.0)), Mode("MJPG", 1280, 720, (30.0,)), Mode("H264", 1920, 1080)], [b""]
    )
    nodes = {
        "video0": webcam,
        "video1": FakeCamera([Mode("UVCH", 0, 0)], [b""], capabilities=abi.CAP_META_CAPTURE | abi.CAP_STREAMING),
        "video2": FakeCamera([Mode("pBAA", 1920, 1080)], [b""]),
    }

    def open_device(path: Path):  # type: ignore[no-untyped-def]
        if path.name not in nodes:
            raise PermissionError(errno.EACCES, "Permission denied")
        return nodes[path.name].open(path)

    for name in (*nodes, "video3"):
        (tmp_path / name).touch()
    found = find_cameras(tmp_path, open_device, tmp_path)
    assert [camera.problem is None for camera in found] == [True, False, False, False]
    text = describe_cameras(found)
    assert "video0  Fake Camera (fake, usb-0000:00:14.0-1)\n" in text
    assert "  YUYV  640x480  30, 15 fps\n" in text
    assert "  MJPG  1280x720  30 fps\n" in text
    assert "  H264  1920x1080  unknown fps  (no decoder here)" in text
    for words in ("metadata", "--camera csi", "usermod -aG video"):
        assert words in text
    assert all(camera.opened == camera.closed == 1 for camera in nodes.values())


def test_a_jetson_has_csi(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/nv_tegra_release").touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    (camera,) = find_cameras(tmp_path, root=tmp_path)
    assert camera.address == "csi"
    assert camera.problem is not None and "gstreamer1.0-tools" in camera.problem


@pytest.mark.parametrize("trouble", ["import libcamera_of_apt", "raise ValueError('numpy.dtype size changed')"])
def test_a_picamera2_that_does_not_load_hides_no_other_camera(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trouble: str
) -> None:
    (tmp_path / "picamera2.py").write_text(trouble)
    (tmp_path / "video0").touch()
    monkeypatch.syspath_prepend(str(tmp_path))
    webcam = FakeCamera([Mode("YUYV", 640, 480, (30.0,))], [b""])
    usb, csi = find_cameras(tmp_path, webcam.open, tmp_path)
    assert usb.problem is None
    assert csi.problem is not None and "does not load" in csi.problem and "apt install" in csi.problem


def test_ranges_are_shown() -> None:
    entry = FormatModes("NV12", ranges=(SizeRange((32, 32), (1920, 1080), (2, 2)),))
    text = describe_cameras([Found("/dev/video0", "Scaler", "direct V4L2", None, (entry,))])
    assert "NV12  32x32 to 1920x1080 in steps of 2x2" in text


@pytest.mark.parametrize("problem", [None, "busy"])
def test_the_command(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], problem: str | None) -> None:
    monkeypatch.setattr(cameras, "find_cameras", lambda: [Found("/dev/video0", "Cam", "direct V4L2", problem)])
    assert cameras.main([]) == (0 if problem is None else 1)
    assert capsys.readouterr().out.startswith("/dev/video0  Cam\n")


def test_none_at_all(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(cameras, "find_cameras", list)
    assert cameras.main([]) == 1
    assert "no camera found" in capsys.readouterr().out
