"""Sink that shows the newest overlay in a window, through tkinter, which comes with Python."""

from __future__ import annotations

import os
import threading
from typing import Any

from PIL import Image

from ...errors import OutputError
from ...spec import ClassSet
from ..frames import SegmentedFrame
from .legend import whole_legend
from .overlay import blend
from .running_stats import RunningStats
from .style import PLAIN, Style

_GROUND = "#111417"
_SCREEN_SHARE = 0.8
"""Largest share of the screen that the window takes when it opens."""


def display_is_set() -> bool:
    """Whether this process was started in a desktop session."""
    return bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class Window:
    """Sink with a window. Frames may come from any thread; the window belongs to the thread that made it.

    Tk must be used from one thread, on some systems the main one, so drawing happens only in :meth:`poll`. The frame
    keeps its aspect ratio when the window is resized. Keys: f full screen, space freezes the image, q or Escape closes.

    Args:
        class_set: names and colors.
        title: title of the window.
        style: looks of the overlay.

    Raises:
        OutputError: there is no display, or this Python has no tkinter.
    """

    def __init__(self, class_set: ClassSet, title: str, style: Style = PLAIN) -> None:
        try:
            import tkinter

            from PIL import ImageTk
        except ImportError as error:
            raise OutputError(
                "a window needs tkinter and Pillow's part for it: sudo apt install python3-tk, or pip install pillow "
                "where PIL.ImageTk is missing; or go without it: --headless"
            ) from error
        self._image_tk: Any = ImageTk
        self._tcl_error = tkinter.TclError
        try:
            self._root = tkinter.Tk(className="fastscnn-edge")
        except tkinter.TclError as error:
            raise OutputError(f"cannot open a window: {error}; run on a desktop, or with --headless") from error
        self._class_set, self._title, self._style = class_set, title, style
        self._stats = RunningStats()
        self._newest: SegmentedFrame | None = None
        self._lock = threading.Lock()
        self._drawn: Any = None  # the drawn frame and window size, so that nothing is drawn twice
        self._held = self._full = self._sized = False
        self._strips: dict[int, Image.Image] = {}
        self.closed = False
        self._root.title(title)
        self._root.configure(background=_GROUND)
        self._root.protocol("WM_DELETE_WINDOW", self.close)
        self._label = tkinter.Label(self._root, background=_GROUND, borderwidth=0)
        self._label.pack(expand=True, fill="both")
        for key in ("q", "<Escape>"):
            self._root.bind(key, lambda _: self.close())
        self._root.bind("f", lambda _: self._toggle_full())
        self._root.bind("<space>", lambda _: self._toggle_held())

    def write(self, result: SegmentedFrame) -> None:
        """Have ``result`` drawn at the next :meth:`poll`, unless a newer one comes."""
        self._stats.add(result)
        with self._lock:
            self._newest = result

    def poll(self) -> bool:
        """Handle events and draw the newest frame; whether the window is still open. Only in its own thread."""
        if self.closed:
            return False
        try:
            self._draw()
            self._root.update()
        except self._tcl_error:  # the display is gone
            self.closed = True
        return not self.closed

    def close(self) -> None:
        """Close the window. Only in its own thread."""
        if not self.closed:
            self.closed = True
            self._root.destroy()

    discard = close

    def _draw(self) -> None:
        with self._lock:
            newest = self._newest
        if newest is None or (self._held and self._drawn):
            return
        frame, class_map = newest.frame, newest.class_map
        if not self._sized:
            self._open_at(class_map.shape[1], class_map.shape[0])
        space = (self._root.winfo_width(), self._root.winfo_height())
        key = (id(class_map), frame.name, space)
        if self._drawn and self._drawn[0] == key:
            return
        image = self._image_tk.PhotoImage(self._compose(newest, space))
        self._label.configure(image=image)
        self._drawn = key, image, class_map  # Tk keeps no reference to image, and key needs class_map alive
        rate, latency = self._stats.rate(), self._stats.latency()
        measured = f"  {rate:.1f} fps  {latency:.0f} ms" if rate and latency is not None else ""
        self._root.title(f"{self._title}  {frame.name}{measured}")

    def _open_at(self, width: int, height: int) -> None:
        """Open at the first frame's own size, reduced to fit the screen; small frames are enlarged."""
        strip = self._strip(width)
        room = (
            self._root.winfo_screenwidth() * _SCREEN_SHARE / strip.width,
            self._root.winfo_screenheight() * _SCREEN_SHARE / (height + strip.height),
        )
        factor = min(*room, max(1.0, 640 / width))
        width = max(1, round(width * factor))
        height = max(1, round(height * factor))
        self._root.geometry(f"{max(width, self._strip(width).width)}x{height + self._strip(width).height}")
        self._sized = True
        self._root.update()

    def _compose(self, result: SegmentedFrame, space: tuple[int, int]) -> Image.Image:
        strip = self._strip(space[0])
        height, width = result.class_map.shape
        factor = max(min(space[0] / width, (space[1] - strip.height) / height), 1 / max(width, height))
        size = max(1, round(width * factor)), max(1, round(height * factor))
        blended = Image.fromarray(blend(result.frame.rgb, result.class_map, self._class_set, self._style))
        image = blended.resize(size, Image.Resampling.BILINEAR)
        canvas = Image.new("RGB", (max(space[0], 1), size[1] + strip.height), _GROUND)
        canvas.paste(image, ((space[0] - size[0]) // 2, 0))
        canvas.paste(strip, ((space[0] - strip.width) // 2, size[1]))
        return canvas

    def _strip(self, width: int) -> Image.Image:
        if width not in self._strips:
            self._strips = {width: self._new_strip(width)}
        return self._strips[width]

    def _new_strip(self, width: int) -> Image.Image:
        if not self._style.legend:
            return Image.new("RGB", (max(width, 1), 0))
        return whole_legend(self._class_set, self._style, width)

    def _toggle_full(self) -> None:
        self._full = not self._full
        self._root.attributes("-fullscreen", self._full)

    def _toggle_held(self) -> None:
        self._held = not self._held
