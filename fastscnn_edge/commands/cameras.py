"""``fastscnn-edge cameras``: what is attached, which modes it has, and what would read it."""

from __future__ import annotations

from ..cli.command import guarded, parser
from ..runtime.cameras.listing import describe_cameras, find_cameras


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status: 0 if a usable camera is attached, 1 if not."""
    parser(
        "cameras",
        "List the cameras of this device with formats, sizes and rates, what would read them, and what stands in the "
        "way of those that cannot be used. Exit status 1 if there is none to use.",
        """
        fastscnn-edge cameras
        fastscnn-edge run --camera 0 --camera-size 640x480 --camera-fps 30 --camera-format YUYV
        """,
    ).parse_args(argv)
    return guarded(_list)


def _list() -> int:
    found = find_cameras()
    print(describe_cameras(found))
    return 0 if any(camera.problem is None for camera in found) else 1
