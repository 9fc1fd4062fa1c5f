"""Sources that are wrong in one way each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

import numpy as np
import pandas as pd
import xarray as xr
from spikeproof.types import Inspection, Recording, StimulusSet


@dataclass(frozen=True, slots=True, kw_only=True)
class Right:
    """Six presentations of three images, two units."""

    def load(self) -> Recording:
        names = ["a", "b", "c"]
        pixels = np.linspace(0, 1, 3 * 4, dtype=np.float32).reshape(3, 1, 2, 2)
        counts = np.arange(12.0).reshape(6, 2) + self.jitter()
        responses = xr.Dataset(
            {"response": (("presentation", "unit"), counts, {"units": "spikes"})},
            coords={
                "stimulus_id": ("presentation", names * 2),
                "repeat": ("presentation", [0, 0, 0, 1, 1, 1]),
                "unit": ["u0", "u1"],
            },
        )
        table = pd.DataFrame(index=pd.Index(names, name="stimulus_id"))
        stimuli = StimulusSet(table=table, shape=(1, 2, 2), read=lambda rows: self.read(pixels, rows))
        return Recording(responses=responses, stimuli=stimuli, identity=self.identity())

    def identity(self) -> dict[str, str]:
        return {"source": "right", "digest": "0" * 64}

    def jitter(self) -> float:
        return 0.0

    def read(self, pixels: np.ndarray, rows: Sequence[int]) -> np.ndarray:
        return pixels[list(rows)]

    def inspect(self) -> Inspection:
        return Inspection(title="right", can=("sparseness",))


@dataclass(frozen=True, slots=True, kw_only=True)
class Anonymous(Right):
    """It gives no digest."""

    def identity(self) -> dict[str, str]:
        return {"source": "anonymous"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Changing(Right):
    """Its responses differ from load to load."""

    def jitter(self) -> float:
        return float(np.random.default_rng().random())


@dataclass(frozen=True, slots=True, kw_only=True)
class Dithering(Right):
    """An image depends on what else is read."""

    def read(self, pixels: np.ndarray, rows: Sequence[int]) -> np.ndarray:
        return pixels[list(rows)] * np.float32(0.5 if len(rows) > 1 else 1.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Silent(Right):
    """It says nothing of what is there."""

    def inspect(self) -> Inspection:
        return Inspection(title="silent")


@dataclass(frozen=True, slots=True, kw_only=True)
class Several:
    """Two recordings of one source; nothing is wrong with them."""

    names: Annotated[tuple[str, ...], "What the recordings call themselves."] = ("one", "two")

    def load(self) -> tuple[Recording, ...]:
        whole = Right().load()
        return tuple(replace(whole, identity={"source": name, "digest": name * 8}) for name in self.names)


@dataclass(frozen=True, slots=True, kw_only=True)
class Twins(Several):
    """Two recordings of one name."""

    names: Annotated[tuple[str, ...], "What the recordings call themselves."] = ("one", "one")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing(Several):
    """It returns a list, which could change."""

    def load(self) -> list[Recording]:  # type: ignore[override]  # that is what is wrong with it
        return [Right().load()]


@dataclass(frozen=True, slots=True, kw_only=True)
class Empty(Several):
    """It loads no recording at all."""

    names: Annotated[tuple[str, ...], "What the recordings call themselves."] = ()
