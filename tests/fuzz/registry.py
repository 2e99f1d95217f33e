"""All readers under test, by name."""

from __future__ import annotations

from tests.fuzz import checkpoints, onnx_files, pictures, streams, texts, tflite
from tests.fuzz.commands import CommandReader
from tests.fuzz.reader import Reader

_STREET = "examples/street/street_1.jpg"

_IN_PROCESS = (
    tflite.TFLiteReader(),
    tflite.BundledTFLiteReader(),
    tflite.TFLiteArchiveReader(),
    onnx_files.OnnxReader(),
    checkpoints.TorchReader(),
    checkpoints.SafetensorsReader(),
    checkpoints.QuantizedReader(),
    pictures.PictureReader(),
    pictures.LabelMapReader(),
    pictures.CameraJpegReader(),
    pictures.CameraRawReader(),
    texts.ReportReader(),
    texts.ScoresReader(),
    texts.ClassesReader(),
    texts.LabelMapTextReader(),
    texts.ListingReader(),
    streams.VideoReader(),
    streams.HttpReader(),
)

_EXPORT = "export --precision fp32 --size 64x64 --checkpoint {file} --out {folder}/m.tflite"

_BY_COMMAND = (
    CommandReader(tflite.TFLiteReader(), f"run --model {{file}} --source {_STREET}"),
    CommandReader(onnx_files.OnnxReader(), f"run --model {{file}} --source {_STREET}"),
    CommandReader(checkpoints.TorchReader(), _EXPORT),
    CommandReader(checkpoints.SafetensorsReader(), _EXPORT),
    CommandReader(checkpoints.QuantizedReader(), "export --checkpoint {file} --out {folder}/m.tflite"),
    CommandReader(pictures.PictureReader(), "run --source {file} --out {folder}"),
    CommandReader(texts.ReportReader(), "report {file} --out {folder}/r.html"),
    CommandReader(texts.ReportReader(), "compare {good} {file}"),
    CommandReader(streams.VideoReader(), "run --source {file} --headless"),
)

READERS: dict[str, Reader] = {reader.name: reader for reader in (*_IN_PROCESS, *_BY_COMMAND)}


def reader_named(name: str) -> Reader:
    return READERS[name]
