"""Weights of a dense torch network, as LipSDP takes them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from spikeproof.errors import ModelError
from torch import nn

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["dense_weights"]

_SLOPES: dict[type[nn.Module], tuple[float, float]] = {
    nn.ReLU: (0.0, 1.0),
    nn.Tanh: (0.0, 1.0),
    nn.Softplus: (0.0, 1.0),
    nn.Sigmoid: (0.0, 0.25),
}
_NOTHING = (nn.Identity, nn.Flatten, nn.Dropout)


def dense_weights(module: nn.Module) -> tuple[list[NDArray[np.float64]], tuple[float, float]]:
    """Read the weights of a chain of linear layers with activations between them.

    Parameters
    ----------
    module : torch.nn.Sequential
        Of ``Linear`` layers with ``ReLU``, ``LeakyReLU``, ``Tanh``, ``Softplus`` or ``Sigmoid`` between every two, in
        evaluation mode; ``Flatten``, ``Identity`` and ``Dropout`` are passed over.

    Returns
    -------
    weights : list of numpy.ndarray, (output, input)
        From the input to the output.
    slopes : tuple of float
        Smallest and largest slope of the activations.

    Raises
    ------
    ModelError
        If the network is in training mode, or is no such chain; the layer is named.

    Examples
    --------
    >>> net = nn.Sequential(nn.Linear(3, 4), nn.ReLU(), nn.Linear(4, 2)).eval()
    >>> weights, slopes = dense_weights(net)
    >>> [w.shape for w in weights], slopes
    ([(4, 3), (2, 4)], (0.0, 1.0))
    """
    if module.training:
        raise ModelError("LipSDP: the network is in training mode, where it is another function; call eval() first")
    if not isinstance(module, nn.Sequential):
        raise ModelError(f"LipSDP: needs a torch.nn.Sequential of linear layers, got {type(module).__name__}")
    weights: list[NDArray[np.float64]] = []
    slopes: list[tuple[float, float]] = []
    for name, part in module.named_children():
        if isinstance(part, _NOTHING):
            continue
        expects_linear = len(weights) == len(slopes)
        if isinstance(part, nn.Linear) and expects_linear:
            weights.append(part.weight.detach().double().cpu().numpy())
        elif not expects_linear and isinstance(part, nn.LeakyReLU):
            slopes.append((min(part.negative_slope, 1.0), max(part.negative_slope, 1.0)))
        elif not expects_linear and type(part) in _SLOPES:
            slopes.append(_SLOPES[type(part)])
        else:
            wanted = "a linear layer" if expects_linear else "an activation"
            raise ModelError(f"LipSDP: layer {name} is a {type(part).__name__}, where {wanted} must stand")
    if not weights or len(weights) == len(slopes):
        raise ModelError("LipSDP: the last layer must be linear, without an activation")
    low = min((slope[0] for slope in slopes), default=1.0)
    high = max((slope[1] for slope in slopes), default=1.0)
    return weights, (low, high)
