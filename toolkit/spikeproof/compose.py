"""Several sources as one recording: responses over shared stimuli, images and trials from wherever they are."""

from __future__ import annotations

import difflib
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .errors import DataError, PluginFailed
from .recording import Recording
from .stimuli import StimulusSet
from .wording import joined, some

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["JOINS", "Composition", "Join", "compose", "compose_all", "recordings_of"]

Join = Literal["shared", "union", "rounds"]
"""Which stimuli recordings of different units are joined over: those that all of them showed, or those that any did; or
whether they are rounds of the same units, whose presentations stand one after another."""

JOINS: tuple[Join, ...] = ("shared", "union", "rounds")


@dataclass(frozen=True, kw_only=True)
class Composition:
    """What several sources gave together.

    Parameters
    ----------
    recording : Recording
        The one recording.
    sources : tuple of mapping
        For each source: ``source``; ``units``, ``presentations``, ``stimuli`` and, of them, ``joined_presentations``
        and ``joined_stimuli``, ``sessions`` and ``subjects`` where it holds responses; ``images`` and ``trials`` where
        it holds some.
    notes : tuple of str
        What was done to put them together; the sources' own notes are not among them.
    """

    recording: Recording
    sources: tuple[Mapping[str, str | int | list[str]], ...]
    notes: tuple[str, ...] = ()


def recordings_of(loaded: object, where: str) -> tuple[Recording, ...]:
    """Return the recordings that a source's ``load()`` returned: one, or a tuple of several.

    Raises
    ------
    PluginFailed
        If it returned anything else.
    """
    several = loaded if isinstance(loaded, tuple) else (loaded,)
    if not several or not all(isinstance(one, Recording) for one in several):
        raise PluginFailed(
            f"{where}: load() must return a Recording or a tuple of Recordings, got {loaded!r:.80} "
            f"({type(loaded).__name__})"
        )
    return several


def compose(recordings: Sequence[Recording], join: Join = "shared") -> Recording:
    """Join what several sources give.

    One source passes through. The responses of several make one population: a presentation is the k-th showing of a
    stimulus in every recording that showed it so often, units keep their session and subject, and NaN stands where a
    recording did not show a stimulus or showed it less often. Images are put in one set, in the order of the sources.
    Images that were never presented stay and are noted; a presentation without an image is refused. Categories may
    come from any side and must agree. Trials stand one after another, those of a recording's own ``choice`` among them.
    What this costs in memory: :func:`spikeproof.joining.join_responses`.

    Parameters
    ----------
    recordings : sequence of Recording
        One per ``[[source]]`` of a study, in its order (several where a source read several files).
    join : {"shared", "union", "rounds"}
        Keep the stimuli that every recording showed, or those that any did; ``"rounds"``: recordings of the same units.

    Returns
    -------
    Recording
        With ``identity`` of each source under ``0.``, ``1.`` ..., and ``source`` and ``digest`` of them all.

    Raises
    ------
    DataError
        If recordings differ in what they measured, share no stimulus or are one and the same; images differ in shape
        or two stand under one id; a presented stimulus has no image; or a stimulus has several categories. Sources and
        stimuli are named.

    Examples
    --------
    >>> from spikeproof import load_source
    >>> whole = load_source("simulate:sparse", units=4, informative=2, stimuli=2, repeats=2)
    >>> sessions = [
    ...     Recording(responses=whole.responses.isel(unit=units), identity={"source": f"x:{units[0]}", "digest": ""})
    ...     for units in ([0, 1], [2, 3])
    ... ]
    >>> compose(sessions).responses["response"].equals(whole.responses["response"])
    True
    """
    return compose_all(recordings, join).recording


def compose_all(recordings: Sequence[Recording], join: Join = "shared") -> Composition:
    """Join what several sources give, and say what each of them gave; as :func:`compose`."""
    if join not in JOINS:
        raise DataError(f"sources: join must be 'shared', 'union' or 'rounds', got {join!r}")
    if not recordings:
        raise DataError("sources: none was given: name one, such as nwb:FILE.nwb or images:FOLDER")
    names = _names(recordings)
    if len(recordings) == 1:
        return Composition(recording=recordings[0], sources=_given(recordings, names, {}))
    from .joining import Part, join_images, join_responses, join_rounds, join_trials, labels_of, unmatched
    from .trials import trials_of_presentations

    labels = dict(zip(names, labels_of(_sources(recordings)), strict=True))
    parts = [
        Part(name=name, label=labels[name], responses=one.responses, digest=one.identity.get("digest", ""))
        for name, one in zip(names, recordings, strict=True)
        if one.responses is not None
    ]
    sets = {name: one.stimuli for name, one in zip(names, recordings, strict=True) if one.stimuli is not None}
    responses = parts[0].responses if parts else None
    notes: list[str] = []
    given: dict[str, Mapping[str, str | int | list[str]]] = {}
    if len(parts) > 1:
        responses, contributions, notes = join_rounds(parts) if join == "rounds" else join_responses(parts, join)
        given = {one.source: one.to_mapping() for one in contributions}
    stimuli, compared = join_images(sets, labels)
    notes += compared
    if responses is not None and stimuli is not None:
        recorded = joined([part.name for part in parts])
        notes += _match(responses, stimuli, recorded, tuple(sets))
        responses, stimuli = _share_categories(responses, stimuli, recorded, notes)
    chosen = {
        name: one.trials if one.trials is not None else trials_of_presentations(one.responses)
        for name, one in zip(names, recordings, strict=True)
    }
    trials, together = join_trials(
        {name: part for name, part in chosen.items() if part is not None},
        {name: one.identity.get("digest", "") for name, one in zip(names, recordings, strict=True)},
    )
    notes += together
    if trials is not None and len(parts) > 1:
        trials = trials.drop_vars("row", errors="ignore")  # rows of a part are not those of the whole
    if trials is not None:
        notes += unmatched(trials, _shown(responses, stimuli))
    identity = _identity(recordings, names) | ({"join": join} if len(parts) > 1 else {})
    every_note = [*(note for recording in recordings for note in recording.notes), *notes]
    recording = Recording(
        responses=responses, stimuli=stimuli, trials=trials, identity=identity, notes=tuple(every_note)
    )
    return Composition(recording=recording, sources=_given(recordings, names, given), notes=tuple(notes))


def _given(
    recordings: Sequence[Recording], names: Sequence[str], joined_: Mapping[str, Mapping[str, str | int | list[str]]]
) -> tuple[Mapping[str, str | int | list[str]], ...]:
    out = []
    for name, recording in zip(names, recordings, strict=True):
        facts: dict[str, str | int | list[str]] = {"source": name}
        responses = recording.responses
        if name in joined_:
            facts |= joined_[name]
        elif responses is not None:
            stimuli = len(set(responses["stimulus_id"].values.tolist()))
            rows = responses.sizes["presentation"]
            facts |= {"units": responses.sizes["unit"], "presentations": rows, "stimuli": stimuli}
            facts |= {"joined_presentations": rows, "joined_stimuli": stimuli}
            for key in ("session", "subject"):
                if key in responses.coords:
                    facts[f"{key}s"] = list(dict.fromkeys(map(str, responses[key].values.tolist())))
        if recording.stimuli is not None:
            facts["images"] = len(recording.stimuli)
        if recording.trials is not None:
            facts["trials"] = recording.trials.sizes["trial"]
        out.append(facts)
    return tuple(out)


def _sources(recordings: Sequence[Recording]) -> list[str]:
    return [recording.identity.get("source", "source") for recording in recordings]


def _names(recordings: Sequence[Recording]) -> list[str]:
    """The sources as the user gave them; numbered where one is given twice."""
    names = _sources(recordings)
    return [name if names.count(name) == 1 else f"{name} (source {number})" for number, name in enumerate(names)]


def _identity(recordings: Sequence[Recording], names: Sequence[str]) -> dict[str, str]:
    merged = {
        "source": " + ".join(names),
        "digest": hashlib.sha256(
            "\n".join(recording.identity.get("digest", "") for recording in recordings).encode()
        ).hexdigest(),
    }
    for number, recording in enumerate(recordings):
        merged |= {f"{number}.{key}": value for key, value in recording.identity.items()}
    return merged


def _shown(responses: xr.Dataset | None, stimuli: StimulusSet | None) -> list[str]:
    """Stimuli that systems are shown."""
    if stimuli is not None:
        return list(stimuli.ids)
    return [] if responses is None else list(dict.fromkeys(responses["stimulus_id"].values.astype(str).tolist()))


def _match(responses: xr.Dataset, stimuli: StimulusSet, recorded: str, images: Sequence[str]) -> list[str]:
    """Notes on images that were never presented; a presentation without an image is refused."""
    shown = list(dict.fromkeys(responses["stimulus_id"].values.tolist()))
    held = set(stimuli.ids)
    missing = [name for name in shown if name not in held]
    if missing:
        near = difflib.get_close_matches(missing[0], stimuli.ids[:5000], n=1, cutoff=0.4)
        hint = f" ({near[0]!r} is near {missing[0]!r})" if near else ""
        raise DataError(
            f"sources: {len(missing)} of {len(shown)} stimuli presented in {recorded} have no image in "
            f"{', '.join(images)}: {some(missing)}. Images there are called {some(stimuli.ids, 2)}{hint}: stimulus "
            "ids must be the same on both sides; rename the images, choose another column as stimulus, or leave the "
            "images out"
        )
    extra = len(stimuli) - len(shown)
    return [f"{extra} of {len(stimuli)} images were never presented in {recorded}"] if extra else []


def _share_categories(
    responses: xr.Dataset, stimuli: StimulusSet, recorded: str, notes: list[str]
) -> tuple[xr.Dataset, StimulusSet]:
    """Give both sides the categories of either; refuse a conflict."""
    presented = responses["stimulus_id"].values.tolist()
    has_table, has_presentations = "category" in stimuli.table, "category" in responses.coords
    if has_table:
        of_image = stimuli.table["category"].reindex(presented).astype(str).to_numpy().astype("U")
        of_row = responses["category"].values.tolist() if has_presentations else [""] * len(presented)
        if "" in of_row:  # a category that is missing, as where one of several recordings names none
            notes.append("categories of presentations are those of the images")
            responses = responses.assign_coords(category=("presentation", of_image))
        for number, (stimulus, given, image) in enumerate(zip(presented, of_row, of_image.tolist(), strict=True)):
            if given != "" and str(given) != image:
                raise DataError(
                    f"sources: stimulus {stimulus!r} has category {str(given)!r} on presentation {number} of "
                    f"{recorded}, but {image!r} among the images: choose another column, or rename the folders"
                )
        return responses, stimuli
    if not has_presentations:
        return responses, stimuli
    category: dict[str, str] = {}
    for stimulus, given in zip(presented, responses["category"].values.tolist(), strict=True):
        if category.setdefault(stimulus, str(given)) != str(given):
            raise DataError(
                f"sources: stimulus {stimulus!r} has several categories in {recorded} ({category[stimulus]!r} and "
                f"{str(given)!r}): a category must be a property of the stimulus; choose another column as category"
            )
    if len(category) < len(stimuli) or "" in category.values():
        notes.append("the images have no categories: those of the presentations do not cover images never presented")
        return responses, stimuli
    notes.append("categories of images are those of their presentations")
    table: pd.DataFrame = stimuli.table.assign(category=[category[name] for name in stimuli.ids])
    return responses, StimulusSet(table=table, shape=stimuli.shape, read=stimuli.read)
