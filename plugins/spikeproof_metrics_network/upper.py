"""An upper bound on the Lipschitz constant of a torch network."""

from __future__ import annotations

import math
import operator
from dataclasses import dataclass
from typing import Any, TypeAlias

import torch
from spikeproof.errors import ModelError
from torch import fx, nn
from torch.nn import functional

from .bounds import NormBound
from .graph import BATCH, ancestors, refuse_overwritten, refuse_unfaithful, traced
from .rules import layer_bound

__all__ = ["LayerBound", "LipschitzBound", "lipschitz_upper_bound"]


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerBound:
    """What one step of the network contributes.

    Parameters
    ----------
    name : str
        Name of the layer in the network, or of the operation.
    kind : str
        Its type.
    bound : NormBound
        Of this step alone.
    so_far : float
        Upper bound from the network's input to this step's output.
    """

    name: str
    kind: str
    bound: NormBound
    so_far: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LipschitzBound:
    """An upper bound and where it comes from.

    Parameters
    ----------
    value : float
        ``|f(x) - f(y)| <= value |x - y|`` in L2, for all inputs of the shape.
    layers : tuple of LayerBound
        In the order in which they run.
    """

    value: float
    layers: tuple[LayerBound, ...]


_Same: TypeAlias = tuple[type[nn.Module], tuple[str, ...], tuple[str, ...]]

_SAME_LENGTH = {
    torch.flatten,
    torch.reshape,
    torch.squeeze,
    torch.unsqueeze,
    torch.permute,
    torch.transpose,
    "flatten",
    "reshape",
    "view",
    "squeeze",
    "unsqueeze",
    "permute",
    "transpose",
    "contiguous",
    "clone",
    "detach",
    "float",
    "double",
    "to",
}
_RELU: _Same = (nn.ReLU, ("inplace",), ())
_POOL = ("kernel_size", "stride", "padding")
_MODULE_OF: dict[Any, _Same] = {
    functional.relu: _RELU,
    torch.relu: _RELU,
    "relu": _RELU,
    "relu_": _RELU,
    functional.relu6: (nn.ReLU6, ("inplace",), ()),
    functional.leaky_relu: (nn.LeakyReLU, ("negative_slope", "inplace"), ("negative_slope",)),
    functional.elu: (nn.ELU, ("alpha", "inplace"), ("alpha",)),
    functional.gelu: (nn.GELU, ("approximate",), ("approximate",)),
    functional.silu: (nn.SiLU, ("inplace",), ()),
    functional.softplus: (nn.Softplus, ("beta", "threshold"), ()),
    functional.softmax: (nn.Softmax, ("dim", "_stacklevel", "dtype"), ("dim",)),
    torch.softmax: (nn.Softmax, ("dim", "dtype"), ("dim",)),
    "softmax": (nn.Softmax, ("dim", "dtype"), ("dim",)),
    torch.tanh: (nn.Tanh, (), ()),
    functional.tanh: (nn.Tanh, (), ()),
    "tanh": (nn.Tanh, (), ()),
    torch.sigmoid: (nn.Sigmoid, (), ()),
    functional.sigmoid: (nn.Sigmoid, (), ()),
    "sigmoid": (nn.Sigmoid, (), ()),
    functional.max_pool2d: (
        nn.MaxPool2d,
        (*_POOL, "dilation", "ceil_mode", "return_indices"),
        (*_POOL, "dilation", "ceil_mode"),
    ),
    functional.avg_pool2d: (
        nn.AvgPool2d,
        (*_POOL, "ceil_mode", "count_include_pad", "divisor_override"),
        (*_POOL, "ceil_mode", "count_include_pad", "divisor_override"),
    ),
    functional.adaptive_avg_pool2d: (nn.AdaptiveAvgPool2d, ("output_size",), ("output_size",)),
}
"""Functions that do what a layer does: the layer, the function's parameters, and those that matter."""

_ADD = {operator.add, operator.iadd, torch.add, "add", "add_"}
_SUBTRACT = {operator.sub, operator.isub, torch.sub, "sub", "sub_"}
_SCALE = {operator.mul, operator.imul, torch.mul, "mul", "mul_"}
_DIVIDE = {operator.truediv, torch.div, "div"}


def lipschitz_upper_bound(
    module: nn.Module, input_shape: tuple[int, ...], *, steps: int = 100, seed: int = 0
) -> LipschitzBound:
    """Bound the Lipschitz constant of a network from above, layer by layer.

    The network is traced (``torch.fx``), and a bound carried along its graph: a layer multiplies it by its own norm, a
    sum adds those of its terms (a residual block has 1 + L), a concatenation takes the root of their squares.
    Convolutions count with the norm of the operator on images of this size (:func:`convolution_norm`), normalisations
    with fixed statistics as the scale that they are, LayerNorm by gain over root eps. A product of norms is safe and
    loose; what lies between it and :func:`lipschitz_lower_bound` is not known.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode.
    input_shape : tuple of int
        Shape of one input, without the batch.
    steps, seed : int
        Of Lanczos's method, for operators too large to be written out.

    Returns
    -------
    LipschitzBound

    Raises
    ------
    ModelError
        If the network is in training mode, cannot be traced, or holds a step that there is no rule for, which is named.

    Examples
    --------
    >>> import torch
    >>> block = torch.nn.Sequential(torch.nn.Linear(2, 2, bias=False), torch.nn.ReLU()).eval()
    >>> _ = torch.nn.init.eye_(block[0].weight)
    >>> lipschitz_upper_bound(block, (2,)).value
    1.0
    """
    training = next((name or type(part).__name__ for name, part in module.named_modules() if part.training), None)
    if training is not None:
        raise ModelError(f"lipschitz: {training} is in training mode, where it is another function; call eval() first")
    hooked = next(
        (name for name, part in module.named_modules() if part._forward_hooks or part._forward_pre_hooks), None
    )
    if hooked is not None:
        raise ModelError(f"lipschitz: a hook on {hooked or 'the network'} may change what it computes; remove it first")
    return bound_up_to(module, input_shape, module, steps=steps, seed=seed)[0]


def bound_up_to(
    module: nn.Module, input_shape: tuple[int, ...], part: nn.Module, *, steps: int, seed: int
) -> tuple[LipschitzBound, tuple[int, ...]]:
    """Bound what leads from the input to the output of a submodule, and give that output's shape without the batch.

    Parts may be left in training mode where that changes nothing.

    Parameters
    ----------
    module : torch.nn.Module
    input_shape : tuple of int
    part : torch.nn.Module
        The submodule (at its first call), or the module itself.
    steps, seed : int
        As for :func:`lipschitz_upper_bound`.

    Raises
    ------
    ModelError
        As :func:`lipschitz_upper_bound`; or if a value is overwritten that is read again.
    """
    graph = traced(module, input_shape, part)
    refuse_overwritten(graph)
    walk = _Walk(graph, steps, seed)
    wanted = ancestors(graph)
    for node in graph.graph.nodes:
        if node in wanted:
            walk.visit(node)
    refuse_unfaithful(graph)
    return LipschitzBound(value=walk.result, layers=tuple(walk.layers)), walk.shape


class _Walk:
    """Carries a bound from the input along the graph; a value that does not depend on the input has 0."""

    def __init__(self, graph: fx.GraphModule, steps: int, seed: int) -> None:
        self._graph = graph
        self._steps = steps
        self._seed = seed
        self._bounds: dict[fx.Node, float] = {}
        self.layers: list[LayerBound] = []
        self.result = math.nan
        self.shape: tuple[int, ...] = ()

    def visit(self, node: fx.Node) -> None:
        """Bound one node."""
        if node.op == "placeholder":
            # What has a default, and was not given, is no input.
            self._bounds[node] = 1.0 if "shape" in node.meta else 0.0
        elif node.op == "get_attr":
            self._bounds[node] = 0.0
        elif node.op == "output":
            (value,) = node.args
            if not isinstance(value, fx.Node):
                raise ModelError("lipschitz: the network must return one tensor")
            if "shape" not in value.meta:
                raise ModelError("lipschitz: the network must return one tensor")
            self.result = self._bounds[value]
            self.shape = _shape(value)
        elif all(self._bounds[other] == 0 for other in node.all_input_nodes) or "shape" not in node.meta:
            # Computed from shapes and parameters alone.
            self._bounds[node] = 0.0
        elif node.meta["shape"][:1] != (BATCH,):
            raise ModelError(f"lipschitz: {node.name} mixes the inputs of a batch; a bound needs them apart")
        elif node.op == "call_module":
            name = str(node.target)
            (given,) = node.all_input_nodes
            self._through(node, given, self._graph.get_submodule(name), name)
        else:
            self._operation(node)

    def _through(self, node: fx.Node, given: fx.Node, module: nn.Module, name: str) -> None:
        bound = layer_bound(module, _shape(given), name=name, steps=self._steps, seed=self._seed)
        self._keep(node, self._bounds[given] * bound.upper, name, type(module).__name__, bound)

    def _keep(self, node: fx.Node, so_far: float, name: str, kind: str, bound: NormBound) -> None:
        self._bounds[node] = so_far
        self.layers.append(LayerBound(name=name, kind=kind, bound=bound, so_far=so_far))

    def _operation(self, node: fx.Node) -> None:
        target: Any = node.target
        kind = target if isinstance(target, str) else getattr(target, "__name__", str(target))
        parts = [self._bounds[other] for other in node.all_input_nodes]
        first = node.args[0] if node.args else None
        if target in _SAME_LENGTH and isinstance(first, fx.Node):
            self._bounds[node] = self._bounds[first]
        elif target in _MODULE_OF and isinstance(first, fx.Node):
            make, names, taken = _MODULE_OF[target]
            given = dict(zip(names, node.args[1:], strict=False)) | node.kwargs
            layer = make(**{name: value for name, value in given.items() if name in taken}).eval()
            self._through(node, first, layer, node.name)
        elif target is functional.dropout and isinstance(first, fx.Node) and not _is_random(node):
            self._bounds[node] = self._bounds[first]
        elif target in _ADD | _SUBTRACT and not node.kwargs and _same_shapes(node):
            # A term that stands twice counts twice: all_input_nodes names it once.
            terms = [self._bounds[a] for a in node.args if isinstance(a, fx.Node)]
            self._keep(node, sum(terms), node.name, kind, NormBound.exact(sum(terms), "sum of the terms"))
        elif (
            target in _SCALE | _DIVIDE
            and not node.kwargs
            and (factor := _factor(node, divides=target in _DIVIDE)) is not None
        ):
            self._keep(node, max(parts) * factor, node.name, kind, NormBound.exact(factor, "factor"))
        elif target in {torch.cat, torch.concat, torch.stack} and isinstance(first, (list, tuple)):
            joined = math.sqrt(sum(self._bounds[a] ** 2 for a in first if isinstance(a, fx.Node)))
            self._keep(node, joined, node.name, kind, NormBound.exact(joined, "root of the sum of squares"))
        elif target in {torch.mean, "mean"} and isinstance(first, fx.Node):
            scale = math.sqrt(math.prod(_shape(node)) / math.prod(_shape(first)))
            self._keep(node, parts[0] * scale, node.name, kind, NormBound.exact(scale, "mean"))
        else:
            raise ModelError(
                f"lipschitz: there is no rule for the operation {kind} ({node.name}); bound the part of the network "
                "before or after it"
            )


def _shape(node: fx.Node) -> tuple[int, ...]:
    return tuple(node.meta["shape"][1:])


def _same_shapes(node: fx.Node) -> bool:
    """Whether no term is repeated by broadcasting, which would lengthen it."""
    whole = node.meta["shape"]
    return all(a.meta["shape"] == whole for a in node.args if isinstance(a, fx.Node) and a.op != "get_attr")


def _factor(node: fx.Node, *, divides: bool) -> float | None:
    """The largest number that a node multiplies by, if they are constant."""
    if node.kwargs:
        return None
    tensor, number = node.args if isinstance(node.args[0], fx.Node) else reversed(node.args)
    if isinstance(tensor, fx.Node) and isinstance(number, fx.Node):
        return _largest_factor(node, divides)
    if not isinstance(number, (int, float)) or (divides and not isinstance(node.args[0], fx.Node)):
        return None
    return abs(1 / number if divides else number) if isinstance(tensor, fx.Node) and (number or not divides) else None


def _largest_factor(node: fx.Node, divides: bool) -> float | None:
    """Largest absolute value of a constant tensor that a node multiplies by, entry by entry."""
    constant = [isinstance(a, fx.Node) and "value" in a.meta for a in node.args]
    if constant not in ([False, True], [] if divides else [True, False]):
        return None
    factors, moved = (node.args[1], node.args[0]) if constant[1] else node.args
    if not isinstance(factors, fx.Node) or not isinstance(moved, fx.Node):
        return None
    if moved.meta["shape"] != node.meta["shape"]:
        return None  # broadcast: entries are repeated
    sizes = factors.meta["value"].double().abs()
    largest = float((1 / sizes if divides else sizes).max())
    return largest if math.isfinite(largest) else None


def _is_random(node: fx.Node) -> bool:
    """Whether a call of dropout drops: it does unless it is told that this is no training."""
    values = dict(zip(("p", "training", "inplace"), node.args[1:], strict=False)) | node.kwargs
    return bool(values.get("training", True) and values.get("p", 0.5))
