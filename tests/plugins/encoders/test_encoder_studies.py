"""The encoders in studies: joined layers, and ready models of units."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import spikeproof
import torch
from encoder_doubles import encoder_study, write_recording
from spikeproof.result import slug

pytestmark = pytest.mark.slow

NEURONS = """
import torch
from torch import nn

def neuron(number):
    torch.manual_seed(number)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.Tanh(), nn.Flatten(), nn.Linear(48, 1)).eval()
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write_recording(tmp_path)
    monkeypatch.chdir(tmp_path)
    return tmp_path


SMALL = {"epsilons": [0.2], "aims": ["unit"], "stimuli": 2, "controls": ["random"]}


@pytest.mark.usefixtures("here")
def test_a_unit_can_be_read_from_layers_that_are_joined() -> None:
    """The first layer and what follows it, side by side; each unit chooses between them and the second alone."""
    study = encoder_study(
        encoder=[{"use": "ridge", "layers": ["0 + 1", "3"], "folds": 3, "grids": [], "scale_channels": True}],
        threat=SMALL,
    )
    result = spikeproof.run(study, out="out", device="cpu")
    assert result.systems == ("recording", "ridge on build")
    group = f"encoder/{slug('ridge on build')}"
    fit = result.tree[f"{group}/fit"].to_dataset()
    assert set(fit["layer"].values[:4]) == {"0 + 1"}
    assert float(fit["fit"][:4].min()) > 0.9
    chosen = result.tree[f"{group}/hyperparameters/{slug('0 + 1')}"].to_dataset()
    assert chosen["penalty"].sizes == {"fold": 4, "unit": 5}
    assert result.has("sensitivity", "ridge on build")


def test_ready_models_are_the_units_whose_names_they_have(here: Path) -> None:
    """Three models, of which the recording has two units in another order: each is scaled, and predicted as it is."""
    (here / "neurons.py").write_text(NEURONS)
    scope: dict[str, object] = {}
    exec(NEURONS, scope)  # noqa: S102 - our own text
    shown = np.load(here / "shown.npz")
    with torch.no_grad():
        build = scope["neuron"]
        outputs = torch.cat([build(k)(torch.as_tensor(shown["x"])) for k in range(3)], dim=1).numpy()  # type: ignore[operator]
    np.savez(
        here / "counts.npz",
        response=np.stack([3 * outputs[:, 2] + 9, 20 * outputs[:, 0] + 30]),
        stimulus_id=shown["ids"],
        unit=np.array(["third", "first"]),
    )
    study = encoder_study(
        source=[
            {"use": "table:counts.npz", "dims": ["unit", "stimulus"], "response_units": "Hz"},
            {"use": "images:shown.npz"},
        ],
        model=[{"use": f"torch:neurons.py:neuron({k})", "name": f"n{k}", "layers": ["output"]} for k in range(3)],
        encoder=[{"use": "ready", "model": ["n0", "n1", "n2"], "neurons": ["first", "second", "third"], "folds": 3}],
        threat=SMALL,
    )
    result = spikeproof.run(study, out="out", device="cpu")
    (name,) = [system for system in result.systems if system != "recording"]
    code = result.tree[f"code/{slug(name)}"].to_dataset()
    assert code["unit"].values.tolist() == ["third", "first"]
    group = f"encoder/{slug(name)}"
    chosen = result.tree[f"{group}/hyperparameters/output"].to_dataset().sel(fold=-1)
    np.testing.assert_allclose(chosen["slope"], [3, 20], rtol=1e-4)
    assert float(result.tree[f"{group}/fit"].to_dataset()["fit"].min()) > 0.999
    assert result.has("sensitivity", name)
