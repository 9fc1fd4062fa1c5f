"""One study, from its mapping to its result folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from spikeproof._host import Host
from spikeproof.errors import BadStudy, ModelError, SpikeproofError
from spikeproof.measured import clean_part
from spikeproof.result import Result, ResultFolder, environment
from spikeproof.result.provenance import now
from spikeproof.statistics import Resampling
from spikeproof.study import Study, check_requirements, parse_study

from .between import ALL
from .blocks import block_of
from .fits import Fits
from .in_silico import open_encoders, serving
from .inputs import load_recording, name_of, open_layers, open_networks
from .jobs import plan
from .ledger import Ledger
from .parts import build_parts
from .summaries import Summaries
from .systems import facts_of, systems
from .why_not import metric_refusal

if TYPE_CHECKING:
    import xarray as xr

    from spikeproof.measured import Shown
    from spikeproof.progress import Progress
    from spikeproof.recording import Recording

    from .in_silico import OpenEncoder
    from .inputs import OpenLayer
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
    study = parse_study(mapping, where=where)
    check_requirements(study, where)
    host = Host.discover(files=[Path(file) for file in study.plugins])
    parts = build_parts(study, host, where=where)
    device = _device(device)
    batch = _batch(batch, device)
    progress.start("loading", 0)
    composed = load_recording(parts, study.join, ledger)
    recording, shown = clean_part(composed.recording)
    networks = open_networks(parts, seed=study.seed, device=device)
    models = {name_of(spec, network): dict(network.identity) for _, spec, network in networks}
    layers = open_layers(networks, recording, parts.readout, ledger, serving=serving(parts))
    encoders = open_encoders(networks, recording, parts, ledger)
    progress.finish()

    provenance: dict[str, Any] = {
        "schema": 1,
        "status": "running",
        "started": now(),
        "study": study.to_mapping(),
        "fingerprint": _fingerprint(study, parts, recording, models),
        "components": parts.provenance(),
        "data": dict(recording.identity),
        "sources": [dict(source) for source in composed.sources],
        "models": models,
        "environment": environment(device, {part["distribution"] for part in parts.provenance()}),
    }
    folder = ResultFolder.claim(out, provenance, resume=resume)
    if folder.complete:
        progress.note(f"{out}: this study's result is finished: nothing to do")
        return Result(out)
    ledger.engine.update(folder.read_provenance().get("engine", {}))
    try:
        _fill(
            folder,
            provenance,
            study,
            parts,
            recording,
            shown,
            layers,
            encoders,
            composed.recording,
            ledger,
            where=where,
            batch=batch,
            device=device,
        )
    except BaseException:
        folder.release()
        raise
    result = Result(out)
    host.notify(result)
    return result


def _fill(
    folder: ResultFolder,
    provenance: dict[str, Any],
    study: Study,
    parts: Parts,
    recording: Recording,
    shown: Shown | None,
    layers: list[OpenLayer],
    encoders: list[OpenEncoder],
    whole: Recording,
    ledger: Ledger,
    *,
    where: str,
    batch: int | Literal["tuned"],
    device: str,
) -> None:
    """Do all the work, system by system, and write the result."""
    summaries = Summaries(parts.metrics, Resampling(seed=study.seed, draws=study.draws), ledger)
    described: list[dict[str, Any]] = []
    rows = batch if isinstance(batch, int) else 64
    fits = Fits(folder=folder, provenance=provenance, groups=summaries.groups)
    made = systems(
        recording,
        layers,
        parts.readout,
        ledger,
        seed=study.seed,
        batch=rows,
        device=device,
        shown=shown,
        encoders=encoders,
        whole=whole,
        fits=fits,
    )
    for system in made:
        described.append(facts_of(system))
        todo = plan(system, parts, study, recording.stimuli, ledger, batch=batch, device=device)
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
    summaries.add_together(_trials(recording, shown))
    ledger.progress.finish()
    if not summaries.computed:
        reasons = "; ".join(f"{item['what']}: {item['reason']}" for item in ledger.refused) or "no system"
        raise SpikeproofError(f"{where}: nothing could be computed: {reasons}")

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
        reason = metric_refusal(metric, system, todo.evidence, images=images, models=models)
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


def _fingerprint(
    study: Study, parts: Parts, recording: Recording, models: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    """Digest what decides the numbers, part by part, so that a mismatch can be named."""
    written = study.to_mapping()
    components = [
        {key: part[key] for key in ("kind", "name", "distribution", "version", "revision", "origin")}
        for part in parts.provenance()
    ]
    digested = {
        **{f"the study's {key}": value for key, value in written.items()},
        "the data": {key: value for key, value in recording.identity.items() if key.endswith("digest")},
        "the models' weights": {name: identity.get("weights", "") for name, identity in models.items()},
        "the models' code": {name: identity.get("file_sha256", "") for name, identity in models.items()},
        "the components' versions": components,
    }
    return {
        key: hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()[:16]
        for key, value in digested.items()
    }


def _batch(batch: object, device: str) -> int | Literal["tuned"]:
    if batch is None:
        return 512 if device == "cuda" else 64
    if batch == "tuned":
        return "tuned"
    if isinstance(batch, bool) or not isinstance(batch, int) or batch < 1:
        raise BadStudy(f"--batch must be a whole number of at least 1 or 'tuned', got {batch!r}")
    return batch


def _device(device: str) -> str:
    if device not in ("auto", "cpu", "cuda"):
        raise BadStudy(f"--device must be 'auto', 'cpu' or 'cuda', got {device!r}")
    if device == "cpu":
        return device
    import torch

    if device == "cuda" and not torch.cuda.is_available():
        raise BadStudy("--device cuda: this machine has no usable CUDA device; use --device cpu")
    return "cuda" if torch.cuda.is_available() else "cpu"
