"""Pictures, folders, videos and cameras as frames."""

from __future__ import annotations

import struct
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastscnn_edge.errors import MissingExtraError, SourceError
from fastscnn_edge.runtime.frame_pool import FramePool
from fastscnn_edge.runtime.sources.av_stream import to_rgb
from fastscnn_edge.runtime.sources.images import PictureFiles
from fastscnn_edge.runtime.sources.open import open_source
from tests.helpers import random_image


def save(path: Path, seed: int) -> Path:
    Image.fromarray(random_image(20, 30, seed)).save(path)
    return path


def test_a_picture_is_one_frame_or_as_many_as_asked(image: Path) -> None:
    with open_source(image) as source:
        (frame,) = source
    assert (source.kind, source.moving) == ("picture", False)
    assert (frame.name, frame.rgb.shape, frame.rgb.dtype) == ("street", (90, 120, 3), np.uint8)
    assert abs(frame.captured_at - time.monotonic()) < 10
    with open_source(image, repeat=3) as source:
        assert [frame.name for frame in source] == ["street"] * 3


def test_a_folder_is_its_pictures_in_order(tmp_path: Path) -> None:
    for name in ("b.png", "a.jpg", "c.JPG", ".hidden.png"):
        save(tmp_path / name.replace("JPG", "jpg"), 0)
    (tmp_path / "notes.txt").write_text("not a picture")
    (tmp_path / "folder.png").mkdir()
    with open_source(tmp_path) as source:
        assert [frame.name for frame in source] == ["a", "b", "c"]


def test_pictures_that_differ_in_suffix_alone_keep_apart(tmp_path: Path) -> None:
    save(tmp_path / "a.png", 0)
    save(tmp_path / "a.jpg", 1)
    with open_source(tmp_path) as source:
        assert [frame.name for frame in source] == ["a.jpg", "a.png"]


def test_damaged_pictures_in_a_folder_are_skipped_with_one_line_each(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"damaged")
    save(tmp_path / "b.png", 0)
    (tmp_path / "c.png").write_bytes(save(tmp_path / "d.png", 0).read_bytes()[:100])
    said: list[str] = []
    with PictureFiles([tmp_path], said.append) as source:
        assert [frame.name for frame in source] == ["b", "d"]
    assert source.skipped == 2
    assert ["a.png" in said[0], "c.png" in said[1], len(said)] == [True, True, 2]


def test_a_folder_of_damaged_pictures_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"damaged")
    said: list[str] = []
    with PictureFiles([tmp_path], said.append) as source, pytest.raises(SourceError, match="none of the 1"):
        list(source)
    assert not said


@pytest.mark.parametrize(("name", "words"), [("absent", "no such"), ("x.txt", "neither"), ("", "no pictures")])
def test_what_cannot_be_a_source(tmp_path: Path, name: str, words: str) -> None:
    if name == "x.txt":
        (tmp_path / name).write_text("hello")
    with pytest.raises(SourceError, match=words), open_source(tmp_path / name) as source:
        list(source)


def test_a_video_is_its_frames(video: Path) -> None:
    with open_source(video) as source:
        frames = list(source)
    assert (source.kind, source.moving) == ("video", True)
    assert [frame.name for frame in frames] == [f"frame_{n:06d}" for n in range(1, 6)]
    for frame, gray in zip(frames, range(20, 200, 40), strict=True):
        assert frame.rgb.shape == (64, 96, 3)
        assert abs(frame.rgb.astype(int) - gray).mean() < 5


def test_a_damaged_video_is_an_error(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("av", reason="reading videos needs av")
    (tmp_path / "x.mp4").write_bytes(b"not a video" * 100)
    with pytest.raises(SourceError, match="cannot open"), open_source(tmp_path / "x.mp4"):
        pass
    assert capfd.readouterr().err == ""


def test_a_video_without_its_index_is_an_error(video: Path) -> None:
    video.write_bytes(video.read_bytes()[:-400])
    with pytest.raises(SourceError, match=r"drive\.mp4"), open_source(video) as source:
        list(source)


def test_a_video_can_be_left_early(video: Path) -> None:
    with open_source(video) as source:
        next(iter(source))


def test_a_missing_video_library_is_answered_with_the_pip_command(video: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(MissingExtraError, match=r"pip install '.*\[camera\]'"), open_source(video):
        pass


def test_phone_videos_are_turned_upright(video: Path) -> None:
    upright = struct.pack(">9i", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
    clockwise = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 64 << 16, 0, 1 << 30)
    data = video.read_bytes()
    track = data.index(b"tkhd")
    video.write_bytes(data[:track] + data[track:].replace(upright, clockwise, 1))
    with open_source(video) as source:
        assert next(iter(source)).rgb.shape == (96, 64, 3)


@pytest.mark.parametrize("width", [96, 90])
def test_a_frame_equals_what_the_library_makes_of_it(width: int) -> None:
    av = pytest.importorskip("av", reason="decoding needs av")
    image = av.VideoFrame.from_ndarray(random_image(64, width), format="rgb24").reformat(format="yuv420p")
    np.testing.assert_array_equal(to_rgb(image, FramePool()), image.to_ndarray(format="rgb24"))


def test_a_video_of_a_codec_that_ffmpeg_lacks_is_one_line(video: Path) -> None:
    whole = bytearray(video.read_bytes())
    codec = whole.index(b"\x04\x80\x80\x80", whole.index(b"esds")) + 5
    assert whole[codec] == 0x20  # MPEG-4
    whole[codec] = 0xFE
    video.write_bytes(whole.replace(b"mp4v", b"zzzz"))
    with pytest.raises(SourceError, match=r"drive\.mp4 .*codec"), open_source(video) as source:
        list(source)


def test_frames_that_ffmpeg_made_up_are_counted_and_skipped(video: Path, tmp_path: Path) -> None:
    import av

    broken = tmp_path / "broken.avi"
    for seed in range(50):
        random = np.random.default_rng(seed)
        data = bytearray(video.read_bytes())
        for _ in range(40):
            data[int(random.integers(len(data) // 4, len(data) * 9 // 10))] ^= 0xFF
        broken.write_bytes(data)
        try:
            with av.open(str(broken)) as container:
                corrupt = [frame.is_corrupt for frame in container.decode(video=0)]
        except (av.FFmpegError, IndexError):
            continue
        if any(corrupt) and not all(corrupt):
            break
    else:
        pytest.skip("this FFmpeg marks no frame as damaged")
    with open_source(broken) as source:
        frames = list(source)
    assert len(frames) == corrupt.count(False)
    assert source.skipped >= corrupt.count(True)
