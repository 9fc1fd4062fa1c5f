"""Metrics of populations: the cross-scale matrix, decoding, silencing, the margin, and the geometry of codes.

Components for studies stand in modules of their own; plain functions on arrays are imported from here:
``from spikeproof_metrics_population import participation_ratio``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikeproof.lazy import lazily

if TYPE_CHECKING:
    from .capacity import ManifoldGeometry, anchor_geometry, manifold_geometry
    from .concentration import BestUnits, best_units, readout_concentration
    from .cones import cone_capacity
    from .decoding import held_out_choices, readout_weights
    from .extrapolation import Extrapolation, choice_accuracy, extrapolate_curve
    from .fisher import FisherInformation, linear_fisher_information
    from .spectrum import (
        PowerLaw,
        cross_validated_spectrum,
        cvpca,
        eigenspectrum,
        jacobian_participation_ratio,
        participation_ratio,
        power_law,
    )

__all__ = [
    "BestUnits",
    "Extrapolation",
    "FisherInformation",
    "ManifoldGeometry",
    "PowerLaw",
    "anchor_geometry",
    "best_units",
    "choice_accuracy",
    "cone_capacity",
    "cross_validated_spectrum",
    "cvpca",
    "eigenspectrum",
    "extrapolate_curve",
    "held_out_choices",
    "jacobian_participation_ratio",
    "linear_fisher_information",
    "manifold_geometry",
    "participation_ratio",
    "power_law",
    "readout_concentration",
    "readout_weights",
]

_HOME = {
    "BestUnits": "concentration",
    "Extrapolation": "extrapolation",
    "FisherInformation": "fisher",
    "ManifoldGeometry": "capacity",
    "PowerLaw": "spectrum",
    "anchor_geometry": "capacity",
    "best_units": "concentration",
    "choice_accuracy": "extrapolation",
    "cone_capacity": "cones",
    "cross_validated_spectrum": "spectrum",
    "cvpca": "spectrum",
    "eigenspectrum": "spectrum",
    "extrapolate_curve": "extrapolation",
    "held_out_choices": "decoding",
    "jacobian_participation_ratio": "spectrum",
    "linear_fisher_information": "fisher",
    "manifold_geometry": "capacity",
    "participation_ratio": "spectrum",
    "power_law": "spectrum",
    "readout_concentration": "concentration",
    "readout_weights": "decoding",
}

__getattr__ = lazily(__name__, _HOME)
