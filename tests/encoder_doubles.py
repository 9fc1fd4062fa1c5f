"""A plain ridge encoder in a plugin file, and a small recording with images whose units are known functions of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["ENCODERS", "NETWORK", "encoder_study", "write_recording"]

ENCODERS = '''
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import torch
import xarray as xr
from spikeproof.errors import NotEnoughData
from spikeproof.plugin import EncoderEntry, hookimpl


@hookimpl
def spikeproof_encoders():
    yield EncoderEntry(name="plain", factory="FILE:Plain", summary="Ridge regression with one penalty.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain:
    """Ridge regression on all features."""

    penalty: Annotated[float, "Penalty on squared weights, as a share of the mean square of the features."] = 0.1
    least: Annotated[int, "Stimuli that it needs."] = 4

    def fit(self, features, responses, *, repeats, folds, seed):
        x = features.reshape(len(features), -1).astype(float)
        y = responses.values
        if len(x) < self.least:
            raise NotEnoughData(f"plain: {len(x)} stimuli, but {self.least} are needed")
        held_out = np.empty_like(y)
        for fold in np.unique(folds):
            out = folds == fold
            weights, intercept = solve(x[~out], y[~out], self.penalty)
            held_out[out] = x[out] @ weights + intercept
        weights, intercept = solve(x, y, self.penalty)
        return Fitted(
            held_out=responses.copy(data=held_out),
            hyperparameters=xr.Dataset({"penalty": ("unit", np.full(y.shape[1], self.penalty))}),
            state={"weights": weights, "intercept": intercept},
        )

    def restore(self, state):
        return Fitted(held_out=None, hyperparameters=None, state=state)


def solve(x, y, penalty):
    centre, mean = x.mean(axis=0), y.mean(axis=0)
    gram = (x - centre) @ (x - centre).T
    gram[np.diag_indices_from(gram)] += penalty * max(np.trace(gram) / len(x), 1e-9)
    weights = (x - centre).T @ np.linalg.solve(gram, y - mean)
    return weights, mean - centre @ weights


@dataclass(frozen=True)
class Fitted:
    held_out: object
    hyperparameters: object
    state: dict

    def predict(self, features):
        rows = features.flatten(1)
        weights, intercept = (torch.as_tensor(self.state[name]).to(rows) for name in ("weights", "intercept"))
        return rows @ weights + intercept
'''
"""A plugin file; ``FILE`` stands for its module."""

NETWORK = """
import torch
from torch import nn

def build(seed=1):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Conv2d(1, 6, 3), nn.Tanh(), nn.Flatten(), nn.Linear(6 * 16, 20), nn.Tanh()).eval()
"""


def write_recording(
    folder: Path, *, stimuli: int = 60, repeats: int = 4, noise: float = 0.2, silent: int = 1, random: int = 1
) -> NDArray[np.float64]:
    """Write ``counts.npz`` (responses), ``shown.npz`` (images), ``nets.py`` and ``encoders.py``.

    Units ``u0`` to ``u3`` are linear in the first layer of the network; then come units that never respond, and units
    that respond at random. Returns the noiseless responses (stimulus, unit) of the first four.
    """
    import torch

    scope: dict[str, Any] = {}
    exec(NETWORK, scope)  # noqa: S102 - our own text
    rng = np.random.default_rng(0)
    images = rng.random((stimuli, 1, 6, 6)).astype(np.float32)
    with torch.no_grad():
        features = scope["build"]()[:2](torch.as_tensor(images)).numpy().reshape(stimuli, -1)
    signal = features @ rng.normal(size=(features.shape[1], 4))
    signal = (signal - signal.mean(axis=0)) / signal.std(axis=0)
    means = np.concatenate([signal, np.zeros((stimuli, silent + random))], axis=1)
    single = means[:, None] + noise * rng.normal(size=(stimuli, repeats, means.shape[1]))
    single[:, :, 4 : 4 + silent] = 0
    names = np.array([f"s{row:03d}" for row in range(stimuli)])
    np.savez(
        folder / "counts.npz",
        response=single.transpose(2, 0, 1),
        stimulus_id=names,
        unit=np.array([f"u{column}" for column in range(means.shape[1])]),
        category=np.repeat(["cat", "dog"], (stimuli + 1) // 2)[:stimuli],
    )
    order = rng.permutation(stimuli)  # the images stand in another order: ids match them, not places
    np.savez(folder / "shown.npz", x=images[order], ids=names[order])
    (folder / "nets.py").write_text(NETWORK)
    (folder / "encoders.py").write_text(ENCODERS.replace("FILE", "encoders"))
    return np.asarray(signal, dtype=np.float64)


def encoder_study(**changes: Any) -> dict[str, Any]:
    """A study that fits the plain encoder to that recording and attacks it."""
    return {
        "plugins": ["encoders.py"],
        "source": [
            {"use": "table:counts.npz", "dims": ["unit", "stimulus", "repeat"], "response_units": "Hz"},
            {"use": "images:shown.npz"},
        ],
        "model": [{"use": "torch:nets.py:build", "spatial": "positions", "layers": ["1"]}],
        "encoder": [{"use": "plain", "folds": 3}],
        "threat": {"epsilons": [0.2], "aims": ["unit", "population"], "stimuli": 3, "controls": ["random"]},
        "attack": [{"use": "pgd", "steps": 3}],
        "metric": [{"use": "sensitivity"}],
        "statistics": {"draws": 100},
    } | changes
