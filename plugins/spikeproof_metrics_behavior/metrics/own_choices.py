"""What a code's readout chooses against what the subject chose, on the very same presentations."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Annotated, Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from spikeproof.errors import NotEnoughData
from spikeproof.statistics import Resampling, interval, resampling_weights, stack_statistic
from spikeproof.summaries import against, annotated
from spikeproof.types import Code, Evidence, StudyEvidence, generator
from spikeproof.wording import some, with_interval

from spikeproof_metrics_behavior.consistency import kappa_of_counts

from .groups import list_left_out

__all__ = ["OwnChoices", "cohen_kappa"]

Floats = NDArray[np.float64]

_SHUFFLES = 500
_NUMBERS = ("agreement", "choice_kappa", "error_kappa")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Compared:
    """Choices of one system and of the subjects, trial by trial.

    Parameters
    ----------
    read, chosen, truth : numpy.ndarray of int, (trial,)
        Codes; truth is -1 throughout where it is not known.
    stimulus, subject : numpy.ndarray of str, (trial,)
    single : bool
        Whether the readout read the very presentation, not the stimulus's mean.
    """

    read: NDArray[np.intp]
    chosen: NDArray[np.intp]
    truth: NDArray[np.intp]
    stimulus: NDArray[np.str_]
    subject: NDArray[np.str_]
    single: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnChoices:
    """Agreement of every system's readout with the choices of the subjects, trial by trial.

    Where the trials are a recording's own, the readout reads the responses on that presentation. Trials without a
    choice are left out.
    """

    reads: Annotated[
        Literal["presentations", "means"],
        "What the readout of a recording reads: each presentation of its own, or the mean over a stimulus's repeats.",
    ] = "presentations"

    def measure(self, evidence: Evidence) -> xr.Dataset:  # noqa: ARG002 - nothing is measured of one system alone
        """Nothing: choices are compared in :meth:`across`."""
        return xr.Dataset()

    def across(self, study: StudyEvidence, resampling: Resampling) -> xr.Dataset:
        """Compare the readout of every system with the subjects.

        Returns
        -------
        xarray.Dataset
            ``agreement`` and ``choice_kappa`` with ``_shuffled``, and where categories are known ``error_kappa`` and
            ``agreement_shuffled_in_category`` (statistic, system).
        """
        if study.trials is None:
            raise NotEnoughData("own-choices needs a subject's choices")
        compared: dict[str, _Compared] = {}
        reasons: dict[str, str] = {}
        for system, code in study.codes.items():
            found = self._compared(code, study.trials)
            if isinstance(found, str):
                reasons[system] = found
            else:
                compared[system] = found
        if not compared:
            said = "; ".join(f"{system}: {reason}" for system, reason in reasons.items()) or "there is no system"
            raise NotEnoughData(f"own-choices: no readout can be compared with the subjects ({said})")
        values: dict[str, dict[str, tuple[float, float, float]]] = {}
        for system, one in compared.items():
            for name, bounds in _numbers(one, resampling).items():
                values.setdefault(name, {})[system] = bounds
        summary = xr.Dataset({name: _along(of_system, list(compared)) for name, of_system in values.items()})
        return _annotated(summary, compared, reasons)

    def describe(self, summary: xr.Dataset) -> Iterable[str]:
        """Say how often readout and subject choose alike, beside shuffled choices."""
        for system in summary["system"].values.tolist():
            here = summary.sel(system=system)
            text = (
                f"{system[0].upper()}{system[1:]}: the readout chooses as the subject did on "
                f"{with_interval(here['agreement'])} of the trials (kappa {with_interval(here['choice_kappa'])}), "
                f"{against(here['agreement'], here['agreement_shuffled'])} what shuffled choices give, "
                f"{with_interval(here['agreement_shuffled'])}"
            )
            if "agreement_shuffled_in_category" in here:
                within = here["agreement_shuffled_in_category"]
                text += (
                    f", and {against(here['agreement'], within)} what is left when choices are shuffled among trials "
                    f"of one category, {with_interval(within)}"
                )
            yield f"{text}."
        yield from list_left_out(summary["agreement"])

    def _compared(self, code: Code, trials: xr.Dataset) -> _Compared | str:
        if code.choices is None:
            return "it makes no choices: there is no readout"
        on_stimulus = dict(
            zip(
                code.choices["stimulus"].values.astype(str).tolist(),
                code.choices.values.astype(str).tolist(),
                strict=True,
            )
        )
        shown = trials["stimulus_id"].values.astype(str)
        made = trials["choice"].values.astype(str) != ""
        usable = made & np.isin(shown, list(on_stimulus))
        read = np.array([on_stimulus.get(name, "") for name in shown.tolist()])
        single = False
        if self.reads == "presentations" and "row" in trials and code.repeats is not None:
            own = _on_presentations(code)
            if own:
                rows = trials["row"].values.tolist()
                read = np.array([own.get(row, "") for row in rows])
                usable &= read != ""
                single = True
        if np.count_nonzero(usable) < 2:
            return (
                f"{np.count_nonzero(usable)} trials with a choice are on its stimuli ({some(on_stimulus, 1)}; those of "
                f"the trials are called {some(dict.fromkeys(shown.tolist()), 1)})"
            )
        chosen = trials["choice"].values.astype(str)[usable]
        names = sorted({*read[usable].tolist(), *chosen.tolist()})
        if not set(read[usable].tolist()) & set(chosen.tolist()):
            return (
                f"its readout chooses among {some(dict.fromkeys(read[usable].tolist()))}, the subject among "
                f"{some(dict.fromkeys(chosen.tolist()))}: name as `category` of the source what the subject chose "
                "among"
            )
        if len(set(chosen.tolist())) < 2:
            return f"the subject chose {str(chosen[0])!r} on every trial: there is nothing to agree on"
        truth = np.full(int(usable.sum()), -1)
        if "category" in trials:
            right = trials["category"].values.astype(str)[usable]
            if (right != "").all() and set(right.tolist()) & set(chosen.tolist()):
                names = sorted({*names, *right.tolist()})
                truth = np.searchsorted(names, right)
        return _Compared(
            read=np.searchsorted(names, read[usable]),
            chosen=np.searchsorted(names, chosen),
            truth=truth,
            stimulus=shown[usable],
            subject=trials["subject"].values.astype(str)[usable],
            single=single,
        )


def cohen_kappa(first: NDArray[np.intp], second: NDArray[np.intp], weights: Floats | None = None) -> Floats:
    """Cohen's kappa of two observers' choices among several categories (Cohen 1960).

    ``(p_o - p_e) / (1 - p_e)``: p_o is the share of trials with the same choice, p_e that expected of independent
    observers with these frequencies of choices.

    Parameters
    ----------
    first, second : numpy.ndarray of int, (trial,)
        Codes from 0.
    weights : numpy.ndarray, (draw, trial), optional
        How often each draw holds each trial; by default each once, one draw.

    Returns
    -------
    numpy.ndarray of float64, (draw,)
        NaN where both always choose one and the same (0/0).

    Examples
    --------
    >>> import numpy as np
    >>> cohen_kappa(np.array([0, 0, 1, 1]), np.array([0, 0, 1, 0])).tolist()
    [0.5]
    """
    counts = np.ones((1, len(first))) if weights is None else weights
    number = int(max(first.max(), second.max())) + 1
    total = counts.sum(axis=1)
    same = counts @ (first == second).astype(np.float64) / total
    shares = [
        counts @ (side[:, None] == np.arange(number)).astype(np.float64) / total[:, None] for side in (first, second)
    ]
    expected = (shares[0] * shares[1]).sum(axis=1)
    certain = np.isclose(expected, 1.0, rtol=0, atol=1e-12)
    return np.asarray(np.divide(same - expected, 1 - expected, out=np.full_like(same, np.nan), where=~certain))


def _on_presentations(code: Code) -> dict[int, str]:
    """Choice of the readout on every single presentation, by its number in the recording."""
    repeats = code.repeats
    if repeats is None or code.readout is None or "row" not in repeats.coords:
        return {}
    choices = code.readout.choices(repeats.values, repeats["stimulus"].values.astype(str).tolist())
    return dict(zip(repeats["row"].values.tolist(), choices.tolist(), strict=True))


def _numbers(one: _Compared, resampling: Resampling) -> dict[str, tuple[float, float, float]]:
    """Estimate and bounds of every number of one system."""
    labels = xr.DataArray(
        np.zeros(len(one.read)),
        dims="trial",
        coords={
            "trial": [f"{number:09d}" for number in range(len(one.read))],
            "subject": ("trial", one.subject),
            "stimulus": ("trial", one.stimulus),
        },
    )
    weights, _ = resampling_weights(labels, "trial", resampling, within=["subject", "stimulus"])
    once = np.ones((1, len(one.read)))
    rng = generator(resampling.seed, "own choices")
    known = bool((one.truth >= 0).all())
    groups = one.truth if known else np.zeros(len(one.truth), dtype=np.intp)
    out: dict[str, tuple[float, float, float]] = {}
    for name in _NUMBERS if known else _NUMBERS[:2]:
        estimate = float(_statistic(name, one, once)[0])
        out[name] = _bounds(estimate, _statistic(name, one, weights), resampling)
        null = np.array([_shuffled(name, one, np.zeros_like(groups), rng) for _ in range(_SHUFFLES)])
        out[f"{name}_shuffled"] = _bounds(float(np.nanmean(null)), null, resampling)
    if known:
        null = np.array([_shuffled("agreement", one, groups, rng) for _ in range(_SHUFFLES)])
        out["agreement_shuffled_in_category"] = _bounds(float(null.mean()), null, resampling)
    return out


def _statistic(name: str, one: _Compared, weights: Floats, chosen: NDArray[np.intp] | None = None) -> Floats:
    subject = one.chosen if chosen is None else chosen
    if name == "agreement":
        return np.asarray(weights @ (one.read == subject) / weights.sum(axis=1))
    if name == "choice_kappa":
        return cohen_kappa(one.read, subject, weights)
    read_right, subject_right = one.read == one.truth, subject == one.truth
    both, first, second = (weights @ side for side in (read_right & subject_right, read_right, subject_right))
    return kappa_of_counts(both, first, second, weights.sum(axis=1))[0]


def _shuffled(name: str, one: _Compared, groups: NDArray[np.intp], rng: np.random.Generator) -> float:
    """The statistic with the subject's choices shuffled among trials of one group."""
    chosen = one.chosen.copy()
    for group in np.unique(groups):
        here = np.flatnonzero(groups == group)
        chosen[here] = rng.permutation(chosen[here])
    return float(_statistic(name, one, np.ones((1, len(chosen))), chosen)[0])


def _bounds(estimate: float, draws: Floats, resampling: Resampling) -> tuple[float, float, float]:
    low, high = interval(draws, estimate, resampling.level, undefined="exclude")
    return estimate, float(low), float(high)


def _along(of_system: Mapping[str, tuple[float, float, float]], systems: list[str]) -> xr.DataArray:
    rows = np.array([of_system.get(system, (np.nan,) * 3) for system in systems]).T
    return stack_statistic(*(xr.DataArray(row, dims="system", coords={"system": systems}) for row in rows))


def _annotated(summary: xr.Dataset, compared: Mapping[str, _Compared], reasons: Mapping[str, str]) -> xr.Dataset:
    single = [system for system, one in compared.items() if one.single]
    what = (
        f"Read from single presentations: {', '.join(single)}; from means over repeats: all others. "
        if single
        else "Read from means over a stimulus's repeats. "
    )
    spread = "Interval: percentile bootstrap over stimuli (nested in subjects) and over the trials of each."
    if all(len(set(one.subject.tolist())) == 1 for one in compared.values()):
        spread += " There is one subject only: the interval does not reach beyond it."
    about = {
        "agreement": (
            "agreement with the subject's choices",
            "share of trials",
            "Trials on which both choose the same.",
        ),
        "choice_kappa": ("kappa with the subject's choices", "1", "Cohen's kappa between the two choices."),
        "error_kappa": (
            "error consistency with the subject",
            "1",
            "Cohen's kappa between right and wrong choices (Geirhos, Meding & Wichmann 2020).",
        ),
    }
    for name, (long_name, units, definition) in about.items():
        if name not in summary:
            continue
        summary[name] = annotated(
            summary[name],
            long_name=long_name,
            units=units,
            definition=f"{definition} {what}Conditional on the readout. {spread}",
            headline=1,
            left_out=json.dumps(dict(reasons)),
        )
        summary[f"{name}_shuffled"] = annotated(
            summary[f"{name}_shuffled"],
            long_name=f"{long_name}, shuffled over trials",
            units=units,
            definition=f"Mean and 95 % range of {_SHUFFLES} shuffles of the subject's choices.",
        )
    if "agreement_shuffled_in_category" in summary:
        summary["agreement_shuffled_in_category"] = annotated(
            summary["agreement_shuffled_in_category"],
            long_name="agreement with the subject's choices, shuffled within categories",
            units="share of trials",
            definition=(
                f"Mean and 95 % range of {_SHUFFLES} shuffles among trials with the same right choice: what being "
                "right alike explains."
            ),
        )
    return summary
