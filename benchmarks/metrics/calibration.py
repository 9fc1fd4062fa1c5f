"""Do 95 % intervals hold the truth? Simulated recordings, one row a metric.

``python benchmarks/metrics/calibration.py`` prints the table. Simulations stand in ``simulations_*.py`` beside this
file, each of which has a dictionary ``SIMULATIONS``.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).resolve().parent))

import numpy as np

HERE = Path(__file__).resolve().parent


def modules() -> list[str]:
    """Names of all modules of simulations."""
    return sorted(path.stem for path in HERE.glob("simulations_*.py"))


def run(job: tuple[str, str, int, int]) -> list[tuple[float, float, float]]:
    """Make some recordings of one simulation; each has random numbers of its own."""
    module, name, first, last = job
    simulation = importlib.import_module(module).SIMULATIONS[name]
    return [simulation.draw(np.random.default_rng([17, number])) for number in range(first, last)]


def row_of(truth: float, draws: list[tuple[float, float, float]]) -> dict[str, float]:
    """Coverage, and the bias in standard errors of one estimate."""
    values = np.array(draws)
    estimate, low, high = values.T
    held = (low <= truth) & (truth <= high)
    error = float(estimate.std(ddof=1))
    return {
        "truth": truth,
        "mean": float(estimate.mean()),
        "bias_in_se": float((estimate.mean() - truth) / error),
        "bias_se": float(1 / np.sqrt(len(values))),
        "coverage": float(held.mean()),
        "width_in_se": float((high - low).mean() / (2 * 1.96 * error)),
        "simulations": float(len(values)),
    }


def main() -> None:
    """Run, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--simulations", type=int, default=1000)
    parser.add_argument("--only", default="", help="part of a name")
    parser.add_argument("--processes", type=int, default=os.cpu_count())
    parser.add_argument("--json", type=Path)
    chosen = parser.parse_args()
    found: dict[str, dict[str, float]] = {}
    print(f"{'metric':28}{'truth':>9}{'mean':>9}{'bias/se':>9}{'coverage':>10}{'width':>7}   verdict")
    with ProcessPoolExecutor(chosen.processes) as pool:
        for module in modules():
            for name, simulation in importlib.import_module(module).SIMULATIONS.items():
                if chosen.only not in name:
                    continue
                start = time.perf_counter()
                edges = np.linspace(0, chosen.simulations, 4 * chosen.processes + 1).astype(int).tolist()
                jobs = [(module, name, a, b) for a, b in pairwise(edges) if b > a]
                row = row_of(simulation.truth, [draw for part in pool.map(run, jobs) for draw in part])
                found[name] = row
                covers = "covers" if 0.93 <= row["coverage"] <= 0.97 else "DOES NOT COVER"
                biased = "" if abs(row["bias_in_se"]) < 0.1 else ", BIASED"
                print(
                    f"{name:28}{row['truth']:9.4g}{row['mean']:9.4g}{row['bias_in_se']:9.2f}{row['coverage']:10.3f}"
                    f"{row['width_in_se']:7.2f}   {covers}{biased} ({simulation.about}; "
                    f"{time.perf_counter() - start:.0f} s)",
                    flush=True,
                )
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
