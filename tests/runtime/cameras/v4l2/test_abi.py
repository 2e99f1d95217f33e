"""Struct layouts and request numbers, against the kernel's own header where a compiler is at hand."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from fastscnn_edge.runtime.cameras.v4l2.camera import abi

LP64, TIME64, TIME32 = (*abi.layouts(8), *abi.layouts(4))

TIME64_FLAGS = ["-D_TIME_BITS=64", "-D_FILE_OFFSET_BITS=64"]
COMPILERS = [
    (["gcc"], LP64),
    (["aarch64-linux-gnu-gcc"], LP64),
    (["arm-linux-gnueabihf-gcc"], TIME32),
    (["arm-linux-gnueabihf-gcc", *TIME64_FLAGS], TIME64),
]


def assertions(layout: abi.Layout) -> str:
    """A C program that compiles only if the header agrees with us."""
    sizes = {
        "v4l2_capability": abi.CAPABILITY.size,
        "v4l2_fmtdesc": abi.FMTDESC.size,
        "v4l2_requestbuffers": abi.REQUESTBUFFERS.size,
        "v4l2_frmsizeenum": abi.FRMSIZEENUM.size,
        "v4l2_frmivalenum": abi.FRMIVALENUM.size,
        "v4l2_streamparm": abi.STREAMPARM.size,
        "v4l2_pix_format": abi.PIX_FORMAT.size,
        "v4l2_format": layout.format_size,
        "v4l2_buffer": layout.buffer.size,
    }
    numbers = {
        "VIDIOC_QUERYCAP": abi.QUERYCAP,
        "VIDIOC_ENUM_FMT": abi.ENUM_FMT,
        "VIDIOC_REQBUFS": abi.REQBUFS,
        "VIDIOC_STREAMON": abi.STREAMON,
        "VIDIOC_STREAMOFF": abi.STREAMOFF,
        "VIDIOC_G_PARM": abi.G_PARM,
        "VIDIOC_S_PARM": abi.S_PARM,
        "VIDIOC_ENUM_FRAMESIZES": abi.ENUM_FRAMESIZES,
        "VIDIOC_ENUM_FRAMEINTERVALS": abi.ENUM_FRAMEINTERVALS,
        "VIDIOC_G_FMT": layout.g_fmt,
        "VIDIOC_S_FMT": layout.s_fmt,
        "VIDIOC_QUERYBUF": layout.querybuf,
        "VIDIOC_QBUF": layout.qbuf,
        "VIDIOC_DQBUF": layout.dqbuf,
        "V4L2_PIX_FMT_YUYV": abi.fourcc("YUYV"),
        "V4L2_PIX_FMT_MJPEG": abi.fourcc("MJPG"),
        "V4L2_PIX_FMT_NV12": abi.fourcc("NV12"),
        "V4L2_PIX_FMT_RGB24": abi.fourcc("RGB3"),
        "V4L2_PIX_FMT_UYVY": abi.fourcc("UYVY"),
        "V4L2_BUF_TYPE_VIDEO_CAPTURE": abi.BUFFER_TYPE_CAPTURE,
        "V4L2_MEMORY_MMAP": abi.MEMORY_MMAP,
        "V4L2_CAP_VIDEO_CAPTURE": abi.CAP_VIDEO_CAPTURE,
        "V4L2_CAP_VIDEO_CAPTURE_MPLANE": abi.CAP_VIDEO_CAPTURE_MPLANE,
        "V4L2_CAP_VIDEO_M2M": abi.CAP_VIDEO_M2M,
        "V4L2_CAP_VIDEO_M2M_MPLANE": abi.CAP_VIDEO_M2M_MPLANE,
        "V4L2_CAP_META_CAPTURE": abi.CAP_META_CAPTURE,
        "V4L2_CAP_STREAMING": abi.CAP_STREAMING,
        "V4L2_CAP_DEVICE_CAPS": abi.CAP_DEVICE_CAPS,
        "V4L2_CAP_TIMEPERFRAME": abi.CAP_TIMEPERFRAME,
        "V4L2_BUF_FLAG_ERROR": abi.FLAG_ERROR,
        "V4L2_BUF_FLAG_TIMESTAMP_MASK": abi.FLAG_TIMESTAMP_MASK,
        "V4L2_BUF_FLAG_TIMESTAMP_MONOTONIC": abi.FLAG_TIMESTAMP_MONOTONIC,
        "V4L2_FRMSIZE_TYPE_DISCRETE": abi.SIZE_DISCRETE,
        "V4L2_FRMIVAL_TYPE_DISCRETE": abi.SIZE_DISCRETE,
        "V4L2_COLORSPACE_REC709": abi.COLORSPACE_REC709,
        "V4L2_COLORSPACE_JPEG": abi.COLORSPACE_JPEG,
        "V4L2_COLORSPACE_DCI_P3": abi.COLORSPACE_DCI_P3,
        "V4L2_YCBCR_ENC_709": abi.YCBCR_709,
        "V4L2_QUANTIZATION_FULL_RANGE": abi.QUANTIZATION_FULL,
    }
    long = 8 if layout.format_union == 8 else 4
    seconds = {"64-bit": 24, "32-bit, 64-bit time": 24, "32-bit, 32-bit time": 20}[layout.name]
    memory = layout.buffer.size - {8: 24, 4: 16}[long]
    offsets = {
        ("v4l2_format", "fmt"): layout.format_union,
        ("v4l2_buffer", "timestamp"): seconds,
        ("v4l2_buffer", "sequence"): memory - 8,
        ("v4l2_buffer", "memory"): memory - 4,
        ("v4l2_buffer", "m"): memory,
        ("v4l2_buffer", "length"): memory + long,
        ("v4l2_pix_format", "bytesperline"): 16,
        ("v4l2_pix_format", "quantization"): 40,
        ("v4l2_fmtdesc", "pixelformat"): 44,
        ("v4l2_frmivalenum", "discrete"): 20,
        ("v4l2_streamparm", "parm.capture.timeperframe"): 12,
    }
    lines = ["#include <stddef.h>", "#include <linux/videodev2.h>"]
    lines += [f'_Static_assert(sizeof(struct {name}) == {size}, "{name}");' for name, size in sizes.items()]
    lines += [f'_Static_assert({name} == {number}u, "{name}");' for name, number in numbers.items()]
    lines += [f'_Static_assert(offsetof(struct {s}, {m}) == {at}, "{s}.{m}");' for (s, m), at in offsets.items()]
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(("command", "layout"), COMPILERS, ids=[" ".join(c) for c, _ in COMPILERS])
def test_the_header_agrees(command: list[str], layout: abi.Layout) -> None:
    if shutil.which(command[0]) is None:
        pytest.skip(f"no {command[0]} here")
    program = assertions(layout)
    probe = [*command, "-x", "c", "-fsyntax-only", "-"]
    if subprocess.run(probe, input="#include <linux/videodev2.h>\n", text=True, capture_output=True).returncode:
        pytest.skip("no kernel headers for this compiler")
    done = subprocess.run(probe, input=program, text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    wrong = program.replace(f"== {layout.buffer.size},", f"== {layout.buffer.size + 4},")
    assert subprocess.run(probe, input=wrong, text=True, capture_output=True, check=False).returncode != 0


def test_numbers_as_strace_shows_them() -> None:
    """Without a compiler: the numbers that drivers on 64-bit machines and on ARM boards are known by."""
    assert (abi.QUERYCAP, abi.ENUM_FMT, abi.REQBUFS) == (0x80685600, 0xC0405602, 0xC0145608)
    assert (abi.STREAMON, abi.STREAMOFF, abi.S_PARM) == (0x40045612, 0x40045613, 0xC0CC5616)
    assert (LP64.s_fmt, LP64.querybuf, LP64.qbuf, LP64.dqbuf) == (0xC0D05605, 0xC0585609, 0xC058560F, 0xC0585611)
    assert (TIME32.s_fmt, TIME32.qbuf, TIME32.dqbuf) == (0xC0CC5605, 0xC044560F, 0xC0445611)
    assert (TIME64.s_fmt, TIME64.qbuf, TIME64.dqbuf) == (0xC0CC5605, 0xC050560F, 0xC0505611)


@pytest.mark.parametrize("layout", [LP64, TIME64, TIME32], ids=lambda layout: layout.name)
def test_structs_come_back_as_they_went(layout: abi.Layout) -> None:
    data = layout.buffer.pack(3, 1, 614400, 0x2000, 1, 12, 500_000, b"", 77, 1, 4096, 614400, 0, 0)
    assert layout.unpack_buffer(data) == (3, 614400, 0x2000, 12.5, 77, 4096, 614400)
    got = layout.unpack_format(layout.pack_format(640, 480, abi.fourcc("YUYV")))
    assert (got.width, got.height, abi.fourcc_name(got.fourcc)) == (640, 480, "YUYV")


def test_what_is_no_text_does_not_print() -> None:
    assert abi.fourcc_name(0x0000_0001) == "????"
    assert abi.fourcc_name(abi.fourcc("Y16") | 1 << 31) == "Y16"
