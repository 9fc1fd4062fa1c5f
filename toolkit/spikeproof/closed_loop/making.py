"""Makes the images of one round of an experiment: from a study to a sealed folder."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from spikeproof.errors import BadParameter, BadStudy, ModelError, SpikeproofError
from spikeproof.pipeline.fits import Fits
from spikeproof.pipeline.ledger import Ledger
from spikeproof.pipeline.opening import open_study
from spikeproof.pipeline.systems import RECORDING
from spikeproof.progress import SilentProgress
from spikeproof.result.provenance import now
from spikeproof.wording import number

from .folder import StimuliFolder
from .manifest import read_manifest
from .order import presentation_order
from .pngs import display_factor
from .writing import tag_of, write_images

if TYPE_CHECKING:
    import xarray as xr

    from spikeproof.pipeline.opening import OpenStudy
    from spikeproof.progress import Progress
    from spikeproof.stimuli import StimulusSet

    from .jobs import Making
    from .manifest import Manifest

__all__ = ["REPEATS", "make_stimuli"]

REPEATS = 10
"""Blocks of presentation where nothing else is asked for."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What is asked for beside the study.

    Parameters
    ----------
    size : int or None
        Pixels of the shorter side on the display.
    repeats : int
        Blocks; every image is shown once in each.
    systems : tuple of str
        Names of the systems whose attacks are made; empty for all.
    flips : int
        Stimuli of the most and of the least preferred category of each unit, 0 for no flips.
    round : str
        Which round of the experiment this is.
    """

    size: int | None
    repeats: int
    systems: tuple[str, ...]
    flips: int
    round: str

    def __post_init__(self) -> None:
        for name, value, least in (("repeats", self.repeats, 1), ("flips", self.flips, 0)):
            if value < least:
                raise BadParameter(f"--{name} must be at least {least}, got {value}")


def make_stimuli(
    study: Mapping[str, Any],
    *,
    where: str,
    out: Path,
    size: int | None = None,
    repeats: int = REPEATS,
    systems: Sequence[str] = (),
    flips: int = 0,
    round_name: str = "",
    resume: bool = False,
    batch: int | Literal["tuned"] | None = None,
    device: str = "auto",
    progress: Progress | None = None,
) -> Manifest:
    """Make the images of a round: attack, round to 8 bits, check again, and write them with their manifest.

    Parameters
    ----------
    study : mapping
        A study with a model (or an encoder), a threat and an attack on images.
    where : str
        What messages call it.
    out : Path
        The folder.
    size : int, optional
        Pixels of the shorter side on the display: a whole multiple of the images'; by default their size.
    repeats : int
        Blocks of presentation; every image is shown once in each.
    systems : sequence of str
        Names of the systems whose attacks are made; all by default.
    flips : int
        Also push each unit up on this many stimuli of its least preferred category, and down on as many of its most
        preferred one.
    round_name : str
        Which round of the experiment this is; it is kept with every image.
    resume : bool
        Go on where an earlier call stopped.
    batch, device, progress
        As for ``spikeproof.run``.

    Raises
    ------
    SpikeproofError
        With one message; finished targets stay in the folder.
    """
    ledger = Ledger(progress=progress if progress is not None else SilentProgress())
    asked = Asked(size=size, repeats=repeats, systems=tuple(systems), flips=flips, round=round_name)
    opened = open_study(study, where=where, device=device, batch=batch, ledger=ledger)
    stimuli = _inputs(opened)
    factor = display_factor(stimuli.shape, asked.size)
    provenance = {"schema": 1, "status": "running", "started": now(), **opened.provenance()}
    # The display decides the images, and the blocks the order: all of it is part of what the folder is for.
    provenance["fingerprint"] |= {f"--{name}": str(getattr(asked, name)) for name in asked.__dataclass_fields__}
    provenance["stimuli"] = {name: getattr(asked, name) for name in asked.__dataclass_fields__}
    folder = StimuliFolder.claim(out, provenance, resume=resume)
    if folder.complete:
        ledger.progress.note(f"{out}: these images are made: nothing to do")
        return read_manifest(out)
    try:
        return _make(StimuliFolder(out), provenance, opened, stimuli, asked, factor, ledger)
    except BaseException:
        folder.release()
        raise


def _inputs(opened: OpenStudy) -> StimulusSet:
    """Images that can be perturbed, and something to perturb them for."""
    study, where = opened.study, opened.where
    if study.threat is None or not any(attack.entry.domain == "stimulus" for attack in opened.parts.attacks):
        raise BadStudy(
            f"{where}: there is nothing to make: a study of images needs a [threat] with norm and epsilons, and an "
            "[[attack]] on images, such as use = 'pgd'"
        )
    if not opened.parts.models:
        raise BadStudy(
            f"{where}: there is no [[model]], whose gradients the images would be made with: add one, and an "
            "[[encoder]] where recorded neurons are aimed at"
        )
    if opened.recording.stimuli is None:
        raise BadStudy(f"{where}: the sources have no images to perturb: add them (use = 'images:FOLDER')")
    return opened.recording.stimuli


def _make(
    folder: StimuliFolder,
    provenance: dict[str, Any],
    opened: OpenStudy,
    stimuli: StimulusSet,
    asked: Asked,
    factor: int,
    ledger: Ledger,
) -> Manifest:
    categories = _categories(stimuli)
    blocks, in_silico = [], []
    for system, jobs in _work(folder, provenance, opened, asked, ledger, categories):
        in_silico += [system] if system.code.facts.get("in_silico") == "yes" else []
        ledger.progress.start(f"images of {system.name}", len(jobs))
        for job in jobs:
            if not folder.has_block(job.block):
                try:
                    with ledger.timed(job.what):
                        folder.write_block(job.block, job.to_block())
                except ModelError as error:
                    raise type(error)(f"{job.what}: {error}") from error
            blocks.append(job.block)
            ledger.progress.advance()
        ledger.progress.finish()
    tag = tag_of(provenance["fingerprint"])
    rows, refused = write_images(folder, blocks, stimuli, categories, tag, asked.round, factor, ledger)
    _say_refused(refused, ledger)
    if not any(row["kind"] == "attack" for row in rows):
        folder.drop_blocks()  # nothing in them is worth keeping: the folder is given back
        reasons = "; ".join(dict.fromkeys(one["reason"] for one in (*refused, *ledger.refused))) or "no system"
        raise SpikeproofError(f"{opened.where}: no image could be made: {reasons}")
    order, apart = presentation_order(
        [row["clean_stimulus_id"] for row in rows], asked.repeats, seed=opened.study.seed, key=tag
    )
    if not apart:
        ledger.note(
            "versions of one stimulus cannot be kept apart in the order of presentation: they are more than half of "
            "all images; make images of more stimuli"
        )
    _say_kept(rows, ledger)
    about = {
        "tag": tag,
        "round": asked.round,
        "made": now(),
        "seed": opened.study.seed,
        "shape": list(stimuli.shape),
        "factor": factor,
        "repeats": asked.repeats,
        "norm": opened.study.threat.norm if opened.study.threat is not None else "",
        "in_silico": [system.name for system in in_silico],
        "fingerprint": provenance["fingerprint"],
        "refused": refused + ledger.refused,
        "notes": ledger.notes,
    }
    finished = provenance | {
        "status": "complete",
        "finished": now(),
        "refused": ledger.refused,
        "notes": ledger.notes,
        "seconds": ledger.seconds,
    }
    return folder.seal(rows, order, about, finished)


def _work(
    folder: StimuliFolder,
    provenance: dict[str, Any],
    opened: OpenStudy,
    asked: Asked,
    ledger: Ledger,
    categories: Mapping[str, str],
) -> Iterator[tuple[Any, list[Making]]]:
    """Yield every system that is attacked, with its jobs."""
    from .jobs import flip_jobs, target_jobs

    recorded, seen = None, []
    groups: dict[str, xr.Dataset] = {}
    for system in opened.systems(Fits(folder=folder, provenance=provenance, groups=groups), ledger):
        if system.name == RECORDING:
            recorded = system.code
        if system.model is None:
            continue
        seen.append(system.name)
        if asked.systems and system.name not in asked.systems:
            continue
        jobs = target_jobs(system, opened, ledger, round_name=asked.round, categories=categories)
        if asked.flips:
            jobs += flip_jobs(
                system,
                recorded,
                opened,
                ledger,
                count=asked.flips,
                round_name=asked.round,
                categories=categories,
            )
        yield system, jobs
    unknown = [name for name in asked.systems if name not in seen]
    if unknown:
        raise BadParameter(
            f"--system: {unknown[0]!r} is none of the study's systems that can be attacked "
            f"({', '.join(map(repr, seen)) or 'there is none'})"
        )


def _categories(stimuli: StimulusSet) -> dict[str, str]:
    if "category" not in stimuli.table:
        return {}
    return dict(zip(stimuli.ids, stimuli.table["category"].astype(str).tolist(), strict=True))


def _say_refused(refused: Sequence[Mapping[str, str]], ledger: Ledger) -> None:
    if refused:
        first = refused[0]
        ledger.note(
            f"{len(refused)} images are not made; all of them are listed in manifest.json; the first: {first['what']}: "
            f"{first['reason']}"
        )


def _say_kept(rows: Sequence[Mapping[str, str]], ledger: Ledger) -> None:
    """Say what 8 bits leave of the predicted effects."""
    import numpy as np

    pairs = [
        (float(row["predicted_effect"]), float(row["unrounded_effect"]))
        for row in rows
        if row["kind"] == "attack" and row["aim"] != "behavior" and float(row["unrounded_effect"]) != 0
    ]
    if pairs:
        kept = np.array([after / before for after, before in pairs])
        ledger.note(
            f"rounded to 8 bits, the attacks' images keep {number(100 * float(np.median(kept)))} % of their predicted "
            f"effect in the median ({number(100 * float(kept.min()))} % at least)"
        )
