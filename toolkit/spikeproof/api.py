"""The Python interface: what ``spikeproof run`` does, for notebooks and scripts."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .progress import SilentProgress

if TYPE_CHECKING:
    from .progress import Progress
    from .recording import Recording
    from .result import Result
    from .types import ResponseModel

__all__ = ["load_model", "load_source", "open_result", "run"]


def load_source(spec: str, **parameters: object) -> Recording:
    """Load a recording, images, or both.

    Parameters
    ----------
    spec : str
        ``NAME:TARGET``, such as ``"nwb:session.nwb"``.
    **parameters
        The source's options (``spikeproof show source NAME`` lists them).

    Returns
    -------
    Recording

    Raises
    ------
    SpikeproofError
        If the source is unknown or what it reads cannot be trusted.

    Examples
    --------
    >>> recording = load_source("simulate:sparse", units=10)
    >>> recording.responses["response"].dims
    ('presentation', 'unit')
    """
    from ._host import Host

    host = Host.discover()
    chosen = host.find("source", spec)
    source: Any = host.build(chosen, parameters, where=spec)
    recording: Recording = source.load()
    return recording


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
    batch: int | None = None,
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
    batch : int, optional
        Most images in one forward pass (default 256). Results do not depend on it.
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
        batch=batch if batch is not None else 256,
        device=device,
        progress=progress if progress is not None else SilentProgress(),
    )
    write_report(result)
    return result


def open_result(path: str | Path) -> Result:
    """Open a result folder.

    Raises
    ------
    ResultError
        If there is no finished result in it.
    """
    from .result import Result

    return Result(path)
