"""The readout ``head``."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Head"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Head:
    """The network's own head: its largest class score is the choice.

    It has nothing to fit and no parameters. The host reads ``ResponseModel.logits`` instead of fitting a classifier;
    a model whose output is not one row of two scores or more per image is refused.
    """
