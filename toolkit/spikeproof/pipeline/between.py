"""What is said of several systems at once: comparisons of every pair, and metrics of the whole study."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from spikeproof.errors import DataError, NotEnoughData
from spikeproof.scores import Quantity, Sample
from spikeproof.statistics import interval
from spikeproof.wording import joined, with_interval

from .left_out import left_out
from .presented import noiseless, repeats_of
from .resampled_scores import shuffled
from .score_summaries import SHUFFLED

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from spikeproof.code import Code
    from spikeproof.statistics import Resampling

    from .ledger import Ledger
    from .scored import ScoredMetric

__all__ = ["ALL", "compare_systems", "described"]

ALL = "all systems"
"""What results that speak of several systems are filed under."""


def compare_systems(
    metric: ScoredMetric, label: str, codes: Mapping[str, Code], resampling: Resampling, ledger: Ledger
) -> xr.Dataset | None:
    """Score every system against every other over the stimuli that both were shown.

    Parameters
    ----------
    metric : ScoredMetric
        Of a comparison.
    label : str
        What the study calls it.
    codes : mapping of str to Code
        At least two.
    resampling : Resampling
    ledger : Ledger
        Where a pair that cannot be compared is refused.

    Returns
    -------
    xarray.Dataset or None
        Per quantity ``NAME_between`` and ``NAME_between_shuffled`` (statistic, reference, system), NaN on the diagonal
        and where a pair was refused; None if every pair was.
    """
    import numpy as np
    import xarray as xr

    names = list(codes)
    quantities = metric.score.quantities()
    values = np.full((2, len(quantities), 3, len(names), len(names)), np.nan)
    for row, reference in enumerate(names):
        for column, other in enumerate(names):
            if row == column:
                continue
            try:
                found = _pair(metric, codes[reference], codes[other], resampling)
            except DataError as error:
                ledger.refuse(f"{label} between {reference} and {other}", str(error))
                continue
            values[:, :, :, row, column] = found
    if np.isnan(values).all():
        return None
    out = xr.Dataset(coords={"statistic": ["estimate", "low", "high"], "reference": names, "system": names})
    for number, quantity in enumerate(quantities):
        key = f"{quantity.name}_between"
        out[key] = (("statistic", "reference", "system"), values[0, number])
        out[key].attrs = _about(quantity)
        if metric.entry.null is not None:
            out[f"{key}_shuffled"] = (("statistic", "reference", "system"), values[1, number])
            out[f"{key}_shuffled"].attrs = {
                "long_name": f"{quantity.long_name} {SHUFFLED[metric.entry.null]}",
                "units": quantity.units,
                "definition": f"{quantity.definition} Chance level: mean and 95 % range of shuffles.",
            }
    return out


def _pair(metric: ScoredMetric, reference: Code, other: Code, resampling: Resampling) -> NDArray[np.float64]:
    """Value and chance level of every quantity, (2, quantity, statistic)."""
    import numpy as np

    shown = set(other.responses["stimulus"].values.astype(str).tolist())
    shared = [name for name in reference.responses["stimulus"].values.astype(str).tolist() if name in shown]
    if len(shared) < 2:
        raise NotEnoughData(f"they share {len(shared)} stimuli: a comparison needs at least two")
    at, by = reference.responses.sel(stimulus=shared), other.responses.sel(stimulus=shared)
    sample = Sample(
        responses=np.asarray(by.values, dtype=np.float64),
        labels=None if reference.labels is None else reference.labels.sel(stimulus=shared).values.astype(str),
        choices=None if other.choices is None else other.choices.sel(stimulus=shared).values.astype(str),
        reference=np.asarray(at.values, dtype=np.float64),
        reference_choices=None
        if reference.choices is None
        else reference.choices.sel(stimulus=shared).values.astype(str),
        stimuli=np.array(shared),
        units=by["unit"].values.astype(str),
        noiseless=noiseless(other),
        repeats=repeats_of(metric.score, other, np.array(shared)),
        reference_noiseless=noiseless(reference),
        reference_repeats=repeats_of(metric.score, reference, np.array(shared)),
        seed=metric.seed,
    )
    units, units_of_reference = (side["unit"].values.astype(str) for side in (by, at))
    found = left_out(
        metric.score, sample, {"stimuli": np.array(shared), "units": units, "reference_units": units_of_reference}
    )
    out = np.full((2, len(found.whole), 3), np.nan)
    for number, quantity in enumerate(metric.score.quantities()):
        out[0, number] = found.bounds(quantity, number, resampling.level)
    if metric.entry.null is not None:
        draws = shuffled(metric.score, sample, metric.entry.null)
        for number in range(len(found.whole)):
            centre = draws[:, number].mean()
            out[1, number] = centre, *interval(draws[:, number], centre, resampling.level)
    return out


def _about(quantity: Quantity) -> dict[str, str | int]:
    about: dict[str, str | int] = {
        "long_name": f"{quantity.long_name} between systems",
        "units": quantity.units,
        "definition": (
            f"{quantity.definition} Rows: the reference; columns: the system that is compared with it, over the stimuli"
            " that both were shown. Interval: delete-a-group jackknife over stimuli, units of the one and units of the "
            "other, whose variances add up less the interactions of every two, with Student's t."
        ),
    }
    if quantity.headline:
        about |= {"figure": "matrix", "rows": "reference", "columns": "system"}
    return about


def described(metric: ScoredMetric, summary: xr.Dataset) -> list[str]:
    """Say for every reference which system is nearest to it by each headline quantity."""
    said = []
    for quantity in metric.score.quantities():
        if not quantity.headline:
            continue
        values = summary[f"{quantity.name}_between"]
        for reference in values["reference"].values.tolist():
            row = values.sel(reference=reference)
            present = [name for name in row["system"].values.tolist() if not bool(row.sel(system=name).isnull().all())]
            if not present:
                continue
            estimates = {name: float(row.sel(system=name, statistic="estimate")) for name in present}
            # Of a distance, whose lowest value is identity, the smallest is the nearest.
            is_distance = quantity.levels.get("identical") == quantity.lowest
            ordered = sorted(present, key=estimates.__getitem__, reverse=not is_distance)
            listed = joined([f"{name} {with_interval(row.sel(system=name))}" for name in ordered])
            said.append(f"{quantity.long_name[0].upper()}{quantity.long_name[1:]} with {reference}: {listed}.")
    return said
