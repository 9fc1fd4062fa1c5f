"""In-silico sensitivity of real V4 neurons by several encoders, beside the published model of each neuron.

    python benchmarks/encoders/v4.py DATA [--out DIR] [--images 400] [--stimuli 6] [--steps 4] [--epsilons 1,3]

DATA is a folder with session 190923 of Cowley et al. (2023) in ``v4/`` (``responses_avg_190923.npy``, 33 neurons x
1,200 images; ``images_190923.zip``) and networks in ``models/zoo.py`` (``resnet20``, ``v4_neuron(0)`` ...
``v4_neuron(32)``).

Three encoders on a ResNet-20 and one on Gabor cells are fitted to ``--images`` of the images, evenly spaced; the
published models stand in as ``ready`` ones. All 33 neurons of each are attacked on the same images, 112 x 112 pixels
for all: the ResNet sees them at 64 x 64. Printed are the sensitivity of each neuron by each encoder, under the attack
and under a random perturbation of the same norm, and the rank correlations between encoders; everything else is in the
result folder. Half an hour on one thread with all 1,200 images; a third of it with 400.

``--matrix`` asks instead for the cross-scale matrix of one encoder with the readout ``identity`` over all neurons.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import xarray as xr
    from spikeproof.result import Result

NETWORKS = Path(__file__).resolve().parent / "v4_networks.py"
NEURONS = 33
JOINED = "1.1.layer1 + 1.1.layer2 + 1.1.layer3.0"
RANDOM = "pgd (random)"


def study(data: Path, source: dict[str, Any], *, stimuli: int, steps: int, epsilons: list[float]) -> dict[str, Any]:
    """The study of all encoders, as ``spikeproof.run`` takes it."""
    zoo = data / "models" / "zoo.py"
    ready = [f"neuron {neuron}" for neuron in range(NEURONS)]
    return {
        "source": source,
        "model": [
            network(zoo),
            {"use": "gabor", "name": "gabor", "layers": ["complex"]},
            *(
                {"use": f"torch:{zoo}:v4_neuron({neuron})", "name": name, "layers": ["output"]}
                for neuron, name in enumerate(ready)
            ),
        ],
        "encoder": [
            {"use": "ridge", "model": "resnet20", "layers": [JOINED], "scale_channels": True},
            {"use": "pls", "model": "resnet20", "layers": ["1.1.layer3.0"]},
            {"use": "factorised", "model": "resnet20", "layers": ["1.1.layer3.0"]},
            {"use": "ridge", "name": "ridge of Gabor cells", "model": "gabor", "scale_channels": True},
            {"use": "ready", "model": ready},
        ],
        "threat": {"epsilons": epsilons, "aims": ["unit"], "stimuli": stimuli, "controls": ["random"]},
        "engine": {"longer_items": 0},
        "attack": {"use": "pgd", "steps": steps, "schedule": "geometric"},
        "metric": "sensitivity",
        "statistics": {"draws": 500},
    }


def matrix_study(
    data: Path, source: dict[str, Any], *, stimuli: int, steps: int, epsilons: list[float]
) -> dict[str, Any]:
    """The study of all three scales, the behaviour being which image the population says it sees."""
    return {
        "source": source,
        "model": network(data / "models" / "zoo.py"),
        "encoder": {"use": "ridge", "layers": ["1.1.layer3.0"]},
        "readout": {"use": "identity"},
        "threat": {
            "epsilons": epsilons,
            "aims": ["unit", "population", "behavior"],
            "stimuli": stimuli,
            "controls": ["random"],
        },
        "engine": {"longer_items": 0},
        "attack": {"use": "pgd", "steps": steps, "schedule": "geometric", "classes": 0},
        "metric": "cross-scale",
        "statistics": {"draws": 500},
    }


def recording(data: Path, count: int, beside: Path) -> dict[str, Any]:
    """The source: responses to so many images, evenly spaced, which are written beside the results; and the images."""
    import numpy as np

    whole = np.load(data / "v4" / "responses_avg_190923.npy")
    kept = np.linspace(0, whole.shape[1], count, endpoint=False).astype(int)
    names = [f"image{number + 1:04d}" for number in kept]
    beside.parent.mkdir(parents=True, exist_ok=True)
    np.savez(beside, response=whole[:, kept], stimulus=names, unit=[f"neuron {k:02d}" for k in range(len(whole))])
    return {
        "use": f"table:{beside}",
        "dims": ["unit", "stimulus"],
        "responses": "response",
        "response_units": "spikes",
        "images": str(data / "v4" / "images_190923.zip"),
        "session": "190923",
    }


def network(zoo: Path) -> dict[str, Any]:
    """The backbone, shown the images at 64 x 64."""
    use = f"torch:{NETWORKS}:at({str(zoo)!r}, 'resnet20', 64)"
    return {"use": use, "name": "resnet20", "layers": ["1.1.layer3.0"], "spatial": "positions"}


def said(values: xr.DataArray) -> str:
    """An estimate with its interval."""
    estimate, low, high = (float(values.sel(statistic=name)) for name in ("estimate", "low", "high"))
    return f"{estimate:.2f} ({low:.2f} to {high:.2f})"


def tables(done: Result) -> str:
    """All tables, in Markdown."""
    found = done.summary("in-silico-spread", "all systems")
    systems = found["system"].values.tolist()
    lines = ["| | held-out r | " + " | ".join(f"{eps:g}" for eps in found["epsilon"].values) + " | random |"]
    lines.append("|---" * (found.sizes["epsilon"] + 3) + "|")
    for name in systems:
        fit = said(done.summary("encoder-fit", name)["held_out_r"])
        of = found["sensitivity"].sel(system=name)
        moved = [said(of.sel(perturbation="pgd", epsilon=eps)) for eps in found["epsilon"].values]
        control = said(of.sel(perturbation=RANDOM).isel(epsilon=-1))
        lines.append(f"| {name} | {fit} | " + " | ".join(moved) + f" | {control} |")
    for perturbation in ("pgd", RANDOM):
        each = found["unit_sensitivity_by_encoder"].sel(perturbation=perturbation)
        lines += ["", f"{perturbation}, largest norm", "| neuron | " + " | ".join(systems) + " |"]
        lines.append("|---" * (len(systems) + 1) + "|")
        for unit in each["unit"].values.tolist():
            cells = [said(each.sel(unit=unit, system=name)) for name in systems]
            lines.append(f"| {unit} | " + " | ".join(cells) + " |")
    for perturbation in ("pgd", RANDOM):
        ranks = found["rank_correlation"].sel(perturbation=perturbation)
        lines += ["", f"rank correlation over neurons, {perturbation}", "| | " + " | ".join(systems) + " |"]
        lines.append("|---" * (len(systems) + 1) + "|")
        for name in systems:
            cells = ["" if name == other else said(ranks.sel(system=name, system_other=other)) for other in systems]
            lines.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def matrix(done: Result) -> str:
    """The cross-scale matrix at the largest norm, in Markdown."""
    (name,) = [system for system in done.systems if system != "recording"]
    found = done.summary("cross-scale", name)["matrix"].isel(epsilon=-1)
    scales = found["scale"].values.tolist()
    lines = [f"{name}, norm {float(found['epsilon']):g}", "| | " + " | ".join(scales) + " |"]
    lines.append("|---" * (len(scales) + 1) + "|")
    for row in found["row"].values.tolist():
        cells = [said(found.sel(row=row, scale=scale)) for scale in scales]
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> int:
    """Run the study, and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="Folder that holds v4/ and models/.")
    parser.add_argument("--out", type=Path, default=Path("results/v4"), help="Result folder.")
    parser.add_argument("--images", type=int, default=400, help="Images that encoders are fitted to; 1200 for all.")
    parser.add_argument("--stimuli", type=int, default=6, help="Images that are attacked.")
    parser.add_argument("--steps", type=int, default=4, help="Steps of the attack.")
    parser.add_argument("--epsilons", default="1,3", help="L2 norms, ascending.")
    parser.add_argument("--min-fit", type=float, default=0.2, help="Held-out r below which a neuron is left out.")
    parser.add_argument("--matrix", action="store_true", help="The cross-scale matrix with the readout identity.")
    parser.add_argument("--resume", action="store_true", help="Go on where it was stopped.")
    asked = parser.parse_args()
    import spikeproof

    make, show = (matrix_study, matrix) if asked.matrix else (study, tables)
    epsilons = [float(one) for one in asked.epsilons.split(",")]
    data = asked.data.resolve()
    source = recording(data, asked.images, asked.out.resolve().with_suffix(".npz"))
    made = make(data, source, stimuli=asked.stimuli, steps=asked.steps, epsilons=epsilons)
    for encoder in made["encoder"] if isinstance(made["encoder"], list) else [made["encoder"]]:
        encoder["min_fit"] = asked.min_fit
    done = spikeproof.run(made, out=asked.out, resume=asked.resume, device="cpu")
    sys.stdout.write(show(done) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
