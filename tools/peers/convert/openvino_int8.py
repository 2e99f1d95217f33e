"""NNCF post-training quantization as its guide has it: argv model.onnx calibration.npz out.xml."""

from __future__ import annotations

import logging
import sys
from pathlib import Path

from .calibration import Calibration


def quantize(source: Path, calibration: Calibration, out: Path) -> None:
    """Write OpenVINO's pair of files, ``out`` and the .bin beside it."""
    import nncf
    import openvino as ov

    logging.getLogger("nncf").setLevel(logging.ERROR)
    dataset = nncf.Dataset(list(calibration.frames), calibration.planes)
    ov.save_model(nncf.quantize(ov.Core().read_model(source), dataset), out)


if __name__ == "__main__":
    quantize(Path(sys.argv[1]), Calibration.read(sys.argv[2]), Path(sys.argv[3]))
