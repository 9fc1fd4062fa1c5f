"""What a plugin declares: typed, frozen entries, yielded by hooks and imported on first use.

This module imports the standard library and pluggy only, so that listing every plugin stays cheap. A plugin
is a light module that an entry point of the group ``spikeproof`` names::

    from spikeproof.plugin import AttackEntry, hookimpl

    @hookimpl
    def spikeproof_attacks():
        yield AttackEntry(
            name="pgd",
            factory="my_package.pgd:PGD",
            summary="Projected gradient ascent.",
            norms=("l2", "linf"),
        )

A *factory* is a frozen keyword-only dataclass. Its fields are its parameters: annotate each with
``Annotated[type, "What it does, with its unit."]`` and give it a default. Where an entry has a ``target``
(the metavar of what follows the colon in ``NAME:TARGET``), the factory has a field ``target: str`` which the
host fills with the text after the colon, unparsed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal, get_args

import pluggy

__all__ = [
    "AttackEntry",
    "Domain",
    "EncoderEntry",
    "Entry",
    "MetricEntry",
    "ModelEntry",
    "Need",
    "Norm",
    "ObjectiveEntry",
    "ReadoutEntry",
    "Scale",
    "SourceEntry",
    "hookimpl",
]

hookimpl = pluggy.HookimplMarker("spikeproof")

Scale = Literal["unit", "population", "behavior"]
Norm = Literal["l1", "l2", "linf"]
Domain = Literal["stimulus", "response"]
Need = Literal["encoder", "labels", "repeats", "readout", "choices", "minimal", "trials", "measured", "goal"]
"""What a metric may require beside responses: see :class:`MetricEntry`."""

_NAME = re.compile(r"[a-z][a-z0-9]+(-[a-z0-9]+)*")
_FACTORY = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)*:[A-Za-z_]\w*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One component that a plugin provides.

    Parameters
    ----------
    name : str
        Lower-case words joined by hyphens, two characters or more.
    factory : str
        ``package.module:Attribute``, imported on first use.
    summary : str
        One line, shown in listings.
    revision : int
        Raised whenever the component's numbers change.
    target : str, optional
        Metavar of what follows the colon (``"PATH"``), in square brackets where it may be left out (``"[KIND]"``);
        None if the component takes no target.
    install : str, optional
        What to tell the user when importing the factory fails for a missing dependency.
    reference : str, optional
        DOI or citation of the method.

    Raises
    ------
    ValueError
        If the name, the factory, the summary or the revision is malformed.
    """

    name: str
    factory: str
    summary: str
    revision: int = 1
    target: str | None = None
    install: str | None = None
    reference: str | None = None

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not _NAME.fullmatch(self.name):
            raise ValueError(f"bad name {self.name!r}: use lower-case words joined by hyphens, such as 'my-attack'")
        if not isinstance(self.factory, str) or not _FACTORY.fullmatch(self.factory):
            raise ValueError(f"{self.name}: bad factory {self.factory!r}: use 'package.module:Attribute'")
        if not isinstance(self.summary, str) or not self.summary.strip() or "\n" in self.summary:
            raise ValueError(f"{self.name}: the summary must be one line of text")
        if not isinstance(self.revision, int) or self.revision < 1:
            raise ValueError(f"{self.name}: revision must be an integer of at least 1, got {self.revision!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceEntry(Entry):
    """A source of recordings or images; ``suffixes`` are the file endings it reads (for ``inspect FILE``)."""

    suffixes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEntry(Entry):
    """A network whose layers can be read; ``differentiable`` is False for black boxes."""

    differentiable: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class EncoderEntry(Entry):
    """A map from a network's features to recorded units: see ``spikeproof.types.Encoder``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReadoutEntry(Entry):
    """A classifier on unit responses.

    Parameters
    ----------
    head : bool
        Whether the choices are the network's own.
    chooses : {"category", "stimulus"}
        What it chooses among: the categories that a source names, or the stimuli themselves
        (``spikeproof.types.StimulusReadout``).
    """

    head: bool = False
    chooses: Literal["category", "stimulus"] = "category"

    def __post_init__(self) -> None:
        Entry.__post_init__(self)
        _one_of(self.name, "chooses", self.chooses, ("category", "stimulus"))
        if self.head and self.chooses != "category":
            raise ValueError(
                f"{self.name}: a network's own head chooses among its classes: leave chooses at 'category'"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ObjectiveEntry(Entry):
    """What a perturbation is meant to move, at one scale.

    Parameters
    ----------
    scale : {"unit", "population", "behavior"}
    decision : bool
        Whether it reads decision values (class scores) rather than unit responses.
    local : bool
        Whether it reads no response but the target unit's: the host may then show it that unit alone, as the only
        column, and search in the part of the image that the unit depends on.
    """

    scale: Scale
    decision: bool = False
    local: bool = False

    def __post_init__(self) -> None:
        Entry.__post_init__(self)
        _one_of(self.name, "scale", self.scale, ("unit", "population", "behavior"))
        if self.local and (self.scale != "unit" or self.decision):
            raise ValueError(f"{self.name}: only an objective on the responses of one unit (scale='unit') can be local")


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackEntry(Entry):
    """An optimiser that searches a perturbation, or a control perturbation.

    Parameters
    ----------
    domain : {"stimulus", "response"}
        Whether it perturbs pixels or activity.
    norms : tuple of {"l1", "l2", "linf"}
        The balls that it can search; empty in the response domain.
    needs_gradients : bool
        Whether it calls ``objective.value_and_gradient``.
    control : bool
        True if it makes a control out of another attack's perturbation (see ``spikeproof.types.Control``).
    effort : str
        Name of the whole-number parameter that says how long it searches (``"steps"``): the host multiplies it by 10
        on a sample of items and reports what that gained. Empty where there is no such parameter.
    aims : tuple of {"unit", "population", "behavior"}
        Scales of the objectives that it fits; empty for all.
    hidden : bool
        Whether it shifts a hidden layer, which its parameter ``layer`` names (``objective.hidden``).
    kind : {"ball", "minimal", "universal", "free"}
        What it searches: the best perturbation inside each ball (``spikeproof.types.Attack``), the smallest that
        reaches the objective's goal (``MinimalAttack``), one for all stimuli (an ``Attack`` that is shown the
        perturbation on a mid-grey canvas and asks for values and gradients only), or an image anywhere in the box
        (``"free"``: an ``Attack`` whose one radius is infinite; metrics must name a ``goal`` to measure it).
    """

    domain: Domain = "stimulus"
    norms: tuple[Norm, ...] = ()
    needs_gradients: bool = True
    control: bool = False
    effort: str = ""
    aims: tuple[Scale, ...] = ()
    hidden: bool = False
    kind: Literal["ball", "minimal", "universal", "free"] = "ball"

    def __post_init__(self) -> None:
        Entry.__post_init__(self)
        _one_of(self.name, "domain", self.domain, ("stimulus", "response"))
        if self.domain == "stimulus" and not self.norms:
            raise ValueError(f"{self.name}: a stimulus-domain attack must say which norms it searches")
        for norm in self.norms:
            _one_of(self.name, "norm", norm, ("l1", "l2", "linf"))
        for aim in self.aims:
            _one_of(self.name, "aim", aim, ("unit", "population", "behavior"))
        _one_of(self.name, "kind", self.kind, ("ball", "minimal", "universal", "free"))
        if self.kind == "free" and self.effort:
            raise ValueError(f"{self.name}: a search from afar gains nothing over the clean image: leave effort out")
        if self.kind != "ball" and (self.domain != "stimulus" or self.control):
            raise ValueError(f"{self.name}: only an attack on images is {self.kind}")


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricEntry(Entry):
    """Responses, clean and perturbed, to named numbers with uncertainty.

    Parameters
    ----------
    scale : {"unit", "population", "behavior", "all"}
        Where it reads damage.
    domain : {"stimulus", "response"} or None
        Which perturbed evidence it measures; None if it measures the clean code.
    aims : tuple of {"unit", "population", "behavior"}
        Scales of the objectives whose evidence it measures; empty for all.
    needs : tuple of Need
        Which optional parts of the evidence must exist. ``"encoder"``: an in-silico system, whose code says how well
        its encoder predicts (``Code.encoding``). ``"measured"``: recorded responses to single presentations of
        perturbed stimuli (``Evidence.repeats_perturbed``); ``"goal"``: a stimulus whose vector was to be matched
        (``Evidence.goal``).
    attacks : tuple of str
        Names of the attacks whose evidence it measures; empty for all.
    kind : {"evidence", "score", "study", "network"}
        What the factory is: a ``Metric`` of one system's evidence, a ``Score`` of a matrix of responses, a
        ``StudyMetric`` of all systems together, or a ``Metric`` that also looks into the network behind a system:
        its clean evidence comes with ``Evidence.network`` (see ``spikeproof.types``).
    comparison : bool
        Whether a score compares responses with a reference: perturbed with clean ones, and systems with each other.
    between : bool
        Whether a comparison is made between all systems of the study too; False where both sides must be responses of
        the same units.
    null : {"stimuli", "labels", "units", "presentations"} or None
        What is shuffled for a score's chance level: the stimuli of the reference, the categories, each unit's
        responses over stimuli apart from the other units', or single presentations over stimuli. None where no
        shuffling means anything.
    """

    scale: Literal["unit", "population", "behavior", "all"]
    domain: Domain | None = None
    aims: tuple[Scale, ...] = ()
    needs: tuple[Need, ...] = ()
    attacks: tuple[str, ...] = ()
    kind: Literal["evidence", "score", "study", "network"] = "evidence"
    comparison: bool = False
    between: bool = True
    null: Literal["stimuli", "labels", "units", "presentations"] | None = None

    def __post_init__(self) -> None:
        Entry.__post_init__(self)
        _one_of(self.name, "scale", self.scale, ("unit", "population", "behavior", "all"))
        _one_of(self.name, "domain", self.domain, ("stimulus", "response", None))
        for need in self.needs:
            _one_of(self.name, "need", need, get_args(Need))
        if "trials" in self.needs and self.kind != "study":
            raise ValueError(f"{self.name}: only a metric of the whole study (kind='study') sees trials")
        _one_of(self.name, "kind", self.kind, ("evidence", "score", "study", "network"))
        _one_of(self.name, "null", self.null, ("stimuli", "labels", "units", "presentations", None))
        if self.kind != "score" and (self.comparison or self.null is not None):
            raise ValueError(f"{self.name}: comparison and null are for scores (kind='score')")
        if self.kind == "network" and self.domain == "response":
            raise ValueError(f"{self.name}: a metric of the network reads the clean code and attacked images")
        if self.kind == "score" and self.domain is not None:
            raise ValueError(f"{self.name}: a score reads the clean code and every perturbed one: leave domain out")


def _one_of(name: str, what: str, value: object, allowed: tuple[object, ...]) -> None:
    if value not in allowed:
        raise ValueError(f"{name}: {what} must be one of {', '.join(map(repr, allowed))}, got {value!r}")
