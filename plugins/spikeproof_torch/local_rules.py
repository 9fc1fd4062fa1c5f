"""Which operations act on windows of maps, and how each is run on a part of them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import torch
from torch import fx

from .folding import CONVOLUTIONS
from .tracing import is_constant, shape_of

__all__ = ["NotLocalError", "Rule", "Window", "rule_of", "size_of"]

_ATEN = torch.ops.aten
_PIXELWISE = frozenset(
    {
        _ATEN.hardswish.default,
        _ATEN.relu6.default,
        _ATEN.hardtanh_.default,
        _ATEN.detach.default,
        _ATEN.to.dtype,
        _ATEN.type_as.default,
    }
)
"""Beside what torch itself tags as pointwise."""
_CHANNEL_CONSTANTS = frozenset({_ATEN.prelu.default, _ATEN.batch_norm.default})
"""Pointwise, with constants that belong to channels."""
_ALONG_DIMENSION = {
    _ATEN.softmax.int: 1,
    _ATEN.log_softmax.int: 1,
    _ATEN.mean.dim: 1,
    _ATEN.sum.dim_IntList: 1,
    _ATEN.amax.default: 1,
    _ATEN.cat.default: 1,
    _ATEN.chunk.default: 2,
    _ATEN.split.Tensor: 2,
    _ATEN.split.sizes: 2,
}
"""Act along the dimension that this argument names, which must be the channel."""
_MAX_POOLS = frozenset({_ATEN.max_pool2d.default, _ATEN.max_pool2d_with_indices.default})
_PADS = frozenset({_ATEN.pad.default, _ATEN.constant_pad_nd.default})
_END = 2**63 - 1


class NotLocalError(Exception):
    """An operation mixes all positions, or there is no rule for it."""


@dataclass(frozen=True, slots=True)
class Window:
    """Along one axis, output ``i`` reads inputs ``i * stride - before`` to ``i * stride - before + extent``."""

    extent: int = 1
    stride: int = 1
    before: int = 0

    def inputs(self, first: int, stop: int) -> tuple[int, int]:
        """Inputs, from the first to the one after the last, that outputs ``first`` to ``stop`` read.

        Examples
        --------
        >>> Window(3, 2, 1).inputs(0, 4)
        (-1, 8)
        """
        return first * self.stride - self.before, (stop - 1) * self.stride - self.before + self.extent


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How an operation acts on maps.

    Parameters
    ----------
    windows : tuple of Window
        Along rows and columns, of every input that is a map.
    fill : float or None
        What stands outside an input; None if nothing can stand there.
    target : operation
        What to run on just the rows and columns that are read, with what is outside put there.
    args, kwargs
        Its arguments, in terms of the nodes of the whole graph.
    broadcasts : bool
        Whether constants are spread over the map, so that they must be cut like it.
    """

    windows: tuple[Window, Window] = (Window(), Window())
    fill: float | None = None
    target: Any
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    broadcasts: bool = False


def size_of(node: fx.Node) -> tuple[int, int]:
    """Rows and columns of a map.

    Raises
    ------
    NotLocalError
        If it is no map (image, channel, y, x).
    """
    value = node.meta.get("val")
    if isinstance(value, (list, tuple)) and value:
        value = value[0]
    if not isinstance(value, torch.Tensor) or value.ndim != 4:
        raise NotLocalError(f"{node} is no map (image, channel, y, x)")
    return int(value.shape[2]), int(value.shape[3])


def rule_of(node: fx.Node) -> Rule:
    """Return how a node acts on maps.

    Raises
    ------
    NotLocalError
        If it mixes positions, or that is not known.
    """
    target: Any = node.target
    plain = Rule(target=target, args=node.args, kwargs=dict(node.kwargs))
    if target in CONVOLUTIONS:
        return _convolution(node)
    if target in _MAX_POOLS:
        return _max_pool(node)
    if target is _ATEN.avg_pool2d.default:
        return _average_pool(node)
    if target is _ATEN.slice.Tensor:
        return _slice(node, plain)
    if target in _PADS:
        return _pad(node)
    if target in _CHANNEL_CONSTANTS:
        if not is_constant(node.args[1]) and target is _ATEN.prelu.default:
            raise NotLocalError(f"{node}: its slope is computed")
        return plain
    if target in _ALONG_DIMENSION:
        which = _argument(node, _ALONG_DIMENSION[target], 0)
        if (which if isinstance(which, int) else list(which)) not in (1, -3, [1], [-3]):
            raise NotLocalError(f"{node}: {target} along rows or columns")
        return plain
    pointwise = isinstance(target, torch._ops.OpOverload) and torch.Tag.pointwise in target.tags
    if pointwise or target in _PIXELWISE or getattr(target, "__name__", "") == "getitem":
        sizes = {size_of(source) for source in node.all_input_nodes if not is_constant(source)}
        if sizes != {size_of(node)}:
            raise NotLocalError(f"{node}: maps of several sizes")
        return Rule(target=target, args=node.args, kwargs=dict(node.kwargs), broadcasts=True)
    raise NotLocalError(f"{node}: {target} may mix positions")


def _convolution(node: fx.Node) -> Rule:
    image, weight, bias = node.args[0], node.args[1], _argument(node, 2, None)
    if not is_constant(weight) or (bias is not None and not is_constant(bias)):
        raise NotLocalError(f"{node}: its weights are computed")
    stride, dilation = _pair(_argument(node, 3, 1)), _pair(_argument(node, 5, 1))
    kernel = shape_of(weight)[2:]
    extents = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    padding = _argument(node, 4, 0)
    if padding == "same":
        before = [(extent - 1) // 2 for extent in extents]
    elif padding == "valid":
        before = [0, 0]
    else:
        before = list(_pair(padding))
    windows = tuple(Window(e, s, b) for e, s, b in zip(extents, stride, before, strict=True))
    args = (image, weight, bias, list(stride), [0, 0], list(dilation), _argument(node, 6, 1))
    return Rule(windows=_two(windows), fill=0.0, target=_ATEN.conv2d.default, args=args, kwargs={})


def _max_pool(node: fx.Node) -> Rule:
    kernel, dilation = _pair(node.args[1]), _pair(_argument(node, 4, 1))
    stride, padding = _pair(_argument(node, 2, ()) or kernel), _pair(_argument(node, 3, 0))
    extents = [d * (k - 1) + 1 for k, d in zip(kernel, dilation, strict=True)]
    windows = tuple(Window(e, s, b) for e, s, b in zip(extents, stride, padding, strict=True))
    args = (node.args[0], list(kernel), list(stride), [0, 0], list(dilation), False)
    return Rule(windows=_two(windows), fill=-math.inf, target=node.target, args=args, kwargs={})


def _average_pool(node: fx.Node) -> Rule:
    kernel = _pair(node.args[1])
    stride, padding = _pair(_argument(node, 2, ()) or kernel), _pair(_argument(node, 3, 0))
    ceil, counts_padding, divisor = (_argument(node, k, default) for k, default in ((4, False), (5, True), (6, None)))
    windows = tuple(Window(e, s, b) for e, s, b in zip(kernel, stride, padding, strict=True))
    # otherwise windows at the border are divided by the size of what lies inside
    uniform = counts_padding and not ceil
    args = (node.args[0], list(kernel), list(stride), [0, 0], False, True, divisor)
    return Rule(windows=_two(windows), fill=0.0 if uniform else None, target=node.target, args=args, kwargs={})


def _slice(node: fx.Node, plain: Rule) -> Rule:
    source, dimension = node.args[0], _argument(node, 1, 0)
    start, step = _argument(node, 2, None) or 0, _argument(node, 4, 1)
    if not isinstance(source, fx.Node) or not isinstance(start, int) or dimension not in (1, 2, 3):
        raise NotLocalError(f"{node}: it takes images, or a part that is computed")
    if dimension == 1:
        return plain
    length = size_of(source)[dimension - 2]
    windows = [Window(), Window()]
    windows[dimension - 2] = Window(1, step, -(start + length if start < 0 else min(start, length)))
    args = (source, dimension, 0, _END, step)
    return Rule(windows=_two(windows), target=node.target, args=args, kwargs={})


def _pad(node: fx.Node) -> Rule:
    pads = [*node.args[1], *[0] * 8][:8]  # type: ignore[misc]
    mode = _argument(node, 2, "constant") if node.target is _ATEN.pad.default else "constant"
    value = _argument(node, 3 if node.target is _ATEN.pad.default else 2, None) or 0.0
    if not all(isinstance(pad, int) for pad in pads) or pads[6:] != [0, 0]:
        raise NotLocalError(f"{node}: it pads images, or by what is computed")
    args = (node.args[0], [0, 0, 0, 0, *pads[4:6]], value)
    return Rule(
        windows=(Window(before=pads[2]), Window(before=pads[0])),
        fill=float(value) if mode == "constant" else None,  # reflections and the like: where nothing is padded
        target=_ATEN.constant_pad_nd.default,
        args=args,
        kwargs={},
    )


def _argument(node: fx.Node, index: int, default: Any) -> Any:  # noqa: ANN401  # arguments of operations
    if len(node.args) > index:
        return node.args[index]
    schema = getattr(node.target, "_schema", None)
    name = schema.arguments[index].name if schema is not None and len(schema.arguments) > index else ""
    return node.kwargs.get(name, default)


def _pair(value: Any) -> tuple[int, int]:  # noqa: ANN401  # an int or a list of one or two
    sizes = [value] if isinstance(value, int) else list(value)
    if len(sizes) not in (1, 2) or not all(isinstance(size, int) for size in sizes):
        raise NotLocalError(f"{value!r} is not one number each for rows and columns")
    return sizes[0], sizes[-1]


def _two(windows: Any) -> tuple[Window, Window]:  # noqa: ANN401  # two windows, in a list or tuple
    rows, columns = windows
    return rows, columns
