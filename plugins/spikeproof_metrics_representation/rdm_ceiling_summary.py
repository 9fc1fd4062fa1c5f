"""What the metric ``rdm-ceiling`` says: ceilings or the reliability of an RDM, with intervals and chance level."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.statistics import interval, jackknife_interval
from spikeproof.summaries import annotated, with_bounds
from spikeproof.wording import with_interval

from .distances import SAID, Distance
from .rdm_similarity import COMPARED, Comparison

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["sentence", "summary_of"]

_LINEAR = {"spearman", "corr", "corr_cov", "rho-a"}
"""Comparisons that are correlations, which Spearman and Brown's formula speaks of."""

_NILI = "(Nili et al. 2014, doi:10.1371/journal.pcbi.1003553)"


def summary_of(found: xr.Dataset, distance: Distance, comparison: Comparison, splits: int, level: float) -> xr.Dataset:
    """Summarise what was measured of one recording.

    Returns
    -------
    xarray.Dataset
        ``lower``, ``upper`` and ``lower_shuffled`` (statistic,) over subjects or sessions. Over halves of the repeats
        ``between_halves`` and ``between_halves_shuffled``, and for comparisons that are correlations ``reliability``
        and ``attainable``.

    Raises
    ------
    spikeproof.errors.DataError
        If halves oppose each other.
    """
    how, source = COMPARED[comparison]
    about = f"{how[0].upper()}{how[1:]} of RDMs ({source}); dissimilarity: {SAID[distance]}."
    lowest = 0.0 if comparison == "cosine" and distance != "crossnobis" else -1.0
    halves = "between_halves" in found
    key = "between_halves" if halves else "lower"
    whose = f"{int(float(found['parts']))} subjects or sessions"
    titles = {
        "lower": ("RDM noise ceiling, lower", f"RDM of each of {whose} against the pool of the others {_NILI}."),
        "upper": ("RDM noise ceiling, upper", f"RDM of each of {whose} against the pool of all {_NILI}."),
        "between_halves": (
            "similarity of RDMs between halves of the repeats",
            f"Mean over {splits} random halves of the repeats of every stimulus.",
        ),
    }
    spread = _spread(found, key)
    out = xr.Dataset()
    for name, (title, what) in titles.items():
        if name not in found:
            continue
        chance: dict[str, str | int] = {"chance": f"{key}_shuffled"} if name == key else {}
        out[name] = annotated(
            _with_interval(found, name, _same, level, lowest),
            long_name=title,
            units="1",
            definition=f"{what} {about} {spread}",
            **chance,
            **({} if halves else {"headline": 1}),
        )
    draws = found[f"{key}_shuffled"].values
    out[f"{key}_shuffled"] = annotated(
        with_bounds(draws.mean(), *interval(draws, draws.mean(), level)),
        long_name=f"{titles[key][0]}, with the stimuli shuffled",
        units="1",
        definition=f"{about} Stimuli of an RDM shuffled: mean and {level:.0%} range of {len(draws)}.",
    )
    if halves and comparison in _LINEAR:
        for name, title, function, least, what in (
            ("reliability", "reliability of the RDM", _spearman_brown, -np.inf, "Spearman-Brown: of all repeats"),
            (
                "attainable",
                "similarity that the true RDM would reach",
                _root,
                0.0,
                "Root of the reliability: what the RDM without noise reaches with that of all repeats",
            ),
        ):
            out[name] = annotated(
                _with_interval(found, key, function, level, least),
                long_name=title,
                units="1",
                definition=f"{what}, from {splits} random halves. {about} {spread}",
                headline=1,
            )
    return out


def sentence(summary: xr.Dataset) -> str:
    """Say how well any model could do."""
    if "lower" in summary:
        lower, upper, chance = (with_interval(summary[name]) for name in ("lower", "upper", "lower_shuffled"))
        return (
            f"No RDM does better than {upper} with the RDMs that were compared, and a perfect one at least {lower} "
            f"(with the stimuli shuffled {chance})."
        )
    halves, chance = (with_interval(summary[f"between_halves{name}"]) for name in ("", "_shuffled"))
    between = f"RDMs of halves of the repeats are alike by {halves} (with the stimuli shuffled {chance})"
    if "attainable" not in summary:
        return f"{between}."
    return (
        f"{between}: the RDM of all repeats has a reliability of {with_interval(summary['reliability'])}, and the true "
        f"RDM would reach {with_interval(summary['attainable'])} with it."
    )


def _same(value: NDArray[np.float64]) -> NDArray[np.float64]:
    return value


def _spearman_brown(value: NDArray[np.float64]) -> NDArray[np.float64]:
    if (np.asarray(value) <= -1).any():
        raise DataError("rdm-ceiling: the halves of the repeats oppose each other: there is no reliability")
    return np.asarray(2 * value / (1 + value))


def _root(value: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.sqrt(np.maximum(_spearman_brown(value), 0.0))


def _left_out(found: xr.Dataset, key: str) -> list[str]:
    """Of stimuli and units, what could be left out group by group."""
    return [of for of in ("stimuli", "units") if np.isfinite(found[f"{key}_without_{of}"].values).all()]


def _spread(found: xr.Dataset, key: str) -> str:
    factors = _left_out(found, key)
    if not factors:
        return "No interval: too few stimuli and units to leave any out."
    how = "Interval: delete-a-group jackknife over " + " and over ".join(factors)
    if len(factors) == 2:
        return f"{how}, whose variances add up, with Student's t."
    other = "units" if factors == ["stimuli"] else "stimuli"
    return f"{how}, with Student's t; there are too few {other} to leave any out, and the interval speaks of no others."


def _with_interval(
    found: xr.Dataset,
    key: str,
    function: Callable[[NDArray[np.float64]], NDArray[np.float64]],
    level: float,
    lowest: float,
) -> xr.DataArray:
    estimate = function(found[key].values)
    without = [function(found[f"{key}_without_{of}"].values) for of in _left_out(found, key)]
    try:
        low, high = jackknife_interval(estimate, without, level=level, lowest=lowest, highest=1.0)
    except NotEnoughData:
        low = high = np.full_like(estimate, np.nan)
    return with_bounds(estimate, low, high)
