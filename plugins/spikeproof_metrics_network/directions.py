"""How many independent directions of the image a population can be attacked in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import numpy as np
import torch
import xarray as xr
from spikeproof.errors import BadParameter, DataError
from spikeproof.statistics import bootstrap_mean
from spikeproof.summaries import annotated
from spikeproof.types import Evidence, generator
from spikeproof.wording import percent, with_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spikeproof.statistics import Resampling
    from spikeproof.types import Code, NetworkEvidence, ResponseModel

__all__ = ["AttackDirections", "participation_ratio", "squared_singular_values"]

_SHOWN = 40
"""Directions that the curve goes up to."""
_HELD = 2**25
"""Entries of the Jacobians that are held at once."""
_MOST = 2**28
"""Entries of the Jacobian of one image; a gibibyte in float32."""


def squared_singular_values(matrix: NDArray[np.floating]) -> NDArray[np.float64]:
    """Eigenvalues of the smaller of the two Gram matrices, the largest first.

    Parameters
    ----------
    matrix : numpy.ndarray, (row, column)

    Examples
    --------
    >>> squared_singular_values(np.diag([1.0, 3.0])).tolist()
    [9.0, 1.0]
    """
    wide = np.asarray(matrix, dtype=np.float64)
    gram = wide @ wide.T if wide.shape[0] <= wide.shape[1] else wide.T @ wide
    return np.asarray(np.linalg.eigvalsh(gram)[::-1].clip(min=0))


def participation_ratio(values: NDArray[np.float64]) -> float:
    """Number of directions that share a sum evenly: (sum of values)^2 over the sum of their squares.

    1 where one value is all of it, n where n are alike; NaN where all are zero.

    Examples
    --------
    >>> participation_ratio(np.array([2.0, 2.0, 0.0])), participation_ratio(np.array([5.0, 0.0]))
    (2.0, 1.0)
    """
    values = np.asarray(values, dtype=np.float64)
    largest = values.max(initial=0.0)
    if largest == 0:
        return float("nan")
    scaled = values / largest  # squares of tiny or huge values would leave the range of floats
    return float(scaled.sum() ** 2 / np.square(scaled).sum())


@dataclass(frozen=True, slots=True, kw_only=True)
class AttackDirections:
    """Participation ratio of the Gram matrix of the population's Jacobian, beside units with unrelated gradients."""

    images: Annotated[
        int, "Images at which the Jacobian is taken, drawn by the seed; all where there are not more."
    ] = 16

    def __post_init__(self) -> None:
        if self.images < 1:
            raise BadParameter(f"attack-directions: images must be at least 1, got {self.images}")

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Take the whitened population's Jacobian at images of the study.

        Returns
        -------
        xarray.Dataset
            ``participation`` and ``random`` (image,); ``cumulative`` and ``cumulative_random`` (image, directions),
            shares of the squared Jacobian; ``possible``, the most directions that there can be. NaN at images at which
            the population does not depend on the image.

        Raises
        ------
        spikeproof.errors.DataError
            If there is no network or no gradient, if a gradient is not finite, or the Jacobian is too large to be held.
        """
        if evidence.network is None:
            raise DataError("attack-directions: needs a network, and this evidence comes without one")
        network, whitening = evidence.network, evidence.code.whitening
        names = _sample(network, self.images)
        units, pixels = len(network.model.units), int(np.prod(network.image_shape))
        if units * pixels > _MOST:
            raise DataError(
                f"attack-directions: the Jacobian of {units} units by {pixels} pixels is too large to be held: give "
                f"the [[model]] a population of {_MOST // pixels} or fewer (a seeded sample)"
            )
        shown = min(_SHOWN, whitening.shape[1], pixels)
        ratios: dict[str, list[float]] = {"participation": [], "random": []}
        shares: dict[str, list[NDArray[np.float64]]] = {"cumulative": [], "cumulative_random": []}
        size = max(1, _HELD // (units * pixels))
        for start in range(0, len(names), size):
            some = names[start : start + size]
            for name, jacobian in zip(some, _jacobians(network.model, network.stimuli.images(some), some), strict=True):
                drawn = generator(network.seed, "attack-directions", name).standard_normal(jacobian.shape)
                drawn *= (np.linalg.norm(jacobian, axis=1) / np.linalg.norm(drawn, axis=1))[:, None]
                for rows, ratio, share in (
                    (jacobian, "participation", "cumulative"),
                    (drawn, "random", "cumulative_random"),
                ):
                    values = squared_singular_values(whitening.T @ rows)
                    ratios[ratio].append(participation_ratio(values))
                    total = values.sum()
                    shares[share].append(values.cumsum()[:shown] / (total if total > 0 else np.nan))
        if np.isnan(ratios["participation"]).all():
            raise DataError(
                f"attack-directions: at none of {len(names)} images does any unit depend on the image: there is no "
                "direction to attack"
            )
        return xr.Dataset(
            {
                **{name: ("image", np.array(found)) for name, found in ratios.items()},
                **{name: (("image", "directions"), np.stack(found)) for name, found in shares.items()},
                "possible": float(min(whitening.shape[1], pixels)),
            },
            coords={"image": names, "directions": np.arange(1, shown + 1)},
        )

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:  # noqa: ARG002
        """Average over images.

        Returns
        -------
        xarray.Dataset
            ``participation``, ``participation_random``, ``share_of_possible`` and ``top_share`` (statistic,);
            ``cumulative`` and ``cumulative_random`` (statistic, directions).
        """
        clean = measured.isel(target=0).reset_coords(drop=True)
        count, none = clean.sizes["image"], int(clean["participation"].isnull().sum())
        possible = float(clean["possible"])

        def mean(values: xr.DataArray, name: str) -> xr.DataArray:
            return bootstrap_mean(values, ["image"], resampling, name=name)

        where = f"Mean over {count - none} images" + (
            f"; at {none} more no unit depends on the image. " if none else ". "
        )
        how = f"{where}Interval: percentile bootstrap over images, conditional on the units."
        what = (
            "(sum of eigenvalues)^2 over the sum of their squares, for J J' with J the Jacobian of the whitened "
            "population vector with respect to the pixels"
        )
        unrelated = "for gradients of the same lengths in random directions, whitened alike"
        ratio = mean(clean["participation"], "participation")
        out = xr.Dataset()
        out["participation"] = annotated(
            ratio,
            long_name="independent attack directions",
            units="directions",
            definition=f"Participation ratio: {what}; 1 where all units follow one direction of the image. {how}",
            chance="participation_random",
            headline=1,
        )
        out["participation_random"] = annotated(
            mean(clean["random"], "participation_random"),
            long_name="independent attack directions, were the units' gradients unrelated",
            units="directions",
            definition=f"Participation ratio {unrelated}. {how}",
        )
        out["share_of_possible"] = annotated(
            ratio / possible,
            long_name="independent attack directions over the most that there can be",
            units="1",
            definition=f"Participation ratio over {possible:.0f}, the smaller of units and pixels. {how}",
        )
        out["top_share"] = annotated(
            mean(clean["cumulative"].isel(directions=0, drop=True), "top_share"),
            long_name="share of the most noticeable direction",
            units="share",
            definition=f"Largest eigenvalue of J J' over their sum. {how}",
        )
        out["cumulative"] = annotated(
            mean(clean["cumulative"], "cumulative"),
            long_name="share of the population's sensitivity",
            units="share",
            definition=f"Sum of the largest eigenvalues of J J' over the sum of all. {how}",
            figure="curve",
            x="directions",
            chance="cumulative_random",
            caption="How much of the population's sensitivity to its image lies in its most noticeable directions.",
        )
        out["cumulative_random"] = annotated(
            mean(clean["cumulative_random"], "cumulative_random"),
            long_name="share of the population's sensitivity, were the units' gradients unrelated",
            units="share",
            definition=f"The same {unrelated}. {how}",
        )
        out["directions"].attrs = {"long_name": "most noticeable directions", "units": "directions"}
        return out

    def describe(self, summary: xr.Dataset, code: Code) -> Iterable[str]:  # noqa: ARG002 - the protocol passes it
        """Say in how many directions the population can be attacked, beside units with unrelated gradients."""
        ratio, random = summary["participation"], summary["participation_random"]
        below = float(ratio.sel(statistic="high")) < float(random.sel(statistic="low"))
        above = float(ratio.sel(statistic="low")) > float(random.sel(statistic="high"))
        verdict = (
            "units share their directions"
            if below
            else "units avoid each other's directions"
            if above
            else "units are not told apart from unrelated ones"
        )
        yield (
            f"At an image the population can be attacked in {with_interval(ratio)} independent directions; were the "
            f"gradients of its units unrelated, in {with_interval(random)}: {verdict}. The most noticeable direction "
            f"holds {percent(summary['top_share'])} of its sensitivity."
        )


def _sample(network: NetworkEvidence, count: int) -> list[str]:
    ids = network.stimuli.ids
    if len(ids) <= count:
        return list(ids)
    chosen = generator(network.seed, "attack-directions", "images").choice(len(ids), count, replace=False)
    return [ids[row] for row in np.sort(chosen)]


def _jacobians(
    model: ResponseModel, images: NDArray[np.float32], names: Sequence[str]
) -> Iterable[NDArray[np.float64]]:
    """Jacobians (unit, pixel) of images, by one backward pass for each unit."""
    leaf = torch.from_numpy(images).clone().requires_grad_()
    with torch.enable_grad():
        values = model.responses(leaf)
        if not values.requires_grad:
            raise DataError("attack-directions: the responses have no gradient with respect to the image")
        columns = values.shape[1]
        rows = [
            torch.autograd.grad(values[:, k].sum(), leaf, retain_graph=k + 1 < columns)[0].flatten(1)
            for k in range(columns)
        ]
    for number, name in enumerate(names):
        found = np.stack([row[number].double().cpu().numpy() for row in rows])
        if not np.isfinite(found).all():
            raise DataError(f"attack-directions: the Jacobian at stimulus {name!r} is not finite")
        yield found
