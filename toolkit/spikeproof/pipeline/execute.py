"""One study, from its mapping to its result folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from spikeproof.errors import ModelError, SpikeproofError
from spikeproof.result import Result, ResultFolder
from spikeproof.result.provenance import now
from spikeproof.statistics import Resampling

from .between import ALL
from .blocks import block_of
from .fits import Fits
from .jobs import plan
from .ledger import Ledger
from .opening import OpenStudy, open_study
from .summaries import Summaries
from .systems import facts_of
from .why_not import metric_refusal

if TYPE_CHECKING:
    import xarray as xr

    from spikeproof.measured import Shown
    from spikeproof.progress import Progress
    from spikeproof.recording import Recording

    from .jobs import Plan
    from .parts import Parts
    from .systems import System

__all__ = ["execute"]


def execute(
    mapping: Mapping[str, Any],
    *,
    where: str,
    out: Path,
    resume: bool,
    batch: int | Literal["tuned"] | None,
    device: str,
    progress: Progress,
) -> Result:
    """Run a study.

    Parameters
    ----------
    mapping : mapping
        The study's keys.
    where : str
        What error messages call the study.
    out : Path
        The result folder.
    resume : bool
        Whether finished blocks of the same study may be used.
    batch : int, "tuned" or None
        Most images in one pass through a network: a number, the fastest of some that are timed, or 64 (512 on CUDA).
        Results differ by rounding only.
    device : str
        ``"cpu"``, ``"cuda"`` or ``"auto"``.
    progress : Progress
        Who is told how far it is.

    Raises
    ------
    SpikeproofError
        With one message; everything computed until then stays in ``out``.
    """
    ledger = Ledger(progress=progress)
    opened = open_study(mapping, where=where, device=device, batch=batch, ledger=ledger)
    provenance: dict[str, Any] = {
        "schema": 1,
        "status": "running",
        "started": now(),
        **opened.provenance(),
    }
    folder = ResultFolder.claim(out, provenance, resume=resume)
    if folder.complete:
        progress.note(f"{out}: this study's result is finished: nothing to do")
        return Result(out)
    ledger.engine.update(folder.read_provenance().get("engine", {}))
    try:
        _fill(folder, provenance, opened, ledger)
    except BaseException:
        folder.release()
        raise
    result = Result(out)
    opened.host.notify(result)
    return result


def _fill(folder: ResultFolder, provenance: dict[str, Any], opened: OpenStudy, ledger: Ledger) -> None:
    """Do all the work, system by system, and write the result."""
    study, parts, recording = opened.study, opened.parts, opened.recording
    summaries = Summaries(parts.metrics, Resampling(seed=study.seed, draws=study.draws), ledger)
    described: list[dict[str, Any]] = []
    fits = Fits(folder=folder, provenance=provenance, groups=summaries.groups)
    for system in opened.systems(fits, ledger):
        described.append(facts_of(system))
        todo = plan(system, parts, study, recording.stimuli, ledger, batch=opened.batch, device=opened.device)
        if ledger.engine:
            provenance["engine"] = ledger.engine
            folder.write_provenance(provenance)
        _refuse_metrics(system, todo, parts, recording, ledger)
        blocks = _do(todo, system, parts, folder, ledger)
        ledger.progress.start(f"intervals of {system.name}", 0)
        summaries.add(system, blocks)
        ledger.progress.finish()
    if not described:
        _refuse_all(parts, recording, ledger)
    ledger.progress.start("what all systems say together", 0)
    summaries.add_together(_trials(recording, opened.shown))
    ledger.progress.finish()
    if not summaries.computed:
        reasons = "; ".join(f"{item['what']}: {item['reason']}" for item in ledger.refused) or "no system"
        raise SpikeproofError(f"{opened.where}: nothing could be computed: {reasons}")

    finished = provenance | {
        "status": "complete",
        "finished": now(),
        "systems": [facts["name"] for facts in described],
        "scopes": [facts["name"] for facts in described] + ([ALL] if summaries.together else []),
        "system_facts": described,
        "metrics": [
            part.label for part in parts.metrics if any(c.startswith(f"{part.label}/") for c in summaries.computed)
        ],
        "computed": summaries.computed,
        "findings": summaries.findings,
        "refused": ledger.refused,
        "notes": ledger.notes,
        "seconds": ledger.seconds,
    }
    folder.finish(summaries.tree(), finished)


def _do(todo: Plan, system: System, parts: Parts, folder: ResultFolder, ledger: Ledger) -> list[xr.DataTree]:
    """Do the jobs whose blocks are not there yet; return all blocks."""
    open_jobs = [job for job in todo.jobs if not folder.has_block(job.block)]
    done = len(todo.jobs) - len(open_jobs)
    if done:
        ledger.note(f"{system.name}: {done} of {len(todo.jobs)} parts of the work were finished before and are kept")
    ledger.progress.start(f"attacking {system.name}", len(todo.jobs))
    ledger.progress.advance(done)
    for job in open_jobs:
        try:
            with ledger.timed(job.what):
                block = block_of(job.evidences(), parts.metrics) if job.made is None else job.made()
                folder.write_block(job.block, block)
        except ModelError as error:
            done = sum(folder.has_block(other.block) for other in todo.jobs)
            kept = f"; {done} finished parts of {len(todo.jobs)} are kept in {folder.path}" if done else ""
            raise type(error)(f"{job.what}: {error}{kept}") from error
        ledger.progress.advance()
    ledger.progress.finish()
    return [folder.read_block(job.block) for job in todo.jobs]


def _refuse_metrics(system: System, todo: Plan, parts: Parts, recording: Recording, ledger: Ledger) -> None:
    images, models = recording.stimuli is not None, bool(parts.models)
    for metric in parts.metrics:
        if "encoder" in metric.entry.needs and parts.encoders and system.code.encoding is None:
            continue  # it speaks of the study's encoders, and this is another system
        reason = metric_refusal(metric, system, todo.evidence, smallest=todo.smallest, images=images, models=models)
        if reason is not None:
            ledger.refuse(f"{metric.label} of {system.name}", reason)


def _refuse_all(parts: Parts, recording: Recording, ledger: Ledger) -> None:
    """Refuse every metric that measures systems, where there is none."""
    have = "images" if recording.stimuli is not None else "trials of subjects"
    for metric in parts.metrics:
        if metric.entry.kind != "study":
            ledger.refuse(metric.label, f"it needs responses, or images and a [[model]]: the sources hold {have} only")


def _trials(recording: Recording, shown: Shown | None) -> xr.Dataset | None:
    from spikeproof.trials import trials_of_presentations

    if recording.trials is not None or recording.responses is None:
        return recording.trials
    trials = trials_of_presentations(recording.responses)
    return trials if trials is None or shown is None else shown.numbered(trials)
