"""Bad input to ``run``: status 2, one clear line, no traceback, nothing left behind."""

from __future__ import annotations

import struct
import zlib
from pathlib import Path

import pytest

from fastscnn_edge.commands.run import main
from fastscnn_edge.runtime.engines.tflite_file import attach_spec
from tests.helpers import tiny


def enormous_png(side: int = 50_000) -> bytes:
    """A header that claims ``side`` x ``side`` pixels, and hardly any data."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(bytes(99))), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


# name -> (arguments, words of the message); paths are inside the folder that ``stage`` fills
CASES = {
    "missing model": (["--source", "ok.png", "--model", "absent.tflite"], "no such model"),
    "model is a folder": (["--source", "ok.png", "--model", "empty"], "is a folder, not a model"),
    "model is a device": (["--source", "ok.png", "--model", "/dev/null"], "device or pipe, not a model"),
    "truncated model": (["--source", "ok.png", "--model", "truncated.tflite"], "not a complete model"),
    "damaged model": (["--source", "ok.png", "--model", "flipped.tflite"], "damaged"),
    "random bytes": (["--source", "ok.png", "--model", "random.tflite"], "not a complete model"),
    "another network": (["--source", "ok.png", "--model", "foreign.tflite"], "not a complete model"),
    "wrong class count": (["--source", "ok.png", "--model", "liar.tflite"], "11 classes"),
    "onnx": (["--source", "ok.png", "--model", "m.onnx"], "not a complete model"),
    "corrupt picture": (["--source", "corrupt.jpg"], "cannot decode"),
    "truncated picture": (["--source", "truncated.png"], "cannot decode"),
    "enormous picture": (["--source", "enormous.png"], "limit of"),
    "missing source": (["--source", "absent.png"], "no such picture"),
    "not a picture": (["--source", "noise.dat"], "neither a picture"),
    "a list of what is missing": (["text.txt"], "no such picture, folder or video: hello"),
    "an empty list": (["empty.txt"], "names no file"),
    "a pattern without matches": (["pictures/*.jpg"], "no file matches pictures/*.jpg"),
    "a camera as a source": (["rtsp://user:secret@10.0.0.7/stream"], "10.0.0.7/stream is no file"),
    "a number as a source": (["0"], "a camera goes with --camera"),
    "a video among pictures": (["ok.png", "corrupt.mp4"], "corrupt.mp4 is a video: give it alone"),
    "pictures and a camera": (["ok.png", "--camera", "0"], "not both"),
    "recursive without a folder": (["ok.png", "--recursive"], "--recursive is for a folder"),
    "empty folder": (["--source", "empty"], "contains no pictures"),
    "folder of corrupt pictures": (["--source", "corrupt_folder"], "none of the 2 pictures"),
    "corrupt video": (["--source", "corrupt.mp4"], "cannot open"),
    "absent camera": (["--camera", "97"], "no camera /dev/video97"),
    "absent file played": (["--camera", "file:absent.mp4"], "no such picture"),
    "no CSI library": (["--camera", "csi"], "python3-picamera2"),
    "size of a file": (["--camera", "file:ok.png", "--camera-size", "64x64"], "means nothing"),
    "format of a stream": (["--camera", "rtsp://host/", "--camera-format", "MJPG"], "means nothing"),
    "rate of a source": (["--source", "ok.png", "--camera-fps", "30"], "goes with --camera"),
    "out below a file": (["--source", "ok.png", "--out", "text.txt/results"], "not a folder"),
    "out is a file": (["--source", "ok.png", "--out", "text.txt"], "not a folder"),
    "out is the source": (
        ["--source", "corrupt_folder", "--out", "corrupt_folder"],
        "--out is the folder of the pictures",
    ),
    "out inside a tree": (["corrupt_folder", "--recursive", "--out", "corrupt_folder/out"], "--out is inside a folder"),
    "report below a file": (["--source", "ok.png", "--report", "text.txt/r.json"], "not a folder"),
    "report is a folder": (["--source", "ok.png", "--report", "folder.json"], "it is a folder"),
    "report without suffix": (["--source", "ok.png", "--report", "report"], "must end in .json"),
}


@pytest.fixture
def stage(tmp_path: Path, tiny_model: Path, image: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of good and bad files, and the current directory."""
    good = tiny_model.read_bytes()
    image.rename(tmp_path / "ok.png")
    for folder in ("empty", "corrupt_folder", "folder.json"):
        (tmp_path / folder).mkdir()
    files = {
        "good.tflite": good,
        "truncated.tflite": good[: len(good) // 2],
        "flipped.tflite": good[:500] + bytes([good[500] ^ 1]) + good[501:],
        "random.tflite": bytes(range(256)) * 40,
        "foreign.tflite": tiny.body(tiny.spec()),
        "liar.tflite": attach_spec(tiny.body(tiny.spec(), classes=5), tiny.spec()),
        "m.onnx": b"onnx",
        "corrupt.jpg": b"\xff\xd8\xff\xe0" + bytes(200),
        "truncated.png": (tmp_path / "ok.png").read_bytes()[:2000],
        "enormous.png": enormous_png(),
        "text.txt": b"hello",
        "empty.txt": b"\n# nothing\n",
        "noise.dat": bytes(range(1, 256)) * 9,
        "corrupt_folder/a.png": b"x",
        "corrupt_folder/b.jpg": b"",
        "corrupt.mp4": b"\0\0\0\x18ftypmp42" + bytes(300),
    }
    for name, data in files.items():
        (tmp_path / name).write_bytes(data)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(("arguments", "words"), CASES.values(), ids=list(CASES))
def test_one_line_and_nothing_left(
    stage: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    if "corrupt.mp4" in arguments:
        pytest.importorskip("av", reason="reading videos needs av")
    before = sorted(stage.rglob("*"))
    model = [] if "--model" in arguments else ["--model", "good.tflite"]
    out = [] if "--out" in arguments else ["--out", "results"]
    assert main([*arguments, *model, *out]) == 2
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("fastscnn-edge: error: ")
    assert printed.err.count("\n") == 1
    assert words in printed.err
    assert sorted(stage.rglob("*")) == before


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["--source", "ok.png", "--camera", "0"],
        ["--source", "ok.png", "--frames", "0"],
        ["--source", "ok.png", "--frames", "many"],
        ["--source", "ok.png", "--threads", "-1"],
        ["--source", "ok.png", "--warmup", "0"],
        ["--camera", "-1"],
        ["--camera", "front"],
        ["--camera", "csi:front"],
        ["--camera", "ftp://host/"],
        ["--camera", "file:"],
        ["--camera", "0", "--camera-size", "640"],
        ["--camera", "0", "--camera-size", "0x0"],
        ["--camera", "0", "--camera-fps", "fast"],
        ["--camera", "0", "--camera-fps", "0"],
        ["--camera", "0", "--reconnect", "-1"],
    ],
)
def test_usage_errors(stage: Path, capfd: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    before = sorted(stage.rglob("*"))
    try:
        status = main(arguments)
    except SystemExit as stop:  # argparse
        status = int(str(stop.code))
    assert status == 2
    errors = capfd.readouterr().err
    assert "error: " in errors and errors.count("\n") == 1
    assert sorted(stage.rglob("*")) == before
