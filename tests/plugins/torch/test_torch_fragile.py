"""A network that gives no finite numbers near one image: that image is flagged, and the others go on."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from spikeproof.engine import Grid, attack_target
from spikeproof.errors import ModelError
from spikeproof.types import Unchecked
from spikeproof_attacks.pgd import PGD
from spikeproof_objectives.behavior import Behavior
from spikeproof_objectives.unit import Unit
from spikeproof_torch.model import TorchNetwork
from spikeproof_torch.spatial import Spatial
from torch import nn

SHAPE = (1, 4, 4)


class Fragile(nn.Module):
    """Three linear units; responses to an image near grey 0.75, or their gradients at it, are not finite."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind
        self.linear = nn.Linear(16, 3)
        with torch.no_grad():
            self.linear.weight.copy_(torch.as_tensor(np.random.default_rng(0).standard_normal((3, 16))))
        self.units = nn.Identity()
        self.requires_grad_(False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        flat = x.flatten(1)
        spread = flat.var(dim=1, keepdim=True)
        grey = ((flat.mean(dim=1, keepdim=True) - 0.75).abs() < 0.1).to(x.dtype)
        if self.kind == "response":
            trouble = torch.where((grey > 0) & (spread > 0), torch.nan, 0.0)  # as soon as the grey image is moved
        else:
            trouble = torch.where(grey > 0, 1e-30 * torch.sqrt((flat - 0.75).square().sum(1, keepdim=True)), 0.0)
        return self.units(self.linear(flat) + trouble)


def _images() -> np.ndarray:
    x = np.random.default_rng(1).uniform(0.2, 0.4, (4, *SHAPE)).astype(np.float32)
    x[2] = 0.75
    return x


def _attacked(kind: str, objective: Any, *, accelerate: bool) -> Any:
    network = TorchNetwork(
        module=Fragile(kind).eval(), name="fragile", identity={}, device=torch.device("cpu"), spatial=Spatial("mean")
    )
    model = network.read("units", image_shape=SHAPE)
    x = _images()
    with torch.no_grad():
        responses, scores = model.both(torch.as_tensor(x))
    grid = Grid(
        model=model,
        images=x,
        stimulus_ids=("a", "b", "grey", "d"),
        clean_responses=responses.double().numpy(),
        clean_logits=scores.double().numpy(),
        use_head=True,
        epsilons=(0.05, 0.1),
        norm="l2",
        seed=0,
        accelerate=accelerate,
    )
    aimed = isinstance(objective, Unit)
    return attack_target(
        grid,
        PGD(steps=8),
        "pgd",
        objective,
        "objective",
        decision=not aimed,
        unit=1 if aimed else -1,
        target="1",
        local=aimed,
    )


@pytest.mark.parametrize("accelerate", [True, False])
@pytest.mark.parametrize("objective", [Unit(direction="up"), Unit(), Behavior()], ids=["up", "either", "choice"])
@pytest.mark.parametrize("kind", ["response", "gradient"])
def test_the_one_image_is_flagged_and_the_others_are_driven_as_ever(
    kind: str, objective: Any, accelerate: bool
) -> None:
    found = _attacked(kind, objective, accelerate=accelerate)
    assert (found.status == "not-finite").tolist() == [False, False, True, False]
    assert np.isfinite(found.responses).all()
    if kind == "response":  # no value of it was finite but the clean one
        np.testing.assert_allclose(found.achieved[:, 2], 0)
    weights = np.random.default_rng(0).standard_normal((3, 16))
    if isinstance(objective, Unit):
        gain = np.abs(found.responses[1, [0, 1, 3], 1] - found.responses[0, [0, 1, 3], 1])
        np.testing.assert_allclose(gain, 0.05 * np.linalg.norm(weights[1]), rtol=1e-3)


def test_outside_a_search_such_responses_are_refused() -> None:
    module = Fragile("response").eval()
    network = TorchNetwork(
        module=module, name="fragile", identity={}, device=torch.device("cpu"), spatial=Spatial("mean")
    )
    model = network.read("units", image_shape=SHAPE)
    near = torch.as_tensor(_images()[2:3]).clone()
    near[0, 0, 0, 0] += 0.01
    with pytest.raises(ModelError, match="responses are NaN or infinite in 3 of 3 columns, for 1 of 1 images"):
        model.responses(near)
    assert isinstance(model, Unchecked)
    assert bool(model.unchecked().responses(near).isnan().all())
    with pytest.raises(ModelError, match="NaN or infinite"):
        model.select([0]).responses(near)
