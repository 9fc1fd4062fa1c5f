"""What is asked of a module before it is used: a private copy, evaluation mode, a digest of its weights."""

from __future__ import annotations

import copy
import hashlib

import torch
from spikeproof.errors import ModelError
from torch import nn
from torch.nn.modules.batchnorm import _NormBase
from torch.nn.modules.dropout import _DropoutNd
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

__all__ = ["floating_dtype", "left_training", "private", "refuse_training", "weights_digest"]


def left_training(module: nn.Module) -> list[str]:
    """Name the submodules in training mode whose responses are random or depend on the batch for that."""
    names = []
    for name, part in module.named_modules():
        if not part.training:
            continue
        drops = isinstance(part, _DropoutNd) and part.p > 0
        recurrent = isinstance(part, nn.RNNBase) and part.dropout > 0
        attention = isinstance(part, nn.MultiheadAttention) and part.dropout > 0
        if drops or recurrent or attention or isinstance(part, (_NormBase, nn.RReLU)):
            names.append(f"{name or 'the module itself'} ({type(part).__name__})")
    return names


def refuse_training(module: nn.Module, label: str) -> None:
    """Refuse a module that was left in training mode where that changes its responses.

    Raises
    ------
    spikeproof.errors.ModelError
        If dropout, batch normalisation or the like is in training mode.
    """
    names = left_training(module)
    if names:
        more = f" and {len(names) - 3} more" if len(names) > 3 else ""
        raise ModelError(
            f"torch: {label} was left in training mode: {', '.join(names[:3])}{more}. Its responses would be random or "
            "depend on the batch: call .eval() on it before it is returned"
        )


def weights_digest(module: nn.Module, label: str) -> str:
    """SHA-256 of the state dict and of buffers that are left out of it: names, types, shapes and bytes, by name."""
    state = {name: value for name, value in module.named_buffers() if isinstance(value, torch.Tensor)}
    state.update(module.state_dict())
    digest = hashlib.sha256()
    for name in sorted(state):
        value = state[name]
        if isinstance(value, (UninitializedParameter, UninitializedBuffer)):
            raise ModelError(
                f"torch: {label}: {name} has no values yet (a lazy layer): run the module once before it is returned"
            )
        if not isinstance(value, torch.Tensor):
            digest.update(f"{name}:{type(value).__name__}:{value!r}".encode())
            continue
        tensor = value.detach()
        if tensor.is_quantized:
            tensor = tensor.dequantize()
        tensor = tensor.to_dense().cpu().contiguous() if tensor.layout != torch.strided else tensor.cpu().contiguous()
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def private(module: nn.Module, *, owned: bool, device: torch.device, label: str) -> nn.Module:
    """Return a copy of a module on a device, with frozen parameters: the user's own is never touched.

    A module that cannot be copied faithfully is used as it is, unless it would have to be moved and is not ours.
    """
    # a forward that was patched onto the instance may close over the original: its copy would run the original's layers
    patched = any("forward" in vars(part) for part in module.modules())
    try:
        if patched and not _must_move(module, device):
            return module
        mine = copy.deepcopy(module)
    except Exception as error:
        if _must_move(module, device) and not owned:
            raise ModelError(
                f"torch: {label} cannot be copied to {device}: {error}; give a function that builds it instead"
            ) from error
        mine = module
    if mine is not module:
        mine.requires_grad_(False)
        for parameter in mine.parameters():
            parameter.grad = None
    return mine.to(device) if _must_move(mine, device) else mine


def floating_dtype(module: nn.Module) -> torch.dtype | None:
    """Type of the module's first floating parameter or buffer, which its images must have; None if it has none."""
    for group in (module.parameters(), module.buffers()):
        for tensor in group:
            if tensor.is_floating_point():
                return tensor.dtype
    return None


def _must_move(module: nn.Module, device: torch.device) -> bool:
    def elsewhere(tensor: torch.Tensor) -> bool:
        return tensor.device.type != device.type or (device.index is not None and tensor.device.index != device.index)

    return any(elsewhere(tensor) for group in (module.parameters(), module.buffers()) for tensor in group)
