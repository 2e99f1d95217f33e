"""Still images: listing, decoding and resizing, the same for every command."""

from __future__ import annotations

from .listing import IMAGE_SUFFIXES, list_images, unique_names
from .reader import MAX_PIXELS, ImageReader, read_image
from .resize import FILTERS, resize_image, resize_image_into, to_array

__all__ = [
    "FILTERS",
    "IMAGE_SUFFIXES",
    "MAX_PIXELS",
    "ImageReader",
    "list_images",
    "read_image",
    "resize_image",
    "resize_image_into",
    "to_array",
    "unique_names",
]
