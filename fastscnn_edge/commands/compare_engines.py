"""``fastscnn-edge compare-engines``: one int8 graph in every engine, how far their logits lie apart."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..cli.command import guarded, parser, positive, size
from ..export.to_onnx.options import ORT_ARM64, ORT_X86, OnnxOptions
from ..files import write_text
from ..quantization.graph.arithmetic import quantize
from ..quantization.graph.graph import Graph, quantization_of

if TYPE_CHECKING:
    from ..export.prepare import Prepared

_DESCRIPTION = """\
Write one quantized network as .tflite and as .onnx, run both in every engine that is installed, and
compare the logits with the integer evaluator's (quantization/graph/evaluator.py), the definition of what the
integers are. A step is one unit of an int8 logit.
"""

_EXAMPLES = """
fastscnn-edge compare-engines --checkpoint int8.safetensors --pictures camvid/val/images
fastscnn-edge compare-engines --checkpoint int8.safetensors --pictures pictures/ --limit 8 --json engines.json
"""

FLOAT = "float graph, rounded at the end"
"""The line to judge the others by: what quantization itself changes."""

Logits = Callable[[np.ndarray], np.ndarray]
"""RGB uint8 [H, W, 3] of the graph's size to int8 [1, h, w, C]."""


@dataclass
class Tally:
    """How one engine's int8 logits compare with the evaluator's, summed over pictures.

    Attributes:
        steps: [256] number of logits by their absolute difference in steps.
        points, same: grid points in all, and those with the evaluator's class.
    """

    steps: np.ndarray = field(default_factory=lambda: np.zeros(256, np.int64))
    points: int = 0
    same: int = 0

    def add(self, expected: np.ndarray, actual: np.ndarray) -> None:
        """Count one picture; both int8 [1, h, w, C]."""
        gap = np.abs(expected.astype(np.int16) - actual.astype(np.int16))
        self.steps += np.bincount(gap.ravel(), minlength=len(self.steps))
        same = expected.argmax(-1) == actual.argmax(-1)
        self.points += same.size
        self.same += int(same.sum())

    def summary(self) -> Agreement:
        """The figures of the table."""
        share = self.steps / self.steps.sum()
        rms = float(np.sqrt(share @ np.arange(len(share)) ** 2))
        return Agreement(int(np.flatnonzero(self.steps).max()), rms, float(1 - share[0]), float(share[2:].sum()),
                         self.same / self.points)


@dataclass(frozen=True)
class Agreement:
    """Attributes:
        largest, rms: greatest difference, and root of the mean square, in steps.
        differing, beyond_one: share of logits that differ at all, and by more than one step, 0..1.
        same_class: share of grid points with the evaluator's class, 0..1.
    """

    largest: int
    rms: float
    differing: float
    beyond_one: float
    same_class: float


def build_parser() -> argparse.ArgumentParser:
    result = parser("compare-engines", _DESCRIPTION, _EXAMPLES)
    add = result.add_argument
    add("--checkpoint", type=Path, required=True, metavar="FILE",
        help="quantized network of 'fastscnn-edge quantize', or a float checkpoint that carries scales")
    add("--pictures", type=Path, required=True, metavar="DIR", help="folder of pictures to run")
    add("--limit", type=positive, metavar="N", help="only N of them, evenly spread over the sorted names")
    add("--size", type=size, metavar="HxW", help="input size (default: what the checkpoint was quantized at)")
    add("--json", type=Path, metavar="FILE", help="also write the figures to this file")
    return result


def main(argv: list[str] | None = None) -> int:
    """Returns the exit status."""
    return guarded(lambda: _run(build_parser().parse_args(argv)))


def _run(args: argparse.Namespace) -> int:
    # Imported late: --help and usage errors should not wait for torch.
    from tqdm import tqdm

    from ..export.prepare import Source, prepare
    from ..quantization.calibration.ranges import calibration_files, load_for
    from ..quantization.graph.evaluator import run

    files = calibration_files(args.pictures, args.limit or sys.maxsize)
    prepared = prepare(Source(args.checkpoint, size=args.size))
    with tempfile.TemporaryDirectory() as folder:
        engines = open_engines(prepared, Path(folder))
        tallies = {name: Tally() for name in (FLOAT, *engines)}
        for file in tqdm(files, "compare", leave=False, disable=None):
            picture = load_for(prepared.graph, file)
            expected = run(prepared.graph, picture)
            tallies[FLOAT].add(expected, as_integers(prepared.graph, run(prepared.float_graph, picture)))
            for name, logits in engines.items():
                tallies[name].add(expected, logits(picture))
    table = {name: tally.summary() for name, tally in tallies.items()}
    height, width = prepared.size
    print(f"{len(files)} pictures, {height}x{width}, {prepared.preset} scheme; against the integer evaluator:")
    print(f"{'engine':<34}  largest    rms  differing  beyond 1 step  same class")
    for name, row in table.items():
        print(f"{name:<34}  {row.largest:>7}  {row.rms:5.2f}  {100 * row.differing:>8.2f}%  "
              f"{100 * row.beyond_one:>12.2f}%  {100 * row.same_class:>9.2f}%")
    if args.json:
        report = {"pictures": len(files), "preset": prepared.preset,
                  "engines": {name: asdict(row) for name, row in table.items()}}
        write_text(args.json, json.dumps(report, indent=1) + "\n")
    return 0


def as_integers(graph: Graph, real: np.ndarray) -> np.ndarray:
    """Real logits in the int8 steps of ``graph``."""
    quantization = quantization_of(graph.tensors[graph.output])
    return quantize(real, quantization.scale[0], quantization.zero_point)


def open_engines(prepared: Prepared, folder: Path) -> dict[str, Logits]:
    """Name -> what gives its int8 logits; the files go to ``folder``."""
    from ai_edge_litert.interpreter import OpResolverType

    from ..export.convert import write_onnx_file, write_tflite_file

    tflite = folder / "model.tflite"
    write_tflite_file(tflite, prepared, "int8")
    engines = {
        "LiteRT, reference kernels": _tflite(tflite, OpResolverType.BUILTIN_REF),
        "LiteRT, XNNPACK": _tflite(tflite, OpResolverType.AUTO),
    }
    targets = {"ONNX Runtime, uint8 activations": ORT_X86, "ONNX Runtime, int8 activations": ORT_ARM64}
    for name, target in targets.items():
        options = OnnxOptions(target=target)
        path = folder / f"{target}.onnx"
        write_onnx_file(path, prepared, "int8", options)
        engines[name] = _onnx(path, prepared, options)
    return engines


def _tflite(path: Path, kernels: int) -> Logits:
    from ai_edge_litert.interpreter import Interpreter

    from ..runtime.engines.native_stderr import captured_stderr

    with captured_stderr():  # which delegate was created
        interpreter = Interpreter(model_path=str(path), num_threads=1, experimental_op_resolver_type=kernels)
        interpreter.allocate_tensors()
    source, result = (details[0]["index"] for details in
                      (interpreter.get_input_details(), interpreter.get_output_details()))

    def logits(picture: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(source, (picture ^ 0x80).view(np.int8)[None])
        interpreter.invoke()
        return interpreter.get_tensor(result)

    return logits


def _onnx(path: Path, prepared: Prepared, options: OnnxOptions) -> Logits:
    from ..export.to_onnx.verify import integers, open_session

    session, _ = open_session(path, options)

    def logits(picture: np.ndarray) -> np.ndarray:
        (real,) = session.run(None, {"image": picture[None]})
        return integers(prepared.graph, real.transpose(0, 2, 3, 1))

    return logits


if __name__ == "__main__":
    sys.exit(main())
