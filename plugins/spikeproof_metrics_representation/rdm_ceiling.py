"""How well any model could do on a recording's RDM: noise ceilings, over subjects, sessions or halves of repeats."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias, cast

import numpy as np
import xarray as xr
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.statistics import jackknife_groups
from spikeproof.types import Evidence, Repeats, generator

from .compare import compare_rdms
from .distances import Distance, Side, is_flat, rdm_of
from .noise_ceiling import rdm_noise_ceiling
from .parted import Parted, first_half, repeated, shuffled
from .rdm_ceiling_summary import sentence, summary_of
from .rdm_similarity import Comparison

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from spikeproof.statistics import Resampling
    from spikeproof.types import Code

__all__ = ["RdmCeiling"]

Across = Literal["auto", "subjects", "sessions", "halves"]
Values: TypeAlias = "Callable[[Parted], NDArray[np.float64]]"

_GROUPS, _SHUFFLES = 16, 50


@dataclass(frozen=True, slots=True, kw_only=True)
class RdmCeiling:
    """How alike the RDMs of subjects, sessions or halves of the repeats are."""

    distance: Annotated[Distance, "Dissimilarity of two stimuli, as in rdm-similarity."] = "correlation"
    comparison: Annotated[Comparison, "How two RDMs are compared, as in rdm-similarity."] = "spearman"
    across: Annotated[
        Across, "Whose RDMs are compared; auto takes subjects, else sessions, where there are two or more, else halves."
    ] = "auto"
    splits: Annotated[int, "Random halves of the repeats, over which the mean is taken."] = 4
    seed: Annotated[int, "Seed of the halves, the shuffles and the groups that are left out."] = 0

    def __post_init__(self) -> None:
        if self.splits < 1:
            raise BadParameter(f"rdm-ceiling: splits must be at least 1, got {self.splits}")

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Compare the RDMs, whole and with groups of stimuli and of units left out, and with stimuli shuffled.

        Returns
        -------
        xarray.Dataset
            ``lower`` and ``upper``, or ``between_halves``; each also with ``_without_stimuli`` and ``_without_units``
            (group_stimuli, group_units), NaN where too little would be left; the first with ``_shuffled`` (shuffle,).
            ``parts``: how many RDMs were compared.

        Raises
        ------
        spikeproof.errors.DataError
            If a system is computed and has no noise, there is nothing to compare, or an RDM is not defined.
        """
        code = evidence.code
        if "layer" in code.facts:
            raise NotEnoughData("rdm-ceiling: responses that are computed by a network have no noise, and no ceiling")
        across, data = self._data(code)
        halves = across == "halves"
        names = ("between_halves",) if halves else ("lower", "upper")
        values: Values = self._between_halves if halves else self._ceilings
        out = xr.Dataset(dict(zip(names, values(data), strict=True)))
        out["parts"] = float(2 if halves else len(np.unique(data.group)))
        for what, members, kept in (
            ("stimuli", data.stimuli, data.of_stimuli),
            ("units", data.units, data.of_units),
        ):
            found = self._without(data, members, what, kept, values, len(names))
            for column, name in enumerate(names):
                out[f"{name}_without_{what}"] = (f"group_{what}", found[:, column])
        rdms = np.stack(self._halves(data, 0) if halves else self._parts(data))
        out[f"{names[0]}_shuffled"] = ("shuffle", self._shuffles(rdms, halves=halves))
        return out.assign_coords({dim: np.arange(size) for dim, size in out.sizes.items()})

    def summarise(self, measured: xr.Dataset, code: Code, resampling: Resampling) -> xr.Dataset:  # noqa: ARG002
        """Put the ceilings together with their intervals and the chance level: see :func:`summary_of`."""
        return summary_of(measured.isel(target=0), self.distance, self.comparison, self.splits, resampling.level)

    def describe(self, summary: xr.Dataset, code: Code) -> Iterable[str]:  # noqa: ARG002 - the protocol passes it
        """Say how well any model could do."""
        yield sentence(summary)

    def _data(self, code: Code) -> tuple[Across, Parted]:
        """What is compared, and the responses with the subject or session of each unit."""
        units = code.responses["unit"].values.astype(str)
        subject, session = (
            code.responses[name].values.astype(str) if name in code.responses.coords else np.full(len(units), "")
            for name in ("subject", "session")
        )
        both = np.array([f"{a}\x1f{b}" for a, b in zip(subject, session, strict=True)])
        by: dict[str, NDArray[np.str_]] = {"subjects": subject, "sessions": both}
        across = self.across
        if across == "auto":
            several = [name for name, group in by.items() if len(np.unique(group)) > 1]
            across = cast("Across", several[0]) if several else "halves"
        shown = None
        if code.repeats is not None:
            shown = Repeats(
                responses=np.asarray(code.repeats.values, dtype=np.float64),
                stimuli=code.repeats["stimulus"].values.astype(str),
            )
        data = Parted(
            values=np.asarray(code.responses.values, dtype=np.float64),
            stimuli=code.responses["stimulus"].values.astype(str),
            units=units,
            group=by.get(across, np.full(len(units), "")),
            repeats=shown,
        )
        if across != "halves" and len(np.unique(data.group)) < 2:
            raise NotEnoughData(
                f"rdm-ceiling: there is one of {across} only, and a ceiling across them needs two: set across to halves"
            )
        return across, repeated(data) if across == "halves" else data

    def _without(
        self,
        data: Parted,
        members: NDArray[np.str_],
        what: str,
        kept: Callable[[NDArray[np.bool_]], Parted],
        values: Values,
        width: int,
    ) -> NDArray[np.float64]:
        """Values without each group of stimuli or units, (group, value); NaN where too little would be left."""
        groups = jackknife_groups(members.tolist(), most=_GROUPS, seed=self.seed, purpose=what)
        found = np.full((int(groups.max()) + 1, width), np.nan)
        for number, row in enumerate(found):
            left = kept(groups != number)
            if len(np.unique(left.group)) < len(np.unique(data.group)):
                continue  # the only unit of a subject or session
            try:
                row[:] = values(left)
            except NotEnoughData:
                continue  # one of the last units or stimuli that the distance needs: the summary says so
        return found

    def _ceilings(self, data: Parted) -> NDArray[np.float64]:
        """Lower and upper ceiling over subjects or sessions."""
        return np.array(rdm_noise_ceiling(np.stack(self._parts(data)), self.comparison))

    def _between_halves(self, data: Parted) -> NDArray[np.float64]:
        """Similarity of the RDMs of two halves of the repeats, mean over random halves."""
        pairs = [self._halves(data, split) for split in range(self.splits)]
        return np.array([np.mean([compare_rdms(one, other, self.comparison)[0, 0] for one, other in pairs])])

    def _parts(self, data: Parted) -> list[NDArray[np.float64]]:
        """An RDM of each subject or session."""
        found = []
        for name in np.unique(data.group):
            mine = data.of_units(data.group == name)
            found.append(self._rdm(mine.values, mine.stimuli, mine.repeats, f"units of {name.replace(chr(31), ' ')}"))
        return found

    def _halves(self, data: Parted, split: int) -> list[NDArray[np.float64]]:
        """The RDMs of two halves of the repeats of every stimulus."""
        if data.repeats is None:
            raise NotEnoughData("rdm-ceiling: no stimulus was repeated")
        first = first_half(data.repeats, split, self.seed)
        pair = []
        for mine in (first, ~first):
            half = Repeats(responses=data.repeats.responses[mine], stimuli=data.repeats.stimuli[mine])
            order = np.argsort(half.stimuli, kind="stable")
            names, counts = np.unique(half.stimuli, return_counts=True)
            sums = np.add.reduceat(half.responses[order], np.cumsum(counts) - counts, axis=0)
            pair.append(self._rdm(sums / counts[:, None], names, half, "half of the repeats"))
        return pair

    def _rdm(
        self, values: NDArray[np.float64], stimuli: NDArray[np.str_], repeats: Repeats | None, what: str
    ) -> NDArray[np.float64]:
        side = Side(values=values, stimuli=stimuli, repeats=repeats, noiseless=False, what=what)
        rdm = rdm_of(side, self.distance, "rdm-ceiling")
        if is_flat(rdm, side, self.distance):
            raise NotEnoughData(f"rdm-ceiling: all stimuli are equally far from each other in the {what}")
        return rdm

    def _shuffles(self, rdms: NDArray[np.float64], *, halves: bool) -> list[float]:
        """The similarity of halves, or the lower ceiling, of RDMs whose stimuli are shuffled."""
        rng = generator(self.seed, "rdm ceiling", "shuffled")
        if halves:
            return [
                float(compare_rdms(rdms[0], shuffled(rdms[1], rng), self.comparison)[0, 0]) for _ in range(_SHUFFLES)
            ]
        drawn = (np.stack([shuffled(one, rng) for one in rdms]) for _ in range(_SHUFFLES))
        return [rdm_noise_ceiling(one, self.comparison).lower for one in drawn]
