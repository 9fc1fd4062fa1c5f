"""Linear Fisher information as a function of single presentations, clean or perturbed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.types import Quantity, Sample

from .fisher import category_information

__all__ = ["TrialInformation"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialInformation:
    """What one presentation says of the category, in the noise that units share from trial to trial."""

    units: Annotated[int | None, "Units of a session that are counted, drawn by name; none: all of them."] = None

    def __post_init__(self) -> None:
        if self.units is not None and self.units < 1:
            raise BadParameter(f"information: units must be at least 1, or none, got {self.units}")

    @property
    def reads_repeats(self) -> bool:
        """It is made of single presentations."""
        return True

    def quantities(self) -> tuple[Quantity, ...]:
        """Information with and without noise correlations, and what they cost."""
        how = (
            "Linear Fisher information d' S^-1 d between two categories in the noise of single presentations, without "
            "the bias that few of them add (Kanitscheider et al. 2015, doi:10.1371/journal.pcbi.1004218), mean over "
            "pairs of categories and over sessions, whose units were not recorded together"
        )
        return (
            Quantity(
                name="trial_information",
                long_name="linear Fisher information between categories",
                units="squared d'",
                definition=f"{how}. Unbiased, so that it may be negative.",
                levels={"none": 0.0},
                headline=True,
            ),
            Quantity(
                name="independent_information",
                long_name="information without noise correlations",
                units="squared d'",
                definition=f"{how}; S without its covariances, as if trials of every unit were shuffled.",
                levels={"none": 0.0},
            ),
            Quantity(
                name="correlation_cost",
                long_name="information that noise correlations cost",
                units="squared d'",
                definition=f"{how}: without noise correlations, less with them. Below 0 where they add.",
                levels={"none": 0.0},
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Compute them.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there are no single presentations or categories, one category only, or too few presentations.
        spikeproof.errors.DataError
            If units depend on each other exactly, or one never varies over trials but differs between categories.
        """
        shown = sample.repeats
        if shown is None or sample.labels is None or sample.stimuli is None:
            lacking = "single presentations" if shown is None else "categories"
            raise NotEnoughData(f"information: there are no {lacking}")
        order = np.argsort(sample.stimuli)
        labels = sample.labels[order][np.searchsorted(sample.stimuli[order], shown.stimuli)]
        if len(np.unique(labels)) < 2:
            raise NotEnoughData(
                f"information: all {len(sample.stimuli)} stimuli have the category {str(labels[0])!r}: two are needed"
            )
        found = [
            category_information(shown.responses[:, columns], shown.stimuli, labels, where=place or "the presentations")
            for place, columns in self._sessions(sample).items()
        ]
        with_correlations = float(np.mean([one.corrected.mean() for one in found]))
        without = float(np.mean([one.shuffled.mean() for one in found]))
        return {
            "trial_information": with_correlations,
            "independent_information": without,
            "correlation_cost": without - with_correlations,
        }

    def _sessions(self, sample: Sample) -> dict[str, NDArray[np.intp]]:
        """Columns of the units of each session that are counted."""
        count = sample.responses.shape[1]
        places = np.full(count, "") if sample.recorded is None else sample.recorded
        keys = sample.probes(1, "information")[:, 0]
        found = {}
        for place in np.unique(places).tolist():
            mine = np.flatnonzero(places == place)
            found[str(place)] = mine[np.argsort(keys[mine])][: self.units]
        return found
