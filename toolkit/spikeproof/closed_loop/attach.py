"""Recordings whose presentations name a manifest's images: their columns, and the images themselves."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np

from spikeproof.errors import DataError
from spikeproof.measured import COLUMNS
from spikeproof.recording import Recording
from spikeproof.wording import some

from .manifest import SEAL, Manifest, read_manifest
from .pngs import manifest_images

if TYPE_CHECKING:
    import xarray as xr
    from numpy.typing import NDArray

    from spikeproof.stimuli import StimulusSet

__all__ = ["with_manifests"]

_NUMBERS = ("epsilon", "achieved", "predicted_effect", "other_unit_effect")
_UNITS = ("target_unit", "other_unit")


def with_manifests(
    recordings: Sequence[Recording], paths: Sequence[str | Path]
) -> tuple[tuple[Recording, ...], tuple[str, ...]]:
    """Put what manifests say of their images beside every presentation that shows one.

    A presentation shows an image of a manifest if its ``stimulus_id`` is the image's name, with or without folders and
    ``.png``. Catch images are called as the clean stimulus that they are, and so become repeats of it; perturbed
    images keep their names and get the manifest's columns. Images that the sources do not hold come from the manifest.

    Parameters
    ----------
    recordings : sequence of Recording
    paths : sequence of str or Path
        The folders that ``spikeproof stimuli`` wrote.

    Returns
    -------
    recordings : tuple of Recording
        One more for each manifest that gives images.
    notes : tuple of str

    Raises
    ------
    DataError
        If a manifest or an image was changed (see :func:`read_manifest`), two are the same, a presentation names an
        image that its manifest does not have, a column of the recording says something else, or nothing names an image.
    """
    manifests = [read_manifest(path) for path in paths]
    tags = [manifest.tag for manifest in manifests]
    for manifest in manifests:
        if tags.count(manifest.tag) > 1:
            raise DataError(f"manifest {manifest.folder}: the same manifest ({manifest.tag}) was given twice")
        manifest.check_files()
    notes: list[str] = []
    named = [_named(recording, manifests, notes) for recording in recordings]
    _refuse_unused(recordings, manifests)
    return (*named, *_images(named, manifests, notes)), tuple(notes)


def _image_of(stimulus: str, manifests: Sequence[Manifest], where: str) -> tuple[Manifest, Mapping[str, str]] | None:
    """The row of the image that a stimulus id names; None where it names no image of a manifest."""
    name = PurePosixPath(stimulus.replace("\\", "/")).name.removesuffix(".png")
    for manifest in manifests:
        if name in manifest.by_image:
            return manifest, manifest.by_image[name]
        if name.startswith(f"{manifest.tag}-"):
            raise DataError(
                f"{where}: stimulus {stimulus!r} is called as an image of the manifest in {manifest.folder}, which has "
                f"no such image (it has {len(manifest.rows)}: {manifest.rows[0]['image']} to "
                f"{manifest.rows[-1]['image']})"
            )
    return None


def _named(recording: Recording, manifests: Sequence[Manifest], notes: list[str]) -> Recording:
    where = recording.identity.get("source", "recording")
    responses = recording.responses
    stimuli = None if recording.stimuli is None else _set_named(recording.stimuli, manifests, where, notes)
    identity = dict(recording.identity)
    if responses is not None:
        found = [_image_of(name, manifests, where) for name in responses["stimulus_id"].values.astype(str).tolist()]
        if any(one is not None for one in found):
            responses = _with_columns(responses, found, where, notes)
            _say_shown(found, manifests, where, notes)
    for manifest in manifests:
        identity[f"manifest {manifest.tag} digest"] = hashlib.sha256((manifest.folder / SEAL).read_bytes()).hexdigest()
    if responses is recording.responses and stimuli is recording.stimuli:
        return recording
    return replace(recording, responses=responses, stimuli=stimuli, identity=identity)


def _with_columns(
    responses: xr.Dataset, found: Sequence[tuple[Manifest, Mapping[str, str]] | None], where: str, notes: list[str]
) -> xr.Dataset:
    shown = responses["stimulus_id"].values.astype(str)
    units = set(responses["unit"].values.tolist())
    called = np.array(
        [name if one is None else _called(one[1]) for name, one in zip(shown.tolist(), found, strict=True)], dtype=str
    )
    coords: dict[str, tuple[str, NDArray[np.generic]]] = {
        "stimulus_id": ("presentation", called),
        "repeat": ("presentation", _numbered(called, responses)),
    }
    lost: dict[str, int] = {}
    for name in COLUMNS:
        values: list[object] = []
        own = responses[name].values.tolist() if name in responses.coords else None
        for row, one in enumerate(found):
            said = "" if one is None else _said(one[1], name)
            theirs = "" if own is None or own[row] is None else own[row]
            theirs = "" if isinstance(theirs, float) and np.isnan(theirs) else theirs
            if one is not None and theirs != "" and said and not _same(theirs, said, name):
                raise DataError(
                    f"{where}: presentation {row} (stimulus {shown[row].item()!r}) has {name} {theirs!r}, but the "
                    f"manifest in {one[0].folder} says {said!r}: leave the column out of the recording, or give the "
                    "manifest that these images were made with"
                )
            mine = said
            if name in _UNITS and said and said not in units:
                lost[said] = lost.get(said, 0) + (name == "target_unit")
                mine = ""
            values.append(theirs if one is None else mine)
        if name in _NUMBERS:
            blank = 0.0 if name == "epsilon" and own is None else np.nan
            coords[name] = ("presentation", np.array([blank if v == "" else float(str(v)) for v in values]))
        else:
            coords[name] = ("presentation", np.array([str(value) for value in values], dtype=str))
    for name, count in lost.items():
        notes.append(
            f"{where}: {name!r}, at which {count} presentations aimed, is no unit of this recording: they are read at "
            "the scales of the population and of behaviour only"
        )
    category = _categories(responses, found, coords, where)
    if category is not None:
        coords["category"] = ("presentation", category)
    return responses.assign_coords(coords)


def _called(row: Mapping[str, str]) -> str:
    return row["clean_stimulus_id"] if row["kind"] == "clean" else row["image"]


def _said(row: Mapping[str, str], name: str) -> str:
    """What the manifest says of a column; a catch image is the clean stimulus itself."""
    if row["kind"] == "clean":
        return {"epsilon": "0.0", "clean_stimulus_id": row["clean_stimulus_id"]}.get(name, "")
    return row[name]


def _same(theirs: object, mine: str, name: str) -> bool:
    if name not in _NUMBERS:
        return str(theirs) == mine
    try:
        return abs(float(str(theirs)) - float(mine or "nan")) <= 1e-6 * abs(float(mine))
    except ValueError:
        return False


def _numbered(called: NDArray[np.str_], responses: xr.Dataset) -> NDArray[np.int64]:
    """Repeats of each stimulus 0, 1, 2 ... by start time, or else in the order of presentation."""
    count = len(called)
    order = (
        np.argsort(responses["start_time"].values, kind="stable") if "start_time" in responses.coords else range(count)
    )
    seen: dict[str, int] = {}
    out = np.empty(count, dtype=np.int64)
    for row in order:
        name = str(called[row])
        out[row] = seen.get(name, 0)
        seen[name] = seen.get(name, 0) + 1
    return out


def _categories(
    responses: xr.Dataset,
    found: Sequence[tuple[Manifest, Mapping[str, str]] | None],
    coords: Mapping[str, tuple[str, NDArray[np.generic]]],
    where: str,
) -> NDArray[np.str_] | None:
    """Categories of presentations; None where some clean stimulus would have none."""
    own = responses["category"].values.tolist() if "category" in responses.coords else [""] * len(found)
    out = []
    for row, (theirs, one) in enumerate(zip(own, found, strict=True)):
        said = "" if theirs is None or theirs != theirs else str(theirs)
        mine = "" if one is None else one[1]["category"]
        if said and mine and said != mine:
            raise DataError(
                f"{where}: presentation {row} has category {said!r}, but the manifest says that its image is of "
                f"{mine!r}: choose another column as category"
            )
        out.append(said or mine)
    clean = np.asarray(coords["epsilon"][1], dtype=float) == 0
    values = np.array(out, dtype=str)
    return values if (values[clean] != "").all() else None


def _say_shown(
    found: Sequence[tuple[Manifest, Mapping[str, str]] | None],
    manifests: Sequence[Manifest],
    where: str,
    notes: list[str],
) -> None:
    for manifest in manifests:
        mine = [one[1] for one in found if one is not None and one[0] is manifest]
        if not mine:
            continue
        times: dict[str, int] = {row["image"]: 0 for row in manifest.rows}
        for row in mine:
            times[row["image"]] += 1
        planned = int(manifest.about["repeats"])
        fewer = [name for name, count in times.items() if count < planned]
        clean = sum(row["kind"] == "clean" for row in mine)
        notes.append(
            f"{where}: {len(mine)} of {len(found)} presentations show images of the manifest in {manifest.folder}: "
            f"{clean} are catch repeats of clean stimuli, {len(mine) - clean} are perturbed"
        )
        if fewer:
            never = [name for name in fewer if times[name] == 0]
            notes.append(
                f"{where}: {len(fewer)} of {len(times)} images of {manifest.folder} were shown fewer than the planned "
                f"{planned} times ({some(fewer)})" + (f", {len(never)} of them never" if never else "")
            )


def _set_named(stimuli: StimulusSet, manifests: Sequence[Manifest], where: str, notes: list[str]) -> StimulusSet | None:
    """A set of a manifest's own images under the names that responses have; any other set as it is."""
    found = [_image_of(name, manifests, where) for name in stimuli.ids]
    whose = [one[0] for one in found if one is not None]
    if not whose:
        return stimuli
    if len(whose) < len(found) or len({id(manifest) for manifest in whose}) > 1:
        raise DataError(
            f"{where}: {len(whose)} of {len(found)} images are called as images of a manifest, and the others are not: "
            "give the images of each manifest, and all others, as sources of their own"
        )
    manifest = whose[0]
    channels, y, x = (int(length) for length in manifest.about["shape"])
    factor = int(manifest.about["factor"])
    if stimuli.shape != (channels, y * factor, x * factor):
        raise DataError(
            f"{where}: images were read as {stimuli.shape} (channel, y, x), but those of the manifest in "
            f"{manifest.folder} are shown as {(channels, y * factor, x * factor)}: leave size and grayscale out"
        )
    if factor > 1:
        notes.append(
            f"{where}: images are read at the model's size, {y} x {x}; each of its pixels was shown {factor} x {factor}"
        )
    return manifest_images(manifest, [one[1]["image"] for one in found if one is not None])


def _images(named: Sequence[Recording], manifests: Sequence[Manifest], notes: list[str]) -> list[Recording]:
    """Images of presented stimuli that no source holds."""
    presented = [
        name
        for recording in named
        if recording.responses is not None
        for name in dict.fromkeys(recording.responses["stimulus_id"].values.astype(str).tolist())
    ]
    held = {name for recording in named if recording.stimuli is not None for name in recording.stimuli.ids}
    missing = [name for name in dict.fromkeys(presented) if name not in held]
    given: dict[str, tuple[Manifest, str]] = {}
    for manifest in manifests:
        for row in manifest.rows:
            given.setdefault(_called(row), (manifest, row["image"]))
    without = [name for name in missing if name not in given]
    if without and not held:
        notes.append(
            f"no images: the manifests hold those of {len(missing) - len(without)} of {len(missing)} presented "
            f"stimuli, and no source holds the others ({some(without)}): models can be shown none of them; add "
            "the images"
        )
        return []
    more = []
    for manifest in manifests:
        mine = [given[name][1] for name in missing if name in given and given[name][0] is manifest]
        if mine:
            digest = hashlib.sha256("\n".join(manifest.by_image[name]["sha256"] for name in mine).encode()).hexdigest()
            identity = {"source": f"manifest {manifest.folder}", "digest": digest}
            more.append(Recording(stimuli=manifest_images(manifest, mine), identity=identity))
    return more


def _refuse_unused(before: Sequence[Recording], manifests: Sequence[Manifest]) -> None:
    """Refuse a manifest that nothing of the sources is of."""
    used: set[str] = set()
    for recording in before:
        ids = [] if recording.stimuli is None else list(recording.stimuli.ids)
        ids += [] if recording.responses is None else recording.responses["stimulus_id"].values.astype(str).tolist()
        used |= {one[0].tag for name in dict.fromkeys(ids) if (one := _image_of(name, manifests, "")) is not None}
    for manifest in manifests:
        if manifest.tag not in used:
            shown: list[str] = []
            for recording in before:
                responses = recording.responses
                shown += [] if responses is None else responses["stimulus_id"].values.astype(str).tolist()
            called = f"; presented stimuli are called {some(dict.fromkeys(shown))}" if shown else ""
            raise DataError(
                f"manifest {manifest.folder}: no presentation and no image of the sources is called as one of its "
                f"images (such as {manifest.rows[0]['image']!r}){called}: name the column that says which image was "
                "shown (option `stimulus`), or leave the manifest out"
            )
