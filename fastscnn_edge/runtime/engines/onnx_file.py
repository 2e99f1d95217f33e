"""Description inside an .onnx, and the check that the file is complete and undamaged.

ONNX has a place for it: ``metadata_props`` of the ModelProto, key -> text. An .onnx is a protocol buffer, and this
module parses just enough of the wire format to walk over the top-level fields, so that a board needs neither the onnx
package nor a loaded session to read a file's description. Keys:

* ``fastscnn_edge``: the :class:`~fastscnn_edge.spec.ModelSpec` as JSON;
* ``labels``: one class per line;
* ``logits``: JSON, scale and zero_point of the logits; only in int8 files. The graph returns logits as real numbers,
  and with these two they are converted back to integers;
* ``sha256``: digest of the file with these 64 digits as zeros; without it a flipped bit in a weight would go unnoticed.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, BinaryIO

from ...spec import ModelSpec
from .base import LogitsQuantization
from .damage import damaged, not_ours, require_file
from .onnx_check import check_padding
from .onnx_wire import next_field

SPEC, LABELS, LOGITS, DIGEST = "fastscnn_edge", "labels", "logits", "sha256"

BLANK_DIGEST = "0" * 64

_METADATA_FIELD = 14  # of ModelProto (onnx.proto)
_KEY, _VALUE = 1, 2  # of StringStringEntryProto


def metadata(spec: ModelSpec, logits: LogitsQuantization | None) -> dict[str, str]:
    """Metadata to store in a file, the digest still blank."""
    entries = {SPEC: spec.to_json(), LABELS: "\n".join(spec.classes.labels), DIGEST: BLANK_DIGEST}
    if logits is not None:
        entries[LOGITS] = json.dumps(logits._asdict())
    return entries


def seal(body: bytes) -> bytes:
    """Fill in the digest of ``body``, a model with :func:`metadata`."""
    at = body.rindex(BLANK_DIGEST.encode())
    digest = hashlib.sha256(body).hexdigest().encode()
    return body[:at] + digest + body[at + len(digest) :]


def read_onnx(path: str | Path) -> tuple[ModelSpec, LogitsQuantization | None]:
    """Read the description inside ``path`` and the quantization of its logits, after checking the digest.

    Raises:
        ModelFileError: missing, truncated, damaged, or not written by this package.
    """
    path = Path(path)
    require_file(path)
    try:
        with path.open("rb") as stream:
            entries, digest_at = _read_metadata(stream, path.stat().st_size)
            stated = entries[DIGEST]
            actual = _digest(stream, digest_at)
            check_padding(stream, path.stat().st_size)
        spec = ModelSpec.from_json(entries[SPEC])
        logits = _logits(json.loads(entries[LOGITS])) if LOGITS in entries else None
    except (KeyError, OverflowError, ValueError, TypeError, OSError) as error:
        raise not_ours(path, "fastscnn-edge export --format onnx") from error
    if actual != stated:
        raise damaged(path)
    return spec, logits


def _logits(raw: dict[str, Any]) -> LogitsQuantization:
    """Check the scale and zero point of the logits; ValueError or the like if they cannot be right."""
    result = LogitsQuantization(**raw)
    # The least and largest float32: integers are found again by multiplying with 1 / scale.
    if type(result.scale) not in (int, float) or not 1e-38 < result.scale < 1e38:
        raise ValueError(f"scale {result.scale!r:.40}")
    if type(result.zero_point) is not int or not -128 <= result.zero_point <= 255:
        raise ValueError(f"zero point {result.zero_point!r:.40}")
    return result


def _read_metadata(stream: BinaryIO, size: int) -> tuple[dict[str, str], int]:
    """Read metadata_props and the position of the digest's text. ValueError if the file ends early."""
    entries: dict[str, str] = {}
    digest_at = -1
    while stream.tell() < size:
        field, start, length = next_field(stream, size)
        if field == _METADATA_FIELD:
            key, value, value_at = _entry(stream, start + length)
            entries[key] = value
            if key == DIGEST:
                digest_at = value_at
        stream.seek(start + length)
    return entries, digest_at


def _entry(stream: BinaryIO, end: int) -> tuple[str, str, int]:
    """Read the entry at the stream's position: (key, value, position of the value)."""
    parts, value_at = {_KEY: b"", _VALUE: b""}, -1
    while stream.tell() < end:
        field, start, length = next_field(stream, end)
        stream.seek(start)
        parts[field] = stream.read(length)
        if field == _VALUE:
            value_at = start
    return parts[_KEY].decode(), parts[_VALUE].decode(), value_at


def _digest(stream: BinaryIO, blank_at: int) -> str:
    """SHA-256 of the whole file, with zeros for the digits at ``blank_at``."""
    digest, position, blank = hashlib.sha256(), 0, BLANK_DIGEST.encode()
    stream.seek(0)
    while block := bytearray(stream.read(1 << 20)):
        for index in range(max(blank_at, position), min(blank_at + len(blank), position + len(block))):
            block[index - position] = blank[index - blank_at]
        digest.update(block)
        position += len(block)
    return digest.hexdigest()
