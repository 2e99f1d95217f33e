"""onnx2tf: argv model.onnx out.tflite, float32; the .tflite takes NHWC, whatever the .onnx takes."""

from __future__ import annotations

import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np


def convert(source: Path, out: Path, suffix: str = "_float32.tflite", **options: Any) -> None:
    """Keep the one of its files whose name ends in ``suffix``; ``options`` are of ``onnx2tf.convert``."""
    import onnx2tf.onnx2tf as converter

    # It downloads sample images at start, for its own comparison, which nothing here needs.
    converter.download_test_image_data = lambda: np.zeros((20, 128, 128, 3), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        converter.convert(input_onnx_file_path=str(source), output_folder_path=folder, non_verbose=True, **options)
        shutil.copy(next(Path(folder).glob(f"*{suffix}")), out)


if __name__ == "__main__":
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
