"""CKA of two systems, or of perturbed and clean responses, as a score."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from spikeproof.types import Quantity, Sample

from .compared import sides, within
from .kernel_alignment import cka

__all__ = ["KernelAlignment"]


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelAlignment:
    """How alike two representations are, up to rotation and scale (linear CKA)."""

    debiased: Annotated[
        bool,
        "Without the bias that few stimuli and many units add; otherwise CKA as first published, for comparison with"
        " older numbers.",
    ] = True

    def quantities(self) -> tuple[Quantity, ...]:
        """CKA."""
        source = (
            "HSIC estimated without bias (Song et al. 2007; Nguyen et al. 2021, arXiv:2010.15327): 0 on average for "
            "independent responses, and then negative half of the time."
            if self.debiased
            else "HSIC with its bias (Kornblith et al. 2019, arXiv:1905.00414): it grows with units over stimuli, also "
            "for independent responses; read it against the chance level."
        )
        return (
            Quantity(
                name="cka",
                long_name=f"{'debiased' if self.debiased else 'biased'} CKA",
                units="1",
                definition=(
                    "HSIC(K, L) / sqrt(HSIC(K, K) HSIC(L, L)), K and L the Gram matrices over stimuli of each side's "
                    f"responses, centred; {source} Invariant to rotation and to scale."
                ),
                lowest=-1.0 if self.debiased else 0.0,
                highest=1.0,
                levels={"identical": 1.0},
                headline=True,
            ),
        )

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Compute it.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there are fewer than 4 stimuli, or a side is the same for all of them.
        """
        responses, reference = sides(sample, "cka", stimuli=4)
        # An inner product over two norms, with and without the bias: bounded by 1, beyond rounding.
        return {"cka": within(cka(responses, reference, debiased=self.debiased), -1.0, 1.0)}
