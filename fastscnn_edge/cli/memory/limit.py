"""``--memory-limit``: check of the estimated memory before a model is loaded."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from ...errors import SourceError
from ...runtime.board.memory import read_memory
from ...runtime.engines.open import describe_model
from ...runtime.images import list_images
from ...runtime.images.header import PictureHeader, picture_header
from ...runtime.pipeline.footprint import Footprint, Kind, Workload, largest, require_fits
from ...runtime.sources.images import VIDEO_SUFFIXES
from ...runtime.sources.open import is_picture

HELP = (
    "refuse a model, before loading it, if the estimate is above this: a number of bytes with K, M or G, such as 128M"
)


def check_limit(
    limit: int | None, model: Path, work: Callable[[], Workload], option: str = "--memory-limit"
) -> Footprint | None:
    """Estimate the peak for ``model`` and ``work``; None if there is no limit: nothing is read then.

    Args:
        option: what the limit was given by, for the message.

    Raises:
        UsageError: the estimate is above ``limit`` bytes.
        ModelFileError: the model is missing, damaged or not of this package.
    """
    if limit is None:
        return None
    spec, engine = describe_model(model)
    return require_fits(spec, engine, model.stat().st_size, read_memory().rss or 0, limit, work(), option)


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

    Raises:
        SourceError: the source is missing, or none of it can be read.
    """
    if not sources:
        size = camera_size and (camera_size[1], camera_size[0])
        return Workload(size, Kind.CAMERA, held=cameras, drawing=drawing)
    if _is_video(sources[0]):
        loaded = "av" in sys.modules
        return Workload(_video_size(sources[0]), Kind.VIDEO, video_loaded=loaded, drawing=drawing)
    files = [path for place in sources for path in (list_images(place, recursive) if place.is_dir() else [place])]
    pictures = tuple(sorted(set(_headers(files))))
    kind = Kind.FOLDER if repeated or len(files) > 1 else Kind.PICTURE
    return Workload(largest(pictures, max_side), kind, drawing=drawing, pictures=pictures, max_side=max_side)


def _is_video(source: Path) -> bool:
    return source.suffix.lower() in VIDEO_SUFFIXES or not (source.is_dir() or is_picture(source))


def _headers(files: list[Path]) -> Iterator[PictureHeader]:
    """Headers of those that can be read: a run passes the others over, but not all of them."""
    errors, found = [], 0
    for path in files:
        try:
            yield picture_header(path)
            found += 1
        except SourceError as error:
            errors.append(error)
    if not found:
        raise errors[0]


def _video_size(path: Path) -> tuple[int, int]:
    """(height, width) of a video's frames."""
    from ...runtime.sources.video import VideoSource

    with VideoSource(path) as video:
        return video.size
