"""Evidence: what metrics see of one target, or of the clean code."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ._checks import check_finite, check_names, check_same
from .errors import DataError

if TYPE_CHECKING:
    import xarray as xr

    from .code import Code
    from .network import NetworkEvidence
    from .plugin import Domain, Scale

__all__ = ["Evidence"]


@dataclass(frozen=True, kw_only=True)
class Evidence:
    """The clean code and, for an attacked target, its perturbed responses.

    One Evidence per target (one attacked unit, or the population, or the behaviour), so that the full target x
    epsilon x stimulus x unit array is never held. With ``perturbed`` None it is the clean code alone.

    Parameters
    ----------
    code : Code
        The clean code; it sets the scale.
    domain : {"stimulus", "response"}, optional
        Where the perturbation lives.
    attack : str
        Name of the attack.
    aim : {"unit", "population", "behavior"}, optional
        The scale that the attack aimed at.
    objective : str
        Name of the objective (``"unit"`` ...), or what a response-domain attack calls this target (``"greedy"`` ...).
    control : str
        Empty for the attack itself; the control's name (``"random"``, ``"flipped"``, ``"other-unit"``) otherwise.
    target : str
        What is attacked: a unit's name, or ``"population"``, ``"behavior"``, ``"draw 3"`` ... Unique within
        (attack, objective, control).
    target_unit : str, optional
        The unit at which damage is read, where one is aimed at.
    perturbed : xarray.DataArray, dims (epsilon, stimulus, unit), optional
        Perturbed responses; coordinate ``epsilon`` ascending, with ``attrs["units"]`` (``"L2 norm"``,
        ``"units silenced"``, ``"noise sd"``).
    choices : xarray.DataArray, dims (epsilon, stimulus), optional
        The readout's choices on perturbed responses.
    directed : xarray.DataArray, dims (direction, epsilon, stimulus), optional
        The target unit's response under the perturbation solved for each direction (``"up"``, ``"down"``), where the
        objective has directions. ``perturbed`` holds the direction that moved it more.
    achieved : xarray.DataArray, dims (epsilon, stimulus), optional
        Norm of the perturbation that was used.
    minimal : xarray.DataArray, dims (stimulus,), optional
        Smallest perturbation that reaches the goal (another choice, a level of the unit), in the units of ``epsilon``;
        infinite where none was found. ``attrs["goal"]`` says the goal in words.
    status : xarray.DataArray, dims (stimulus,), optional
        ``"converged"`` (the last quarter of the search gained at most 1 % of all it gained), ``"unconverged"``,
        ``"unreached"`` (nothing that was found reaches the goal),
        ``"at-bound"`` (the pixel box stopped it: a larger radius would reach no further), ``"dead"`` (the gradient at
        the clean stimulus is zero, and nowhere around it is there anything to follow: not searched),
        ``"zero-gradient"`` (it is zero there, but not around it), ``"masked"`` (it is zero there and around it, but
        random images around it move the response), ``"not-finite"`` (the search met values or gradients that are not
        finite, and passed over them), or ``"ok"`` where the attack's course says nothing of convergence.
    repeats_perturbed : xarray.DataArray, dims (presentation, unit), optional
        Where perturbed stimuli were shown to an animal: its single responses, of which ``perturbed`` holds the means.
        Coordinates on presentation: ``stimulus`` (the clean stimulus), ``epsilon``, ``direction`` (``"up"``,
        ``"down"``, or empty where nobody said), ``image`` (the stimulus that was shown) and ``row`` (its number in the
        recording). Magnitudes of differences between such means are inflated by noise.
    predicted : xarray.DataArray, dims (epsilon, stimulus), optional
        Effect that the model which made the perturbations predicted, where it was written down with them: the change
        of the target unit's response, whose sign may be used, since the model had not seen these presentations.
    goal : xarray.DataArray of str, dims (stimulus,), optional
        Stimulus whose clean population vector was to be matched: another one, or the stimulus itself from afar.
    network : NetworkEvidence, optional
        The network behind the code, for metrics of kind ``"network"``; with clean evidence of a network's layer only.

    Raises
    ------
    DataError
        If perturbed responses do not match the clean code's units and stimuli.
    """

    code: Code
    domain: Domain | None = None
    attack: str = ""
    aim: Scale | None = None
    objective: str = ""
    control: str = ""
    target: str = ""
    target_unit: str | None = None
    perturbed: xr.DataArray | None = None
    choices: xr.DataArray | None = None
    directed: xr.DataArray | None = None
    achieved: xr.DataArray | None = None
    minimal: xr.DataArray | None = None
    status: xr.DataArray | None = None
    goal: xr.DataArray | None = None
    repeats_perturbed: xr.DataArray | None = None
    predicted: xr.DataArray | None = None
    network: NetworkEvidence | None = None

    def __post_init__(self) -> None:
        if self.perturbed is None:
            for name in (
                "choices", "directed", "achieved", "minimal", "status", "goal", "repeats_perturbed", "predicted"
            ):  # fmt: skip
                if getattr(self, name) is not None:
                    raise DataError(f"evidence: {name} was given without perturbed responses")
            return
        if self.network is not None:
            raise DataError("evidence: the network comes with the clean code, not with perturbed responses")
        if self.perturbed.dims != ("epsilon", "stimulus", "unit"):
            raise DataError(f"evidence: perturbed has dims {self.perturbed.dims}, expected (epsilon, stimulus, unit)")
        for name in ("epsilon", "stimulus", "unit"):
            if name not in self.perturbed.coords:
                raise DataError(f"evidence: coordinate {name!r} of the perturbed responses is missing")
        units = self.code.responses["unit"].values.tolist()
        check_same("evidence", "perturbed", "unit", self.perturbed["unit"].values.tolist(), units)
        check_names("evidence", "stimulus", self.perturbed["stimulus"].values.tolist(), unique=True)
        known = set(self.code.responses["stimulus"].values.tolist())
        for name in self.perturbed["stimulus"].values.tolist():
            if name not in known:
                raise DataError(f"evidence: perturbed stimulus {name!r} has no clean response")
        if self.domain is None or not self.attack:
            raise DataError("evidence: perturbed responses need a domain and the name of the attack")
        if self.target_unit is not None and self.target_unit not in self.code.responses["unit"].values:
            raise DataError(f"evidence: target unit {self.target_unit!r} is not a unit of the code")
        _check_epsilon(self.perturbed)
        check_finite("evidence", "the perturbed response", self.perturbed)
        for name, dims in (
            ("choices", ("epsilon", "stimulus")),
            ("directed", ("direction", "epsilon", "stimulus")),
            ("achieved", ("epsilon", "stimulus")),
            ("minimal", ("stimulus",)),
            ("status", ("stimulus",)),
            ("goal", ("stimulus",)),
            ("predicted", ("epsilon", "stimulus")),
        ):
            part: xr.DataArray | None = getattr(self, name)
            if part is not None:
                _check_part(name, part, dims, self.perturbed)
        for name in self.goal.values.tolist() if self.goal is not None else ():
            if name not in known:
                raise DataError(f"evidence: goal names stimulus {name!r}, which has no clean response")
        if self.repeats_perturbed is not None:
            _check_repeats(self.repeats_perturbed, self.perturbed)

    @property
    def bounded(self) -> bool:
        """Whether perturbations were bound by a ball; False for images that were searched anywhere in the box."""
        import numpy as np

        return self.perturbed is None or bool(np.isfinite(self.perturbed["epsilon"].values).all())

    @property
    def clean(self) -> xr.DataArray:
        """Clean responses of the attacked stimuli, dims (stimulus, unit); of all stimuli if nothing was attacked."""
        if self.perturbed is None:
            return self.code.responses
        return self.code.responses.sel(stimulus=self.perturbed["stimulus"].values)

    @property
    def clean_choices(self) -> xr.DataArray | None:
        """Choices on the clean versions of the attacked stimuli, dims (stimulus,)."""
        if self.code.choices is None or self.perturbed is None:
            return self.code.choices
        return self.code.choices.sel(stimulus=self.perturbed["stimulus"].values)


def _check_epsilon(perturbed: xr.DataArray) -> None:
    import numpy as np

    epsilon = perturbed["epsilon"]
    if epsilon.values.tolist() != [np.inf]:  # alone, it says that there was no bound
        check_finite("evidence", "epsilon", epsilon)
    if not epsilon.attrs.get("units"):
        raise DataError(
            "evidence: coordinate 'epsilon' needs attrs['units'] ('L2 norm', 'units silenced', 'noise sd' ...)"
        )
    if epsilon.size == 0 or (np.diff(epsilon.values) <= 0).any():
        raise DataError(f"evidence: coordinate 'epsilon' must ascend, got {epsilon.values.tolist()}")


def _check_part(name: str, part: xr.DataArray, dims: tuple[str, ...], perturbed: xr.DataArray) -> None:
    if part.dims != dims:
        raise DataError(f"evidence: {name} has dims {part.dims}, expected {dims}")
    for dim in ("epsilon", "stimulus"):
        if dim not in dims:
            continue
        if part.sizes[dim] != perturbed.sizes[dim]:
            raise DataError(
                f"evidence: {name} has {part.sizes[dim]} along {dim!r}, the perturbed responses {perturbed.sizes[dim]}"
            )
        if dim in part.coords and part[dim].values.tolist() != perturbed[dim].values.tolist():
            raise DataError(f"evidence: {name} has another coordinate {dim!r} than the perturbed responses")


def _check_repeats(repeats: xr.DataArray, perturbed: xr.DataArray) -> None:
    if repeats.dims != ("presentation", "unit"):
        raise DataError(f"evidence: repeats_perturbed has dims {repeats.dims}, expected (presentation, unit)")
    missing = [name for name in ("stimulus", "epsilon", "direction", "image", "row") if name not in repeats.coords]
    if missing:
        raise DataError(f"evidence: coordinate {missing[0]!r} of repeats_perturbed is missing")
    names = repeats["unit"].values.tolist() if "unit" in repeats.coords else range(repeats.sizes["unit"])
    check_same("evidence", "repeats_perturbed", "unit", names, perturbed["unit"].values.tolist())
    check_finite("evidence", "the single perturbed response", repeats)
    for name in ("stimulus", "epsilon"):
        known = set(perturbed[name].values.tolist())
        strange = [value for value in repeats[name].values.tolist() if value not in known]
        if strange:
            raise DataError(
                f"evidence: repeats_perturbed has {name} {strange[0]!r}, which the perturbed responses don't have"
            )
