"""What metrics of the network see beside responses: the opened network itself. Networks may offer a look inside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    import torch

    from .stimuli import StimulusSet
    from .types import ResponseModel

__all__ = ["NetworkEvidence", "Transparent"]


@runtime_checkable
class Transparent(Protocol):
    """A response model that shows the torch module behind it. Optional.

    The responses are ``read(output)``, with ``output`` what the submodule ``layer`` gives while ``module`` runs on the
    images. Whoever looks leaves the module as it is: parameters, flags and hooks.
    """

    @property
    def module(self) -> torch.nn.Module:
        """The whole network, as it is run: on images (image, channel, y, x) in [0, 1]."""

    @property
    def layer(self) -> str:
        """Name of the submodule whose output is read; a name that no submodule has stands for the whole network."""

    def read(self, output: torch.Tensor) -> torch.Tensor:
        """Responses (image, unit) from the submodule's output (image, ...): an affine function, in the output's type.

        Raises
        ------
        spikeproof.errors.ModelError
            If what leads from the output to the units is not affine.
        """


@dataclass(frozen=True, kw_only=True)
class NetworkEvidence:
    """The network behind a system, as a metric of kind ``"network"`` sees it with the clean code.

    Parameters
    ----------
    model : ResponseModel
        The units of the code, in its order. Where it is ``Transparent``, its module can be looked into.
    stimuli : StimulusSet
        The images of the study.
    seed : int
        The study's.
    """

    model: ResponseModel
    stimuli: StimulusSet
    seed: int

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """(channel, y, x) of every image, in pixels."""
        return self.stimuli.shape
