"""The graph of a network, up to one of its parts, with the shape of every tensor in it."""

from __future__ import annotations

from typing import Any

import torch
from spikeproof.errors import ModelError
from torch import fx, nn

__all__ = ["BATCH", "ancestors", "refuse_overwritten", "refuse_unfaithful", "traced"]

BATCH = 2
"""Inputs that run through the network once, to learn its shapes."""


class _Reached(BaseException):  # not an Exception: a network's own `except Exception` must not stop it
    """Ends the trace at the submodule."""


class _Tracer(fx.Tracer):
    """Traces a network up to the output of one of its submodules."""

    def __init__(self, part: nn.Module) -> None:
        super().__init__()
        self._part = part

    def call_module(self, m: nn.Module, forward: Any, args: Any, kwargs: Any) -> Any:  # noqa: ANN401  (torch's own)
        value = super().call_module(m, forward, args, kwargs)
        if m is self._part:
            self.create_node("output", "output", (getattr(value, "node", value),), {})
            raise _Reached
        return value


def ancestors(graph: fx.GraphModule) -> set[fx.Node]:
    """All that the output depends on, and the inputs."""
    found: set[fx.Node] = {node for node in graph.graph.nodes if node.op == "placeholder"}
    open_nodes = [node for node in graph.graph.nodes if node.op == "output"]
    while open_nodes:
        node = open_nodes.pop()
        if node not in found:
            found.add(node)
            open_nodes += node.all_input_nodes
    return found


def refuse_overwritten(graph: fx.GraphModule) -> None:
    """Refuse operations in place whose input is read again afterwards: its bound is no longer what it was."""
    order = {node: number for number, node in enumerate(graph.graph.nodes)}
    for node, number in order.items():
        if not _in_place(graph, node):
            continue
        (overwritten, *_) = node.all_input_nodes
        if any(order[reader] > number for reader in overwritten.users):
            raise ModelError(
                f"lipschitz: {node.name} overwrites a value that is read again afterwards: there is no rule for that; "
                "write it without working in place"
            )


def _in_place(graph: fx.GraphModule, node: fx.Node) -> bool:
    if node.op == "call_module":
        return bool(getattr(graph.get_submodule(str(node.target)), "inplace", False))
    if node.op == "call_method":
        return str(node.target).endswith("_") and bool(node.all_input_nodes)
    named = getattr(node.target, "__name__", "") if node.op == "call_function" else ""
    return bool(node.kwargs.get("inplace", False)) or named in {"iadd", "isub", "imul", "itruediv"}


def traced(module: nn.Module, input_shape: tuple[int, ...], part: nn.Module) -> fx.GraphModule:
    """Trace a network up to the output of a part of it (at its first call), or whole.

    Node ``meta`` holds ``shape`` of tensors, with the batch, and ``value`` of what does not depend on the input.

    Raises
    ------
    ModelError
        If the network does not take such inputs, or cannot be traced.
    """
    parameter = next(iter(module.parameters()), torch.zeros(0))
    random = torch.rand((BATCH, *input_shape), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    example = random.to(dtype=parameter.dtype, device=parameter.device)
    seen: list[Any] = []

    def reached(_: nn.Module, __: object, output: object) -> None:
        seen.append(output.clone() if isinstance(output, torch.Tensor) else output)
        raise _Reached

    handle = part.register_forward_hook(reached)
    try:
        with torch.no_grad():
            module(example.clone())
    except _Reached:
        pass
    except Exception as error:  # whatever the network's own code raises
        reason = str(error).partition("\n")[0]
        raise ModelError(f"lipschitz: the network does not take inputs of shape {input_shape}: {reason}") from error
    finally:
        handle.remove()
    try:
        tracer = _Tracer(part)
        try:
            whole = tracer.trace(module)
        except _Reached:
            whole = tracer.graph
        graph = fx.GraphModule(tracer.root, whole)
    except Exception as error:  # and here, when it is given a stand-in
        raise ModelError(
            f"lipschitz: the network cannot be traced ({type(error).__name__}: {error}); bound parts of it whose "
            "forward pass does not depend on values"
        ) from error
    with torch.no_grad():
        found = _Shapes(graph).run(example.clone())
    graph.meta["faithful"] = not seen or _same(found, seen[0])
    return graph


def refuse_unfaithful(graph: fx.GraphModule) -> None:
    """Refuse a network whose trace gives other values than itself, for a reason that no rule named."""
    if not graph.meta["faithful"]:
        raise ModelError(
            "lipschitz: the traced network gives other values than the network itself: it changes values in place that "
            "are read again, or depends on something outside; there is no rule for that"
        )


def _same(found: object, expected: object) -> bool:
    if not isinstance(found, torch.Tensor) or not isinstance(expected, torch.Tensor):
        return True  # refused for that
    largest = float(expected.abs().max())
    return found.shape == expected.shape and torch.allclose(found, expected, rtol=1e-4, atol=1e-5 * largest)


class _Shapes(fx.Interpreter):
    """Runs the network once and writes down the shape of every tensor."""

    def run_node(self, n: fx.Node) -> Any:  # noqa: ANN401  (whatever the node returns)
        value = super().run_node(n)
        if isinstance(value, torch.Tensor):
            n.meta["shape"] = tuple(value.shape)
            if n.op == "get_attr" or (n.all_input_nodes and all("value" in a.meta for a in n.all_input_nodes)):
                n.meta["value"] = value  # a constant, such as a mean and deviation of pixels
        return value
