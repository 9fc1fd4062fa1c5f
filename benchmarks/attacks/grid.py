"""Units x images x epsilons, L2: spikeproof beside the loop that a foolbox user writes.

    python benchmarks/attacks/grid.py [--rounds 3] [--json FILE] [--only CASE ...]

ResNet-18 of width 32 on 3x32x32 (and of width 64 with a 7x7 stem on 3x112x112), random weights with calibrated
BatchNorm, layer2, 16 units x 16 images x 4 epsilons. Cases: units at the middle position (which have a dependency cone)
and units that are means over positions (which have none).

* ``foolbox``: one unit after the other and one epsilon after the other, the whole network as a two-class model, 20
  steps of a tenth of epsilon. The loop is linear in units: a few are timed (``--timed``) and the time is multiplied. It
  runs in an environment of its own, with the same torch.
* ``float32``, ``bf16-polish``: all units in one call of the engine; recording, folding and verifying the network and
  the reading of final responses on the user's own model are included. Steps of the geometric schedule: ``STEPS``; the
  engine follows those in bf16 by a few in float32.
* ``loop`` over ``bare``: projected ascent through the engine's objective, against bare forward and backward passes of
  as many rows, in the same chunks, through the same model.

Compared are the responses reached on the units that the peer attacked: the mean, and the worst item.

Both sides run on ``--threads`` threads, one by default: with more, CPU time holds what threads wait for each other.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import rounds as turns

if TYPE_CHECKING:
    from spikeproof.engine import Grid

HERE = Path(__file__).resolve()
LAYER, UNITS, IMAGES, PEER_STEPS = "layer2", 16, 16, 20
CASES: dict[str, tuple[int, str, tuple[float, ...]]] = {
    "interior units, 3x32x32": (32, "center", (0.25, 0.5, 1.0, 2.0)),
    "spatial means, 3x32x32": (32, "mean", (0.25, 0.5, 1.0, 2.0)),
    "spatial means, 3x112x112": (112, "mean", (1.0, 2.0, 4.0, 8.0)),
}
STEPS = {"center": (11, 9), "mean": (8, 7)}
"""Ours, in float32 and in bf16 (before the steps in float32): means are smoother, and need fewer."""
PRECISIONS = ("float32", "bf16-polish")


def _grid(size: int, where: str, epsilons: list[float], precision: str, images: int) -> Grid:
    import numpy as np
    import torch
    from nets import resnet18, stimuli
    from spikeproof.engine import Grid
    from spikeproof_torch.model import TorchNetwork
    from spikeproof_torch.spatial import Spatial

    network = TorchNetwork(
        module=resnet18(size).requires_grad_(False),
        name="resnet18",
        identity={},
        device=torch.device("cpu"),
        spatial=Spatial(where),
    )
    model = network.read(LAYER, image_shape=(3, size, size))
    x = stimuli(images, size)
    with torch.no_grad():
        clean = model.responses(x).double().numpy()
    return Grid(
        model=model,
        images=np.asarray(x),
        stimulus_ids=tuple(str(image) for image in range(len(x))),
        clean_responses=clean,
        epsilons=tuple(epsilons),
        norm="l2",
        seed=0,
        precision=precision,  # type: ignore[arg-type]
        note=lambda text: print(text, file=sys.stderr),
    )


def ours(
    size: int, where: str, units: list[int], epsilons: list[float], steps: int, images: int, precision: str
) -> list[list[list[float]]]:
    """Attack all units in one call; return what was reached, (unit, epsilon, image)."""
    from spikeproof.engine import Target, attack_targets
    from spikeproof_attacks.pgd import PGD
    from spikeproof_objectives.unit import Unit

    grid = _grid(size, where, epsilons, precision, images)
    found = attack_targets(
        grid,
        PGD(steps=steps, schedule="geometric"),
        "pgd",
        Unit(direction="up"),
        "unit",
        decision=False,
        targets=[Target(unit=unit, name=str(unit), keep_images=False) for unit in units],
        local=True,
    )
    return [one.responses[:, :, one.unit].tolist() for one in found]


def loop(size: int, where: str, epsilons: list[float], steps: int, images: int, units: int) -> None:
    """Projected ascent alone: no opening, no dead items left out, nothing read afterwards."""
    for grid, view, stimuli in _chunks(size, where, epsilons, images, units):
        _ascend(grid, view, stimuli, steps)


def bare(size: int, where: str, epsilons: list[float], steps: int, images: int, units: int) -> None:
    """Forward and backward passes of as many rows as the loop asks for, in the same chunks through the same model."""
    import torch

    for number, (grid, view, stimuli) in enumerate(_chunks(size, where, epsilons, images, units)):
        if (size, where, number) not in _ASKED:  # in the round that warms up
            _ASKED[size, where, number] = _ascend(grid, view, stimuli, steps)
        forward, backward = _ASKED[size, where, number]
        rows = view.crop(grid.clean[torch.as_tensor(stimuli)]).repeat(len(epsilons), 1, 1, 1)
        for start in range(0, backward, len(rows)):
            leaf = rows[: backward - start].clone().requires_grad_()
            torch.autograd.grad(view.exact.responses(leaf)[:, view.unit].sum(), leaf)
        with torch.no_grad():
            for start in range(backward, forward, len(rows)):
                view.exact.responses(rows[: forward - start])


_OPENED: dict[tuple[int, str], Any] = {}
_ASKED: dict[tuple[int, str, int], tuple[int, int]] = {}


def _chunks(size: int, where: str, epsilons: list[float], images: int, units: int) -> list[tuple[Any, Any, Any]]:
    """A grid, how a unit is looked at, and the stimuli of a chunk; opened once."""
    import numpy as np

    if (size, where) not in _OPENED:
        grid = _grid(size, where, epsilons, "float32", images)
        views = [grid.models.view(unit, local=True) for unit in range(units)]
        stimuli = np.array_split(np.arange(images), max(1, images * len(epsilons) // grid.batch))
        _OPENED[size, where] = [(grid, view, some) for view in views for some in stimuli]
    return _OPENED[size, where]  # type: ignore[no-any-return]


def _ascend(grid: Any, view: Any, stimuli: Any, steps: int) -> tuple[int, int]:  # noqa: ANN401
    """Climb; return the rows that passed the model forward, and backward."""
    import numpy as np
    from spikeproof.engine import BoundObjective
    from spikeproof.types import ItemNoise
    from spikeproof_attacks.pgd import PGD
    from spikeproof_objectives.unit import Unit

    count = len(stimuli)
    bound = BoundObjective(
        grid,
        Unit(direction="up"),
        "unit",
        decision=False,
        stimuli=stimuli,
        units=np.full(count, view.unit),
        directions=np.zeros(count, dtype=np.intp),
        model=view.exact,
        alone=[view] * count,
    )
    noise = ItemNoise(0, [("benchmark", int(row)) for row in stimuli])
    PGD(steps=steps, schedule="geometric")(bound, bound.clean.clone(), grid.radii.float(), "l2", noise)
    return bound.forward_rows, bound.backward_rows


def compare(case: str, options: argparse.Namespace, peer: turns.Worker, mine: turns.Worker) -> dict[str, Any]:
    """Time one case in alternating rounds."""
    size, where, epsilons = CASES[case]
    timed = list(range(options.timed if size <= 32 else 1))
    units = list(range(UNITS if size <= 32 else options.large_units))
    common = {"size": size, "where": where, "epsilons": epsilons, "images": IMAGES}
    calls: dict[str, Callable[[], turns.Reading]] = {
        "foolbox": lambda: peer.run("loop", layer=LAYER, units=timed, steps=PEER_STEPS, **common)
    }
    for precision in PRECISIONS:
        calls[precision] = lambda precision=precision: mine.run(
            "ours",
            units=units,
            steps=STEPS[where][PRECISIONS.index(precision)],
            precision=precision,
            **common,
        )
    short = {**common, "units": 4 if size <= 32 else 1, "steps": STEPS[where][0]}
    calls["loop"] = lambda: mine.run("loop", **short)
    calls["bare"] = lambda: mine.run("bare", **short)
    taken = turns.take_turns(calls, rounds=options.rounds)
    scale = len(units) / len(timed)
    peer_reached = taken[-1]["foolbox"].value
    outcome: dict[str, Any] = {"case": case, "units": len(units), "timed": len(timed), "rounds": turns.as_json(taken)}
    for precision in PRECISIONS:
        for of in ("cpu", "wall"):
            outcome[f"{precision} {of}"] = [scale * value for value in turns.ratio(taken, "foolbox", precision, of=of)]
        outcome[f"{precision} reached"] = _reached(peer_reached, taken[-1][precision].value)
        outcome[f"{precision} seconds"] = statistics.median(one[precision].cpu for one in taken)
    outcome["foolbox seconds"] = scale * statistics.median(one["foolbox"].cpu for one in taken)
    outcome["loop over bare"] = turns.ratio(taken, "loop", "bare", of="cpu")
    return outcome


def _reached(peer: list[list[list[float]]], mine: list[list[list[float]]]) -> dict[str, float]:
    """Mean over items of what each side reached, and the item that falls most below the peer's, relative to it."""
    pairs = [
        (theirs, ours)
        for unit, own in zip(peer, mine, strict=False)
        for epsilon, mine_here in zip(unit, own, strict=True)
        for theirs, ours in zip(epsilon, mine_here, strict=True)
    ]
    scale = statistics.fmean(abs(theirs) for theirs, _ in pairs)
    worst = min((ours - theirs) / max(abs(theirs), 1e-3 * scale) for theirs, ours in pairs)
    return {
        "peer": statistics.fmean(theirs for theirs, _ in pairs),
        "ours": statistics.fmean(ours for _, ours in pairs),
        "worst": worst,
        "below": sum(ours < 0.99 * theirs for theirs, ours in pairs if theirs > 1e-3 * scale) / len(pairs),
    }


def table(outcomes: list[dict[str, Any]]) -> str:
    """One row for each case and precision."""
    rows = []
    for one in outcomes:
        for precision in PRECISIONS:
            reached = one[f"{precision} reached"]
            rows.append(
                [
                    one["case"],
                    precision,
                    *("{:.1f} ({:.1f} to {:.1f})".format(*one[f"{precision} {of}"]) for of in ("cpu", "wall")),
                    f"{one['foolbox seconds']:.1f}" + ("*" if one["timed"] < one["units"] else ""),
                    f"{one[f'{precision} seconds']:.1f}",
                    f"{reached['peer']:.4f}",
                    f"{reached['ours']:.4f}",
                    f"{reached['worst']:+.2%}",
                    f"{reached['below']:.1%}",
                    "{:.2f} ({:.2f} to {:.2f})".format(*one["loop over bare"]) if precision == "float32" else "",
                ]
            )
    columns = ["case", "precision", "times faster, CPU", "times faster, wall", "foolbox, CPU s", "ours, CPU s"]
    columns += ["foolbox reached", "ours reached", "worst item", "items 1 % below", "loop / bare passes"]
    return turns.markdown(columns, rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", action="store_true")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1, help="threads of either side")
    parser.add_argument("--timed", type=int, default=2, help="units that the foolbox loop is timed on")
    parser.add_argument("--large-units", type=int, default=4, help="units of the large network on our side")
    parser.add_argument("--only", nargs="*", default=list(CASES), choices=list(CASES))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.serve:
        turns.serve({"ours": ours, "loop": loop, "bare": bare})
        return
    import torch

    os.environ["BENCHMARK_TORCH"] = str(Path(torch.__file__).parents[1])
    # idle threads that spin would count as work where other programs share the cores
    os.environ |= {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
    requirements = (HERE.with_name("foolbox.txt")).read_text().split()
    python = turns.environment("foolbox", requirements)
    threads = options.threads
    with (
        turns.Worker(HERE.with_name("grid_foolbox.py"), python=python, threads=threads) as peer,
        turns.Worker(HERE, threads=threads) as mine,
    ):
        outcomes = [compare(case, options, peer, mine) for case in options.only]
    print(table(outcomes))
    print("\n* measured on a few units and multiplied: the loop is linear in units")
    if options.json:
        kept = {
            "machine": turns.machine(),
            "peer_steps": PEER_STEPS,
            "steps": STEPS,
            "threads": options.threads,
            "cases": outcomes,
        }
        options.json.write_text(json.dumps(kept, indent=1))


if __name__ == "__main__":
    main()
