"""A graph that computes one position of a layer from a crop of the image."""

from __future__ import annotations

import operator
from collections.abc import Hashable
from typing import Any

import torch
from torch import fx

from .receptive import Area, Field
from .tracing import add_constant, constant, is_constant, shape_of

__all__ = ["crop_graph", "signature_of"]

_PAD = torch.ops.aten.constant_pad_nd.default


def signature_of(field: Field, images: fx.Node) -> Hashable:
    """What is alike in fields whose crops go through one and the same graph."""
    rows, columns = field.areas[images]
    shape = (rows[1] - rows[0], columns[1] - columns[0])
    return (
        shape,
        *(
            (node.name, *(_pads(field, node, source) for source in _maps(node)), *_cuts(field, node))
            for node in field.rules
        ),
    )


def crop_graph(module: fx.GraphModule, layer: fx.Node, field: Field) -> fx.GraphModule:
    """Build the graph from the crop, a batch of ``field.areas[images]``, to ``layer`` at the one position.

    Every operation is run on just what is read of its inputs: padding where that reaches outside the map, cropping
    where another operation needed more of it.

    Returns
    -------
    torch.fx.GraphModule
        From crops (image, channel, y, x) to a tuple of (image, channel, 1, 1).
    """
    graph = fx.Graph()
    made = fx.GraphModule(torch.nn.Module(), graph)
    values: dict[fx.Node, fx.Node] = {}

    def known(node: fx.Node, cut: tuple[slice, ...]) -> fx.Node:
        if cut:
            return add_constant(made, graph, f"{node.target}_cut", constant(module, node)[cut].contiguous())
        if node not in values:
            values[node] = add_constant(made, graph, str(node.target), constant(module, node))
        return values[node]

    for node in module.graph.nodes:
        if node.op == "placeholder":
            values[node] = graph.placeholder("images")
            continue
        if node not in field.rules:
            continue
        rule = field.rules[node]
        arguments: dict[fx.Node, fx.Node] = {}
        after: list[int] = []
        for source in node.all_input_nodes:
            if is_constant(source):
                arguments[source] = known(source, _cut(source, field.areas[node]) if rule.broadcasts else ())
                continue
            arguments[source], pads = values[source], _pads(field, node, source)
            if not any(pads):
                continue
            if node.target is operator.getitem:  # of several maps one is taken, and then cut
                after = list(pads)
                continue
            outside = 0.0 if rule.fill is None else rule.fill
            arguments[source] = graph.call_function(_PAD, (values[source], list(pads), outside))
        args = fx.node.map_arg(rule.args, arguments.__getitem__)
        kwargs = fx.node.map_arg(rule.kwargs, arguments.__getitem__)
        value = graph.call_function(rule.target, args, kwargs)
        values[node] = graph.call_function(_PAD, (value, after)) if after else value
    graph.output((values[layer],))
    graph.lint()
    made.recompile()
    return made


def _maps(node: fx.Node) -> list[fx.Node]:
    return [source for source in node.all_input_nodes if not is_constant(source)]


def _pads(field: Field, node: fx.Node, source: fx.Node) -> tuple[int, int, int, int]:
    """Columns before and after, rows before and after, to be added (or, if negative, cut) of what is there."""
    (rows, columns), (row, column) = field.areas[source], field.reads[node]
    return columns[0] - column[0], column[1] - columns[1], rows[0] - row[0], row[1] - rows[1]


def _cuts(field: Field, node: fx.Node) -> list[Hashable]:
    """Which parts of constants a node reads."""
    if not field.rules[node].broadcasts:
        return []
    sources = [source for source in node.all_input_nodes if is_constant(source)]
    return [field.areas[node] for source in sources if _cut(source, field.areas[node])]


def _cut(source: fx.Node, area: Area) -> tuple[Any, ...]:
    """How a constant that is spread over a map is cut to a part of it; () if it is the same everywhere."""
    shape = shape_of(source)
    spans = area[-len(shape) :] if shape else ()
    cut = [slice(*span) if length > 1 else slice(None) for span, length in zip(spans, shape[-2:], strict=True)]
    return (..., *cut) if any(part != slice(None) for part in cut) else ()
