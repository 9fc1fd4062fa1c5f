"""Fits of encoders beside scikit-learn: all units, all candidates, everything held out.

    python benchmarks/encoders/run.py [--rounds 5] [--json FILE]

Simulated features (400 stimuli x 1,024) and counts of 33 units, four folds. Both sides get one thread, the same folds
and candidates, and must end with the same held-out predictions: the largest difference stands in the table.

* ``ridge``: a penalty per unit, chosen by the folds that are left. scikit-learn: ``Ridge`` of all units, penalty
  by penalty (``GridSearchCV`` would do that for each unit anew; it is spared that).
* ``pls``: components per unit, chosen so. scikit-learn: ``PLSRegression`` once for each number of components.
* ``poisson``: one training set, 8 penalties, every unit. scikit-learn: ``PoissonRegressor`` by Newton's method.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import rounds as turns

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np
    from numpy.typing import NDArray

HERE = Path(__file__).resolve()
STIMULI, FEATURES, UNITS, FOLDS = 400, 1024, 33, 4
PENALTIES = (100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03, 0.01)
COMPONENTS = (1, 2, 3, 5, 7, 10)
COUNTED = 60
POISSON = (100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1, 0.03)


def simulated() -> tuple[NDArray[np.float32], NDArray[np.float64], NDArray[np.intp]]:
    """Features (stimulus, feature) with a spectrum like a layer's, counts (stimulus, unit), folds."""
    import numpy as np

    random = np.random.default_rng(0)
    mixing = random.normal(size=(300, FEATURES)) / np.arange(1, 301)[:, None] ** 0.5
    features = (random.normal(size=(STIMULI, 300)) @ mixing).astype(np.float32)
    drive = features @ random.normal(size=(FEATURES, UNITS))
    counts = random.poisson(np.exp(1.5 + 0.5 * drive / drive.std(axis=0))).astype(np.float64)
    return features, counts, np.arange(STIMULI) % FOLDS


def ours(encoder: str) -> list[list[float]]:
    """Held-out predictions of our encoder."""
    import xarray as xr
    from spikeproof_encoders import PLS, Ridge

    features, counts, folds = simulated()
    names = {"stimulus": [f"s{k}" for k in range(STIMULI)], "unit": [f"u{k}" for k in range(UNITS)]}
    responses = xr.DataArray(counts, dims=("stimulus", "unit"), coords=names)
    made = Ridge(grids=(), penalties=PENALTIES) if encoder == "ridge" else PLS(grids=(), components=COMPONENTS)
    found = made.fit(features, responses, repeats=None, folds=folds, seed=0)
    return found.held_out.values[:20].tolist()


def theirs(encoder: str) -> list[list[float]]:
    """Held-out predictions put together from scikit-learn's fits, and the fit on all stimuli."""
    import numpy as np

    features, counts, folds = simulated()
    wide = features.astype(np.float64)
    path = _ridge if encoder == "ridge" else _pls
    held_out = np.empty_like(counts)
    everything = np.full(STIMULI, True)
    for fold in [*range(FOLDS), None]:
        training = everything if fold is None else folds != fold
        error = 0.0
        for inner in range(FOLDS):
            if inner != fold:
                fit, test = training & (folds != inner), training & (folds == inner)
                error = error + ((path(wide[fit], counts[fit], wide[test]) - counts[test]) ** 2).sum(axis=1)
        best = np.asarray(error).argmin(axis=0)
        outside = ~training if fold is not None else everything
        predicted = path(wide[training], counts[training], wide[outside])
        if fold is not None:
            held_out[outside] = np.take_along_axis(predicted, best[None, None, :], axis=0)[0]
    return held_out[:20].tolist()


def _ridge(
    features: NDArray[np.float64], counts: NDArray[np.float64], others: NDArray[np.float64]
) -> NDArray[np.float64]:
    import numpy as np
    from sklearn.linear_model import Ridge

    length = ((features - features.mean(axis=0)) ** 2).sum() / len(features)
    return np.stack([Ridge(alpha=penalty * length).fit(features, counts).predict(others) for penalty in PENALTIES])


def _pls(
    features: NDArray[np.float64], counts: NDArray[np.float64], others: NDArray[np.float64]
) -> NDArray[np.float64]:
    import numpy as np
    from sklearn.cross_decomposition import PLSRegression

    scale, mean = counts.std(axis=0), counts.mean(axis=0)
    fits = [
        PLSRegression(number, scale=False, tol=1e-12, max_iter=5000).fit(features, (counts - mean) / scale)
        for number in COMPONENTS
    ]
    return np.stack([fit.predict(others) * scale + mean for fit in fits])


def poisson(side: str) -> list[list[float]]:
    """Weights of the smallest penalty."""
    import numpy as np
    from sklearn.linear_model import PoissonRegressor
    from spikeproof_encoders import poisson_weights

    features, counts, _ = simulated()
    design = features[:, :COUNTED].astype(np.float64)
    if side == "ours":
        found = [poisson_weights(design, counts, penalty, link="exp")[0] for penalty in POISSON]
    else:
        found = [
            np.stack(
                [
                    PoissonRegressor(alpha=penalty / STIMULI, solver="newton-cholesky", tol=1e-8)
                    .fit(design, counts[:, unit])
                    .coef_
                    for unit in range(UNITS)
                ],
                axis=1,
            )
            for penalty in POISSON
        ]
    return found[-1].tolist()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    import numpy as np

    rows, record = [], {}
    with turns.Worker(HERE, threads=1) as us, turns.Worker(HERE, threads=1) as them:
        calls: dict[str, dict[str, Callable[[], turns.Reading]]] = {
            name: {
                "ours": lambda name=name: us.run("ours", encoder=name),  # type: ignore[misc]
                "scikit-learn": lambda name=name: them.run("theirs", encoder=name),  # type: ignore[misc]
            }
            for name in ("ridge", "pls")
        }
        calls["poisson"] = {
            "ours": lambda: us.run("poisson", side="ours"),
            "scikit-learn": lambda: them.run("poisson", side="theirs"),
        }
        for name, sides in calls.items():
            taken = turns.take_turns(sides, rounds=asked.rounds)
            wall, low, high = turns.ratio(taken, "scikit-learn", "ours")
            cpu, *_ = turns.ratio(taken, "scikit-learn", "ours", of="cpu")
            one, two = (np.array(taken[-1][side].value) for side in ("ours", "scikit-learn"))
            differs = f"{np.abs(one - two).max() / np.abs(two).max():.1e}"
            seconds = np.median([turn["ours"].wall for turn in taken])
            rows.append((name, f"{seconds:.2f}", f"{wall:.1f} ({low:.1f} to {high:.1f})", f"{cpu:.1f}", differs))
            record[name] = turns.as_json(taken)
    print(turns.markdown(("fit", "ours, s", "scikit-learn over ours, wall", "cpu", "largest difference"), rows))
    if asked.json:
        asked.json.write_text(json.dumps({"machine": turns.machine(), "rounds": record}, indent=1))


if __name__ == "__main__":
    if sys.argv[1:] == ["--serve"]:
        turns.serve({"ours": ours, "theirs": theirs, "poisson": poisson})
    else:
        main()
