"""Brain-Score's metrics on the arrays of ``sizes.py``: one side of ``run.py``."""

from __future__ import annotations

import numpy as np
import rounds as turns
import sizes
from brainscore_core.supported_data_standards.brainio.assemblies import (
    BehavioralAssembly,
    NeuroidAssembly,
)
from brainscore_vision.metrics.cka.metric import CKA
from brainscore_vision.metrics.error_consistency.metric import ErrorConsistency
from brainscore_vision.metrics.i1i2.metric import I1, I2n
from brainscore_vision.metrics.internal_consistency.ceiling import InternalConsistency


def _reliable() -> NeuroidAssembly:
    values = sizes.reliable()
    stimuli, repeats, units = values.shape
    stimulus = np.repeat(np.arange(stimuli), repeats)
    return NeuroidAssembly(
        values.reshape(-1, units),
        coords={
            "stimulus_id": ("presentation", [f"s{k:04d}" for k in stimulus]),
            "object_name": ("presentation", [f"o{k % 8}" for k in stimulus]),
            "repetition": ("presentation", np.tile(np.arange(repeats), stimuli)),
            "neuroid_id": ("neuroid", np.arange(units)),
            "region": ("neuroid", ["IT"] * units),
        },
        dims=["presentation", "neuroid"],
    )


def _choices() -> BehavioralAssembly:
    chosen, truth = sizes.choices()
    level, observer, image = (grid.ravel() for grid in np.indices(chosen.shape))
    names = np.array([f"c{k:02d}" for k in range(sizes.CATEGORIES)])
    return BehavioralAssembly(
        names[chosen.ravel()],
        coords={
            "stimulus_id": ("presentation", image),
            "truth": ("presentation", names[np.broadcast_to(truth[:, None], chosen.shape).ravel()]),
            "condition": ("presentation", level),
            "subject": ("presentation", [f"o{k:03d}" for k in observer]),
        },
        dims=["presentation"],
    )


def _aligned() -> list[NeuroidAssembly]:
    return [
        NeuroidAssembly(
            one,
            coords={
                "stimulus_id": ("presentation", np.arange(len(one))),
                "object_name": ("presentation", np.arange(len(one)) % 8),
                "neuroid_id": ("neuroid", np.arange(one.shape[1])),
                "region": ("neuroid", ["IT"] * one.shape[1]),
            },
            dims=["presentation", "neuroid"],
        )
        for one in sizes.aligned()
    ]


def _offered() -> tuple[BehavioralAssembly, BehavioralAssembly]:
    image, distractor, choice, truth, model = sizes.offered()
    images = np.array([f"i{k:04d}" for k in range(len(truth))])
    objects = np.array([f"o{k:02d}" for k in range(sizes.OBJECTS)])
    own = objects[truth[image]]
    trials = BehavioralAssembly(
        objects[choice],
        coords={
            "stimulus_id": ("presentation", images[image]),
            "truth": ("presentation", own),
            "sample_obj": ("presentation", own),
            "dist_obj": ("presentation", objects[distractor]),
        },
        dims=["presentation"],
    )
    probabilities = BehavioralAssembly(
        model,
        coords={
            "stimulus_id": ("presentation", images),
            "stimulus_number": ("presentation", np.arange(len(images))),
            "choice": ("choice", objects),
        },
        dims=["presentation", "choice"],
    )
    return trials, probabilities


READY = sizes.Prepared(reliable=_reliable, choices=_choices, aligned=_aligned, offered=_offered)


def consistency() -> list[float]:
    """Internal consistency."""
    found = InternalConsistency()(READY["reliable"])
    return [float(found.values.ravel()[0])]


def kappa() -> list[float]:
    """Mean error consistency of all pairs of observers (Brain-Score takes it positive), and that of each pair."""
    found = ErrorConsistency().ceiling(READY["choices"])
    raw = found.attrs["raw"].mean("condition")
    order = np.lexsort((raw["subject_right"].values.astype(str), raw["subject_left"].values.astype(str)))
    return [float(found), *sizes.shown(raw.values[order])]


def kernel_alignment(debiased: bool) -> list[float]:
    """CKA."""
    return [float(CKA(unbiased=debiased)(*READY["aligned"]))]


def image_level(level: str) -> list[float]:
    """Consistency of a model with observers on each image, and of the observers with themselves, halving by halving."""
    measure = {"i1": I1, "i2n": I2n}[level](repetitions=sizes.HALVINGS)
    trials, probabilities = READY["offered"]
    found = [measure(probabilities, trials), measure.ceiling(trials)]
    return [float(one) for score in found for one in score.attrs["raw"].values]


if __name__ == "__main__":
    turns.serve(
        {
            "forget": READY.forget,
            "consistency": consistency,
            "kappa": kappa,
            "cka": kernel_alignment,
            "image level": image_level,
        }
    )
