"""The clean pass: responses to every stimulus, and which units are alive."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch

from spikeproof.errors import ModelError

from .rows import RowBudget

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from spikeproof.stimuli import StimulusSet
    from spikeproof.types import ResponseModel

__all__ = ["clean_pass", "live_units", "read_back"]


def clean_pass(
    model: ResponseModel,
    stimuli: StimulusSet,
    *,
    batch: int = 64,
    device: str = "cpu",
    note: Callable[[str], None] = lambda _: None,
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Responses to every stimulus; images are read ``batch`` at a time.

    Parameters
    ----------
    model : ResponseModel
    stimuli : StimulusSet
    batch : int
        Images in one pass; fewer where memory runs out.
    device : str
    note : callable
        Is told if memory ran out.

    Returns
    -------
    responses : numpy.ndarray of float64, (stimulus, unit)
    logits : numpy.ndarray of float64, (stimulus, class), or None
        Class scores of the network's own head, if it has one.

    Raises
    ------
    ModelError
        If a response or score is not finite; the stimulus and the unit are named.
    SpikeproofError
        If memory runs out with a single image in a pass.
    """
    budget = RowBudget(batch, note)
    responses: list[NDArray[np.float64]] = []
    logits: list[NDArray[np.float64]] = []
    done = 0
    for pixels in stimuli.chunks(batch):
        names = stimuli.ids[done : done + len(pixels)]
        done += len(pixels)
        images = torch.as_tensor(pixels)

        def read(
            some: Sequence[int], images: torch.Tensor = images, names: Sequence[str] = names
        ) -> list[tuple[NDArray[np.float64], NDArray[np.float64] | None]]:
            ends = range(some[0], some[-1] + 1, budget.rows)
            rows = [slice(start, min(start + budget.rows, some[-1] + 1)) for start in ends]
            head = model.classes is not None
            return [read_back(model, images[part].to(device), names[part], head=head) for part in rows]

        for found in budget.solved(read, range(len(pixels))):
            responses += [part for part, _ in found]
            logits += [scores for _, scores in found if scores is not None]
    return np.concatenate(responses), np.concatenate(logits) if logits else None


def read_back(
    model: ResponseModel, images: torch.Tensor, names: Sequence[str], *, head: bool
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None]:
    """Responses (row, unit) to images (row, channel, y, x), and class scores (row, class), checked, in float64."""
    with torch.no_grad():
        responses, logits = model.both(images) if head else (model.responses(images), None)
    values = responses.detach().to(device="cpu", dtype=torch.float64).numpy()
    _finite(values, names, model.units, "response of unit")
    if logits is None:
        return values, None
    scores = logits.detach().to(device="cpu", dtype=torch.float64).numpy()
    _finite(scores, names, model.classes or (), "score of class")
    return values, scores


def _finite(values: NDArray[np.float64], names: Sequence[str], columns: Sequence[str], what: str) -> None:
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, column = bad[0]
        raise ModelError(
            f"model: the {what} {columns[column]!r} to stimulus {names[row]!r} is {values[row, column]} "
            f"({len(bad)} of {values.size} values are not finite): check the model's weights and how it scales images"
        )


def live_units(responses: NDArray[np.float64]) -> NDArray[np.str_]:
    """Sort units into live, dead and near-constant ones.

    Parameters
    ----------
    responses : numpy.ndarray, (stimulus, unit)
        Clean responses.

    Returns
    -------
    numpy.ndarray of str, (unit,)
        ``"dead"``: the same response to every stimulus (a silent unit among them). ``"near-constant"``: the standard
        deviation (ddof 1) is below 1e-6 of the median over units that are not dead, or below what float32 rounding of
        a constant of the unit's size would give (4 units in the last place). ``"live"`` otherwise.

    Examples
    --------
    >>> import numpy as np
    >>> live_units(np.array([[0.0, 1.0, 5.0], [0.0, 2.0, 5.0 + 1e-9]])).tolist()
    ['dead', 'live', 'near-constant']
    """
    category = np.full(responses.shape[1], "live", dtype="<U13")
    dead = np.ptp(responses, axis=0) == 0
    sd = responses.std(axis=0, ddof=1) if len(responses) > 1 else np.zeros(responses.shape[1])
    typical = float(np.median(sd[~dead])) if (~dead).any() else 0.0
    rounding = 4 * np.finfo(np.float32).eps * np.abs(responses).max(axis=0)
    category[sd <= np.maximum(1e-6 * typical, rounding)] = "near-constant"
    category[dead] = "dead"
    return category
