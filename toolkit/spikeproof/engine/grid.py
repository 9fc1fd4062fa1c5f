"""What every target of one system shares: the model, the attacked stimuli and the budget."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch

from spikeproof.errors import UsageError
from spikeproof.geometry import norm_of

from .models import SearchModels
from .rows import RowBudget

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

    from spikeproof.plugin import Norm
    from spikeproof.readout import LinearReadout
    from spikeproof.types import ResponseModel

__all__ = ["Grid"]


@dataclass(frozen=True, kw_only=True)
class Grid:
    """The attacked stimuli of one system, under one threat.

    Parameters
    ----------
    model : ResponseModel
        Restricted to the units of the code.
    images : numpy.ndarray or torch.Tensor, (stimulus, channel, y, x), in [0, 1]
        Clean images of the attacked stimuli, in the floating dtype that the model takes.
    stimulus_ids : sequence of str
    clean_responses : numpy.ndarray, (stimulus, unit)
        Responses to ``images``.
    clean_logits : numpy.ndarray, (stimulus, class), optional
        Class scores of the network's own head, needed with ``use_head``.
    whitening : numpy.ndarray, (unit, component), optional
        See ``Code.whitening``; the identity by default.
    unit_sd : numpy.ndarray, (unit,), optional
        Standard deviation of each unit over all clean stimuli; over the attacked ones by default.
    readout : LinearReadout, optional
    use_head : bool
        Whether the network's own head makes the choices.
    partner : numpy.ndarray of int, (stimulus,), optional
        Row of ``images`` that is another stimulus for each one; the next one by default.
    epsilons : sequence of float
        Radii, ascending, in pixel units; infinity alone where no ball binds the search.
    norm : {"l1", "l2", "linf"}
    seed : int
    batch : int
        Most rows (item x epsilon) in one pass through the model.
    device : str
    name : str
        What messages call the system.
    accelerate : bool
        Whether the search may run on a faster equivalent of the model, where it offers one, and on the part of the
        image that a unit depends on. Final responses are read on ``model`` in any case.
    precision : {"float32", "bf16-polish"}
        Arithmetic of the search; ``"bf16-polish"`` ends with a few steps in float32.
    compiled : bool
        Whether the equivalent is compiled.
    note : callable
        Is told what the user should know: an equivalent that was dropped, memory that ran out.

    Raises
    ------
    UsageError
        If these do not fit together.
    """

    model: ResponseModel
    images: NDArray[np.floating] | torch.Tensor
    stimulus_ids: tuple[str, ...]
    clean_responses: NDArray[np.float64]
    epsilons: tuple[float, ...]
    norm: Norm
    seed: int
    clean_logits: NDArray[np.float64] | None = None
    whitening: NDArray[np.float64] | None = None
    unit_sd: NDArray[np.float64] | None = None
    readout: LinearReadout | None = None
    use_head: bool = False
    partner: NDArray[np.intp] | None = None
    batch: int = 64
    device: str = "cpu"
    name: str = "model"
    accelerate: bool = True
    precision: Literal["float32", "bf16-polish"] = "float32"
    compiled: bool = False
    note: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        count, units = len(self.stimulus_ids), len(self.model.units)
        if not count or len(self.images) != count or len(self.images.shape) < 2:
            raise UsageError(
                f"attack: {len(self.images)} images for {count} stimulus ids: give one image each, at least one"
            )
        if self.clean_responses.shape != (count, units):
            raise UsageError(
                f"attack: clean responses have shape {self.clean_responses.shape}, "
                f"expected {count} stimuli x {units} units"
            )
        radii = np.asarray(self.epsilons, dtype=np.float64)
        free = self.epsilons == (np.inf,)  # for images that no ball binds
        sound = radii.size > 0 and np.isfinite(radii).all() and (radii >= 0).all() and (np.diff(radii) > 0).all()
        if not (free or sound):
            raise UsageError(f"attack: epsilons must be ascending, finite and not negative, got {list(self.epsilons)}")
        if self.norm not in ("l1", "l2", "linf"):
            raise UsageError(f"attack: norm must be 'l1', 'l2' or 'linf', got {self.norm!r}")
        if self.batch < 1:
            raise UsageError(f"attack: batch must be at least 1 row, got {self.batch}")
        if self.use_head and self.clean_logits is None:
            raise UsageError("attack: the network's own head makes the choices, but its clean class scores are missing")
        if self.partner is not None and (
            self.partner.shape != (count,) or self.partner.min() < 0 or self.partner.max() >= count
        ):
            raise UsageError(f"attack: partner must name a row of the {count} images for each stimulus")

    @cached_property
    def clean(self) -> torch.Tensor:
        """Clean images as a tensor on the device, never written to."""
        tensor = torch.as_tensor(self.images).detach()
        if not tensor.is_floating_point():
            raise UsageError(f"attack: images must be floating point in [0, 1], got {tensor.dtype}")
        return tensor.to(self.device)

    @cached_property
    def radii(self) -> torch.Tensor:
        """Epsilons, (epsilon,), float64 on the device."""
        return torch.tensor(self.epsilons, dtype=torch.float64, device=self.device)

    @cached_property
    def sd(self) -> NDArray[np.float64]:
        """Standard deviation of each unit, (unit,); 1 where it is unknown or zero."""
        sd = self.unit_sd
        if sd is None:
            several = len(self.clean_responses) > 1
            sd = self.clean_responses.std(axis=0, ddof=1) if several else np.zeros(self.clean_responses.shape[1])
        return np.where(sd > 0, sd, 1.0)

    @cached_property
    def partners(self) -> NDArray[np.intp]:
        """Row of another stimulus for each one, (stimulus,)."""
        if self.partner is not None:
            return self.partner
        return np.roll(np.arange(len(self.stimulus_ids)), -1)

    @cached_property
    def folds(self) -> NDArray[np.intp] | None:
        """Fold of the readout that reads each stimulus, (stimulus,)."""
        return None if self.readout is None else self.readout.folds_of(self.stimulus_ids)

    @cached_property
    def clean_choice(self) -> NDArray[np.intp] | None:
        """Index of the class chosen on each clean stimulus, (stimulus,)."""
        return self.choices(self.clean_responses, self.clean_logits, np.arange(len(self.stimulus_ids)))

    def choices(
        self, responses: NDArray[np.float64], logits: NDArray[np.float64] | None, stimuli: NDArray[np.intp]
    ) -> NDArray[np.intp] | None:
        """Index of the class chosen, (..., stimulus), from responses (..., stimulus, unit) or class scores."""
        if self.use_head:
            return None if logits is None else logits.argmax(axis=-1)
        if self.readout is None:
            return None
        index: NDArray[np.intp] = self.readout.decision(responses, [self.stimulus_ids[k] for k in stimuli]).argmax(
            axis=-1
        )
        return index

    def constant(self, name: Literal["whitening", "sd", "weights", "intercepts"], dtype: torch.dtype) -> torch.Tensor:
        """An array that every row shares, as a tensor; weights and intercepts are the readout's."""
        if (name, dtype) not in self._constants:
            if name == "whitening":
                value = np.eye(len(self.sd)) if self.whitening is None else self.whitening
            else:
                value = self.sd if name == "sd" else getattr(self.readout, name)
            self._constants[name, dtype] = torch.as_tensor(value, dtype=dtype, device=self.device)
        return self._constants[name, dtype]

    @cached_property
    def between_stimuli(self) -> float:
        """Mean norm of the difference of two clean images, over all pairs; nan where there is one image."""
        clean = self.clean.to(torch.float64)
        count = len(clean)
        far = [norm_of(clean[row + 1 :] - clean[row], self.norm) for row in range(count - 1)]
        return float(torch.cat(far).mean()) if far else float("nan")

    @cached_property
    def _constants(self) -> dict[tuple[str, torch.dtype], torch.Tensor]:
        return {}

    @cached_property
    def budget(self) -> RowBudget:
        """How many rows pass the model at once."""
        return RowBudget(self.batch, self.note)

    @cached_property
    def models(self) -> SearchModels:
        """What searches run on."""
        return SearchModels(self)

    def with_rows(self, batch: int) -> Grid:
        """Return the same grid with other rows in a pass; what searches run on is shared."""
        other = replace(self, batch=batch)
        for name in ("clean", "models"):
            other.__dict__[name] = getattr(self, name)
        return other

    def at(self, epsilons: tuple[float, ...]) -> Grid:
        """Return the same grid at other epsilons; what searches run on is shared."""
        other = replace(self, epsilons=epsilons)
        for name in ("clean", "budget", "models"):
            other.__dict__[name] = getattr(self, name)
        return other

    def chunks(self, rows_per_stimulus: int) -> Iterator[NDArray[np.intp]]:
        """Stimuli whose rows fit into one batch; at least one stimulus at a time."""
        size = max(1, self.budget.rows // rows_per_stimulus)
        for start in range(0, len(self.stimulus_ids), size):
            yield np.arange(start, min(start + size, len(self.stimulus_ids)))
