"""The Python interface: what ``spikeproof run`` does, for notebooks and scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from .errors import UsageError
from .progress import SilentProgress

if TYPE_CHECKING:
    from .compose import Join
    from .progress import Progress
    from .recording import Recording
    from .result import Result
    from .types import ResponseModel

__all__ = ["load_model", "load_source", "open_result", "run"]


def load_source(
    spec: str | Mapping[str, object] | Sequence[str | Mapping[str, object]],
    *,
    join: Join = "shared",
    manifest: str | Path | Sequence[str | Path] = (),
    **parameters: object,
) -> Recording:
    """Load a recording, images, or both; several are joined into one.

    Parameters
    ----------
    spec : str, mapping, or sequence of them
        ``NAME:TARGET``, such as ``"nwb:session.nwb"``, or a mapping with ``use`` and the options of that source alone,
        as in ``[[source]]`` of a study.
    join : {"shared", "union", "rounds"}
        Of several recordings: keep the stimuli that every one showed, or those that any did (NaN where one did not);
        or put the presentations of the same units one round after another.
    manifest : str, Path, or sequence of them, optional
        Folders that ``spikeproof stimuli`` wrote: what they say of their images is put beside the presentations.
    **parameters
        Options of the sources (``spikeproof show source NAME`` lists them): each goes to every source that has it and
        does not say otherwise.

    Returns
    -------
    Recording

    Raises
    ------
    SpikeproofError
        If a source is unknown, no source has an option, or what is read cannot be trusted or joined.

    Examples
    --------
    >>> recording = load_source("simulate:sparse", units=10)
    >>> recording.responses["response"].dims
    ('presentation', 'unit')

    Two sessions, each with the stimuli of its own: NaN is what a session did not measure.

    >>> two = load_source(["simulate:sparse", {"use": "simulate:sparse", "seed": 1, "stimuli": 5}], join="union")
    >>> two.responses.sizes["unit"], two.responses["session"].values[[0, -1]].tolist()
    (120, ['simulated (sparse, source 0)', 'simulated (sparse, source 1)'])
    """
    from ._host import Host
    from .compose import compose, recordings_of

    tables = [dict(one) if isinstance(one, Mapping) else {"use": one} for one in _listed(spec)]
    host = Host.discover()
    chosen = [host.find("source", _use(table)) for table in tables]
    known = [{parameter.name for parameter in host.parameters(one)} for one in chosen]
    everywhere = {name for name in parameters if not any(name in names for names in known)}
    recordings: list[Recording] = []
    for table, one, names in zip(tables, chosen, known, strict=True):
        shared = {name: value for name, value in parameters.items() if name in names | everywhere}
        where = str(table.pop("use"))
        source: Any = host.build(one, shared | table, where=where)
        recordings += recordings_of(source.load(), where)
    manifests = [manifest] if isinstance(manifest, str | Path) else list(manifest)
    if not manifests:
        return compose(recordings, join)
    from .closed_loop.attach import with_manifests

    named, notes = with_manifests(recordings, manifests)
    composed = compose(named, join)
    return replace(composed, notes=(*composed.notes, *notes))


def load_model(
    spec: str,
    *,
    layer: str,
    image_shape: tuple[int, int, int],
    units: list[int] | None = None,
    seed: int = 0,
    device: str = "cpu",
    **parameters: object,
) -> ResponseModel:
    """Open one layer of a network as a differentiable map from images to unit responses.

    Parameters
    ----------
    spec : str
        ``NAME:TARGET``, such as ``"torch:nets.py:build"``.
    layer : str
        Name of the layer.
    image_shape : tuple of int
        (channel, y, x) of the images that it will be shown, in pixels.
    units : list of int, optional
        Columns to keep, in this order; all by default.
    seed : int
        Seeds random numbers that the builder draws.
    device : str
        ``"cpu"`` or ``"cuda"``.
    **parameters
        The model's options.

    Raises
    ------
    SpikeproofError
        If the model is unknown, cannot be loaded or has no such layer.
    """
    from ._host import Host

    host = Host.discover()
    chosen = host.find("model", spec)
    component: Any = host.build(chosen, parameters, where=spec)
    model: ResponseModel = component.load(seed=seed, device=device).read(layer, image_shape=image_shape)
    return model if units is None else model.select(units)


def run(
    study: Mapping[str, Any] | str | Path,
    *,
    out: str | Path | None = None,
    resume: bool = False,
    batch: int | Literal["tuned"] | None = None,
    device: str = "auto",
    progress: Progress | None = None,
    where: str = "study",
) -> Result:
    """Run a study and write its result folder, with the report.

    Parameters
    ----------
    study : mapping, str or Path
        The study's keys, or the path of a study file.
    out : str or Path, optional
        The result folder; by default ``results/`` and the study file's name.
    resume : bool
        Go on where an earlier run of the same study stopped.
    batch : int or "tuned", optional
        Most images in one pass through a network (default 64, on CUDA 512); ``"tuned"`` times some numbers and takes
        the fastest. Results differ by rounding only.
    device : {"auto", "cpu", "cuda"}
    progress : Progress, optional
        Who is told how far it is.
    where : str
        What error messages call a study that is given as a mapping.

    Returns
    -------
    Result

    Raises
    ------
    SpikeproofError
        With one message that says what, where and what to do; what was computed until then stays in ``out``.
    """
    from .pipeline import execute
    from .report import write_report
    from .study import read_study

    if isinstance(study, Mapping):
        mapping, name = study, "run"
    else:
        mapping, where, name = read_study(study), str(study), Path(study).stem
    result = execute(
        mapping,
        where=where,
        out=Path(out) if out is not None else Path("results") / name,
        resume=resume,
        batch=batch,
        device=device,
        progress=progress if progress is not None else SilentProgress(),
    )
    write_report(result)
    return result


def _listed(spec: object) -> Sequence[object]:
    return [spec] if isinstance(spec, str | Mapping) or not isinstance(spec, Sequence) else spec


def _use(table: Mapping[str, object]) -> str:
    use = table.get("use")
    if not isinstance(use, str):
        raise UsageError(f"load_source: a source is NAME:TARGET, or a mapping whose 'use' is that; got {use!r}")
    return use


def open_result(path: str | Path) -> Result:
    """Open a result folder.

    Raises
    ------
    ResultError
        If there is no finished result in it.
    """
    from .result import Result

    return Result(path)
