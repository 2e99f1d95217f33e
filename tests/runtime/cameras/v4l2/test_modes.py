"""Which mode is taken."""

from __future__ import annotations

from pathlib import Path

import pytest

from fastscnn_edge.errors import SourceError
from fastscnn_edge.runtime.cameras.v4l2.camera import abi
from fastscnn_edge.runtime.cameras.v4l2.modes import FormatModes, Mode, ModeRequest, SizeRange, choose, read_formats
from fastscnn_edge.testing.v4l2 import FakeCamera

# As USB cameras have them: raw formats are slow where they are large, because of the bus.
WEBCAM = [
    FormatModes(
        "MJPG", tuple(Mode("MJPG", w, h, (60.0, 30.0, 15.0)) for w, h in ((320, 240), (640, 480), (1280, 720)))
    ),
    FormatModes(
        "YUYV",
        (
            Mode("YUYV", 320, 240, (30.0, 15.0)),
            Mode("YUYV", 640, 480, (30.0, 15.0)),
            Mode("YUYV", 1280, 720, (10.0, 5.0)),
        ),
    ),
    FormatModes("H264", (Mode("H264", 1920, 1080, (30.0,)),)),
]


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (ModeRequest(minimum_size=(480, 360)), "YUYV 640x480"),
        (ModeRequest(minimum_size=(640, 480)), "YUYV 640x480"),
        (ModeRequest(minimum_size=(1024, 512)), "MJPG 1280x720"),  # raw gives 10 a second there
        (ModeRequest(minimum_size=(4096, 2160)), "MJPG 1280x720"),  # nothing is large enough: the largest
        (ModeRequest(size=(320, 240)), "YUYV 320x240"),
        (ModeRequest(rate=60, minimum_size=(480, 360)), "MJPG 640x480"),
        (ModeRequest(rate=15, minimum_size=(480, 360)), "YUYV 640x480"),
        (ModeRequest(format="MJPG", minimum_size=(480, 360)), "MJPG 640x480"),
        (ModeRequest(format="yuyv", size=(1280, 720)), "YUYV 1280x720"),
    ],
)
def test_size_then_rate_then_the_cheapest_format(asked: ModeRequest, expected: str) -> None:
    assert str(choose(WEBCAM, asked, "camera")) == expected


@pytest.mark.parametrize(
    ("formats", "asked", "words"),
    [
        (WEBCAM, ModeRequest(size=(800, 600)), "does not offer 800x600; it has 320x240, 640x480, 1280x720"),
        (WEBCAM, ModeRequest(format="NV12"), "does not offer NV12; it has MJPG, YUYV"),
        (WEBCAM, ModeRequest(format="H264"), "does not offer H264; it has MJPG, YUYV"),
        ([FormatModes("pBAA")], ModeRequest(), "nothing can be decoded.*--camera csi"),
        ([], ModeRequest(), "offers nothing"),
    ],
)
def test_what_is_not_there_is_answered_with_what_is(formats: list[FormatModes], asked: ModeRequest, words: str) -> None:
    with pytest.raises(SourceError, match=words):
        choose(formats, asked, "camera 0")


def test_the_rate_that_is_reached() -> None:
    mode = Mode("YUYV", 640, 480, (30.0, 15.0, 5.0))
    assert [mode.reach(rate) for rate in (60, 30, 29.97, 20, 1)] == [30, 30, 30, 30, 5]
    assert Mode("YUYV", 640, 480).reach(25) == 25


def test_ranges_of_sizes() -> None:
    sizes = SizeRange((48, 32), (4096, 2160), (16, 2))
    assert [sizes.nearest(s) for s in ((1, 1), (480, 360), (481, 361), (9999, 9999))] == [
        (48, 32),
        (480, 360),
        (496, 362),
        (4096, 2160),
    ]
    assert (
        str(choose([FormatModes("NV12", ranges=(sizes,))], ModeRequest(minimum_size=(480, 360)), "camera"))
        == "NV12 480x360"
    )
    with pytest.raises(SourceError, match="481x361"):
        choose([FormatModes("NV12", ranges=(sizes,))], ModeRequest(size=(481, 361)), "camera")


def test_a_driver_without_lists_is_asked_for_what_suits() -> None:
    assert str(choose([FormatModes("YUYV")], ModeRequest(minimum_size=(480, 360)), "camera")) == "YUYV 480x360"


def test_reading_what_a_driver_lists() -> None:
    modes = [Mode("YUYV", 640, 480, (30.0, 15.0)), Mode("YUYV", 320, 240, (29.97,)), Mode("MJPG", 640, 480, (60.0,))]
    formats = read_formats(FakeCamera(modes, [b""]).open(Path("/dev/video0")))
    assert [entry.format for entry in formats] == ["YUYV", "MJPG"]
    assert [mode for entry in formats for mode in entry.modes] == modes


class RangeDevice:
    """Answers two enumerations with a stepwise size and a continuous interval."""

    path = Path("/dev/video0")

    def ioctl(self, asked: int, argument: bytearray) -> None:
        index, number = int.from_bytes(argument[:4], "little"), int.from_bytes(argument[4:8], "little")
        if index > 5:
            raise OSError(22, "Invalid argument")
        if asked == abi.ENUM_FMT and index == 0:
            argument[:] = abi.FMTDESC.pack(0, 1, 0, b"", abi.fourcc("NV12"), 0)
        elif asked == abi.ENUM_FRAMESIZES:
            argument[:] = abi.FRMSIZEENUM.pack(index, number, 3, 32, 1920, 2, 32, 1080, 2)
        else:
            raise OSError(25, "Inappropriate ioctl for device")


def test_reading_a_range() -> None:
    assert read_formats(RangeDevice()) == [  # type: ignore[arg-type]  # it need not do more
        FormatModes("NV12", ranges=(SizeRange((32, 32), (1920, 1080), (2, 2)),))
    ]
