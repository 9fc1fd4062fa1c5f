"""Cheaper graphs of the same function: BatchNorm folded into the layer before it, fewer tensors made on the way."""

from __future__ import annotations

import torch
from torch import fx

from .tracing import add_constant, constant, drop_unused, is_constant, shape_of

__all__ = ["CONVOLUTIONS", "fold_batch_norm", "reuse_memory", "to_channels_last"]

_ATEN = torch.ops.aten
CONVOLUTIONS = frozenset({_ATEN.conv2d.default, _ATEN.conv2d.padding})
"""Convolutions of images; weight and bias are arguments 1 and 2."""
_AFFINE = CONVOLUTIONS | {
    _ATEN.linear.default,
    _ATEN.conv1d.default,
    _ATEN.conv1d.padding,
    _ATEN.conv3d.default,
    _ATEN.conv3d.padding,
}


def fold_batch_norm(module: fx.GraphModule) -> int:
    """Fold BatchNorm with stored statistics into the convolution or linear layer whose output only it reads.

    With ``y = g (z - m) / sqrt(v + e) + b`` and ``z = W x + c``, the layer becomes ``W s`` and ``(c - m) s + b`` with
    ``s = g / sqrt(v + e)`` per output channel, computed in float64.

    Returns
    -------
    int
        How many were folded.
    """
    graph, folded = module.graph, 0
    for node in list(graph.nodes):
        if node.target is not _ATEN.batch_norm.default or node.args[5] is not False:
            continue
        layer, *statistics = node.args[:5]
        if not isinstance(layer, fx.Node) or layer.target not in _AFFINE or len(layer.users) > 1:
            continue
        weight, bias = layer.args[1], layer.args[2] if len(layer.args) > 2 else None
        known = [weight, *([] if bias is None else [bias]), *(one for one in statistics if one is not None)]
        # of two dimensions only: a linear layer on (image, token, feature) has its channels where BatchNorm does not
        flat = layer.target is not _ATEN.linear.default or len(shape_of(layer)) == 2
        if not flat or not all(map(is_constant, known)) or None in statistics[2:]:
            continue
        gain, shift, mean, variance = (None if one is None else constant(module, one).double() for one in statistics)
        old = constant(module, weight)
        assert mean is not None  # noqa: S101
        assert variance is not None  # noqa: S101
        scale = (variance + node.args[7]).rsqrt()
        scale = scale if gain is None else scale * gain
        offset = (0.0 if bias is None else constant(module, bias).double()) - mean
        offset = offset * scale if shift is None else offset * scale + shift
        with graph.inserting_before(layer):
            new_weight = add_constant(
                module, graph, "weight", (old.double() * scale.view(-1, *[1] * (old.ndim - 1))).to(old.dtype)
            )
            new_bias = add_constant(module, graph, "bias", offset.to(old.dtype))
        layer.args = (layer.args[0], new_weight, new_bias, *layer.args[3:])
        node.replace_all_uses_with(layer)
        graph.erase_node(node)
        folded += 1
    drop_unused(graph)
    module.recompile()
    return folded


def to_channels_last(module: fx.GraphModule) -> None:
    """Lay the weights of convolutions out in channels-last order."""
    for node in module.graph.nodes:
        if node.target in CONVOLUTIONS and is_constant(node.args[1]):
            weight = constant(module, node.args[1])
            setattr(module, str(node.args[1].target), weight.contiguous(memory_format=torch.channels_last))


def reuse_memory(module: fx.GraphModule) -> None:
    """Let sums and rectifiers write into what a convolution or a sum has just made and nobody else reads.

    Neither needs its own output to differentiate, and a rectifier needs its own result only.
    """
    for node in module.graph.nodes:
        if node.target is _ATEN.add.Tensor and len(node.args) == 2 and not node.kwargs:
            one, other = node.args
            if not _is_fresh(one) and _is_fresh(other):
                one, other = other, one
            if _is_fresh(one) and one is not other and shape_of(one) == shape_of(node):
                node.target, node.args = _ATEN.add_.Tensor, (one, other)
        elif node.target is _ATEN.relu.default and _is_fresh(node.args[0]):
            node.target = _ATEN.relu_.default
    module.recompile()


def _is_fresh(node: object) -> bool:
    makers = _AFFINE | {_ATEN.add.Tensor, _ATEN.add_.Tensor, _ATEN.batch_norm.default}
    return isinstance(node, fx.Node) and node.target in makers and len(node.users) == 1


def halve_weights(module: fx.GraphModule) -> None:
    """Round the weights of convolutions and linear layers to bfloat16 once, as autocast would in every pass."""
    weights: dict[str, bool] = {}
    for node in module.graph.nodes:
        for source in filter(is_constant, node.all_input_nodes):
            multiplied = node.target in _AFFINE and source in node.args[1:3]
            weights[str(source.target)] = weights.get(str(source.target), True) and multiplied
    for name, multiplied in weights.items():
        weight = getattr(module, name)
        if multiplied and weight.dtype is torch.float32:
            setattr(module, name, weight.to(torch.bfloat16))
