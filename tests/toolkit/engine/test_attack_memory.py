from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SEARCH = """
import json, sys
import numpy as np, torch
import spikeproof
from spikeproof.engine import Grid, Target, attack_targets
from spikeproof_attacks.pgd import PGD
from spikeproof_objectives.unit import Unit

zoo, targets, radii = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
torch.set_num_threads(1)
model = spikeproof.load_model(f"torch:{zoo}:cnn_a_standard", layer="1.2", image_shape=(3, 32, 32), spatial="positions")
model = model.select(range(0, 2000, 2))
images = np.random.default_rng(0).random((300, 3, 32, 32), dtype=np.float32)
with torch.no_grad():
    clean = np.concatenate([model.responses(part).double().numpy() for part in torch.as_tensor(images).split(64)])
grid = Grid(
    model=model, images=images, stimulus_ids=tuple(map(str, range(300))), clean_responses=clean,
    epsilons=(0.25, 0.5, 1.0, 2.0)[-radii:], norm="l2", seed=0, accelerate=len(sys.argv) < 5,
)
found = 0
for one in attack_targets(
    grid, PGD(steps=1, schedule="geometric"), "pgd", Unit(direction="up"), "unit", decision=False, local=True,
    targets=[Target(unit=unit, name=str(unit), keep_images=True) for unit in range(targets)],
):
    found += len(one.status)
# Not ru_maxrss: a child begins with that of the process that started it.
peak = next(line for line in open("/proc/self/status") if line.startswith("VmHWM"))
print(json.dumps({"mib": int(peak.split()[1]) / 1024, "found": found}))
"""


def _peak(shared: Path, targets: int, radii: int) -> float:
    zoo = shared / "data" / "models" / "zoo.py"
    command = [sys.executable, "-c", SEARCH, str(zoo), str(targets), str(radii)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    told = json.loads(done.stdout)
    assert told["found"] == targets * 300
    return float(told["mib"])


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak of a process from /proc")
def test_peak_memory_grows_neither_with_targets_nor_with_epsilons(shared: Path) -> None:
    """A population of 1,000 units and 300 images; what epsilons add is the images and responses of a target or two."""
    few, many, single = _peak(shared, 4, 4), _peak(shared, 24, 4), _peak(shared, 4, 1)
    one_target = 4 * 300 * (1000 * 8 + 3 * 32 * 32 * 4) / 2**20
    assert many < few + 3 * one_target  # the allocator's plateau; 20 targets that stayed would take 460 MiB
    assert few < single + 4 * one_target
    assert many < 1536
