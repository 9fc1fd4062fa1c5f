"""The clean part of a recording: what codes are made of, and readouts and encoders are fitted to."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from spikeproof.recording import Recording

from .columns import CLEAN_ID, perturbations_of

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from spikeproof.stimuli import StimulusSet

    from .columns import Perturbations

__all__ = ["Shown", "clean_part", "clean_stimuli", "named_as_shown"]


@dataclass(frozen=True, kw_only=True)
class Shown:
    """All that was shown, perturbed stimuli among it.

    Parameters
    ----------
    response : xarray.DataArray, dims (presentation, unit) or (presentation, unit, time_bin)
        Of the whole recording.
    perturbations : Perturbations
        Of the same presentations.
    """

    response: xr.DataArray
    perturbations: Perturbations

    def in_whole(self, repeats: xr.DataArray) -> xr.DataArray:
        """Number single clean presentations (coordinate ``row``) as in the whole recording."""
        rows = self.perturbations.clean_rows[repeats["row"].values]
        return repeats.assign_coords(row=("presentation", rows))

    def numbered(self, trials: xr.Dataset) -> xr.Dataset:
        """Number trials of the clean presentations (``row``) as in the whole recording."""
        return trials.assign(row=("trial", self.perturbations.clean_rows[trials["row"].values]))


def clean_part(recording: Recording) -> tuple[Recording, Shown | None]:
    """Return the recording without the presentations, and the images, of perturbed stimuli.

    A presentation with ``epsilon`` 0 shows the stimulus that its ``clean_stimulus_id`` names and is a repeat of it.

    Parameters
    ----------
    recording : Recording
        With responses.

    Returns
    -------
    clean : Recording
        The recording itself where nothing is perturbed.
    shown : Shown or None
        What was left out, with the rest; None where nothing is perturbed.

    Raises
    ------
    DataError
        See :func:`perturbations_of`.
    """
    import numpy as np

    if recording.responses is None:
        if recording.stimuli is None or clean_stimuli(recording.stimuli) is recording.stimuli:
            return recording, None
        return replace(recording, stimuli=clean_stimuli(recording.stimuli)), None
    responses = recording.responses
    perturbations = perturbations_of(responses)
    named = _called_clean(responses)
    if perturbations is None and named is None:
        return recording, None
    rows = np.arange(responses.sizes["presentation"]) if perturbations is None else perturbations.clean_rows
    kept = responses.isel(presentation=rows)
    if named is not None:
        kept = kept.assign_coords(
            stimulus_id=("presentation", named[rows]), repeat=("presentation", _numbered(named[rows]))
        )
    clean = Recording(
        responses=kept,
        stimuli=None if recording.stimuli is None else clean_stimuli(recording.stimuli),
        trials=None if recording.trials is None else _without(recording.trials, rows),
        identity=recording.identity,
        notes=recording.notes,
    )
    return clean, None if perturbations is None else Shown(response=responses["response"], perturbations=perturbations)


def _without(trials: xr.Dataset, rows: NDArray[np.intp]) -> xr.Dataset:
    import numpy as np

    if "row" not in trials:
        return trials
    return trials.isel(trial=np.flatnonzero(np.isin(trials["row"].values, rows)))


def clean_stimuli(stimuli: StimulusSet) -> StimulusSet:
    """Return the stimuli that are no perturbed versions of others: those that networks are shown and that are attacked.

    Parameters
    ----------
    stimuli : StimulusSet
        Its table may have a column ``clean_stimulus_id``, which names another stimulus for perturbed images.
    """
    if CLEAN_ID not in stimuli.table:
        return stimuli
    source = stimuli.table[CLEAN_ID]
    own = source.isna() | (source == "") | (source == stimuli.table.index)
    return stimuli if own.all() else stimuli.select(list(stimuli.table.index[own]))


def named_as_shown(responses: xr.Dataset) -> xr.Dataset:
    """Call presentations at ``epsilon`` 0 by the clean stimulus that they show, and number repeats anew.

    Parameters
    ----------
    responses : xarray.Dataset
        See ``Recording.responses``.
    """
    named = _called_clean(responses)
    if named is None:
        return responses
    return responses.assign_coords(stimulus_id=("presentation", named), repeat=("presentation", _numbered(named)))


def _called_clean(responses: xr.Dataset) -> NDArray[np.str_] | None:
    """Stimulus of each presentation, where one of epsilon 0 is called otherwise than the clean stimulus it shows."""
    import numpy as np

    if CLEAN_ID not in responses.coords or "epsilon" not in responses.coords:
        return None
    shown = responses["stimulus_id"].values.astype(str)
    source = np.array([value if isinstance(value, str) else "" for value in responses[CLEAN_ID].values.tolist()])
    epsilon = np.array([_zero(value) for value in responses["epsilon"].values.tolist()])
    renamed = epsilon & (source != "") & (source != shown)
    return np.where(renamed, source, shown) if renamed.any() else None


def _zero(value: object) -> bool:
    try:
        return float(value) == 0  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False


def _numbered(stimuli: NDArray[np.str_]) -> NDArray[np.int64]:
    """Repeats of each stimulus 0, 1, 2 ... in the order of presentation."""
    import numpy as np

    seen: dict[str, int] = {}
    out = np.empty(len(stimuli), dtype=np.int64)
    for place, name in enumerate(stimuli.tolist()):
        out[place] = seen.get(name, 0)
        seen[name] = seen.get(name, 0) + 1
    return out
