"""How well the RDMs of systems describe those of recorded subjects, as a metric of the whole study."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, TypeAlias

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import stats
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.statistics import Resampling, interval
from spikeproof.summaries import against, annotated, with_bounds
from spikeproof.types import Code, Evidence, Repeats, StudyEvidence, generator
from spikeproof.wording import with_interval

from .compare import compare_rdms
from .distances import SAID, Distance, Side, is_flat, rdm_of
from .evaluation import Over, bootstrap_evaluation, variance_of_means
from .noise_ceiling import rdm_noise_ceiling
from .parted import shuffled
from .rdm_similarity import COMPARED

__all__ = ["ModelEvaluation"]

Compared: TypeAlias = Literal["spearman", "corr", "cosine", "rho-a", "corr_cov"]
_FEWEST, _SHUFFLES = 6, 200


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelEvaluation:
    """Mean similarity of each system's RDM to those of subjects, with intervals over subjects, stimuli or both."""

    distance: Annotated[Distance, "Dissimilarity of two stimuli, as in rdm-similarity."] = "correlation"
    comparison: Annotated[Compared, "How two RDMs are compared, as in rdm-similarity."] = "spearman"
    over: Annotated[
        Literal["auto", "subjects", "stimuli", "both"],
        "What intervals speak of: other subjects, other stimuli, or both; auto takes both from two subjects on.",
    ] = "auto"
    data: Annotated[
        tuple[str, ...], "Systems whose subjects are to be described; empty: all recordings. The others describe them."
    ] = ()

    def __post_init__(self) -> None:
        if len(set(self.data)) < len(self.data):
            raise BadParameter(f"rdm-evaluation: data names a system twice: {list(self.data)}")

    def measure(self, evidence: Evidence) -> xr.Dataset:  # noqa: ARG002 - nothing is measured of one system alone
        """Nothing: RDMs are compared in :meth:`across`."""
        return xr.Dataset()

    def across(self, study: StudyEvidence, resampling: Resampling) -> xr.Dataset:
        """Compare the RDM of every system with those of the subjects, over the stimuli that all were shown.

        Returns
        -------
        xarray.Dataset
            ``evaluation`` and ``evaluation_shuffled`` (statistic, system); with two systems ``difference`` (statistic,
            system, reference); with two subjects ``lower`` and ``upper``, the noise ceiling (statistic,).

        Raises
        ------
        NotEnoughData
            If there is no subject, nothing that describes them, or they share fewer than six stimuli.
        DataError
            If ``data`` names what is no system, or an RDM is not defined.
        """
        described, models = self._parts(study.codes)
        stimuli = _shared({**described, **models})
        subjects = [rdm for system, code in described.items() for rdm in self._of_subjects(code, stimuli, system)]
        names = list(models)
        rdms = np.stack([self._rdm(code, stimuli, None, name) for name, code in models.items()])
        data = np.stack(subjects)
        over = self._over(len(data))
        factors: tuple[Over, ...] = ("subjects", "conditions", "both") if over == "both" else (over,)
        found = {
            factor: bootstrap_evaluation(rdms, data, self.comparison, over=factor, resampling=resampling)
            for factor in factors
        }
        whole = found[over]
        how, source = COMPARED[self.comparison]
        what = (
            f"{how[0].upper()}{how[1:]} of RDMs over pairs of {len(stimuli)} stimuli ({source}), mean over {len(data)} "
            f"subject{'s' if len(data) > 1 else ''} ({', '.join(described)}); dissimilarity: {SAID[self.distance]}"
        )
        said = {"subjects": "subjects", "conditions": "stimuli", "both": "subjects and stimuli"}[over]
        spread = (
            f"Interval: bootstrap over {said}, Student's t (Schuett et al. 2023, doi:10.7554/eLife.82566)"
            + ("" if over != "conditions" else "; it does not reach beyond these subjects")
            + "."
        )
        summary = xr.Dataset(
            {
                "evaluation": annotated(
                    _along(names, whole.means, whole.low, whole.high),
                    long_name="similarity of RDMs to those of subjects",
                    units="1",
                    definition=f"{what}. {spread}",
                    figure="distribution",
                    x="system",
                    chance="evaluation_shuffled",
                    headline=1,
                ),
                "evaluation_shuffled": annotated(
                    _along(names, *self._chance(rdms, data, resampling)),
                    long_name="similarity of RDMs with the stimuli of the system shuffled",
                    units="1",
                    definition=f"{what}. Chance level: mean and {resampling.level:.0%} range of {_SHUFFLES} shuffles.",
                ),
            }
        )
        if len(names) > 1:
            drawn = {factor: (one.draws[:, :, None] - one.draws[:, None]) for factor, one in found.items()}
            apart = whole.means[:, None] - whole.means
            sizes: dict[Over, int] = {"subjects": len(data), "conditions": len(stimuli)}
            degrees = min(sizes.values()) - 1 if over == "both" else sizes[over] - 1
            reach = np.sqrt(variance_of_means(drawn, over, sizes)) * stats.t.ppf((1 + resampling.level) / 2, degrees)
            summary["difference"] = annotated(
                _along(names, apart, apart - reach, apart + reach),
                long_name="similarity less that of another system",
                units="1",
                definition=f"{what}: of a system less that of another, drawn together. {spread}",
                figure="matrix",
                rows="system",
                columns="reference",
            )
        if len(data) > 1:
            summary = summary.merge(self._ceilings(data, what, resampling))
        return summary

    def describe(self, summary: xr.Dataset) -> Iterable[str]:
        """Say how well each system describes the subjects, beside chance and the ceiling."""
        for system in summary["system"].values.tolist():
            here = summary.sel(system=system)
            place = against(here["evaluation"], here["evaluation_shuffled"])
            verdict = {"above": "above chance", "below": "below chance", "within": "not told apart from chance"}[place]
            yield (
                f"The RDM of {system} has a similarity of {with_interval(here['evaluation'])} to those of the "
                f"subjects, {verdict} ({with_interval(here['evaluation_shuffled'])} with its stimuli shuffled)."
            )
        if "lower" in summary:
            yield (
                f"The true RDM would reach between {with_interval(summary['lower'])} and "
                f"{with_interval(summary['upper'])} (noise ceiling over subjects)."
            )
        if "difference" in summary:
            names = summary["system"].values.tolist()
            low = summary["difference"].sel(statistic="low")
            ahead = [
                (one, other) for one in names for other in names if float(low.sel(system=one, reference=other)) > 0
            ]
            for one, other in ahead:
                yield f"{one[0].upper()}{one[1:]} describes the subjects better than {other}."
            if not ahead:
                yield "No system describes the subjects better than another, as far as the intervals tell."

    def _parts(self, codes: Mapping[str, Code]) -> tuple[dict[str, Code], dict[str, Code]]:
        strange = [name for name in self.data if name not in codes]
        if strange:
            raise DataError(f"rdm-evaluation: data names {strange[0]!r}; the systems are {', '.join(codes)}")
        chosen = self.data or tuple(name for name, code in codes.items() if "layer" not in code.facts)
        if not chosen:
            raise NotEnoughData("rdm-evaluation: the study has no recording, whose subjects' RDMs could be described")
        described = {name: codes[name] for name in chosen}
        models = {name: code for name, code in codes.items() if name not in described}
        if not models:
            raise NotEnoughData(
                "rdm-evaluation: all systems are recordings: add a [[model]], or name in data those that are to be "
                "described"
            )
        return described, models

    def _of_subjects(self, code: Code, stimuli: NDArray[np.str_], system: str) -> list[NDArray[np.float64]]:
        coords = code.responses.coords
        subject = coords["subject"].values.astype(str) if "subject" in coords else np.full(code.responses.shape[1], "")
        return [
            self._rdm(code, stimuli, subject == name, f"{system} {name}".strip())
            for name in np.unique(subject).tolist()
        ]

    def _rdm(
        self, code: Code, stimuli: NDArray[np.str_], units: NDArray[np.bool_] | None, what: str
    ) -> NDArray[np.float64]:
        kept = np.ones(code.responses.sizes["unit"], dtype=bool) if units is None else units
        shown = None
        if code.repeats is not None:
            shown = Repeats(
                responses=np.asarray(code.repeats.values[:, kept], dtype=np.float64),
                stimuli=code.repeats["stimulus"].values.astype(str),
            ).of_stimuli(stimuli)
        side = Side(
            values=np.asarray(code.responses.sel(stimulus=stimuli).values[:, kept], dtype=np.float64),
            stimuli=stimuli,
            repeats=shown,
            noiseless="layer" in code.facts,
            what=what,
        )
        rdm = rdm_of(side, self.distance, "rdm-evaluation")
        if is_flat(rdm, side, self.distance):
            raise NotEnoughData(f"rdm-evaluation: all stimuli are equally far from each other in {what}")
        return rdm

    def _over(self, subjects: int) -> Over:
        if self.over == "auto":
            return "both" if subjects > 1 else "conditions"
        return "conditions" if self.over == "stimuli" else self.over

    def _chance(
        self, rdms: NDArray[np.float64], data: NDArray[np.float64], resampling: Resampling
    ) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        rng = generator(resampling.seed, "rdm evaluation", "shuffled")
        null = np.stack(
            [
                compare_rdms(np.stack([shuffled(rdm, rng) for rdm in rdms]), data, self.comparison).mean(axis=1)
                for _ in range(_SHUFFLES)
            ]
        )
        centre = null.mean(axis=0)
        low, high = interval(null, centre, resampling.level)
        return centre, np.asarray(low), np.asarray(high)

    def _ceilings(self, data: NDArray[np.float64], what: str, resampling: Resampling) -> xr.Dataset:
        ceiling = rdm_noise_ceiling(data, self.comparison)
        drawn = bootstrap_evaluation(
            data[:1], data, self.comparison, over="conditions", resampling=resampling, bounds="percentile", ceiling=True
        ).ceilings
        out = xr.Dataset()
        if drawn is None:
            return out
        for column, (name, estimate, text) in enumerate(
            (
                ("lower", ceiling.lower, "each subject against the pool of the others"),
                ("upper", ceiling.upper, "each subject against the pool of all"),
            )
        ):
            bounds = interval(drawn[:, column], estimate, resampling.level, undefined="exclude")
            out[name] = annotated(
                with_bounds(estimate, *bounds),
                long_name=f"{name} noise ceiling",
                units="1",
                definition=f"{what}: {text} (Nili et al. 2014). Interval: percentile bootstrap over stimuli.",
            )
        return out


def _shared(codes: Mapping[str, Code]) -> NDArray[np.str_]:
    """Stimuli that all systems were shown, sorted."""
    names = [set(code.responses["stimulus"].values.astype(str).tolist()) for code in codes.values()]
    shared = np.array(sorted(set.intersection(*names)), dtype=str)
    if len(shared) < _FEWEST:
        raise NotEnoughData(
            f"rdm-evaluation: all systems ({', '.join(codes)}) were shown {len(shared)} stimuli in common, and it "
            f"needs {_FEWEST}"
        )
    return shared


def _along(systems: list[str], *parts: NDArray[np.float64]) -> xr.DataArray:
    """Estimate, low and high of every system, or of every pair of them."""
    dims = ("system", "reference")[: parts[0].ndim]
    coords = dict.fromkeys(dims, systems)
    estimate, low, high = (xr.DataArray(part, dims=dims, coords=coords) for part in parts)
    return with_bounds(estimate, low, high)
