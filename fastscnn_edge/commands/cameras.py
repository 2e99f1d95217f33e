"""``fastscnn-edge cameras``: list the attached cameras, their modes and the libraries that read them."""

from __future__ import annotations

import json
from dataclasses import asdict

from ..cli.command import guarded, parser
from ..runtime.cameras.listing import describe_cameras, find_cameras


def main(argv: list[str] | None = None) -> int:
    """Entry point; returns the exit status: 0 if a usable camera is attached, 1 if not."""
    result = parser(
        "cameras",
        "List the attached cameras with formats, sizes and rates, the library that reads each, and why some cannot be\n"
        "used. Exit status 1 if none is usable.",
        """
        fastscnn-edge cameras
        fastscnn-edge cameras --json
        fastscnn-edge run --camera 0 --camera-size 640x480 --camera-fps 30 --camera-format YUYV
        """,
    )
    result.add_argument("--json", action="store_true", help="print a list as JSON instead")
    options = result.parse_args(argv)
    return guarded(lambda: _list(options.json))


def _list(as_json: bool) -> int:
    found = find_cameras()
    print(json.dumps([asdict(camera) for camera in found], indent=1) if as_json else describe_cameras(found))
    return 0 if any(camera.problem is None for camera in found) else 1
