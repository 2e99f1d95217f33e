"""The window, on a virtual screen."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from fastscnn_edge.errors import OutputError
from fastscnn_edge.runtime.sinks.window import Window, display_is_set

pytest.importorskip("tkinter", reason="the window needs tkinter: apt install python3-tk")

# In a process of its own: a Tk that lost its screen would take the tests with it.
SCRIPT = """
import sys, threading, time
import numpy as np
from PIL import ImageGrab
from fastscnn_edge.classes import CAMVID
from fastscnn_edge.runtime.frames import Frame, SegmentedFrame
from fastscnn_edge.runtime.sinks.window import Window

window = Window(CAMVID, "drive.mp4")
rgb = np.full((360, 480, 3), 200, np.uint8)
classes = np.zeros((360, 480), np.uint8)
classes[180:] = 3

def feed():
    for number in range(20):
        now = time.monotonic()
        window.write(SegmentedFrame(Frame(rgb, f"frame_{number:06d}", now - 0.25), classes, now))
        time.sleep(0.01)

thread = threading.Thread(target=feed)
thread.start()

def pump(condition):
    deadline = time.monotonic() + 30
    while not condition() and time.monotonic() < deadline:
        assert window.poll()
        time.sleep(0.01)

pump(lambda: not thread.is_alive())
for _ in range(20):
    window.poll()
"""


@pytest.fixture(scope="module")
def screen() -> Iterator[str]:
    """The name of a virtual screen of 1024x768."""
    program = shutil.which("Xvfb")
    if program is None:
        pytest.skip("no virtual screen here: apt install xvfb")
    read, write = os.pipe()
    command = [program, "-displayfd", str(write), "-screen", "0", "1024x768x24", "-nolisten", "tcp"]
    with subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL) as server:
        os.close(write)
        with os.fdopen(read) as stream:
            number = stream.readline().strip()
        yield f":{number}"
        server.terminate()


def on_screen(screen: str, command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "DISPLAY": screen}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120, check=False)


def test_frames_from_another_thread_are_drawn(screen: str, tmp_path: Path) -> None:
    code = SCRIPT + "ImageGrab.grab(xdisplay='').save(sys.argv[1])\nprint(window._root.title())\nwindow.close()\n"
    done = on_screen(screen, [sys.executable, "-c", code + "assert not window.poll()\n", str(tmp_path / "screen.png")])
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(r"drive\.mp4  frame_000019  \d+\.\d fps  250 ms\n", done.stdout)
    with Image.open(tmp_path / "screen.png") as image:
        pixels = np.asarray(image.convert("RGB")).astype(int)
    # 480 pixels enlarged to 640, above the legend; the sky's color half way to the gray, then the road's.
    assert np.abs(pixels[100, 320] - (np.array([70, 130, 180]) + 200) // 2).max() <= 2
    assert np.abs(pixels[400, 320] - (np.array([128, 64, 128]) + 200) // 2).max() <= 2
    legend = pixels[480:540, :640].reshape(-1, 3)
    assert (legend == (0, 0, 142)).all(axis=1).any()


def test_the_window_has_the_looks_asked_for(screen: str, tmp_path: Path) -> None:
    script = SCRIPT.replace('"drive.mp4")', '"drive.mp4", Style(opacity=1, legend=False, only=frozenset({3})))')
    script = "from fastscnn_edge.runtime.sinks.style import Style\n" + script
    code = (
        script + "ImageGrab.grab(xdisplay='').save(sys.argv[1])\nprint(window._root.winfo_height())\nwindow.close()\n"
    )
    done = on_screen(screen, [sys.executable, "-c", code, str(tmp_path / "screen.png")])
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "480\n")
    with Image.open(tmp_path / "screen.png") as image:
        pixels = np.asarray(image.convert("RGB"))
    assert (pixels[100, 320] == 200).all()
    assert (pixels[400, 320] == (128, 64, 128)).all()


def test_resizing_and_keys(screen: str) -> None:
    code = """
window._root.geometry("300x500")
pump(lambda: window._root.winfo_width() == 300)
for _ in range(5):
    window.poll()
assert window._drawn[0][2] == (300, 500), window._drawn[0]
assert window._drawn[1].width() == 300
window._root.focus_force()
window._root.event_generate("<space>")
window.poll()
assert window._held
held = window._drawn
window.write(SegmentedFrame(Frame(rgb, "next", time.monotonic()), classes.copy(), time.monotonic()))
window.poll()
assert window._drawn is held
window._root.event_generate("<Escape>")
window.poll()
assert window.closed and not window.poll()
"""
    done = on_screen(screen, [sys.executable, "-c", SCRIPT + code])
    assert (done.returncode, done.stderr) == (0, "")


def test_a_run_with_a_window(screen: str, tiny_model: Path, video: Path) -> None:
    command = [sys.executable, "-m", "fastscnn_edge", "run", "--source", str(video), "--model", str(tiny_model)]
    for extra in ([], ["--window"]):
        done = on_screen(screen, [*command, *extra])
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("5 frames, ")


def test_without_a_display(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastscnn_edge.classes import CAMVID

    monkeypatch.setenv("DISPLAY", ":987654")
    monkeypatch.delenv("WAYLAND_DISPLAY", raising=False)
    assert display_is_set()
    with pytest.raises(OutputError, match=r"cannot open a window: .*--headless"):
        Window(CAMVID, "t")


def test_without_tkinter(monkeypatch: pytest.MonkeyPatch) -> None:
    from fastscnn_edge.classes import CAMVID

    monkeypatch.setitem(sys.modules, "tkinter", None)
    with pytest.raises(OutputError, match="apt install python3-tk"):
        Window(CAMVID, "t")
