"""Our side of ``run.py``: every task computes its metric as a user would, from the arrays of ``sizes.py``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
import rounds as turns
import sizes
from sizes import shown
from spikeproof.statistics import Resampling
from spikeproof_metrics_behavior import (
    ImageTrials,
    Trials,
    correct_table,
    error_consistency,
    image_level_ceiling,
    image_level_consistency,
)
from spikeproof_metrics_population.capacity import anchor_geometry
from spikeproof_metrics_representation import (
    bootstrap_evaluation,
    cka,
    compare_rdms,
    condition_means,
    linear_predictivity,
    noise_covariance,
    rdm_correlation,
    rdm_crossnobis,
    rdm_mahalanobis,
    rdm_squared_euclidean,
    shape_distance,
    stack_repeats,
)
from spikeproof_metrics_representation.weighted import weighted_comparison
from spikeproof_metrics_unit import internal_consistency


def _trials() -> Trials:
    """The choices as they stand after a file was read: names, and a code for each trial."""
    chosen, truth = sizes.choices()
    level, observer, image = (grid.ravel() for grid in np.indices(chosen.shape))
    names = [
        tuple(f"{what}{k:03d}" for k in range(size)) for what, size in zip(("l", "o", "i"), chosen.shape, strict=True)
    ]
    zeros = np.zeros(chosen.size, dtype=np.intp)
    return Trials(
        name="choices",
        subjects=names[1],
        conditions=names[0],
        images=names[2],
        categories=tuple(f"c{k:02d}" for k in range(sizes.CATEGORIES)),
        subject=observer,
        condition=level,
        image=image,
        category=np.broadcast_to(truth[:, None], chosen.shape).ravel(),
        response=chosen.ravel(),
        session=zeros,
        trial=zeros,
        rt=np.full(chosen.size, np.nan),
        image_name=("",) * chosen.size,
    )


def _offered() -> tuple[ImageTrials, Any, Any]:
    image, distractor, choice, truth, model = sizes.offered()
    trials = ImageTrials(image=image, distractor=distractor, choice=choice, truth=truth)
    return trials, model, np.array(sizes.halves(len(image)))


READY = sizes.Prepared(
    observations=sizes.observations,
    precision=sizes.precision,
    residuals=sizes.residuals,
    two_rdms=sizes.two_rdms,
    model_rdms=sizes.model_rdms,
    predicted=sizes.predicted,
    reliable=sizes.reliable,
    trials=_trials,
    aligned=sizes.aligned,
    manifold=sizes.manifold,
    offered=_offered,
)


def rdm(distance: str) -> list[float]:
    """From observations to distances."""
    values, condition, repeat = READY["observations"]
    if distance.startswith("crossnobis"):
        stacked, _ = stack_repeats(values, condition, repeat)
        return shown(rdm_crossnobis(stacked, READY["precision"] if distance.endswith("precision") else None))
    means, _ = condition_means(values, condition)
    if distance == "mahalanobis":
        return shown(rdm_mahalanobis(means, READY["precision"]))
    return shown(rdm_correlation(means) if distance == "correlation" else rdm_squared_euclidean(means))


def covariance() -> list[float]:
    """Shrunk noise covariance."""
    return shown(noise_covariance(*READY["residuals"]))


def compare(method: Any) -> list[float]:  # noqa: ANN401
    """Two RDMs."""
    return shown(compare_rdms(*READY["two_rdms"], method))


def bootstrap(over: Any) -> list[float]:  # noqa: ANN401
    """Standard deviation over draws of each model's similarity with the subjects."""
    models, subjects = READY["model_rdms"]
    drawn = bootstrap_evaluation(models, subjects, "corr", over=over, resampling=Resampling(draws=sizes.DRAWS))
    return shown(drawn.draws.std(axis=0, ddof=1))


def draws_of_peer() -> list[float]:
    """Models' similarities in the very draws of conditions that the peer makes from its seed."""
    models, subjects = READY["model_rdms"]
    random = np.random.RandomState(0)
    drawn = [random.randint(0, sizes.SHOWN, size=sizes.SHOWN) for _ in range(sizes.DRAWS)]
    counts = np.stack([np.bincount(one, minlength=sizes.SHOWN) for one in drawn]).astype(np.float64)
    found = weighted_comparison(models, subjects, "corr", counts, ceiling=False)
    return shown(found.evaluations.mean(axis=2))


def predictivity(method: Any, splits: int) -> list[float]:  # noqa: ANN401
    """Correlation of each unit's held-out prediction, split by split."""
    features, responses, held_out = READY["predicted"]
    found = linear_predictivity(
        features, responses, method, test_sets=held_out[:splits], alpha=1.0, alphas=sizes.PENALTIES
    )
    return shown(found.correlations)


def consistency() -> list[float]:
    """Internal consistency."""
    return [internal_consistency(READY["reliable"]).center]


def kappa() -> list[float]:
    """Mean error consistency of all pairs of observers, level by level, and that of each pair."""
    pairs = error_consistency(correct_table(READY["trials"])).kappa.mean(axis=0)
    each = pairs[np.triu_indices(len(pairs), 1)]
    return [float(each.mean()), *shown(each)]


def kernel_alignment(debiased: bool) -> list[float]:
    """CKA."""
    return [cka(*READY["aligned"], debiased=debiased)]


def image_level(level: Any) -> list[float]:  # noqa: ANN401
    """Consistency of a model with observers on each image, and of the observers with themselves, halving by halving."""
    trials, model, orders = READY["offered"]
    found = image_level_consistency(model, trials, level=level, halves=orders)
    return [*shown(found.splits), *shown(image_level_ceiling(trials, level=level, halves=orders).splits)]


def shape(alpha: float) -> list[float]:
    """Shape distance."""
    return [shape_distance(*READY["aligned"], alpha=alpha)]


def capacity() -> list[float]:
    """Capacity, radius and dimension of one manifold from given probes."""
    return list(anchor_geometry(*READY["manifold"]))


TASKS: dict[str, Callable[..., Any]] = {
    "forget": READY.forget,
    "rdm": rdm,
    "covariance": covariance,
    "compare": compare,
    "bootstrap": bootstrap,
    "draws of peer": draws_of_peer,
    "predictivity": predictivity,
    "consistency": consistency,
    "kappa": kappa,
    "cka": kernel_alignment,
    "image level": image_level,
    "shape": shape,
    "capacity": capacity,
}

if __name__ == "__main__":
    turns.serve(TASKS)
