"""A graph as a trainable torch module that rounds where the int8 graph rounds.

Batch norms are already folded in a graph, so what is trained is what is shipped: weights are rounded
per channel by the rule of :mod:`..calibration.scheme`, activations by a learned scale and zero point per
scale group (LSQ, arXiv 1902.08153; LSQ+ for the zero point, arXiv 2004.09576).
"""

from __future__ import annotations

import math

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ..calibration.scheme import Scheme
from ..graph.arithmetic import INT8_MAX, INT8_MIN
from ..graph.graph import Add, Concat, Conv, Graph, Level, Op, Pool, Quantization, Resize, scale_groups
from ..graph.graph import Tensor as GraphTensor
from ..ptq.ptq import INPUT


class FakeQuantGraph(nn.Module):
    """``graph`` on batches in float32, with int8 rounding simulated.

    Args:
        graph: float, batch norms folded.
        parameters: initial activation scales, from calibration.
        scheme: ``affine`` learns zero points of activations that can be negative; ``symmetric`` has none.
    """

    def __init__(self, graph: Graph, parameters: dict[str, Quantization], scheme: Scheme) -> None:
        super().__init__()
        self.graph, self.scheme = graph, scheme
        self._last_uses = graph.last_uses()
        self.weights, self.biases = nn.ParameterDict(), nn.ParameterDict()
        for op in graph.ops:
            if isinstance(op, Conv):
                self.weights[_key(op.output)] = nn.Parameter(_to_torch(graph, op))
                self.biases[_key(op.output)] = nn.Parameter(torch.tensor(_data(graph, op.bias)))
            elif isinstance(op, Pool):
                self.register_buffer(f"pool_{_key(op.output)}", torch.tensor(_data(graph, op.weight)))
        self.rounders = nn.ModuleDict()
        self.rounder_of: dict[str, str] = {}
        relu = {op.output for op in graph.ops if isinstance(op, Conv | Add) and op.relu}
        for group in scale_groups(graph):
            if graph.input in group:
                continue
            first = min(group)
            learn_zero_point = scheme.name == "affine" and parameters[first].zero_point != INT8_MIN
            self.rounders[_key(first)] = Rounder(parameters[first], learn_zero_point and not group <= relu)
            self.rounder_of.update(dict.fromkeys(group, _key(first)))

    def forward(self, pixels: Tensor) -> Tensor:
        """Logits [N, C, h, w] for ``pixel - 128`` [N, 3, H, W]."""
        values = {self.graph.input: pixels}
        for op, finished in zip(self.graph.ops, self._last_uses, strict=True):
            values[op.output] = self._run(op, values)
            for name in finished:
                del values[name]
        return values[self.graph.output]

    def _run(self, op: Op, values: dict[str, Tensor]) -> Tensor:
        if isinstance(op, Conv):
            return self._round(op.output, self._conv(op, values[op.input]))
        if isinstance(op, Add):
            y = values[op.inputs[0]] + values[op.inputs[1]]
            return self._round(op.output, F.relu(y) if op.relu else y)
        if isinstance(op, Pool):
            matrix = self.get_buffer(f"pool_{_key(op.output)}")
            return self._round(op.output, (values[op.input].flatten(2) @ matrix.T)[:, :, None])
        if isinstance(op, Level):
            rows = values[op.input][:, :, 0, op.start : op.start + op.bins**2]
            return rows.reshape(*rows.shape[:2], op.bins, op.bins)
        if isinstance(op, Resize):
            size = self.graph.tensors[op.output].shape[1:3]
            y = F.interpolate(values[op.input], size, mode="bilinear", align_corners=op.align_corners)
            return self._round(op.output, y)
        assert isinstance(op, Concat)
        return self._concat(op, values)

    def _conv(self, op: Conv, x: Tensor) -> Tensor:
        weight = round_weight(self.weights[_key(op.output)])
        top, bottom, left, right = op.padding
        same = top == bottom == left == right
        if not same:
            x = F.pad(x, (left, right, top, bottom))
        groups = x.shape[1] if op.depthwise else 1
        y = F.conv2d(x, weight, self.biases[_key(op.output)], op.stride, top if same else 0, groups=groups)
        return F.relu(y) if op.relu else y

    def _concat(self, op: Concat, values: dict[str, Tensor]) -> Tensor:
        parts = []
        batch = next(values[name] for name in op.inputs if name in values).shape[0]
        for name in op.inputs:
            if name in values:
                parts.append(values[name])
            else:  # the constant border around the image, whose integers are pixels
                border = np.round(_data(self.graph, name)).transpose(0, 3, 1, 2)
                parts.append(torch.tensor(border).expand(batch, -1, -1, -1))
        return torch.cat(parts, {1: 2, 2: 3, 3: 1}[op.axis])

    def _round(self, name: str, x: Tensor) -> Tensor:
        result: Tensor = self.rounders[self.rounder_of[name]](x)
        return result

    @torch.no_grad()
    def trained(self) -> tuple[Graph, dict[str, Quantization]]:
        """The float graph with the trained weights, and the scale and zero point of every activation."""
        constants = {}
        for op in self.graph.ops:
            if isinstance(op, Conv):
                weight = self.weights[_key(op.output)].permute(0, 2, 3, 1).numpy()  # [O, kh, kw, I]
                weight = weight.transpose(3, 1, 2, 0) if op.depthwise else weight
                for name, data in ((op.weight, weight), (op.bias, self.biases[_key(op.output)].numpy())):
                    data = np.ascontiguousarray(data, np.float32)
                    constants[name] = GraphTensor(name, data.shape, data=data)
        parameters = {}
        for group in scale_groups(self.graph):
            shared = INPUT if self.graph.input in group else self._rounder(min(group)).quantization()
            parameters.update(dict.fromkeys(group, shared))
        return self.graph.replace_tensors(constants), parameters

    def _rounder(self, name: str) -> Rounder:
        rounder = self.rounders[self.rounder_of[name]]
        assert isinstance(rounder, Rounder)
        return rounder


class Rounder(nn.Module):
    """Rounding of an activation to int8 steps, with a learned scale and, if asked for, zero point.

    The scale is learned as a logarithm: it stays positive, and one learning rate fits scales that
    differ a hundredfold.
    """

    def __init__(self, start: Quantization, learn_zero_point: bool) -> None:
        super().__init__()
        self.log_scale = nn.Parameter(torch.tensor([math.log(float(start.scale[0]))]))
        self.zero_point = nn.Parameter(torch.tensor([float(start.zero_point)]), requires_grad=learn_zero_point)

    def forward(self, x: Tensor) -> Tensor:
        # LSQ's gradient scale: without it a large feature map would drown the weights' gradients.
        factor = 1 / math.sqrt(x[0].numel() * INT8_MAX)
        return torch._fake_quantize_learnable_per_tensor_affine(
            x, self.log_scale.exp(), self.zero_point, INT8_MIN, INT8_MAX, factor
        )

    def quantization(self) -> Quantization:
        zero_point = int(np.clip(round(self.zero_point.item()), INT8_MIN, INT8_MAX))
        return Quantization(self.log_scale.exp().detach().numpy().astype(np.float32), zero_point)


def round_weight(weight: Tensor) -> Tensor:
    """Round [O, I, kh, kw] to 127 steps either side, one scale per output channel, as the scheme does."""
    with torch.no_grad():
        peak = weight.abs().amax((1, 2, 3))
        scale = torch.where(peak > 0, peak / 127, torch.ones_like(peak))
        zero = torch.zeros_like(scale, dtype=torch.int32)
    return torch.fake_quantize_per_channel_affine(weight, scale, zero, 0, -127, 127)


def _to_torch(graph: Graph, op: Conv) -> Tensor:
    """Convert a weight [O, kh, kw, I] to [O, I, kh, kw]; depthwise [1, kh, kw, C] to [C, 1, kh, kw]."""
    order = (3, 0, 1, 2) if op.depthwise else (0, 3, 1, 2)
    return torch.tensor(_data(graph, op.weight).transpose(order)).contiguous()


def _data(graph: Graph, name: str) -> np.ndarray:
    data = graph.tensors[name].data
    assert data is not None
    return data


def _key(name: str) -> str:
    """Convert a tensor name to a module name, which may not have dots or slashes."""
    return name.replace(".", "_").replace("/", "__")
