"""Network: bounds on the Lipschitz constant and statistics of convolution filters.

Plain functions, imported from here: ``from spikeproof_metrics_network import lipschitz_upper_bound``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikeproof.lazy import lazily

if TYPE_CHECKING:
    from .bounds import NormBound
    from .convolution import convolution_norm
    from .dense import dense_norm, lipschitz_product
    from .filters import filter_orthogonality, filter_sparsity, filter_variance_entropy
    from .lower import LowerBound, jacobian_norms, lipschitz_lower_bound, secant_lower_bound
    from .semidefinite import SdpBound, lipsdp
    from .sequential import dense_weights
    from .upper import LayerBound, LipschitzBound, lipschitz_upper_bound

__all__ = [
    "LayerBound",
    "LipschitzBound",
    "LowerBound",
    "NormBound",
    "SdpBound",
    "convolution_norm",
    "dense_norm",
    "dense_weights",
    "filter_orthogonality",
    "filter_sparsity",
    "filter_variance_entropy",
    "jacobian_norms",
    "lipschitz_lower_bound",
    "lipschitz_product",
    "lipschitz_upper_bound",
    "lipsdp",
    "secant_lower_bound",
]

_HOME = {
    "LayerBound": "upper",
    "LipschitzBound": "upper",
    "LowerBound": "lower",
    "NormBound": "bounds",
    "SdpBound": "semidefinite",
    "convolution_norm": "convolution",
    "dense_norm": "dense",
    "dense_weights": "sequential",
    "filter_orthogonality": "filters",
    "filter_sparsity": "filters",
    "filter_variance_entropy": "filters",
    "jacobian_norms": "lower",
    "lipschitz_lower_bound": "lower",
    "lipschitz_product": "dense",
    "lipschitz_upper_bound": "upper",
    "lipsdp": "semidefinite",
    "secant_lower_bound": "lower",
}

__getattr__ = lazily(__name__, _HOME)
