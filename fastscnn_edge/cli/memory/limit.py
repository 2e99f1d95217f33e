"""``--memory-limit``: check of the estimated memory before a model is loaded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ...errors import FastSCNNEdgeError
from ...runtime.board.memory import read_memory
from ...runtime.engines.open import describe_model
from ...runtime.images import list_images
from ...runtime.images.reader import image_size
from ...runtime.pipeline.footprint import Footprint, Kind, Workload, require_fits
from ...runtime.sources.images import VIDEO_SUFFIXES

HELP = (
    "refuse a model, before loading it, if the estimate is above this: a number of bytes with K, M or G, such as 128M"
)


def check_limit(limit: int | None, model: Path, work: Callable[[], Workload]) -> Footprint | None:
    """Estimate the peak for ``model`` and ``work``; None if there is no limit: nothing is read then.

    Raises:
        UsageError: the estimate is above ``limit`` bytes.
        ModelFileError: the model is missing, damaged or not of this package.
    """
    if limit is None:
        return None
    spec, engine = describe_model(model)
    return require_fits(spec, engine, model.stat().st_size, read_memory().rss or 0, limit, work())


def workload_of(
    sources: Sequence[Path],
    drawing: bool = False,
    camera_size: tuple[int, int] | None = None,
    recursive: bool = False,
    max_side: int | None = None,
    repeated: bool = False,
    cameras: int = 1,
) -> Workload:
    """Describe what a run with this source needs memory for.

    Args:
        sources: pictures and folders, where the largest picture counts, by its header; or one video, whose frames'
            size the video library reads; none for a camera.
        drawing: overlays are drawn.
        camera_size: (width, height) requested of the camera; None: the model's input size, which cameras should match.
        recursive: of a folder, also the pictures in its subfolders count.
        max_side: of pictures, larger ones are made smaller.
        cameras: number of cameras.
        repeated: one picture is segmented several times.
    """
    if not sources:
        size = camera_size and (camera_size[1], camera_size[0])
        return Workload(size, Kind.CAMERA, held=cameras, drawing=drawing)
    if sources[0].suffix.lower() in VIDEO_SUFFIXES:
        loaded = "av" in sys.modules
        return Workload(_video_size(sources[0]), Kind.VIDEO, video_loaded=loaded, drawing=drawing)
    files = [path for place in sources for path in (list_images(place, recursive) if place.is_dir() else [place])]
    sizes = [size for path in files if (size := image_size(path))]
    largest = max(sizes, key=lambda size: size[0] * size[1], default=None)
    if largest is not None and max_side is not None and max(largest) > max_side:
        height, width = (max(1, round(side * max_side / max(largest))) for side in largest)
        largest = height, width
    return Workload(largest, Kind.FOLDER if repeated or len(files) > 1 else Kind.PICTURE, drawing=drawing)


def _video_size(path: Path) -> tuple[int, int] | None:
    """(height, width) of a video's frames; None if it cannot be opened, which the run will say."""
    from ...runtime.sources.video import VideoSource

    try:
        with VideoSource(path) as video:
            return video.size
    except FastSCNNEdgeError:
        return None
