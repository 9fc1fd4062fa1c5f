"""The data model and the protocols that components satisfy. No base class needs to be inherited."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from .acceleration import Accelerable, Cone, Coned, Precision, Unchecked
from .code import Code
from .encoding import Encoder, Encoding, FittedEncoder, Mapped, Predictor, Selective
from .evidence import Evidence
from .hidden import Layered, ShiftedLayer
from .inspection import Inspection, InspectionTable, source_options
from .network import NetworkEvidence, Transparent
from .noise import ItemNoise, generator
from .plugin import Norm
from .readout import LinearReadout
from .recording import Recording
from .scores import MeanScore, Quantity, Repeats, Sample, Score, StudyEvidence, StudyMetric
from .stimuli import StimulusSet

if TYPE_CHECKING:
    import torch
    import xarray as xr

    from .statistics import Resampling

__all__ = [
    "Accelerable",
    "Attack",
    "Code",
    "Cone",
    "Coned",
    "Control",
    "Decisions",
    "Encoder",
    "Encoding",
    "Evidence",
    "FittedEncoder",
    "Goal",
    "HiddenValues",
    "Inspectable",
    "Inspection",
    "InspectionTable",
    "ItemNoise",
    "ItemObjective",
    "Layered",
    "LinearReadout",
    "Mapped",
    "Matching",
    "MeanScore",
    "Metric",
    "MinimalAttack",
    "Model",
    "Network",
    "NetworkEvidence",
    "Objective",
    "Precision",
    "Predictor",
    "Pursuing",
    "Quantity",
    "Readings",
    "Readout",
    "Recording",
    "Repeats",
    "ResponseAttack",
    "ResponseModel",
    "ResponsePerturbation",
    "Sample",
    "Score",
    "Selective",
    "ShiftedLayer",
    "Source",
    "StimulusReadout",
    "StimulusSet",
    "StudyEvidence",
    "StudyMetric",
    "Transparent",
    "Unchecked",
    "generator",
    "source_options",
]


@runtime_checkable
class Source(Protocol):
    """Where recordings and images come from."""

    def load(self) -> Recording | tuple[Recording, ...]:
        """Read the recording; images stay lazy.

        A source that reads several recordings (a pattern that matched several files) returns a tuple of them: the host
        joins them with all the others.

        Raises
        ------
        spikeproof.errors.DataError
            If anything in it cannot be trusted.
        """


@runtime_checkable
class Inspectable(Protocol):
    """A source that can say what a file holds without loading it. Optional."""

    def inspect(self) -> Inspection:
        """Describe what is there and suggest what to run."""


@runtime_checkable
class Model(Protocol):
    """A kind of network, configured."""

    def load(self, *, seed: int, device: str) -> Network:
        """Open the network. Random numbers drawn while it is built are seeded; the global state is restored."""


class Network(Protocol):
    """An opened network."""

    @property
    def name(self) -> str:
        """Short name for tables and plots (``"cnn_a_robust"``)."""

    @property
    def identity(self) -> Mapping[str, str]:
        """Where it came from, with a digest of the weights (``weights``)."""

    @property
    def layers(self) -> tuple[str, ...]:
        """Names of the layers that can be read."""

    def read(self, layer: str, *, image_shape: tuple[int, int, int]) -> ResponseModel:
        """Read all units of a layer.

        Raises
        ------
        spikeproof.errors.ModelError
            If the layer does not exist (near names are listed), or cannot take images of this shape.
        """


class ResponseModel(Protocol):
    """Differentiable map from images in [0, 1] to the responses of units.

    Calling it never changes the network: parameters, hooks, flags, gradients and the global random state are as
    found afterwards, after an exception too. Gradients flow to the images if they require them.
    """

    @property
    def units(self) -> tuple[str, ...]:
        """Unit names, in the order of the columns."""

    @property
    def classes(self) -> tuple[str, ...] | None:
        """Classes of the network's own head (``"0"``, ``"1"`` ...), or None if its output is not one row of scores."""

    def select(self, units: Sequence[int]) -> ResponseModel:
        """Return the same layer restricted to these columns, in this order."""

    def responses(self, images: torch.Tensor) -> torch.Tensor:
        """Responses (image, unit) to images (image, channel, y, x); the forward pass stops at the layer."""

    def logits(self, images: torch.Tensor) -> torch.Tensor:
        """Class scores of the network's own head, (image, class)."""

    def both(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Responses and class scores in one forward pass."""


@runtime_checkable
class Readout(Protocol):
    """Fits a classifier on unit responses, held out over stimuli."""

    def fit(self, responses: xr.DataArray, labels: xr.DataArray, *, seed: int) -> LinearReadout:
        """Fit in folds over stimuli.

        Parameters
        ----------
        responses : xarray.DataArray, dims (stimulus, unit)
        labels : xarray.DataArray, dims (stimulus,)
            Category of each stimulus.
        seed : int
            Seed of the assignment to folds.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there is one category only, or too few stimuli of one.
        """


@runtime_checkable
class StimulusReadout(Protocol):
    """Says which clean stimulus a population response is nearest to: a behaviour that needs no categories."""

    def identify(self, code: Code) -> LinearReadout:
        """Make the readout of a code's clean responses.

        Returns
        -------
        LinearReadout
            Its classes are the code's stimuli, in their order.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If two stimuli cannot be told apart, whatever the response.
        """


@dataclass(frozen=True, kw_only=True)
class Readings:
    """What an objective sees of a batch of rows; each row belongs to one item.

    Parameters
    ----------
    responses : torch.Tensor, (row, unit)
        Responses to the candidate images.
    decision : torch.Tensor, (row, class), optional
        Decision values of the readout on them (or the network's own class scores); present if the entry says so.
    clean_responses : torch.Tensor, (row, unit)
        Responses to the clean stimulus of the row.
    partner_responses : torch.Tensor, (row, unit)
        Responses to another clean stimulus, drawn once per stimulus.
    choice : torch.Tensor of int, (row,), optional
        Index of the class chosen on the clean stimulus.
    partner_choice : torch.Tensor of int, (row,), optional
        Index of the class chosen on the partner stimulus.
    unit : torch.Tensor of int, (row,)
        Column of the target unit; -1 where none is aimed at.
    direction : torch.Tensor of int, (row,)
        Index into the objective's ``directions()``.
    whitening : torch.Tensor, (unit, component)
        See ``Code.whitening``.
    sd : torch.Tensor, (row, unit), optional
        Standard deviation of each unit's responses over all clean stimuli.
    """

    responses: torch.Tensor
    decision: torch.Tensor | None
    clean_responses: torch.Tensor
    partner_responses: torch.Tensor
    choice: torch.Tensor | None
    partner_choice: torch.Tensor | None
    unit: torch.Tensor
    direction: torch.Tensor
    whitening: torch.Tensor
    sd: torch.Tensor | None = None


@runtime_checkable
class Objective(Protocol):
    """What a perturbation is meant to move, at one scale: a number per row, to be maximised."""

    def directions(self) -> tuple[str, ...]:
        """Directions that are solved apart (``("up", "down")``); the one that moved the target more is kept."""

    def value(self, readings: Readings) -> torch.Tensor:
        """The number to be maximised, (row,), differentiable in ``responses`` or ``decision``."""


@runtime_checkable
class Goal(Protocol):
    """An objective that is reached at some level, for attacks that look for the smallest perturbation. Optional."""

    def reached_when(self) -> str:
        """Say it in a few words (``"another class is chosen"``); empty where there is no goal, as it is set."""

    def reached_at(self, readings: Readings) -> torch.Tensor:
        """Value from which on the goal is reached, (row,); infinite where it cannot be.

        ``readings`` are those of the clean stimuli, without decision values: a goal is set before the search begins.
        """


@runtime_checkable
class Matching(Protocol):
    """An objective that is at its largest where the population vector is that of a certain stimulus. Optional."""

    def matches(self) -> Literal["", "clean", "partner"]:
        """Whose vector that is: the item's own clean stimulus's, its partner's, or none's."""


class Decisions(Protocol):
    """Decision values of a batch of items, for attacks that work on a choice among classes rather than on a number."""

    @property
    def choice(self) -> torch.Tensor:
        """Index of the class chosen on each clean image, (item,)."""

    @property
    def partner_choice(self) -> torch.Tensor:
        """Index of the class chosen on each item's partner stimulus, (item,)."""

    @property
    def directions(self) -> tuple[str, ...]:
        """Name of each item's direction, as the objective's ``directions()`` calls it."""

    @property
    def reader(self) -> torch.Tensor:
        """Which classifier reads each item, (item,): items of one number may stand for each other in ``items``."""

    def __call__(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """Decision values (row, class), differentiable in the images and in nothing else."""


class HiddenValues(Protocol):
    """An objective bound to a batch of items, as a function of images and of a shift of a hidden layer."""

    def activation(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """Output of the layer (row, ...), differentiable in the images and in nothing else."""

    def value_and_gradient(
        self, images: torch.Tensor, shift: torch.Tensor, items: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Values (row,) under shifts (row, ...) of the layer, and their gradients with respect to these."""


class ItemObjective(Protocol):
    """An objective bound to a batch of items by the host; all that an attack may ask.

    ``images`` is (row, channel, y, x). ``items`` says which item each row belongs to; by default row k is item k.
    """

    @property
    def decisions(self) -> Decisions | None:
        """Decision values of the items; None where the objective reads none."""

    @property
    def level(self) -> torch.Tensor | None:
        """Value from which on each item's goal is reached, (item,); None where the objective has no goal."""

    def reached(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """Whether the goal is reached, (row,): the value is at least the level."""

    def leads(self, classes: torch.Tensor) -> ItemObjective | None:
        """The same items with another objective: by how much a class (item,) of each leads over its clean choice.

        For searches that try one class after the other. None unless the objective reads decisions and its direction is
        ``"away"``.
        """

    def __call__(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """Values (row,), without gradients."""

    def value_and_gradient(
        self, images: torch.Tensor, items: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Values (row,) and their gradients with respect to each row's image, (row, channel, y, x)."""

    @property
    def partners(self) -> torch.Tensor:
        """Clean image of another stimulus for each item, (item, channel, y, x)."""

    def responses(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """Whitened population vectors (row, component), differentiable in the images and in nothing else."""

    def jacobian(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """Jacobians of the whitened population vector, (row, component, channel, y, x).

        One backward pass for each component. Ask for few rows at a time: nothing else is as large.
        """

    def hidden(self, layer: str) -> HiddenValues:
        """Return the objective as a function of a shift of a hidden layer; that of the units if the name is empty.

        Raises
        ------
        spikeproof.errors.ModelError
            If the model shows no such layer (see ``Layered``).
        """


@runtime_checkable
class Attack(Protocol):
    """Searches a perturbation of images; knows nothing of scales and targets."""

    def __call__(
        self,
        objective: ItemObjective,
        clean: torch.Tensor,
        epsilons: torch.Tensor,
        norm: Norm,
        noise: ItemNoise,
    ) -> torch.Tensor:
        """Perturbed images, (epsilon, item, channel, y, x).

        Parameters
        ----------
        objective : ItemObjective
            To be maximised.
        clean : torch.Tensor, (item, channel, y, x), in [0, 1]
        epsilons : torch.Tensor, (epsilon,), ascending
            Radii of the balls around the clean images.
        norm : {"l1", "l2", "linf"}
        noise : ItemNoise
            The only source of random numbers to use.
        """


@runtime_checkable
class Pursuing(Protocol):
    """An attack that pursues something of its own at the scale that is aimed at. Optional.

    The host binds what it pursues in place of the objective: what is aimed at names the scale only.
    """

    def pursues(self) -> Objective:
        """Return what it maximises."""


@runtime_checkable
class MinimalAttack(Protocol):
    """Searches the smallest perturbation that reaches an objective's goal (``AttackEntry.kind`` is ``"minimal"``)."""

    def __call__(self, objective: ItemObjective, clean: torch.Tensor, norm: Norm, noise: ItemNoise) -> torch.Tensor:
        """Perturbed images, (item, channel, y, x), in [0, 1].

        ``objective.level`` says at which value an item's goal is reached. Where nothing reaches it, whatever came
        nearest. The host sees for itself which did, on the user's own model.

        Parameters
        ----------
        objective : ItemObjective
        clean : torch.Tensor, (item, channel, y, x), in [0, 1]
        norm : {"l1", "l2", "linf"}
        noise : ItemNoise
            The only source of random numbers to use.
        """


@runtime_checkable
class Control(Protocol):
    """Makes a control out of an attack's perturbation, with the same norm."""

    def __call__(self, perturbed: torch.Tensor, clean: torch.Tensor, norm: Norm, noise: ItemNoise) -> torch.Tensor:
        """Control images (epsilon, item, channel, y, x) for attacked images (epsilon, item, channel, y, x)."""


@dataclass(frozen=True, kw_only=True)
class ResponsePerturbation:
    """One target of a response-domain attack.

    Parameters
    ----------
    aim : {"unit", "population", "behavior"}
        The scale that it aims at.
    objective : str
        What this kind of target is called (``"greedy"``).
    target : str
        Unique within ``objective`` and ``control``.
    perturbed : xarray.DataArray, dims (epsilon, stimulus, unit)
        Coordinate ``epsilon`` is the dose, ascending, its unit in ``attrs["units"]``.
    control : str
        Name of the control that it is (``"random"``), empty for the attack itself.
    minimal : xarray.DataArray, dims (stimulus,), optional
        Smallest dose that changes the choice.
    """

    aim: str
    objective: str
    target: str
    perturbed: xr.DataArray
    control: str = ""
    minimal: xr.DataArray | None = None


@runtime_checkable
class ResponseAttack(Protocol):
    """Perturbs activity: needs no images and no model, only a code with a fitted readout."""

    def __call__(self, code: Code, *, seed: int) -> Iterator[ResponsePerturbation]:
        """Yield its targets one by one, the controls among them."""


@runtime_checkable
class Metric(Protocol):
    """Responses, clean and perturbed, to named numbers with uncertainty."""

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Measure one target.

        Returns
        -------
        xarray.Dataset
            Values per target: dims of the evidence (``epsilon``, ``stimulus``, ``unit``) or the metric's own. The
            host stacks the targets of a system along a new dimension ``target`` with coordinates ``attack``, ``aim``,
            ``objective``, ``control``, ``target``, ``target_unit``, ``session`` and ``subject`` (str).
        """

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:
        """Summarise over targets and stimuli, with intervals.

        Returns
        -------
        xarray.Dataset
            Every variable has a dimension ``statistic`` with coordinates ``estimate``, ``low``, ``high`` (the 95 %
            interval) and attributes ``long_name``, ``units``, ``definition``. Optional attributes tell the report how
            to draw it: see ``docs/architecture.md``, "Figures".
        """

    def describe(self, summary: xr.Dataset, code: Code) -> Iterable[str]:
        """Say what was found, in plain sentences made from the numbers and their intervals."""
