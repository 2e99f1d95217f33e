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
from pathlib import Path

from ...errors import ModelFileError
from ...spec import ModelSpec

_SPEC, _LABELS, _DIGEST = "fastscnn_edge.json", "labels.txt", "body.sha256"


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
    if not path.is_file():
        raise ModelFileError(f"no such model: {path}")
    try:
        with zipfile.ZipFile(path) as archive:
            body_size = min(info.header_offset for info in archive.infolist())
            text, digest = archive.read(_SPEC).decode(), archive.read(_DIGEST).decode()
        spec = ModelSpec.from_json(text)
    except (zipfile.BadZipFile, KeyError, ValueError, EOFError, OSError) as error:
        raise ModelFileError(
            f"{path} is not a complete model of this package (truncated, damaged, or another network's); "
            "make one with: fastscnn-edge export"
        ) from error
    if _digest_of_start(path, body_size) != digest:
        raise ModelFileError(f"{path} is damaged: its content does not match its digest; copy or export it again")
    return spec


def _digest_of_start(path: Path, size: int) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as stream:
        while size > 0 and (block := stream.read(min(size, 1 << 20))):
            digest.update(block)
            size -= len(block)
    return digest.hexdigest()
