"""The V4L2 client against a device that answers like a driver, faults included."""

from __future__ import annotations

import errno
import io
import os
import time
from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastscnn_edge.errors import CameraLostError, SourceError
from fastscnn_edge.runtime.cameras.base import plausible_timestamp
from fastscnn_edge.runtime.cameras.v4l2 import camera as module
from fastscnn_edge.runtime.cameras.v4l2.camera import V4L2Camera, abi, device_nodes, matrix_of
from fastscnn_edge.runtime.cameras.v4l2.device import KernelDevice
from fastscnn_edge.runtime.cameras.v4l2.modes import Mode, ModeRequest
from fastscnn_edge.runtime.frame_pool import LIVE_FRAMES
from fastscnn_edge.testing.v4l2 import FakeCamera, Fault
from tests.helpers import random_image
from tests.helpers.cameras import GREY, VIDEO0, gray, webcam


def jpeg(width: int, height: int) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(random_image(height, width)).save(stream, "JPEG")
    return stream.getvalue()


def camera(fake: FakeCamera, request: ModeRequest = GREY, **options) -> V4L2Camera:
    return V4L2Camera(VIDEO0, request, open_device=fake.open, **options)


def test_frames_in_order_and_converted() -> None:
    with camera(webcam()) as source:
        assert source.mode == "YUYV 64x48 at 30 fps"
        before = time.monotonic()
        frames = list(islice(source, 4))
    assert [frame.name for frame in frames] == [f"frame_{n:06d}" for n in range(1, 5)]
    for frame, level in zip(frames, (50, 60, 70, 80), strict=True):
        assert frame.rgb.shape == (48, 64, 3)
        assert (frame.rgb == round((level - 16) * 255 / 219)).all()
        assert before - 1e-5 <= frame.captured_at <= time.monotonic()  # stamps are whole microseconds
    assert (source.dropped, source.skipped) == (0, 0)


@pytest.mark.parametrize("layout", [*abi.layouts(8), *abi.layouts(4)], ids=lambda layout: layout.name)
def test_every_layout_of_the_structs(monkeypatch: pytest.MonkeyPatch, layout: abi.Layout) -> None:
    """A 32-bit kernel without 64-bit times answers ENOTTY to the first layout, and the second is taken."""
    known = abi.layouts(8 if layout.format_union == 8 else 4)
    monkeypatch.setattr(module.abi, "layouts", lambda: known)
    with camera(webcam(layout=layout)) as source:
        assert next(iter(source)).rgb[0, 0, 0] == round((50 - 16) * 255 / 219)


def test_padded_rows() -> None:
    fake = FakeCamera([Mode("YUYV", 64, 48)], [gray(235, padding=32)], padding=32)
    with camera(fake) as source:
        assert (next(iter(source)).rgb == 255).all()


def test_rgb() -> None:
    image = random_image(48, 64)
    rows = np.pad(image.reshape(48, 192), ((0, 0), (0, 8))).tobytes()
    with camera(FakeCamera([Mode("RGB3", 64, 48)], [rows], padding=8)) as source:
        np.testing.assert_array_equal(next(iter(source)).rgb, image)


@pytest.mark.parametrize("format", ["MJPG", "YUYV"])
def test_frames_are_made_smaller_while_decoded_unless_a_size_was_asked_for(format: str) -> None:
    data = jpeg(640, 480) if format == "MJPG" else gray(99, 640, 480)
    fake = FakeCamera([Mode(format, 640, 480, (30.0,))], [data])
    with camera(fake, ModeRequest(minimum_size=(150, 100))) as source:
        assert next(iter(source)).rgb.shape == (120, 160, 3)
    with camera(fake, ModeRequest(size=(640, 480), minimum_size=(150, 100))) as source:
        assert next(iter(source)).rgb.shape == (480, 640, 3)


def test_the_rate_is_set_and_a_difference_said() -> None:
    said: list[str] = []
    with camera(webcam(), ModeRequest(rate=15, minimum_size=(64, 48)), warn=said.append) as source:
        assert source.mode == "YUYV 64x48 at 15 fps"
    assert not said
    with camera(webcam(), ModeRequest(rate=120, format="YUYV", minimum_size=(64, 48)), warn=said.append) as source:
        assert source.mode == "YUYV 64x48 at 30 fps"
    assert said == ["camera /dev/video0 gives 30 frames per second when asked for 120"]


@pytest.mark.parametrize("fault", [Fault.SHORT, Fault.MARKED])
def test_damaged_frames_are_passed_over(fault: Fault) -> None:
    with camera(webcam(faults={1: fault, 2: fault})) as source:
        levels = [int(frame.rgb[0, 0, 0]) for frame in islice(source, 2)]
    assert levels == [round((level - 16) * 255 / 219) for level in (50, 80)]
    assert source.skipped == 2


def test_damaged_jpegs_are_passed_over() -> None:
    fake = FakeCamera([Mode("MJPG", 64, 48)], [jpeg(64, 48)], {0: Fault.SHORT, 2: Fault.SHORT})
    with camera(fake) as source:
        assert len(list(islice(source, 3))) == 3
    assert source.skipped == 2


def test_nothing_but_damaged_frames_is_a_lost_camera() -> None:
    fake = webcam(faults=dict.fromkeys(range(10_000), Fault.SHORT), pace=0.01)
    with camera(fake, stall=0.2) as source, pytest.raises(CameraLostError, match=r"no whole frame for 0\.2 s"):
        list(source)
    assert source.skipped > 1


def test_frames_the_driver_lost_are_counted() -> None:
    with camera(webcam(faults={1: Fault.LOST, 4: Fault.LOST})) as source:
        list(islice(source, 4))
    assert source.dropped == 2


@pytest.mark.parametrize("fault", [Fault.CLOCK_FORWARD, Fault.CLOCK_BACK])
def test_a_clock_that_jumps_is_not_believed(fault: Fault) -> None:
    with camera(webcam(faults={1: fault})) as source:
        for frame in islice(source, 3):
            assert 0 <= time.monotonic() - frame.captured_at < 5


def test_a_stall_ends_the_wait() -> None:
    fake = webcam(faults={2: Fault.STALLED}, away=60)
    with camera(fake, stall=0.3) as source, pytest.raises(CameraLostError, match="no whole frame"):
        assert len(list(source)) == 2


def test_unplugging() -> None:
    fake = webcam(faults={2: Fault.UNPLUGGED})
    frames = []
    with camera(fake) as source, pytest.raises(CameraLostError, match="/dev/video0 went away"):
        frames.extend(source)
    assert fake.opened == fake.closed == 1


def test_it_goes_on_counting_after_it_was_opened_again() -> None:
    fake = webcam()
    source = camera(fake)
    names = []
    for _ in range(2):
        with source:
            names += [frame.name for frame in islice(source, 2)]
    assert names == [f"frame_{n:06d}" for n in range(1, 5)]
    assert fake.opened == fake.closed == 2


def test_under_a_new_number_after_an_unplugging(tmp_path: Path) -> None:
    fake = webcam()
    there = {"video0"}

    def open_device(path: Path):  # type: ignore[no-untyped-def]
        if path.name not in there:
            raise FileNotFoundError(errno.ENOENT, "No such file or directory")
        return fake.open(path)

    for name in ("video0", "video1"):
        (tmp_path / name).touch()
    source = V4L2Camera(tmp_path / "video0", GREY, open_device=open_device)
    with source:
        pass
    there = {"video1"}
    with source:
        assert next(iter(source)).name == "frame_000001"
    there = set()
    with pytest.raises(SourceError, match="No such file"), source:
        pass


def test_stopping_ends_the_wait() -> None:
    source = camera(webcam(faults={1: Fault.STALLED}, away=60))
    with source:
        frames = iter(source)
        next(frames)
        source.stop()
        assert next(frames, None) is None


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (PermissionError(errno.EACCES, "Permission denied"), "usermod -aG video"),
        (OSError(errno.EBUSY, "Device or resource busy"), "another program"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory"), "No such file"),
    ],
)
def test_why_it_does_not_open(error: OSError, words: str) -> None:
    def refuse(path: Path):  # type: ignore[no-untyped-def]
        raise error

    with pytest.raises(SourceError, match=words), V4L2Camera(VIDEO0, GREY, open_device=refuse):
        pass


@pytest.mark.parametrize(
    ("capabilities", "words"),
    [
        (abi.CAP_META_CAPTURE | abi.CAP_STREAMING, "metadata"),
        (abi.CAP_VIDEO_M2M_MPLANE | abi.CAP_STREAMING, "codec"),
        (abi.CAP_VIDEO_CAPTURE_MPLANE | abi.CAP_STREAMING, "several planes.*--camera csi"),
        (0, "no pictures"),
    ],
)
def test_nodes_that_are_no_cameras(capabilities: int, words: str) -> None:
    fake = webcam(capabilities=capabilities)
    with pytest.raises(SourceError, match=words), camera(fake):
        pass
    assert fake.opened == fake.closed == 1


def test_the_bus_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = webcam()

    def open_device(path: Path):  # type: ignore[no-untyped-def]
        device = fake.open(path)
        ask: Callable[[int, bytearray], None] = device.ioctl

        def ioctl(request: int, argument: bytearray) -> None:
            if request == abi.STREAMON:
                raise OSError(errno.ENOSPC, "No space left on device")
            ask(request, argument)

        monkeypatch.setattr(device, "ioctl", ioctl)
        return device

    source = V4L2Camera(VIDEO0, GREY, open_device=open_device)
    with pytest.raises(SourceError, match=r"starting YUYV 64x48 failed.*bandwidth"), source:
        pass
    assert fake.closed == 1


def test_steady_state_allocates_no_frames() -> None:
    with camera(webcam()) as source:
        for _ in islice(source, 50):
            pass
        assert source._pool.allocated == LIVE_FRAMES


def test_a_file_is_not_a_camera(tmp_path: Path) -> None:
    (tmp_path / "video0").write_bytes(b"just a file")
    with pytest.raises(SourceError, match="is it a camera at all"), V4L2Camera(tmp_path / "video0", GREY):
        pass


def test_the_kernel_layer_on_a_pipe(tmp_path: Path) -> None:
    """poll(2) and close(2) for real; only the ioctls of a camera need one."""
    fifo = tmp_path / "video0"
    os.mkfifo(fifo)
    device = KernelDevice(fifo)
    assert not device.wait(0.01)
    os.write(device._descriptor, b"x")
    assert device.wait(1)
    with pytest.raises(OSError, match="Inappropriate"):
        device.ioctl(abi.QUERYCAP, bytearray(abi.CAPABILITY.size))
    device.close()
    device.close()


def test_mapped_memory(tmp_path: Path) -> None:
    (tmp_path / "video0").write_bytes(bytes(range(256)) * 32)
    descriptor = os.open(tmp_path / "video0", os.O_RDWR)
    device = KernelDevice.__new__(KernelDevice)  # poll(2) knows no plain files, mmap(2) does
    device._descriptor, device._maps, device._views = descriptor, [], []
    view = device.map(4096, 4096)
    assert bytes(view[:3]) == b"\0\1\2"
    device.close()
    with pytest.raises(ValueError, match="released"):
        bytes(view)


def test_device_nodes(tmp_path: Path) -> None:
    for name in ("video10", "video2", "videodev", "media0"):
        (tmp_path / name).touch()
    assert [path.name for path in device_nodes(tmp_path)] == ["video2", "video10"]


def test_time_stamps_on_another_clock_are_not_believed() -> None:
    assert plausible_timestamp(99.5, now=100.0) == 99.5
    assert plausible_timestamp(1e9, now=100.0) == 100.0
    assert plausible_timestamp(3.0, now=100.0) == 100.0
    assert plausible_timestamp(None, now=100.0) == 100.0


@pytest.mark.parametrize(
    ("space", "encoding", "quantization", "red", "full"),
    [
        (8, 0, 0, 0.299, False),
        (7, 0, 0, 0.299, True),
        (3, 0, 0, 0.2126, False),
        (8, 2, 1, 0.2126, True),
        (3, 1, 0, 0.299, False),
        (7, 0, 2, 0.299, False),
    ],
)
def test_what_yuv_means(space: int, encoding: int, quantization: int, red: float, full: bool) -> None:
    matrix = matrix_of(abi.PixFormat(64, 48, 0, 0, 0, space, encoding, quantization))
    assert (matrix.red, matrix.full) == (red, full)
