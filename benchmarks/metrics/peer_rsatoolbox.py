"""rsatoolbox, and scikit-learn as Brain-Score uses it, on the arrays of ``sizes.py``: one side of ``run.py``."""

from __future__ import annotations

import numpy as np
import rounds as turns
import sizes
from rsatoolbox.data import Dataset
from rsatoolbox.data.noise import cov_from_unbalanced
from rsatoolbox.inference import eval_bootstrap_pattern, eval_bootstrap_rdm
from rsatoolbox.model import ModelFixed
from rsatoolbox.rdm import RDMs, calc_rdm
from rsatoolbox.rdm import compare as compare_rdms
from scipy.stats import pearsonr
from sizes import shown
from sklearn.cross_decomposition import PLSRegression
from sklearn.linear_model import Ridge, RidgeCV


def _dataset() -> Dataset:
    values, condition, repeat = sizes.observations()
    return Dataset(values, obs_descriptors={"condition": condition, "repeat": repeat})


def _residuals() -> Dataset:
    values, condition = sizes.residuals()
    return Dataset(values, obs_descriptors={"condition": condition})


def _two_rdms() -> list[RDMs]:
    return [RDMs(one[None]) for one in sizes.two_rdms()]


def _models() -> tuple[list[ModelFixed], RDMs]:
    models, subjects = sizes.model_rdms()
    return [ModelFixed(f"m{k}", RDMs(one[None])) for k, one in enumerate(models)], RDMs(subjects)


READY = sizes.Prepared(
    dataset=_dataset,
    precision=sizes.precision,
    residuals=_residuals,
    two_rdms=_two_rdms,
    models=_models,
    predicted=sizes.predicted,
)


def rdm(distance: str) -> list[float]:
    """From observations to distances."""
    if distance.startswith("crossnobis"):
        noise = READY["precision"] if distance.endswith("precision") else None
        found = calc_rdm(
            READY["dataset"], method="crossnobis", descriptor="condition", noise=noise, cv_descriptor="repeat"
        )
    elif distance == "mahalanobis":
        found = calc_rdm(READY["dataset"], method="mahalanobis", descriptor="condition", noise=READY["precision"])
    else:
        found = calc_rdm(READY["dataset"], method=distance, descriptor="condition")
    return shown(found.dissimilarities)


def covariance() -> list[float]:
    """Shrunk noise covariance, with the right degrees of freedom."""
    return shown(cov_from_unbalanced(READY["residuals"], "condition", method="shrinkage_diag"))


def compare(method: str) -> list[float]:
    """Two RDMs."""
    return shown(compare_rdms(*READY["two_rdms"], method=method))


def bootstrap(over: str, values: bool = False) -> list[float]:
    """Standard deviation over draws of each model's similarity with the subjects; or the draws, in the same order."""
    np.random.seed(0)
    evaluate = eval_bootstrap_pattern if over == "conditions" else eval_bootstrap_rdm
    found = evaluate(*READY["models"], method="corr", N=sizes.DRAWS, boot_noise_ceil=False).evaluations
    return shown(found) if values else shown(found.std(axis=0, ddof=1))


def predictivity(method: str, splits: int) -> list[float]:
    """Correlation of each unit's held-out prediction, split by split."""
    features, responses, sets = READY["predicted"]
    found = []
    for held_out in sets[:splits]:
        made = {
            "pls": lambda: PLSRegression(n_components=25, scale=False),
            "ridge": lambda: Ridge(alpha=1.0),
            "ridgecv": lambda: RidgeCV(alphas=sizes.PENALTIES),
        }[method]()
        made.fit(features[~held_out], responses[~held_out])
        predicted = made.predict(features[held_out])
        found.append([pearsonr(a, b)[0] for a, b in zip(predicted.T, responses[held_out].T, strict=True)])
    return shown(found)


if __name__ == "__main__":
    turns.serve(
        {
            "forget": READY.forget,
            "rdm": rdm,
            "covariance": covariance,
            "compare": compare,
            "bootstrap": bootstrap,
            "predictivity": predictivity,
        }
    )
