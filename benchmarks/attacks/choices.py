"""Attacks on the choice of a network's own head: spikeproof beside torchattacks and foolbox.

    python benchmarks/attacks/choices.py [--rounds 3] [--json FILE]

ResNet-18 of width 32 on 3x32x32, random weights with calibrated BatchNorm, 16 images. Peers run in environments
of their own, with the same torch, one epsilon after the other; ours solves all epsilons in one call of the engine,
with the opening, the verification of the faster equivalent and the last reading on the user's own model in its time.

* PGD, L2: cross-entropy of the clean choice after 20 steps of a tenth of epsilon, from the clean image. Ours takes
  ``--steps`` steps of the geometric schedule, fewer for more; and 20, which are as many passes as the peers'.
* Square, no gradients: margin of another class over the clean choice, at epsilons of which few, some and most change
  choices. Both leave an image alone once its choice has changed. The share of images whose choice changed stands beside
  the times.
* ``bare``: forward and backward passes of the same images through the network with frozen parameters, as many as the
  peers make.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import rounds as turns

HERE = Path(__file__).resolve()
IMAGES, PEER_STEPS, QUERIES = 16, 20, 100
EPSILONS = [0.25, 0.5, 1.0, 2.0]
SQUARE = {"l2": [0.25, 0.5, 1.0], "linf": [0.5 / 255, 1 / 255, 2 / 255]}


def _attacked(attack: Any, loss: str, norm: str, epsilons: list[float], images: int, gradients: bool) -> Any:  # noqa: ANN401
    import numpy as np
    import torch
    from nets import opened
    from spikeproof.engine import Grid, attack_target
    from spikeproof_objectives.behavior import Behavior
    from spikeproof_torch.model import TorchNetwork
    from spikeproof_torch.spatial import Spatial

    net, x, _ = opened(images)
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
        epsilons=tuple(epsilons),
        norm=norm,  # type: ignore[arg-type]
        seed=0,
        note=lambda text: print(text, file=sys.stderr),
    )
    return attack_target(
        grid,
        attack,
        "attack",
        Behavior(loss=loss),  # type: ignore[arg-type]
        "behavior",
        decision=True,
        unit=-1,
        target="behavior",
        gradients=gradients,
        keep_images=True,
    ).images


def pgd(epsilons: list[float], steps: int, images: int) -> list[list[float]]:
    """All epsilons in one call; cross-entropy reached, (epsilon, image)."""
    from nets import opened, reached
    from spikeproof_attacks.pgd import PGD

    found = _attacked(PGD(steps=steps, schedule="geometric", classes=0), "cross-entropy", "l2", epsilons, images, True)
    net, _, labels = opened(images)
    return [reached(net, one, labels, "cross-entropy") for one in found]


def square(norm: str, epsilons: list[float], queries: int, images: int) -> list[list[float]]:
    """All epsilons in one call; margin reached, (epsilon, image)."""
    from nets import opened, reached
    from spikeproof_attacks.square import Square

    found = _attacked(Square(queries=queries), "margin", norm, epsilons, images, False)
    net, _, labels = opened(images)
    return [reached(net, one, labels, "margin") for one in found]


def bare(epsilons: list[float], steps: int, images: int) -> list[list[float]]:
    """As many passes as the peers make, at the clean images: cross-entropy there."""
    import torch
    from nets import opened, reached

    net, x, labels = opened(images)
    net.requires_grad_(False)
    for _ in epsilons:
        for _ in range(steps):
            leaf = x.clone().requires_grad_()
            torch.autograd.grad(torch.nn.functional.cross_entropy(net(leaf), labels), leaf)
    return [reached(net, x, labels, "cross-entropy")] * len(epsilons)


def _numbers(reading: turns.Reading) -> list[float]:
    return [value for row in reading.value for value in row]


def _compare(
    taken: list[turns.Round], contenders: list[str], peer: str, *, margin: bool, case: str
) -> list[dict[str, Any]]:
    """Each contender against a peer: ratios of times, and what both reached."""
    theirs = _numbers(taken[-1][peer])
    rows = []
    for name in contenders:
        mine = _numbers(taken[-1][name])
        row: dict[str, Any] = {
            "case": case,
            "contender": name,
            "over": peer,
            "cpu": turns.ratio(taken, name, peer, of="cpu"),
            "wall": turns.ratio(taken, name, peer, of="wall"),
            "seconds": statistics.median(one[name].cpu for one in taken),
            "reached": statistics.fmean(mine),
            "below": sum(a < b - 0.01 * abs(b) for a, b in zip(mine, theirs, strict=True)) / len(mine),
        }
        if margin:
            row["changed"] = sum(value > 0 for value in mine) / len(mine)
        rows.append(row)
    return rows


def table(rows: list[dict[str, Any]]) -> str:
    """A row for each contender."""
    columns = ["case", "contender", "CPU time over torchattacks", "wall time over torchattacks", "CPU s", "reached"]
    columns += ["items 1 % below it", "choices changed"]
    return turns.markdown(
        columns,
        [
            [
                row["case"],
                row["contender"],
                *("{:.2f} ({:.2f} to {:.2f})".format(*row[of]) for of in ("cpu", "wall")),
                f"{row['seconds']:.2f}",
                f"{row['reached']:.3f}",
                f"{row['below']:.0%}",
                f"{row['changed']:.0%}" if "changed" in row else "",
            ]
            for row in rows
        ],
    )


def main() -> None:
    """Take turns and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=10, help="our steps, geometric schedule")
    parser.add_argument("--queries", type=int, default=QUERIES, help="of Square, on both sides")
    parser.add_argument("--only", nargs="*", default=["pgd", "square"], choices=["pgd", "square"])
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.serve:
        turns.serve({task.__name__: task for task in (pgd, square, bare)})
        return
    import torch

    os.environ["BENCHMARK_TORCH"] = str(Path(torch.__file__).parents[1])
    # idle threads that spin would count as work where other programs share the cores
    os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
    pythons = {
        name: turns.environment(name, HERE.with_name(f"{name}.txt").read_text().split())
        for name in ("torchattacks", "foolbox")
    }
    peers = HERE.with_name("choices_peers.py")
    common = {"epsilons": EPSILONS, "images": IMAGES}
    with (
        turns.Worker(HERE) as mine,
        turns.Worker(peers, python=pythons["torchattacks"]) as other,
        turns.Worker(peers, python=pythons["foolbox"]) as third,
    ):
        calls = {
            "torchattacks": lambda: other.run("torchattacks_pgd", steps=PEER_STEPS, **common),
            "foolbox": lambda: third.run("foolbox_pgd", steps=PEER_STEPS, **common),
            f"ours, {options.steps} steps": lambda: mine.run("pgd", steps=options.steps, **common),
            f"ours, {PEER_STEPS} steps": lambda: mine.run("pgd", steps=PEER_STEPS, **common),
            "bare passes": lambda: mine.run("bare", steps=PEER_STEPS, **common),
        }
        rows, kept = [], {}
        if "pgd" in options.only:
            taken = turns.take_turns(calls, rounds=options.rounds)
            rows += _compare(taken, list(calls), "torchattacks", margin=False, case="PGD, L2")
            kept["pgd"] = turns.as_json(taken)
        for norm, epsilons in SQUARE.items() if "square" in options.only else ():
            asked = {"norm": norm, "epsilons": epsilons, "queries": options.queries, "images": IMAGES}
            taken = turns.take_turns(
                {
                    "torchattacks": lambda asked=asked: other.run("torchattacks_square", **asked),
                    "ours": lambda asked=asked: mine.run("square", **asked),
                },
                rounds=options.rounds,
            )
            case = f"Square, {norm}, {options.queries} queries"
            rows += _compare(taken, ["torchattacks", "ours"], "torchattacks", margin=True, case=case)
            kept[f"square {norm}"] = turns.as_json(taken)
    print(table(rows))
    if options.json:
        record = {"machine": turns.machine(), "rows": rows, "rounds": kept}
        options.json.write_text(json.dumps(record, indent=1))


if __name__ == "__main__":
    main()
