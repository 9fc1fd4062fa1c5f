"""Another library's attack in a whole study: what it fits is run, what it does not fit is refused with the reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from spikeproof.errors import BadStudy
from spikeproof.pipeline import execute
from spikeproof.progress import SilentProgress
from spikeproof.result import Result
from tiny_study import NETWORKS, images

pytestmark = [
    pytest.mark.filterwarnings("ignore:Please import:DeprecationWarning"),  # scipy's old names
]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("nets.py").write_text(NETWORKS)
    pixels, categories = images()
    np.savez("images.npz", x=pixels, y=categories)


def study(attack: dict[str, Any], **threat: Any) -> dict[str, Any]:
    return {
        "source": [{"use": "images:images.npz"}],
        "model": [{"use": "torch:nets.py:build", "layers": ["3"], "units": 2}],
        "readout": {"use": "logistic", "folds": 3},
        "threat": {"epsilons": [0.2, 0.6], "aims": ["behavior"], "stimuli": 6, **threat},
        "attack": [attack],
        "metric": [{"use": "cross-scale"}],
        "statistics": {"draws": 100},
    }


def run(mapping: dict[str, Any]) -> Result:
    return execute(
        mapping, where="study", out=Path("out"), resume=False, batch=64, device="cpu", progress=SilentProgress()
    )


@pytest.mark.parametrize("use", ["foolbox:L2PGD", "art:ProjectedGradientDescent"])
def test_a_choice_is_attacked_and_everything_else_is_refused(use: str) -> None:
    found = run(study({"use": use}, aims=["unit", "population", "behavior"]))
    measured = found.measured("cross-scale", found.systems[0]).load()
    assert set(measured["objective"].values.tolist()) == {"behavior"}
    label = use.partition(":")[0]
    for aim in ("unit", "population"):
        assert any(
            f"{label} on {aim}" in str(one)
            and f"{label} fits objectives at the scale behavior only, not {aim}: it works on a choice" in str(one)
            for one in found.refused
        )


def test_a_norm_that_the_target_lacks_is_refused_before_anything_runs() -> None:
    message = "attack 'foolbox' does not search the norm 'linf'; it has l2"
    with pytest.raises(BadStudy, match=message):
        run(study({"use": "foolbox:L2PGD"}, norm="linf"))
    assert not Path("out").exists()


def test_a_wrong_parameter_is_refused_with_its_place() -> None:
    with pytest.raises(Exception, match=r"study, \[\[attack\]\] .*unknown parameter 'stepps': did you mean 'steps'"):
        run(study({"use": "foolbox:L2PGD", "parameters": "stepps=3"}))
