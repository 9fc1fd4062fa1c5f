"""How much each kind of layer can lengthen a difference between two inputs."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from spikeproof.errors import ModelError
from torch import nn

from .bounds import NormBound
from .convolution import convolution_module_norm
from .dense import dense_norm
from .operators import operator_norm
from .pooling import pooling_bound

__all__ = ["layer_bound"]

_ONE = (
    nn.Identity,
    nn.Flatten,
    nn.Unflatten,
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
    nn.ReLU,
    nn.ReLU6,
    nn.Hardtanh,
    nn.CELU,
    nn.Tanh,
    nn.Tanhshrink,
    nn.Softplus,
    nn.Softsign,
    nn.LogSigmoid,
    nn.Softshrink,
    nn.Hardsigmoid,
    nn.PixelShuffle,
    nn.PixelUnshuffle,
    nn.ChannelShuffle,
    nn.ZeroPad1d,
    nn.ZeroPad2d,
    nn.ZeroPad3d,
)
"""No slope above 1, no entry used twice."""

_CHANGED_BY_TRAINING = (
    nn.Dropout,
    nn.Dropout1d,
    nn.Dropout2d,
    nn.Dropout3d,
    nn.AlphaDropout,
    nn.FeatureAlphaDropout,
    nn.BatchNorm1d,
    nn.BatchNorm2d,
    nn.BatchNorm3d,
)
"""Another function in training mode than in evaluation mode."""

_FIXED_SLOPES: dict[type[nn.Module], float] = {
    nn.SELU: 1.7580993408473768,  # just below 0
    nn.Sigmoid: 0.25,
    nn.Hardswish: 1.5,
    # Rounded up: near 2.40 and near 1.49.
    nn.SiLU: 1.09984,
    nn.Mish: 1.0885,
    # The Jacobian diag(p) - p p' has no eigenvalue above 1/2.
    nn.Softmax: 0.5,
}
"""Largest slopes of activations without parameters."""

_SLOPES: dict[type[nn.Module], Callable[[Any], float]] = {
    nn.LeakyReLU: lambda m: max(1.0, abs(float(m.negative_slope))),
    nn.PReLU: lambda m: max(1.0, float(m.weight.detach().abs().max())),
    nn.ELU: lambda m: max(1.0, abs(float(m.alpha))),
    nn.GELU: lambda m: 1.12891 if m.approximate == "none" else 1.129,  # at sqrt(2) and near it, rounded up
}

_LINEAR_BY_WHAT_IT_DOES = (
    nn.ConvTranspose1d,
    nn.ConvTranspose2d,
    nn.ConvTranspose3d,
    nn.ReflectionPad1d,
    nn.ReflectionPad2d,
    nn.ReplicationPad1d,
    nn.ReplicationPad2d,
    nn.CircularPad1d,
    nn.CircularPad2d,
    nn.Upsample,
)


def layer_bound(module: nn.Module, shape: tuple[int, ...], *, name: str, steps: int, seed: int) -> NormBound:
    """Lipschitz constant, in L2, of a layer in evaluation mode.

    Parameters
    ----------
    module : torch.nn.Module
    shape : tuple of int
        Of its input, without the batch.
    name : str
        For messages.
    steps, seed : int
        Of Lanczos's method.

    Raises
    ------
    ModelError
        If there is no rule for the layer, or it has no finite constant.
    """
    if module.training and isinstance(module, _CHANGED_BY_TRAINING):
        raise ModelError(f"lipschitz: {name} is in training mode, where it is another function; call eval() first")
    if isinstance(module, nn.Linear):
        return NormBound.exact(dense_norm(module.weight.detach().double().cpu().numpy()))
    if isinstance(module, nn.Bilinear):
        raise ModelError(f"lipschitz: {name} is bilinear and has no finite Lipschitz constant")
    if isinstance(module, (nn.Conv1d, nn.Conv2d, nn.Conv3d)):
        return convolution_module_norm(module, shape, steps=steps, seed=seed)
    if isinstance(module, _LINEAR_BY_WHAT_IT_DOES):
        if isinstance(module, nn.Upsample) and module.mode not in {"nearest", "linear", "bilinear", "nearest-exact"}:
            raise _no_rule(module, name, f" with the mode {module.mode}")
        return operator_norm(module, shape, steps=steps, seed=seed)
    if isinstance(module, _ONE):
        return NormBound.exact(1.0, "slope at most 1")
    for kind, slope in _FIXED_SLOPES.items():
        if isinstance(module, kind):
            return NormBound.exact(slope, "largest slope")
    for kind, slope_of in _SLOPES.items():
        if isinstance(module, kind):
            return NormBound.exact(slope_of(module), "largest slope")
    if isinstance(module, (nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d)):
        return _batch_norm(module, name)
    if isinstance(module, (nn.LayerNorm, nn.GroupNorm, nn.RMSNorm)):
        eps = torch.finfo(torch.get_default_dtype()).eps if module.eps is None else module.eps  # RMSNorm's default
        return _normalisation(module, eps, name)
    pooled = pooling_bound(module, shape)
    if pooled is None:
        raise _no_rule(module, name, "")
    return pooled


def _no_rule(module: nn.Module, name: str, more: str) -> ModelError:
    return ModelError(
        f"lipschitz: there is no rule for {name} ({type(module).__name__}{more}); bound the part of the network before "
        "or after it"
    )


def _batch_norm(module: nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d, name: str) -> NormBound:
    """A fixed scale per channel: it is linear once its statistics are fixed."""
    if module.running_var is None:
        raise ModelError(
            f"lipschitz: {name} keeps no running statistics, so that images of a batch depend on each other; there "
            "is no Lipschitz constant of one image"
        )
    scale = 1 / torch.sqrt(module.running_var.double() + module.eps)
    if module.weight is not None:
        scale = scale * module.weight.detach().double()
    return NormBound.exact(float(scale.abs().max()))


def _normalisation(module: nn.LayerNorm | nn.GroupNorm | nn.RMSNorm, eps: float, name: str) -> NormBound:
    """Jacobians are projections divided by the root of variance plus eps: steepest where the variance is 0."""
    if eps <= 0:
        raise ModelError(f"lipschitz: {name} divides by a deviation that nothing keeps from 0 (eps): no bound")
    gain = 1.0 if module.weight is None else float(module.weight.detach().double().abs().max())
    how = "gain over root of eps: reached only where the variance is 0"
    return NormBound(lower=0.0, upper=gain / math.sqrt(eps), how=how)
