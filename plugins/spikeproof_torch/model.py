"""The model ``torch:FILE.py:NAME``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Annotated

import torch
from spikeproof.errors import BadParameter, ModelError
from torch import nn

from .layer import LayerModel
from .module import private, refuse_training, weights_digest
from .probe import probe
from .spatial import Spatial
from .target import Target, near

__all__ = ["TorchModel", "TorchNetwork"]

OUTPUT = "output"
"""Name of the whole module's output as a layer, unless a submodule has that name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TorchModel:
    """A PyTorch module from a Python file or an importable package.

    The file is run. The module is copied, and only the copy is used, as it was found: it must already be in
    evaluation mode where that matters.

    Examples
    --------
    >>> network = TorchModel(target="torch.nn:Linear(4, 3)").load(seed=0, device="cpu")
    >>> network.name, network.layers
    ('Linear(4,3)', ('output',))
    """

    target: Annotated[str, "FILE.py:NAME or package.module:NAME; NAME(3) calls a builder with literal arguments."]
    spatial: Annotated[
        str,
        "How layers with positions are read: mean, center, positions (every one is a unit), or one position Y,X "
        "(counted from 0).",
    ] = "mean"

    def __post_init__(self) -> None:
        Target.parse(self.target)
        Spatial(self.spatial)

    def load(self, *, seed: int, device: str) -> TorchNetwork:
        """Open the network.

        Parameters
        ----------
        seed : int
            Seeds what random numbers are drawn while it is built.
        device : str
            A torch device, or ``"auto"``: CUDA if there is any, else the CPU.

        Raises
        ------
        spikeproof.errors.ModelError
            If it cannot be opened, or was left in training mode.
        """
        place = resolve_device(device)
        target = Target.parse(self.target)
        opened = target.open(seed=seed)
        refuse_training(opened.module, target.label)
        weights = weights_digest(opened.module, target.label)
        module = private(opened.module, owned=opened.owned, device=place, label=target.label)
        identity = {"target": self.target, **opened.source, "weights": weights, "torch": str(torch.__version__)}
        return TorchNetwork(
            module=module, name=target.label, identity=identity, device=place, spatial=Spatial(self.spatial)
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class TorchNetwork:
    """An opened module: see ``spikeproof.types.Network``."""

    module: nn.Module
    name: str
    identity: Mapping[str, str]
    device: torch.device
    spatial: Spatial

    @cached_property
    def layers(self) -> tuple[str, ...]:
        """Names of the submodules, in the order of ``named_modules``, and ``"output"`` for the whole."""
        containers = (nn.ModuleList, nn.ModuleDict, nn.ParameterList, nn.ParameterDict)
        names = [name for name, part in self.module.named_modules() if name and not isinstance(part, containers)]
        return (*names, OUTPUT) if OUTPUT not in names else tuple(names)

    def read(self, layer: str, *, image_shape: tuple[int, int, int]) -> LayerModel:
        """Read all units of a layer.

        Parameters
        ----------
        layer : str
            One of ``layers``.
        image_shape : tuple of int
            (channel, y, x), in pixels.

        Raises
        ------
        spikeproof.errors.ModelError
            If there is no such layer, the module cannot take such images, or it is no fixed function of single images.
        """
        if layer not in self.layers:
            raise ModelError(
                f"torch: {self.name} has no layer {layer!r}; near names: {', '.join(near(layer, self.layers))} "
                f"({len(self.layers)} layers in all)"
            )
        part = dict(self.module.named_modules()).get(layer, self.module)  # "output" is the module itself
        return probe(
            LayerModel(
                module=self.module,
                part=part,
                network=self.name,
                layer=layer,
                image_shape=(int(image_shape[0]), int(image_shape[1]), int(image_shape[2])),
                device=self.device,
                spatial=self.spatial,
            )
        )


def resolve_device(device: str) -> torch.device:
    """Torch device of that name; ``"auto"`` is CUDA if there is any, else the CPU.

    Raises
    ------
    spikeproof.errors.BadParameter
        If torch knows no such device, or this machine does not have it.
    """
    if device == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        place = torch.device(device)
    except RuntimeError as error:
        raise BadParameter(f"device {device!r} is not known to torch: use auto, cpu, cuda or cuda:0") from error
    if place.type == "cuda" and not (torch.cuda.is_available() and (place.index or 0) < torch.cuda.device_count()):
        raise BadParameter(
            f"device {device!r} is not on this machine ({torch.cuda.device_count()} CUDA devices): use auto or cpu"
        )
    return place
