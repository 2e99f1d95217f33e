"""Overlays as a video, read back."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

from fastscnn_edge.classes import CAMVID
from fastscnn_edge.errors import OutputError
from fastscnn_edge.runtime.frames import SegmentedFrame
from fastscnn_edge.runtime.sinks.overlay import overlay
from fastscnn_edge.runtime.sinks.video import _CODECS, VideoWriter
from tests.helpers import random_image, segmented

av = pytest.importorskip("av", reason="writing and reading videos needs av")

CLASSES = np.repeat(np.arange(11, dtype=np.uint8), 11).reshape(11, 11).repeat(9, 0).repeat(11, 1)  # [99, 121], both odd


def frame(at: float | None = None, captured_at: float = 0.0, seed: int = 0) -> SegmentedFrame:
    return segmented(random_image(*CLASSES.shape, seed=seed), CLASSES, f"frame_{seed}", captured_at=captured_at, at=at)


def read(path: Path) -> tuple[str, list[float], list[np.ndarray]]:
    with av.open(str(path)) as container:
        frames = list(container.decode(video=0))
        codec = container.streams.video[0].codec_context.name
        return codec, [float(f.time) for f in frames], [f.to_ndarray(format="rgb24") for f in frames]


@pytest.mark.parametrize("codecs", [_CODECS, _CODECS[1:]], ids=["best", "mpeg4"])
def test_pictures_and_times_come_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codecs: tuple) -> None:
    monkeypatch.setattr("fastscnn_edge.runtime.sinks.video._CODECS", codecs)
    path = tmp_path / "o.mp4"
    times = [7.0, 7.04, 7.5, 9.0]
    writer = VideoWriter(path, CAMVID, moving=True)
    for seed, at in enumerate(times):
        writer.write(frame(at, seed=seed))
    assert not path.exists()
    writer.close()
    assert [p.name for p in tmp_path.iterdir()] == ["o.mp4"]
    codec, read_times, images = read(path)
    assert codec in ("h264", "mpeg4")
    assert read_times == pytest.approx([t - 7 for t in times], abs=1e-3)
    for seed, image in enumerate(images):
        expected = np.asarray(overlay(frame(seed=seed).frame.rgb, CLASSES, CAMVID, only_present=False))
        assert image.shape == (expected.shape[0] // 2 * 2, expected.shape[1] // 2 * 2, 3)
        expected = expected[: image.shape[0], : image.shape[1]]
        assert np.abs(image.astype(int) - expected).mean() < 12


def test_a_camera_has_its_own_times_and_stills_a_second_each(tmp_path: Path) -> None:
    now = time.monotonic()
    for moving, expected in ((True, [0, 0.3, 0.301]), (False, [0, 1, 2])):
        writer = VideoWriter(tmp_path / "o.mp4", CAMVID, moving)
        for captured_at in (now, now + 0.3, now + 0.3):  # two of one moment stay in order
            writer.write(frame(captured_at=captured_at))
        writer.close()
        assert read(tmp_path / "o.mp4")[1] == pytest.approx(expected, abs=1e-3)


def test_no_frame_no_file(tmp_path: Path) -> None:
    VideoWriter(tmp_path / "o.mp4", CAMVID, moving=True).close()
    assert not list(tmp_path.iterdir())


def test_another_size_is_an_error_and_what_came_before_is_kept(tmp_path: Path) -> None:
    writer = VideoWriter(tmp_path / "o.mp4", CAMVID, moving=False)
    writer.write(frame())
    with pytest.raises(OutputError, match=r"121x99, but b is 50x40; --video needs frames of one size"):
        writer.write(segmented(random_image(40, 50), np.zeros((40, 50), np.uint8), "b"))
    writer.discard()
    assert len(read(tmp_path / "o.mp4")[1]) == 1


def test_a_disk_that_fills_up_leaves_nothing_half_written(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource", reason="file size limits are a Unix feature")
    import signal

    writer = VideoWriter(tmp_path / "o.mp4", CAMVID, moving=True)
    before, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
        with pytest.raises(OutputError, match=r"cannot write .*o\.mp4: "):
            for seed in range(200):
                writer.write(frame(at=seed / 25, seed=seed))
            writer.close()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, handler)
    writer.close()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("codecs", [_CODECS, _CODECS[1:]], ids=["best", "mpeg4"])
def test_a_picture_that_no_encoder_takes_is_told_what_one_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, codecs: tuple
) -> None:
    monkeypatch.setattr("fastscnn_edge.runtime.sinks.video._CODECS", codecs)
    longest = codecs[0][2]
    for height, width in ((3, 20_000), (3, longest + 2)):
        writer = VideoWriter(tmp_path / "o.mp4", CAMVID, moving=False)
        class_map = np.zeros((height, width), np.uint8)
        with pytest.raises(OutputError, match=f"has sides of 2 to {longest} pixels, and with its legend"):
            writer.write(segmented(np.zeros((height, width, 3), np.uint8), class_map))
        writer.discard()
    assert not list(tmp_path.iterdir())
    writer = VideoWriter(tmp_path / "o.mp4", CAMVID, moving=False)
    writer.write(segmented(np.zeros((16, longest, 3), np.uint8), np.zeros((16, longest), np.uint8)))
    writer.close()
    assert (tmp_path / "o.mp4").exists()
