"""Which part of each map one position of a layer depends on, found by walking the graph backward."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from torch import fx

from .folding import CONVOLUTIONS
from .local_rules import NotLocalError, Rule, rule_of, size_of
from .tracing import is_constant, shape_of

__all__ = ["Area", "Field", "receptive_field"]

Area = tuple[tuple[int, int], tuple[int, int]]
"""Rows, then columns, from the first to the last, which is not included."""


@dataclass(frozen=True, kw_only=True)
class Field:
    """What one position of a layer depends on.

    Parameters
    ----------
    areas : mapping of torch.fx.Node to area
        The part of each map that is needed, all of it inside the map.
    rules : mapping of torch.fx.Node to Rule
    reads : mapping of torch.fx.Node to area
        What each operation reads of its inputs; outside the maps it is the operation's own padding.
    share : float
        Multiplications, as a share of those of the whole maps.
    """

    areas: Mapping[fx.Node, Area]
    rules: Mapping[fx.Node, Rule]
    reads: Mapping[fx.Node, Area]
    share: float


def receptive_field(graph: fx.Graph, layer: fx.Node, position: tuple[int, int]) -> Field:
    """Walk backward from one position (y, x) of ``layer``, a map (image, channel, y, x).

    Raises
    ------
    NotLocalError
        If it cannot be proven that less than the image is needed.
    """
    y, x = position
    areas: dict[fx.Node, Area] = {layer: ((y, y + 1), (x, x + 1))}
    rules: dict[fx.Node, Rule] = {}
    reads: dict[fx.Node, Area] = {}
    partial = whole = 0.0
    for node in reversed(list(graph.nodes)):
        if node not in areas or node.op != "call_function":
            continue
        rule = rules[node] = rule_of(node)
        rows, columns = (window.inputs(*span) for window, span in zip(rule.windows, areas[node], strict=True))
        reads[node] = (rows, columns)
        for source in node.all_input_nodes:
            if not is_constant(source):
                inside = _inside(reads[node], source, rule)
                areas[source] = _hull(areas.get(source, inside), inside)
        work = _work(node)
        whole += work * math.prod(size_of(node))
        partial += work * math.prod(stop - first for first, stop in areas[node])
    return Field(areas=areas, rules=rules, reads=reads, share=partial / whole if whole else 1.0)


def _inside(read: Area, source: fx.Node, rule: Rule) -> Area:
    """The part of what is read that lies in the map."""
    spans = []
    for (first, stop), length in zip(read, size_of(source), strict=True):
        if rule.fill is None and (first < 0 or stop > length):
            raise NotLocalError(f"{source}: padded by its own numbers")
        spans.append((max(first, 0), min(stop, length)))
        if spans[-1][0] >= spans[-1][1]:
            raise NotLocalError(f"{source}: nothing but padding is read")
    return spans[0], spans[1]


def _hull(one: Area, other: Area) -> Area:
    rows, columns = ((min(a[0], b[0]), max(a[1], b[1])) for a, b in zip(one, other, strict=True))
    return rows, columns


def _work(node: fx.Node) -> float:
    """Multiplications for each position of a node's output."""
    if node.target in CONVOLUTIONS:
        return float(math.prod(shape_of(node.args[1])))
    return float(shape_of(node)[1]) if len(shape_of(node)) == 4 else 1.0
