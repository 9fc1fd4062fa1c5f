"""What tests of the command line share: an outcome, and a plugin file whose components compute nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

TOY = """
from dataclasses import dataclass
from typing import Annotated, Literal

from spikeproof.plugin import AttackEntry, MetricEntry, ModelEntry, SourceEntry, hookimpl
from spikeproof.types import Inspection, InspectionTable


@hookimpl
def spikeproof_sources():
    yield SourceEntry(
        name="toy-file", factory="toy:ToyFile", summary="Reads toys.", target="PATH", suffixes=(".toy", "/")
    )
    yield SourceEntry(name="toy-dull", factory="toy:Dull", summary="Says nothing.", target="PATH", suffixes=(".dull",))
    yield SourceEntry(name="toy-one", factory="toy:Dull", summary="One of two.", target="PATH", suffixes=(".both",))
    yield SourceEntry(name="toy-two", factory="toy:Dull", summary="Two of two.", target="PATH", suffixes=(".both",))


@hookimpl
def spikeproof_models():
    yield ModelEntry(name="toy-net", factory="toy:Net", summary="A net.", target="FILE:NAME")


@hookimpl
def spikeproof_attacks():
    yield AttackEntry(
        name="toy-climb", factory="toy:Climb", summary="Climbs.", norms=("l2",), revision=3, reference="doi:10.1/toy"
    )
    yield AttackEntry(name="toy-jump", factory="toy:Jump", summary="Jumps.", norms=("l2",))


@hookimpl
def spikeproof_metrics():
    yield MetricEntry(name="toy-count", factory="toy:Count", summary="Counts.", scale="unit")
    yield MetricEntry(name="toy-weigh", factory="toy:Count", summary="Weighs.", scale="unit")


@dataclass(frozen=True, slots=True, kw_only=True)
class ToyFile:
    target: str
    table: Annotated[str, "Which table."]
    window: Annotated[tuple[float, float] | None, "From and to, in s."] = None
    sort_rows: Annotated[bool, "Sort them."] = False

    def load(self):
        raise NotImplementedError

    def inspect(self):
        return Inspection(
            title=f"Toy {self.target}",
            facts=(("table", self.table), ("window", str(self.window)), ("sorted", str(self.sort_rows))),
            tables=(InspectionTable(title="Rows [all]", columns=("a", "b"), rows=(("1", "2"),)),),
            can=("counts",),
            cannot=("images: there are none",),
            run="spikeproof run --source toy-file:" + self.target + " " + "--metric toy-count " * 20,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Dull:
    target: str

    def load(self):
        raise NotImplementedError


@dataclass(frozen=True, slots=True, kw_only=True)
class Net:
    target: str
    weights: Annotated[str | None, "File of weights."] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Climb:
    steps: Annotated[int, "Number of steps."] = 40
    step_size: Annotated[float, "Length of one, relative to epsilon."] = 0.1
    keep_best: Annotated[bool, "Keep the best [iterate]."] = True
    schedule: Annotated[Literal["flat", "cosine"], "How lengths change."] = "flat"
    restarts: Annotated[int | Literal["auto"], "Fresh starts."] = "auto"
    layers: Annotated[tuple[str, ...], "Where."] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Jump:
    steps: Annotated[int, "Number of jumps."] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    by: Annotated[int, "Step of the count."] = 1
"""


@dataclass(frozen=True)
class Outcome:
    """What a command line did."""

    code: int
    out: str
    err: str


Cli = Callable[..., Outcome]
