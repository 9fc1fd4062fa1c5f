"""What is said of a network's own head, and of norms that attacks do not have, before anything is searched."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import spikeproof
from spikeproof.errors import BadStudy

Study = dict[str, Any]

ENDS = """

def soft():
    return nn.Sequential(*build(), nn.Softmax(dim=1)).eval()

def log_soft():
    return nn.Sequential(*build(), nn.LogSoftmax(dim=1)).eval()
"""


@pytest.mark.parametrize(("network", "said"), [("soft", True), ("log_soft", False)])
def test_a_head_that_gives_probabilities_is_said(folder: Path, study: Study, network: str, said: bool) -> None:
    with (folder / "nets.py").open("a") as file:
        file.write(ENDS)
    study["model"] = [{"use": f"torch:nets.py:{network}", "layers": ["3"], "units": 2}]
    study["threat"] |= {"aims": ["unit"], "controls": [], "stimuli": 2}
    study["engine"] = {"longer_items": 0}
    study["metric"] = [{"use": "sensitivity"}]
    notes = spikeproof.run(study, out="out", device="cpu").notes
    found = [note for note in notes if "are probabilities" in note]
    assert len(found) == said
    assert all(f"{network} 3: the class scores of {network} are probabilities" in note for note in found)
    assert all(note.endswith("return what goes into its softmax") for note in found)


@pytest.mark.usefixtures("folder")
def test_a_norm_that_an_attack_lacks_is_refused_with_those_that_it_has(study: Study) -> None:
    study["attack"] = [{"use": "mi-fgsm"}]
    study["threat"] |= {"norm": "l1"}
    with pytest.raises(BadStudy, match=r"attack 'mi-fgsm' does not search the norm 'l1'; it has l2, linf"):
        spikeproof.run(study, out="out", device="cpu")
    assert not Path("out").exists()
