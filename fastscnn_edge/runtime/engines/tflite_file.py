"""Description inside a .tflite, and the check that the file is complete and undamaged.

TFLite's own convention for labels and other metadata is a zip archive appended to the flatbuffer. The
interpreter never reads past the flatbuffer, ``unzip model.tflite`` works on the command line, and the
standard library reads it: a board needs no schema package (decision 0001). Members:

* ``fastscnn_edge.json``: the :class:`~fastscnn_edge.spec.ModelSpec`;
* ``labels.txt``: one class per line, where other TFLite tools look for it;
* ``body.sha256``: digest of the flatbuffer, so that a damaged file is refused before the engine
  maps it (interpreters read out of bounds in a truncated one).
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from pathlib import Path
from typing import NamedTuple

from ...spec import ModelSpec
from .damage import damaged, not_ours, require_file

_SPEC, _LABELS, _DIGEST = "fastscnn_edge.json", "labels.txt", "body.sha256"

_MAX_MEMBER = 1 << 20
"""Largest member that is read, in bytes; a description of 255 classes has 20 thousand."""

# zipfile's exceptions for damaged archives: a flipped bit can also ask for an unknown compression or encryption.
_DAMAGE = (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, OSError, NotImplementedError, RuntimeError)


def attach_spec(body: bytes, spec: ModelSpec) -> bytes:
    """Append the description to the flatbuffer ``body``. Same input, same bytes."""
    buffer = io.BytesIO()
    buffer.write(body)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_STORED) as archive:
        for name, text in (
            (_SPEC, spec.to_json()),
            (_LABELS, "\n".join(spec.classes.labels) + "\n"),
            (_DIGEST, hashlib.sha256(body).hexdigest()),
        ):
            archive.writestr(zipfile.ZipInfo(name), text)  # ZipInfo's fixed date keeps builds reproducible
    return buffer.getvalue()


class Described(NamedTuple):
    """A file whose digest is right: its description, and the size of the flatbuffer in bytes."""

    spec: ModelSpec
    body_size: int


def read_spec(path: str | Path) -> ModelSpec:
    """Read the description inside ``path``, after checking the digest; raises what :func:`read_described` does."""
    return read_described(path).spec


def read_described(path: str | Path) -> Described:
    """Read the description inside ``path`` and where the flatbuffer ends, after checking the digest.

    Raises:
        ModelFileError: missing, truncated, damaged, or not written by this package.
    """
    path = Path(path)
    require_file(path)
    try:
        with zipfile.ZipFile(path) as archive:
            body_size = min(info.header_offset for info in archive.infolist())
            text, digest = _member(archive, _SPEC), _member(archive, _DIGEST)
        spec = ModelSpec.from_json(text)
    except _DAMAGE as error:
        raise not_ours(path, "fastscnn-edge export") from error
    if _digest_of_start(path, body_size) != digest:
        raise damaged(path)
    return Described(spec, body_size)


def _member(archive: zipfile.ZipFile, name: str) -> str:
    """Read a member's text; its stated size is checked first, since a few bytes can unpack to gigabytes."""
    info = archive.getinfo(name)
    if info.file_size > _MAX_MEMBER:
        raise ValueError(f"{name} has {info.file_size} bytes")
    return archive.read(info).decode()


def _digest_of_start(path: Path, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while size > 0 and (block := stream.read(min(size, 1 << 20))):
            digest.update(block)
            size -= len(block)
    return digest.hexdigest()
