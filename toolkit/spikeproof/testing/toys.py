"""Small problems whose answers are known: what components are tried on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import xarray as xr

from spikeproof.plugin import Norm
from spikeproof.statistics import fold_correlation
from spikeproof.types import Code, Encoding, ItemNoise, LinearReadout, Readings

__all__ = ["LinearUnits", "images", "noise", "norms", "toy_code", "toy_readings", "toy_trials"]

SHAPE = (1, 6, 6)
"""(channel, y, x) of toy images, pixels."""


class LinearUnits:
    """One linear unit per item: the gain that a ball allows is known (``epsilon ||w||_2``, ``epsilon ||w||_1``).

    Parameters
    ----------
    weights : torch.Tensor, (item, channel, y, x)
    """

    def __init__(self, weights: torch.Tensor) -> None:
        self.weights = weights

    @classmethod
    def random(cls, items: Sequence[int]) -> LinearUnits:
        """Return units with seeded weights; an item's unit does not depend on the other items."""
        rows = [torch.randn(SHAPE, generator=torch.Generator().manual_seed(100 + item)) for item in items]
        return cls(torch.stack(rows))

    @property
    def decisions(self) -> LinearDecisions:
        """A choice between two classes that the item's unit makes, for attacks that work on nothing else."""
        return LinearDecisions(self.weights)

    def __call__(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """Values, (row,)."""
        weights = self.weights if items is None else self.weights[items]
        return (images.detach() * weights).flatten(1).sum(dim=1)

    def value_and_gradient(
        self, images: torch.Tensor, items: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Values, (row,), and gradients, (row, channel, y, x)."""
        weights = self.weights if items is None else self.weights[items]
        return self(images, items), weights.clone()

    @property
    def level(self) -> torch.Tensor | None:
        """No goal: how far the unit can be driven is what is asked."""
        return None

    def hidden(self, layer: str) -> LinearHidden:  # noqa: ARG002
        """Whatever the name: a layer that is the image itself."""
        return LinearHidden(self)

    @property
    def partners(self) -> torch.Tensor:
        """A grey image for each item, (item, channel, y, x)."""
        return torch.full_like(self.weights, 0.5)

    def responses(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """A population of the item's unit alone, (row, 1), differentiable."""
        weights = self.weights if items is None else self.weights[items]
        return (images * weights).flatten(1).sum(dim=1, keepdim=True)

    def jacobian(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:  # noqa: ARG002
        """Its Jacobians, (row, 1, channel, y, x)."""
        return (self.weights if items is None else self.weights[items])[:, None].clone()


class LinearHidden:
    """The image as a hidden layer: a shift of it by s raises a linear unit by <w, s>.

    Parameters
    ----------
    units : LinearUnits
    """

    def __init__(self, units: LinearUnits) -> None:
        self._units = units

    def activation(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:  # noqa: ARG002
        """The images."""
        return images.clone()

    def value_and_gradient(
        self, images: torch.Tensor, shift: torch.Tensor, items: torch.Tensor | None = None
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Values, (row,), and gradients, (row, channel, y, x)."""
        return self._units.value_and_gradient(images + shift, items)


class LinearDecisions:
    """Scores -a and a of two classes, a being the item's linear unit; the first is chosen, so leaving it drives a up.

    Parameters
    ----------
    weights : torch.Tensor, (item, channel, y, x)
    """

    def __init__(self, weights: torch.Tensor) -> None:
        self._weights = weights
        self.choice = torch.zeros(len(weights), dtype=torch.long)
        self.partner_choice = torch.ones(len(weights), dtype=torch.long)
        self.directions = ("away",) * len(weights)
        self.reader = torch.arange(len(weights))

    def __call__(self, images: torch.Tensor, items: torch.Tensor | None = None) -> torch.Tensor:
        """Scores, (row, class)."""
        weights = self._weights if items is None else self._weights[items]
        value = ((images - 0.5) * weights).flatten(1).sum(dim=1)
        return torch.stack([-value, value], dim=1)


def images(items: Sequence[int], low: float = 0.2, high: float = 0.8) -> torch.Tensor:
    """Seeded images (item, channel, y, x) in [low, high]; an item's image does not depend on the other items."""
    rows = [torch.rand(SHAPE, generator=torch.Generator().manual_seed(item)) for item in items]
    return low + (high - low) * torch.stack(rows)


def noise(items: Sequence[int], seed: int = 0) -> ItemNoise:
    """Random numbers of these items."""
    return ItemNoise(seed, [("toy", item) for item in items])


def norms(shift: torch.Tensor, norm: Norm) -> torch.Tensor:
    """Norms (epsilon, item) of perturbations (epsilon, item, channel, y, x)."""
    order = {"l1": 1.0, "l2": 2.0, "linf": torch.inf}[norm]
    found: torch.Tensor = torch.linalg.vector_norm(shift.flatten(2), ord=order, dim=2)
    return found


def toy_code(units: Sequence[int] | None = None) -> Code:
    """A code of 36 stimuli in 3 categories, 6 units in two sessions, 3 repeats, with a readout in two folds.

    Parameters
    ----------
    units : sequence of int, optional
        Which units, in this order; all by default.
    """
    rng = np.random.default_rng(7)
    columns = list(range(6)) if units is None else list(units)
    labels = np.repeat(["apple", "bear", "car"], 12)
    tuning = {"apple": [9, 5, 5, 6, 5, 7], "bear": [5, 9, 5, 5, 6, 5], "car": [5, 5, 9, 7, 6, 5]}
    means = np.array([tuning[label] for label in labels]) + rng.normal(0, 0.8, (36, 6))
    trials = (means[:, None] + rng.normal(0, 0.5, (36, 3, 6))).clip(0.1)[..., columns]
    names = [f"u{column}" for column in columns]
    stimuli = [f"s{row:02d}" for row in range(36)]
    on_unit = {
        "unit": names,
        "session": ("unit", [("one", "two")[column % 2] for column in columns]),
        "subject": ("unit", ["monkey"] * len(columns)),
    }
    means_of_trials = trials.mean(axis=1)
    responses = xr.DataArray(
        means_of_trials, dims=("stimulus", "unit"), coords={"stimulus": stimuli, **on_unit}, attrs={"units": "Hz"}
    )
    repeats = xr.DataArray(
        trials.reshape(108, -1),
        dims=("presentation", "unit"),
        coords={"stimulus": ("presentation", np.repeat(stimuli, 3)), **on_unit},
        attrs={"units": "Hz"},
    )
    residual = (trials - means_of_trials[:, None]).reshape(108, -1)
    covariance = xr.DataArray(
        residual.T @ residual / 72, dims=("unit", "unit_other"), coords={"unit": names, "unit_other": names}
    )
    readout = _nearest_mean(means_of_trials, labels, stimuli)
    choices = readout.choices(means_of_trials, stimuli)
    coords = {"stimulus": stimuli}
    return Code(
        system="toy",
        encoding=_encoding(trials, responses),
        responses=responses,
        labels=xr.DataArray(labels, dims=("stimulus",), coords=coords),
        choices=xr.DataArray(choices, dims=("stimulus",), coords=coords),
        readout=readout,
        repeats=repeats,
        noise_covariance=covariance,
    )


def _encoding(trials: np.ndarray, responses: xr.DataArray) -> Encoding:
    """An encoder that predicts each unit but for a seeded error; the least well predicted unit is left out."""
    means = responses.values
    names = responses["unit"].values.tolist()
    errors = [np.random.default_rng([21, int(name[1:])]).normal(0, 0.5, len(means)) for name in names]
    grid, count = ("stimulus", "unit"), len(names)
    fold = np.arange(len(means)) % 3
    predicted = means + np.stack(errors, axis=1)
    data = xr.Dataset(
        {
            "measured": (grid, means),
            "predicted": (grid, predicted),
            "presentations": (grid, np.full(means.shape, trials.shape[1])),
            "squares": (grid, ((trials - means[:, None]) ** 2).sum(axis=1)),
            "fold": ("stimulus", fold),
            "clean_stimulus_id": ("stimulus", responses["stimulus"].values),
            "fit": ("unit", fold_correlation(predicted, means, fold)),
            "reliability": ("unit", np.full(count, 0.9)),
            "status": ("unit", np.array(["below min_fit" if name == "u5" and count > 3 else "kept" for name in names])),
            "layer": ("unit", np.full(count, "middle")),
        },
        coords=dict(responses.coords),
    )
    return Encoding(encoder="toy", model="network", min_fit=0.2, data=data)


def _nearest_mean(responses: np.ndarray, labels: np.ndarray, stimuli: Sequence[str]) -> LinearReadout:
    """Choose the nearest category mean: linear, with weights m_c and intercepts -|m_c|^2 / 2."""
    fold = np.arange(len(labels)) % 2
    classes = tuple(np.unique(labels).tolist())
    weights = np.stack(
        [[responses[(fold != held_out) & (labels == name)].mean(axis=0) for name in classes] for held_out in (0, 1)]
    )
    return LinearReadout(
        classes=classes,
        weights=weights,
        intercepts=-0.5 * (weights**2).sum(axis=2),
        stimuli=tuple(stimuli),
        fold=fold.astype(np.intp),
    )


def toy_trials() -> xr.Dataset:
    """Choices of eight subjects on the toy code's stimuli, between their category and one other, five in six right.

    Half of the stimuli stand under the condition ``hard``; the other category is both ``distractor`` and ``texture``.
    """
    rng = np.random.default_rng(11)
    names = ("apple", "bear", "car")
    rows: dict[str, list[str]] = {
        name: [] for name in ("subject", "stimulus_id", "choice", "category", "condition", "distractor", "texture")
    }
    hard = rng.uniform(0.05, 0.3, 36)
    for subject in range(8):
        for row in range(36):
            own, other = names[row // 12], names[(row // 12 + 1 + (row + subject) % 2) % 3]
            rows["subject"].append(f"observer {subject}")
            rows["stimulus_id"].append(f"s{row:02d}")
            rows["category"].append(own)
            rows["choice"].append(other if rng.random() < hard[row] else own)
            rows["condition"].append("hard" if row % 2 else "easy")
            rows["distractor"].append(other)
            rows["texture"].append(names[(row // 12 + 1 + row % 2) % 3])
    return xr.Dataset({name: ("trial", np.array(column)) for name, column in rows.items()})


def toy_readings(directions: int, *, rows: Sequence[int] = range(6)) -> Readings:
    """Readings (float64) of some of six rows, 5 units and 3 classes; responses and decisions can be differentiated."""
    generator = torch.Generator().manual_seed(3)

    def draw(*shape: int) -> torch.Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64)[list(rows)]

    responses, decision, clean, partner = draw(6, 5), draw(6, 3), draw(6, 5), draw(6, 5)
    number = torch.arange(6)
    return Readings(
        responses=responses.requires_grad_(),
        decision=decision.requires_grad_(),
        clean_responses=clean,
        partner_responses=partner,
        choice=(number % 3)[list(rows)],
        partner_choice=((number + 1) % 3)[list(rows)],
        unit=(number % 5)[list(rows)],
        direction=(number % directions)[list(rows)],
        whitening=torch.diag(torch.linspace(0.5, 1.5, 5, dtype=torch.float64)),
        sd=torch.linspace(0.5, 1.5, 5, dtype=torch.float64).expand(len(list(rows)), 5),
    )
