"""The description that travels inside a .tflite, and the check that the file is whole.

TFLite's own convention for labels and the like is a zip archive appended to the flatbuffer. The
interpreter never looks past the flatbuffer, ``unzip model.tflite`` works for people, and the
standard library reads it: a board needs no schema package. Members:

* ``fastscnn_edge.json``: the :class:`~fastscnn_edge.spec.ModelSpec`;
* ``labels.txt``: one class a line, where other TFLite tools look for it;
* ``body.sha256``: digest of the flatbuffer, so that a damaged file is refused before the engine
  maps it (interpreters read out of bounds in a truncated one).
"""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from pathlib import Path

from ...spec import ModelSpec
from .damage import damaged, not_ours, require_file

_SPEC, _LABELS, _DIGEST = "fastscnn_edge.json", "labels.txt", "body.sha256"

_MAX_MEMBER = 1 << 20
"""Bytes of a member that are read; a description of 255 classes has 20 thousand."""

# What zipfile raises for damaged archives: also for a compression or encryption that a flipped bit stands for.
_DAMAGE = (zipfile.BadZipFile, zlib.error, KeyError, ValueError, EOFError, OSError, NotImplementedError, RuntimeError)


def attach_spec(body: bytes, spec: ModelSpec) -> bytes:
    """The flatbuffer ``body`` with its description appended. Same input, same bytes."""
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


def read_spec(path: str | Path) -> ModelSpec:
    """The description inside ``path``, after checking that the file is whole.

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
    return spec


def _member(archive: zipfile.ZipFile, name: str) -> str:
    """The text of a member; its stated size is looked at first, since a few bytes can unpack to gigabytes."""
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
