"""Smallest perturbations that change a choice: spikeproof's fmn and deepfool beside foolbox's.

    python benchmarks/attacks/smallest.py [--rounds 3] [--images 16] [--json FILE]

ResNet-18 of width 32 on 3x32x32, random weights with calibrated BatchNorm, the network's own head. FMN takes
100 steps on either side, DeepFool at most 50. Ours runs as in a study: with the opening, the verification of the faster
equivalent, the goal and the responses read again on the user's own model in its time. Norms are those of images on
which the network itself, outside either library, chooses another class; they are infinite where it does not.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import rounds as turns

HERE = Path(__file__).resolve()
NORMS = {"fmn": ("l2", "linf", "l1"), "deepfool": ("l2", "linf")}


def ours(attack: str, norm: str, images: int) -> list[float]:
    """Smallest norms that our attack finds, (image,)."""
    import numpy as np
    import torch
    from nets import changed_within, opened
    from spikeproof.engine import Grid, attack_target
    from spikeproof_attacks.deepfool import DeepFool
    from spikeproof_attacks.fmn import FMN
    from spikeproof_objectives.behavior import Behavior
    from spikeproof_torch.model import TorchNetwork
    from spikeproof_torch.spatial import Spatial

    net, x, labels = opened(images)
    network = TorchNetwork(
        module=net, name="resnet18", identity={}, device=torch.device("cpu"), spatial=Spatial("mean")
    )
    model = network.read("layer4", image_shape=(3, 32, 32))
    with torch.no_grad():
        responses, logits = model.both(x)
    grid = Grid(
        model=model,
        images=np.asarray(x),
        stimulus_ids=tuple(str(image) for image in range(len(x))),
        clean_responses=responses.double().numpy(),
        clean_logits=logits.double().numpy(),
        use_head=True,
        epsilons=(1e6,),
        norm=norm,  # type: ignore[arg-type]
        seed=0,
        note=lambda text: print(text, file=sys.stderr),
    )
    found = attack_target(
        grid,
        FMN() if attack == "fmn" else DeepFool(),
        attack,
        Behavior(),
        "behavior",
        decision=True,
        unit=-1,
        target="behavior",
        keep_images=True,
        minimal=True,
    )
    assert found.nearest is not None
    return changed_within(net, x, found.nearest, labels, norm)


def table(rows: list[dict[str, Any]]) -> str:
    """A row for each attack and norm."""
    columns = ["attack", "norm", "CPU time over foolbox", "wall time over foolbox", "CPU s", "choices changed"]
    columns += ["median norm", "over foolbox's, mean", "images 1 % longer"]
    return turns.markdown(
        columns,
        [
            [
                row["attack"],
                row["norm"],
                *("{:.2f} ({:.2f} to {:.2f})".format(*row[of]) for of in ("cpu", "wall")),
                f"{row['seconds']:.2f}",
                f"{row['changed']:.0%} (foolbox {row['peer_changed']:.0%})",
                f"{row['median']:.4g} (foolbox {row['peer_median']:.4g})",
                f"{row['over']:.3f}",
                f"{row['longer']:.0%}",
            ]
            for row in rows
        ],
    )


def _row(taken: list[turns.Round], attack: str, norm: str) -> dict[str, Any]:
    mine, theirs = taken[-1]["ours"].value, taken[-1]["foolbox"].value
    both = [(a, b) for a, b in zip(mine, theirs, strict=True) if math.isfinite(a) and math.isfinite(b)]
    return {
        "attack": attack,
        "norm": norm,
        "cpu": turns.ratio(taken, "ours", "foolbox", of="cpu"),
        "wall": turns.ratio(taken, "ours", "foolbox", of="wall"),
        "seconds": statistics.median(one["ours"].cpu for one in taken),
        "changed": sum(map(math.isfinite, mine)) / len(mine),
        "peer_changed": sum(map(math.isfinite, theirs)) / len(theirs),
        "median": statistics.median(mine),
        "peer_median": statistics.median(theirs),
        "over": statistics.fmean(a / b for a, b in both),
        "longer": sum(a > 1.01 * b for a, b in both) / len(mine),
    }


def main() -> None:
    """Take turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--images", type=int, default=16)
    parser.add_argument("--only", nargs="*", default=list(NORMS), choices=list(NORMS))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.serve:
        turns.serve({"ours": ours})
        return
    import torch

    os.environ["BENCHMARK_TORCH"] = str(Path(torch.__file__).parents[1])
    # idle threads that spin would count as work where other programs share the cores
    os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
    python = turns.environment("foolbox", HERE.with_name("foolbox.txt").read_text().split())
    rows, kept = [], {}
    with turns.Worker(HERE) as mine, turns.Worker(HERE.with_name("choices_peers.py"), python=python) as other:
        for attack in options.only:
            for norm in NORMS[attack]:
                asked = {"attack": attack, "norm": norm, "images": options.images}
                taken = turns.take_turns(
                    {
                        "foolbox": lambda asked=asked: other.run("foolbox_smallest", **asked),
                        "ours": lambda asked=asked: mine.run("ours", **asked),
                    },
                    rounds=options.rounds,
                )
                rows.append(_row(taken, attack, norm))
                kept[f"{attack} {norm}"] = turns.as_json(taken)
    print(table(rows))
    if options.json:
        options.json.write_text(json.dumps({"machine": turns.machine(), "rows": rows, "rounds": kept}, indent=1))


if __name__ == "__main__":
    main()
