"""Options of an .onnx: its input, its output, the engine it is written for, and the extents that stay open."""

from __future__ import annotations

from dataclasses import dataclass

UINT8, PIXELS, NORMALIZED = "uint8", "pixels", "normalized"
INPUTS = (UINT8, PIXELS, NORMALIZED)

LOGITS, UPSAMPLED, ARGMAX = "logits", "upsampled", "argmax"
HEADS = (LOGITS, UPSAMPLED, ARGMAX)

TENSORRT, ORT_ARM64, ORT_X86 = "tensorrt", "ort-arm64", "ort-x86"
TARGETS = (TENSORRT, ORT_ARM64, ORT_X86)

FIXED, DYNAMIC_BATCH, DYNAMIC_SIZE, DYNAMIC_ALL = "no", "batch", "size", "all"
DYNAMICS = (FIXED, DYNAMIC_BATCH, DYNAMIC_SIZE, DYNAMIC_ALL)


@dataclass(frozen=True)
class OnnxOptions:
    """Options that change the file, not the network.

    Attributes:
        input: ``uint8``: camera frames as they are, uint8 NHWC [N, H, W, 3], RGB. ``pixels``: float32 NCHW, 0..255.
            ``normalized``: float32 NCHW, (pixel - mean) / std, as the checkpoint was trained.
        head: ``logits``: float32 [N, C, H/8, W/8]. ``upsampled``: float32 [N, C, H, W]. ``argmax``: uint8 [N, H, W].
        target: ``ort-x86``: uint8 activations, whose kernels are fast on every CPU. ``ort-arm64``: int8
            activations. ``tensorrt``: int8 without zero points, float biases, and an input that TensorRT can read.
        dynamic: which extents are left open.

    Raises:
        ValueError: a value is none of these.
    """

    input: str = UINT8
    head: str = LOGITS
    target: str = ORT_X86
    dynamic: str = FIXED

    def __post_init__(self) -> None:
        for value, allowed in (
            (self.input, INPUTS),
            (self.head, HEADS),
            (self.target, TARGETS),
            (self.dynamic, DYNAMICS),
        ):
            if value not in allowed:
                raise ValueError(f"'{value}' is none of: {', '.join(allowed)}")

    @property
    def dynamic_batch(self) -> bool:
        return self.dynamic in (DYNAMIC_BATCH, DYNAMIC_ALL)

    @property
    def dynamic_size(self) -> bool:
        return self.dynamic in (DYNAMIC_SIZE, DYNAMIC_ALL)
