"""How well any model could do on a recording's RDM: noise ceilings, over subjects, sessions or halves of repeats."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, cast

import numpy as np
import xarray as xr
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.statistics import interval, jackknife_groups, jackknife_interval
from spikeproof.summaries import annotated, with_bounds
from spikeproof.types import Evidence, Repeats, generator
from spikeproof.wording import with_interval

from .distances import SAID, Distance, Side, is_flat, rdm_of
from .noise_ceiling import rdm_noise_ceiling
from .parted import Parted, first_half, repeated, shuffled
from .rdm_similarity import COMPARED, Comparison

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spikeproof.statistics import Resampling
    from spikeproof.types import Code

__all__ = ["RdmCeiling"]

Across = Literal["auto", "subjects", "sessions", "halves"]

_GROUPS, _SHUFFLES = 32, 100
_LINEAR = {"spearman", "corr", "corr_cov", "rho-a"}
"""Comparisons that are correlations, which Spearman and Brown's formula speaks of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RdmCeiling:
    """How alike the RDMs of subjects, sessions or halves of the repeats are."""

    distance: Annotated[Distance, "Dissimilarity of two stimuli, as in rdm-similarity."] = "correlation"
    comparison: Annotated[Comparison, "How two RDMs are compared, as in rdm-similarity."] = "spearman"
    across: Annotated[
        Across, "Whose RDMs are compared; auto takes subjects, else sessions, where there are two or more, else halves."
    ] = "auto"
    splits: Annotated[int, "Random halves of the repeats, over which the mean is taken."] = 10

    seed: Annotated[int, "Seed of the halves, the shuffles and the groups that are left out."] = 0

    def __post_init__(self) -> None:
        if self.splits < 1:
            raise BadParameter(f"rdm-ceiling: splits must be at least 1, got {self.splits}")

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Compare the RDMs, whole and with groups of stimuli and of units left out, and with stimuli shuffled.

        Returns
        -------
        xarray.Dataset
            ``lower``, ``upper``; each also with ``_without_stimuli`` and ``_without_units`` (group_stimuli,
            group_units); ``lower_shuffled`` (shuffle,); ``parts``, how many RDMs were compared; ``halves`` (0 or 1).

        Raises
        ------
        spikeproof.errors.DataError
            If a system is computed and has no noise, there is nothing to compare, or an RDM is not defined.
        """
        code = evidence.code
        if "layer" in code.facts:
            raise NotEnoughData("rdm-ceiling: responses that are computed by a network have no noise, and no ceiling")
        across, data = self._data(code)
        rdms = self._halves if across == "halves" else self._parts
        whole = self._bounds(rdms(data))
        out = xr.Dataset({"lower": whole[0], "upper": whole[1], "halves": float(across == "halves")})
        out["parts"] = float(2 if across == "halves" else len(np.unique(data.group)))
        for what, names, kept in (
            ("stimuli", data.stimuli, data.of_stimuli),
            ("units", data.units, data.of_units),
        ):
            found = self._without(data, names, what, kept, rdms)
            for column, name in enumerate(("lower", "upper")):
                out[f"{name}_without_{what}"] = (f"group_{what}", found[:, column])
        rng = generator(0, "rdm ceiling", "shuffled")
        sets = rdms(data)
        out["lower_shuffled"] = (
            "shuffle",
            [self._bounds([shuffled(one, rng) for one in sets])[0] for _ in range(_SHUFFLES)],
        )
        return out.assign_coords({dim: np.arange(size) for dim, size in out.sizes.items()})

    def _data(self, code: Code) -> tuple[Across, Parted]:
        """What is compared, and the responses with the subject or session of each unit."""
        units = code.responses["unit"].values.astype(str)
        subject, session = (
            code.responses[name].values.astype(str) if name in code.responses.coords else np.full(len(units), "")
            for name in ("subject", "session")
        )
        both = np.array([f"{a}\x1f{b}" for a, b in zip(subject, session, strict=True)])
        by: dict[str, NDArray[np.str_]] = {"subjects": subject, "sessions": both}
        across = self.across
        if across == "auto":
            several = [name for name, group in by.items() if len(np.unique(group)) > 1]
            across = cast("Across", several[0]) if several else "halves"
        shown = None
        if code.repeats is not None:
            shown = Repeats(
                responses=np.asarray(code.repeats.values, dtype=np.float64),
                stimuli=code.repeats["stimulus"].values.astype(str),
            )
        data = Parted(
            values=np.asarray(code.responses.values, dtype=np.float64),
            stimuli=code.responses["stimulus"].values.astype(str),
            units=units,
            group=by.get(across, np.full(len(units), "")),
            repeats=shown,
        )
        if across != "halves" and len(np.unique(data.group)) < 2:
            raise NotEnoughData(
                f"rdm-ceiling: there is one of {across} only, and a ceiling across them needs two: set across to halves"
            )
        return across, repeated(data) if across == "halves" else data

    def _without(
        self,
        data: Parted,
        names: NDArray[np.str_],
        what: str,
        kept: Callable[[NDArray[np.bool_]], Parted],
        rdms: Callable[[Parted], list[list[NDArray[np.float64]]]],
    ) -> NDArray[np.float64]:
        """Both bounds without each group of stimuli or units, (group, 2); NaN where too little would be left."""
        groups = jackknife_groups(names.tolist(), most=_GROUPS, seed=self.seed, purpose=what)
        found = np.full((int(groups.max()) + 1, 2), np.nan)
        for number, row in enumerate(found):
            left = kept(groups != number)
            if len(np.unique(left.group)) < len(np.unique(data.group)):
                continue  # the only unit of a subject or session
            try:
                row[:] = self._bounds(rdms(left))
            except NotEnoughData:
                continue  # one of the last units or stimuli that the distance needs: the summary says so
        return found

    def _parts(self, data: Parted) -> list[list[NDArray[np.float64]]]:
        """One set: an RDM of each subject or session."""
        found = []
        for name in np.unique(data.group):
            mine = data.of_units(data.group == name)
            found.append(self._rdm(mine.values, mine.stimuli, mine.repeats, f"units of {name.replace(chr(31), ' ')}"))
        return [found]

    def _halves(self, data: Parted) -> list[list[NDArray[np.float64]]]:
        """A set of two RDMs for each random halving of the repeats of every stimulus."""
        if data.repeats is None:
            raise NotEnoughData("rdm-ceiling: no stimulus was repeated")
        sets = []
        for split in range(self.splits):
            first = first_half(data.repeats, split, self.seed)
            pair = []
            for mine in (first, ~first):
                half = Repeats(responses=data.repeats.responses[mine], stimuli=data.repeats.stimuli[mine])
                names, place = np.unique(half.stimuli, return_inverse=True)
                sums = np.zeros((len(names), half.responses.shape[1]))
                np.add.at(sums, place, half.responses)
                pair.append(self._rdm(sums / np.bincount(place)[:, None], names, half, "half of the repeats"))
            sets.append(pair)
        return sets

    def _rdm(
        self, values: NDArray[np.float64], stimuli: NDArray[np.str_], repeats: Repeats | None, what: str
    ) -> NDArray[np.float64]:
        side = Side(values=values, stimuli=stimuli, repeats=repeats, noiseless=False, what=what)
        rdm = rdm_of(side, self.distance, "rdm-ceiling")
        if is_flat(rdm, side, self.distance):
            raise NotEnoughData(f"rdm-ceiling: all stimuli are equally far from each other in the {what}")
        return rdm

    def _bounds(self, sets: list[list[NDArray[np.float64]]]) -> tuple[float, float]:
        found = [rdm_noise_ceiling(np.stack(rdms), self.comparison) for rdms in sets]
        return float(np.mean([one.lower for one in found])), float(np.mean([one.upper for one in found]))

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:  # noqa: ARG002
        """Put the bounds together with their intervals and the chance level.

        Returns
        -------
        xarray.Dataset
            ``lower``, ``upper``, ``lower_shuffled`` (statistic,); for halves of the repeats and comparisons that are
            correlations also ``reliability`` and ``attainable``.
        """
        found = measured.isel(target=0)
        halves = bool(float(found["halves"]))
        whose = "halves of the repeats" if halves else f"{int(float(found['parts']))} subjects or sessions"
        how, source = COMPARED[self.comparison]
        about = f"{how[0].upper()}{how[1:]} of RDMs ({source}); dissimilarity: {SAID[self.distance]}."
        spread = _spread(found)
        titles = {
            "lower": ("RDM noise ceiling, lower", f"Each of {whose} against the pool of the others"),
            "upper": ("RDM noise ceiling, upper", f"Each of {whose} against the pool of all, itself included"),
        }
        lowest = 0.0 if self.comparison == "cosine" and self.distance != "crossnobis" else -1.0
        out = xr.Dataset()
        for name, (title, what) in titles.items():
            chance: dict[str, str | int] = {"chance": "lower_shuffled", "headline": 1} if name == "lower" else {}
            out[name] = annotated(
                _with_interval(found, name, lambda value: value, resampling.level, lowest),
                long_name=title,
                units="1",
                definition=f"{what} (Nili et al. 2014, doi:10.1371/journal.pcbi.1003553). {about} {spread}",
                **chance,
            )
        draws = found["lower_shuffled"].values
        out["lower_shuffled"] = annotated(
            with_bounds(draws.mean(), *interval(draws, draws.mean(), resampling.level)),
            long_name="RDM noise ceiling, lower, with the stimuli shuffled",
            units="1",
            definition=f"{about} Stimuli of every RDM shuffled: mean and {resampling.level:.0%} range of {len(draws)}.",
        )
        if halves and self.comparison in _LINEAR:
            for name, title, function, what in (
                ("reliability", "reliability of the RDM", _spearman_brown, "Spearman-Brown: of the RDM of all repeats"),
                (
                    "attainable",
                    "similarity that the true RDM would reach",
                    lambda value: np.sqrt(np.maximum(_spearman_brown(value), 0.0)),
                    "Root of the reliability: what the RDM without noise reaches with that of all repeats",
                ),
            ):
                out[name] = annotated(
                    _with_interval(
                        found, "lower", function, resampling.level, 0.0 if name == "attainable" else -np.inf
                    ),
                    long_name=title,
                    units="1",
                    definition=f"{what}, from {self.splits} random halves. {about} {spread}",
                    headline=1,
                )
        return out

    def describe(self, summary: xr.Dataset, code: Code) -> Iterable[str]:  # noqa: ARG002 - the protocol passes it
        """Say how well any model could do."""
        lower, upper, chance = (with_interval(summary[name]) for name in ("lower", "upper", "lower_shuffled"))
        if "attainable" in summary:
            yield (
                f"The RDM of all repeats has a reliability of {with_interval(summary['reliability'])}: the true RDM "
                f"would reach {with_interval(summary['attainable'])} with it (halves of the repeats: {lower}; with the "
                f"stimuli shuffled {chance})."
            )
            return
        yield (
            f"No RDM does better than {upper} with the RDMs that were compared, and a perfect one at least {lower} "
            f"(with the stimuli shuffled {chance})."
        )


def _spearman_brown(value: NDArray[np.float64]) -> NDArray[np.float64]:
    if (np.asarray(value) <= -1).any():
        raise DataError("rdm-ceiling: the halves of the repeats oppose each other: there is no reliability")
    return np.asarray(2 * value / (1 + value))


def _left_out(found: xr.Dataset) -> list[str]:
    """Of stimuli and units, what could be left out group by group."""
    return [of for of in ("stimuli", "units") if np.isfinite(found[f"lower_without_{of}"].values).all()]


def _spread(found: xr.Dataset) -> str:
    factors = _left_out(found)
    how = "Interval: delete-a-group jackknife over " + " and over ".join(factors)
    if len(factors) == 2:
        return f"{how}, whose variances add up, with Student's t."
    if not factors:
        return "No interval: too few stimuli and units to leave any out."
    other = "units" if factors == ["stimuli"] else "stimuli"
    return f"{how}, with Student's t; there are too few {other} to leave any out, and the interval speaks of no others."


def _with_interval(
    found: xr.Dataset,
    name: str,
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    level: float,
    lowest: float,
) -> xr.DataArray:
    estimate = function(found[name].values)
    without = [function(found[f"{name}_without_{of}"].values) for of in _left_out(found)]
    try:
        low, high = jackknife_interval(estimate, without, level=level, lowest=lowest, highest=1.0)
    except NotEnoughData:
        low = high = np.full_like(estimate, np.nan)
    return with_bounds(estimate, low, high)
