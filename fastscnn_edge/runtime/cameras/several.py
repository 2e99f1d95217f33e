"""Several cameras as one source: one engine serves them in fair turns, each with its newest frame."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from types import TracebackType

from ...log import Warn, warn_on_stderr
from ..frames import Frame
from ..sources.base import FrameSource, Outages


class SeveralCameras:
    """Live sources read side by side, one thread each.

    A camera is never waited for while another has a frame. Frames carry their camera's name, also in front of their
    own. A camera that ends or is lost for good is dropped with a warning while others go on; the last one's error is
    raised.

    Args:
        cameras: name -> live source, not yet entered.
        warn: receives a line about each camera that is dropped.
    """

    kind = "camera"
    moving = True
    live = True
    in_turns = True
    """A frame that was yielded is to be segmented: the newest of another camera must not replace it."""

    def __init__(self, cameras: Mapping[str, FrameSource], warn: Warn = warn_on_stderr) -> None:
        self.cameras, self._warn = dict(cameras), warn
        self.replaced = dict.fromkeys(self.cameras, 0)
        """Camera -> frames that a newer one of the same camera replaced before their turn."""
        self._changed = threading.Condition()
        self._newest: dict[str, Frame] = {}
        self._errors: dict[str, BaseException | None] = {}
        self._stopped = False
        self._stack = ExitStack()

    @property
    def skipped(self) -> int:
        return sum(camera.skipped for camera in self.cameras.values())

    @property
    def dropped(self) -> int:
        return sum(camera.dropped for camera in self.cameras.values()) + sum(self.replaced.values())

    @property
    def mode(self) -> str | None:
        return "; ".join(f"{name}: {camera.mode}" for name, camera in self.cameras.items() if camera.mode) or None

    @property
    def outages(self) -> Outages:
        """Those of all cameras together."""
        every = Outages()
        for camera in self.cameras.values():
            every.kept.extend(camera.outages.kept)
            every.count += camera.outages.count
            every.seconds += camera.outages.seconds
        return every

    def stop(self) -> None:
        with self._changed:
            self._stopped = True
            self._changed.notify_all()
        for camera in self.cameras.values():
            camera.stop()

    def __enter__(self) -> SeveralCameras:
        with ExitStack() as stack:
            for camera in self.cameras.values():
                stack.enter_context(camera)
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def __iter__(self) -> Iterator[Frame]:
        """Yield frames in turn.

        Raises:
            CameraLostError: the last camera is gone.
        """
        self._stopped, self._newest, self._errors = False, {}, {}
        threads = [
            threading.Thread(target=self._read, args=(name,), name=f"camera {name}", daemon=True)
            for name in self.cameras
        ]
        for thread in threads:
            thread.start()
        try:
            turn = list(self.cameras)
            while (name := self._wait(turn)) is not None:
                turn.append(turn.pop(turn.index(name)))
                yield self._newest.pop(name)
        finally:
            self.stop()
            for thread in threads:
                thread.join()
        lost = [error for error in self._errors.values() if error is not None]
        if len(lost) == len(self.cameras):
            raise lost[-1]

    def _wait(self, turn: list[str]) -> str | None:
        """The first camera of ``turn`` with a frame; None if none will come."""
        with self._changed:
            while not self._stopped:
                for name in turn:
                    if name in self._newest:
                        return name
                if len(self._errors) == len(self.cameras):
                    return None
                self._changed.wait()
            return None

    def _read(self, name: str) -> None:
        """Keep the newest frame of a camera, until it or the run ends."""
        error: BaseException | None = None
        try:
            for frame in self.cameras[name]:
                with self._changed:
                    if self._stopped:
                        return
                    self.replaced[name] += name in self._newest
                    self._newest[name] = frame._replace(name=f"{name}_{frame.name}", camera=name)
                    self._changed.notify_all()
        except BaseException as reason:
            error = reason
        finally:
            with self._changed:
                self._errors[name] = error
                others = len(self._errors) < len(self.cameras) and not self._stopped
                self._changed.notify_all()
            if others:
                self._warn(f"camera {name} {f'is gone: {error}' if error else 'has ended'}; the others go on")
