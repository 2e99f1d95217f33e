"""Names that other projects give the tensors of a Fast-SCNN.

Names are translated from ours to the file's, never back: messages then name keys the file has,
and no two of its keys can land on one of ours.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

KeyRules = tuple[tuple[str, str], ...]

# Rewriting rules, our key -> the file's key, applied in order.
_MMSEG_KEYS = (
    (r"^(learning_to_downsample|global_feature_extractor|feature_fusion)\.", r"backbone.\1."),
    (r"(dsconv\d)\.(depthwise|pointwise)\.", r"\1.\2_conv."),
    (r"(bottleneck\d\.\d)\.expand\.", r"\1.conv.0."),
    (r"(bottleneck\d\.\d)\.depthwise\.", r"\1.conv.1."),
    (r"(bottleneck\d\.\d)\.project\.", r"\1.conv.2."),
    (r"\.pyramid\.branches\.(\d)\.", r".ppm.\1.1."),
    (r"feature_fusion\.depthwise\.", "feature_fusion.dwconv."),
    (r"feature_fusion\.(lower|higher)\.", r"feature_fusion.conv_\1_res."),
    (r"^classifier\.dsconv1\.", "decode_head.convs.0."),
    (r"^classifier\.dsconv2\.", "decode_head.convs.1."),
    (r"^classifier\.logits\.", "decode_head.conv_seg."),
    (r"^auxiliary\.lower\.", "auxiliary_head.0."),
    (r"^auxiliary\.higher\.", "auxiliary_head.1."),
    (r"^(auxiliary_head\.\d)\.conv\.", r"\1.convs.0."),
    (r"^(auxiliary_head\.\d)\.logits\.", r"\1.conv_seg."),
)

_PAPER_KEYS = (
    (r"^(feature_fusion)\.(lower|higher)\.conv\.", r"\1.conv_\2_res.0."),
    (r"^(feature_fusion)\.(lower|higher)\.bn\.", r"\1.conv_\2_res.1."),
    (r"^(feature_fusion)\.depthwise\.", r"\1.dwconv."),
    (r"(bottleneck\d\.\d)\.expand\.", r"\1.block.0."),
    (r"(bottleneck\d\.\d)\.depthwise\.", r"\1.block.1."),
    (r"(bottleneck\d\.\d)\.project\.conv\.", r"\1.block.2."),
    (r"(bottleneck\d\.\d)\.project\.bn\.", r"\1.block.3."),
    (r"(dsconv\d)\.depthwise\.conv\.", r"\1.conv.0."),
    (r"(dsconv\d)\.depthwise\.bn\.", r"\1.conv.1."),
    (r"(dsconv\d)\.pointwise\.conv\.", r"\1.conv.3."),
    (r"(dsconv\d)\.pointwise\.bn\.", r"\1.conv.4."),
    (r"\.pyramid\.branches\.0\.", ".ppm.conv1."),
    (r"\.pyramid\.branches\.1\.", ".ppm.conv2."),
    (r"\.pyramid\.branches\.2\.", ".ppm.conv3."),
    (r"\.pyramid\.branches\.3\.", ".ppm.conv4."),
    (r"^(global_feature_extractor)\.out\.", r"\1.ppm.out."),
    # Our ConvBN is a Sequential there: 0 the convolution, 1 the batch norm.
    (r"(downsample\.conv|block\.[01]|ppm\.\w+|dwconv)\.conv\.", r"\1.conv.0."),
    (r"(downsample\.conv|block\.[01]|ppm\.\w+|dwconv)\.bn\.", r"\1.conv.1."),
    (r"^classifier\.logits\.", "classifier.conv.1."),
    (r"^auxiliary\.higher\.conv\.conv\.", "auxlayer.0."),
    (r"^auxiliary\.higher\.conv\.bn\.", "auxlayer.1."),
    (r"^auxiliary\.higher\.logits\.", "auxlayer.4."),
)


def detect(state: Mapping[str, Tensor]) -> tuple[str, KeyRules]:
    """The dialect of a file's keys, and the rules that turn our keys into them."""
    if any(key.startswith("backbone.") for key in state):
        return "mmseg", _MMSEG_KEYS
    if any(".block.0.conv.0." in key for key in state):
        return "paper", _PAPER_KEYS
    kernel = state.get("global_feature_extractor.out.conv.weight")
    return ("paper" if kernel is not None and kernel.shape[-1:] == (1,) else "mmseg"), ()


def their_key(key: str, rules: KeyRules) -> str:
    """The file's name of our ``key``."""
    for pattern, replacement in rules:
        key = re.sub(pattern, replacement, key)
    return key
