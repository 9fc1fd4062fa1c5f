"""The forward pass up to a layer as a graph of tensor operations that has no side effects.

The pass is recorded by running it (``torch.fx.experimental.proxy_tensor.make_fx`` above autograd), so it does not
matter how the module is written: functions, shared modules, in-place operations, patched forwards. What cannot be
proven to be a fixed function of the images is refused, and the module itself is used: control flow that looks at
pixels, numbers that left torch, buffers that are written to, random numbers, gradients that are switched off.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import torch
from spikeproof.types import generator
from torch import fx

from .state import preserved_random_state

__all__ = ["UntraceableError", "add_constant", "constant", "drop_unused", "is_constant", "shape_of", "trace"]

_SIZES = (2, 3)
"""Images in the two recordings: a number that grows with them is the number of images."""
_ATEN = torch.ops.aten
_IDENTITIES = frozenset(
    {
        _ATEN.clone.default,
        _ATEN.contiguous.default,
        _ATEN.alias.default,
        _ATEN.lift_fresh_copy.default,
        _ATEN.resolve_conj.default,
        _ATEN.resolve_neg.default,
    }
)
_DROPOUTS = frozenset({_ATEN.dropout.default, _ATEN.feature_dropout.default, _ATEN.alpha_dropout.default})
_PLAIN = frozenset({operator.getitem, operator.mul})


class UntraceableError(Exception):
    """The forward pass is no graph of tensor operations that could be recorded."""


def trace(
    function: Callable[[torch.Tensor], tuple[torch.Tensor, ...]],
    image_shape: tuple[int, ...],
    dtype: torch.dtype,
    device: torch.device,
) -> fx.GraphModule:
    """Record a function of images (image, channel, y, x) that returns tensors.

    Returns
    -------
    torch.fx.GraphModule
        Without side effects, for any number of images, with constants of its own that want no gradient.

    Raises
    ------
    UntraceableError
        If the function cannot be recorded, or is more than tensor operations on its images.

    Examples
    --------
    >>> graph = trace(lambda x: (x.mul(2).view(len(x), -1),), (1, 2, 2), torch.float32, torch.device("cpu"))
    >>> graph(torch.ones(5, 1, 2, 2))[0].shape
    torch.Size([5, 4])
    """
    first, second = (_recorded(function, (size, *image_shape), dtype, device) for size in _SIZES)
    _generalise(first, second)
    _drop_dropout(first.graph)
    _without_writes(first.graph)
    _drop_identities(first.graph)
    _fold_constants(first)
    for node in first.graph.nodes:
        _refuse(node)
    drop_unused(first.graph)
    for node in first.graph.nodes:
        if _is_random(node):
            raise UntraceableError(f"it draws random numbers: {node.target}")
    first.graph.lint()
    first.recompile()
    return first


def shape_of(node: object) -> tuple[int, ...]:
    """Shape of a node's result for the number of images that was recorded; (-1,) where it is no tensor."""
    value = node.meta.get("val") if isinstance(node, fx.Node) else None
    return tuple(int(size) for size in value.shape) if isinstance(value, torch.Tensor) else (-1,)


def drop_unused(graph: fx.Graph) -> None:
    """Erase operations whose result nobody reads; nothing has side effects here."""
    for node in reversed(list(graph.nodes)):
        if not node.users and node.op in ("call_function", "get_attr"):
            graph.erase_node(node)


def is_constant(node: object) -> bool:
    """Whether a node holds a tensor that does not depend on the images."""
    return isinstance(node, fx.Node) and node.op == "get_attr"


def constant(module: fx.GraphModule, node: object) -> torch.Tensor:
    """The tensor of a constant node."""
    assert isinstance(node, fx.Node)  # noqa: S101
    value = getattr(module, str(node.target))
    assert isinstance(value, torch.Tensor)  # noqa: S101  # make_fx flattens the names of its constants
    return value


def add_constant(module: fx.GraphModule, graph: fx.Graph, name: str, value: torch.Tensor) -> fx.Node:
    """Add a constant to a module and a node that reads it at the insertion point of ``graph``."""
    free = name
    count = 0
    while hasattr(module, free):
        count += 1
        free = f"{name}_{count}"
    module.register_buffer(free, value.detach())
    node = graph.get_attr(free)
    node.meta["val"] = value.detach()
    return node


def _recorded(
    function: Callable[[torch.Tensor], tuple[torch.Tensor, ...]],
    shape: tuple[int, ...],
    dtype: torch.dtype,
    device: torch.device,
) -> fx.GraphModule:
    from torch.fx.experimental.proxy_tensor import make_fx  # imports sympy, which takes a second

    noise = generator(0, "torch", "trace", shape[0]).random(shape)
    images = torch.as_tensor(noise, dtype=dtype, device=device)
    with preserved_random_state(), torch.enable_grad():
        try:
            module = make_fx(lambda x: function(x), pre_dispatch=True)(images)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:
            raise UntraceableError(f"{type(error).__name__}: {error}") from error
    assert isinstance(module, fx.GraphModule)  # noqa: S101
    for node in list(module.graph.nodes):
        if node.op == "get_attr":  # a copy of its own, so that nobody else's tensor is kept, moved or changed
            value = constant(module, node).detach().clone()
            delattr(module, str(node.target))
            module.register_buffer(str(node.target), value)
            node.meta["val"] = value
    return module


def _generalise(module: fx.GraphModule, other: fx.GraphModule) -> None:
    """Replace numbers that grew with the number of images; refuse graphs that differ in anything else."""
    nodes, twins = list(module.graph.nodes), list(other.graph.nodes)
    if [(n.op, str(n.target)) for n in nodes] != [(n.op, str(n.target)) for n in twins]:
        raise UntraceableError("the operations depend on the number of images")
    images = next(node for node in nodes if node.op == "placeholder")
    with module.graph.inserting_after(images):
        size = module.graph.call_function(_ATEN.sym_size.int, (images, 0))

    def merged(one: Any, two: Any) -> Any:  # noqa: ANN401  # arguments of operations
        if isinstance(one, fx.Node):
            return one
        if isinstance(one, (list, tuple)):
            return type(one)(merged(a, b) for a, b in zip(one, two, strict=True))
        if one == two or (one != one and two != two):  # NaN
            return one
        if isinstance(one, int) and one % _SIZES[0] == 0 and one // _SIZES[0] * _SIZES[1] == two:
            return size if one == _SIZES[0] else module.graph.call_function(operator.mul, (size, one // _SIZES[0]))
        raise UntraceableError(f"a number changed from {one} to {two}")

    for node, twin in zip(nodes, twins, strict=True):
        if node.op == "get_attr":
            mine, its = constant(module, node), constant(other, twin)
            if mine.dtype != its.dtype or not torch.equal(mine.nan_to_num(), its.nan_to_num()):
                raise UntraceableError("a constant depends on the images, or changes from pass to pass")
            continue
        with module.graph.inserting_before(node):
            node.args = merged(node.args, twin.args)
            node.kwargs = {key: merged(value, twin.kwargs[key]) for key, value in node.kwargs.items()}


def _drop_dropout(graph: fx.Graph) -> None:
    for node in list(graph.nodes):
        if node.target in _DROPOUTS and node.args[2] is False:
            _replace(node, node.args[0])


def _without_writes(graph: fx.Graph) -> None:
    """Give each in-place operation a result of its own, which everybody reads from there on."""
    order = {node: number for number, node in enumerate(graph.nodes)}
    for node in list(graph.nodes):
        schema = getattr(node.target, "_schema", None)
        if schema is None or not schema.is_mutable:
            continue
        base, name = node.args[0], schema.name.removeprefix("aten::")
        written = [number for number, argument in enumerate(schema.arguments) if _is_written(argument)]
        twin = getattr(getattr(_ATEN, name[:-1], None), schema.overload_name or "default", None)
        owned = isinstance(base, fx.Node) and (
            base.target is _ATEN.lift_fresh_copy.default or (base.op == "call_function" and not _aliases(base))
        )
        if written != [0] or not name.endswith("_") or twin is None or not owned or any(map(_aliases, base.users)):
            raise UntraceableError(f"it writes to a tensor that others see: {name}")
        later = [user for user in base.users if order.get(user, -1) > order[node]]
        with graph.inserting_before(node):
            result = graph.call_function(twin, node.args, node.kwargs)
        result.meta = dict(node.meta)
        order[result] = order[node]
        for user in later:
            user.replace_input_with(base, result)
        _replace(node, result)


def _is_written(argument: Any) -> bool:  # noqa: ANN401  # torch.Argument
    return argument.alias_info is not None and argument.alias_info.is_write


def _aliases(node: fx.Node) -> bool:
    """Whether what a node gives shares memory with what it takes (a view); written results are not meant."""
    schema = getattr(node.target, "_schema", None)
    if schema is None:
        return node.op == "call_function"
    return not schema.is_mutable and any(result.alias_info is not None for result in schema.returns)


def _drop_identities(graph: fx.Graph) -> None:
    for node in list(graph.nodes):
        if node.target in _IDENTITIES:
            _replace(node, node.args[0])
        elif node.target is _ATEN.view.default:  # a view of what may now lie in another order
            node.target = _ATEN.reshape.default


def _fold_constants(module: fx.GraphModule) -> None:
    """Compute once what does not depend on the images."""
    for node in list(module.graph.nodes):
        if node.op != "call_function" or not isinstance(node.target, torch._ops.OpOverload):
            continue
        if _is_random(node) or not all(map(is_constant, node.all_input_nodes)):
            continue
        args = fx.node.map_arg(node.args, lambda one: constant(module, one))
        kwargs = fx.node.map_arg(node.kwargs, lambda one: constant(module, one))
        with torch.no_grad():
            value = node.target(*args, **kwargs)
        if not isinstance(value, torch.Tensor):
            continue
        with module.graph.inserting_before(node):
            made = add_constant(module, module.graph, "folded", value)
        made.meta = dict(node.meta)
        _replace(node, made)


def _is_random(node: fx.Node) -> bool:
    """Whether an operation draws random numbers; one that could but drops nothing does not."""
    if torch.Tag.nondeterministic_seeded not in getattr(node.target, "tags", ()):
        return False
    for index, argument in enumerate(node.target._schema.arguments):  # type: ignore[union-attr]
        if argument.name == "dropout_p":
            given = node.args[index] if len(node.args) > index else node.kwargs.get("dropout_p", argument.default_value)
            return bool(given != 0.0)
    return True


def _refuse(node: fx.Node) -> None:
    if node.op != "call_function" or node.target in _PLAIN:
        return
    if not isinstance(node.target, torch._ops.OpOverload):
        raise UntraceableError(f"it does something beside tensor operations: {node.target}")
    if node.target is _ATEN.as_strided.default:  # the order in memory may be another here
        raise UntraceableError("it depends on the order of numbers in memory")


def _replace(node: fx.Node, by: Any) -> None:  # noqa: ANN401  # a node, typed loosely by fx
    node.replace_all_uses_with(by)
    node.graph.erase_node(node)
