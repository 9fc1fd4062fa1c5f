"""A readout against the subject's own choices, from the recording to the number."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import spikeproof
import xarray as xr
from sklearn.metrics import cohen_kappa_score
from spikeproof.code_of_recording import code_of_recording
from spikeproof.errors import NotEnoughData
from spikeproof.statistics import Resampling
from spikeproof.trials import trials_of_presentations
from spikeproof.types import Code, LinearReadout, Recording, StudyEvidence
from spikeproof_metrics_behavior import error_consistency
from spikeproof_metrics_behavior.metrics.own_choices import OwnChoices, cohen_kappa

from .observer_cases import study, system, table

RESAMPLING = Resampling(draws=200)


def test_kappa_is_that_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    one = rng.integers(0, 4, 200)
    other = np.where(rng.random(200) < 0.5, one, rng.integers(0, 4, 200))
    assert cohen_kappa(one, other)[0] == pytest.approx(cohen_kappa_score(one, other))
    twice = cohen_kappa(one, other, np.stack([np.ones(200), np.arange(200) % 2]))
    assert twice[1] == pytest.approx(cohen_kappa_score(one[1::2], other[1::2]))
    assert np.isnan(cohen_kappa(np.zeros(3, dtype=int), np.zeros(3, dtype=int))[0])


def recorded(seed: int, *, follows: float) -> tuple[Code, xr.Dataset]:
    """A unit whose noise decides part of the choices: 20 stimuli in two categories, 10 repeats."""
    rng = np.random.default_rng(seed)
    stimulus = np.repeat(np.arange(20), 10)
    signal = np.where(stimulus % 2 == 0, 1.0, -1.0)
    noise = rng.normal(0, 2, 200)
    response = np.stack([signal + noise, rng.normal(size=200)], axis=1)
    private = rng.normal(0, 2, 200)
    drive = signal + follows * noise + (1 - follows) * private
    names = np.array([f"i{k:02d}" for k in range(20)])
    data = xr.Dataset(
        {"response": (("presentation", "unit"), response, {"units": "Hz"})},
        coords={
            "unit": ["u", "v"],
            "stimulus_id": ("presentation", names[stimulus]),
            "repeat": ("presentation", np.tile(np.arange(10), 20)),
            "category": ("presentation", np.where(stimulus % 2 == 0, "cat", "dog")),
            "choice": ("presentation", np.where(drive > 0, "cat", "dog")),
        },
    )
    code, _ = code_of_recording(Recording(responses=data))
    readout = LinearReadout(
        classes=("cat", "dog"),
        weights=np.array([[[1.0, 0.0], [-1.0, 0.0]]]),
        intercepts=np.zeros((1, 2)),
        stimuli=tuple(names.tolist()),
        fold=np.zeros(20, dtype=np.intp),
    )
    choices = xr.DataArray(readout.choices(code.responses.values, names.tolist()), dims="stimulus")
    fitted = Code(
        system="recording",
        responses=code.responses,
        labels=code.labels,
        choices=choices.assign_coords(stimulus=names),
        readout=readout,
        repeats=code.repeats,
    )
    trials = trials_of_presentations(data)
    assert trials is not None
    return fitted, trials


def across(code: Code, trials: xr.Dataset, **options: object) -> xr.Dataset:
    return OwnChoices(**options).across(  # type: ignore[arg-type]
        StudyEvidence(codes={"recording": code}, measured={}, trials=trials), RESAMPLING
    )


def estimate(summary: xr.Dataset, name: str) -> float:
    return float(summary[name].sel(statistic="estimate")[0])


def test_the_readout_reads_the_very_presentation() -> None:
    code, trials = recorded(0, follows=0.9)
    summary = across(code, trials)
    assert code.repeats is not None
    read = np.where(code.repeats.sel(unit="u").values > 0, "cat", "dog")
    own = trials["choice"].values[code.repeats["row"].values]
    assert estimate(summary, "agreement") == pytest.approx((read == own).mean())
    assert estimate(summary, "choice_kappa") == pytest.approx(cohen_kappa_score(read, own))
    truth = trials["category"].values[code.repeats["row"].values]
    expected = error_consistency([read == truth, own == truth]).kappa[0, 1]
    assert estimate(summary, "error_kappa") == pytest.approx(expected)
    means = across(code, trials, reads="means")
    assert estimate(means, "agreement") < estimate(summary, "agreement")


def test_what_is_shared_beyond_the_category_is_told_from_what_is_not() -> None:
    shared, alone = (across(*recorded(0, follows=follows)) for follows in (0.9, 0.0))
    for summary, beyond in ((shared, True), (alone, False)):
        null = summary["agreement_shuffled_in_category"].isel(system=0)
        above = estimate(summary, "agreement") > float(null.sel(statistic="high"))
        assert above == beyond
        assert estimate(summary, "agreement") > float(summary["agreement_shuffled"].sel(statistic="high")[0]) - 0.02
    (said,) = OwnChoices().describe(shared)
    assert "above what is left when choices are shuffled among trials of one category" in said


def test_trials_without_a_choice_are_left_out() -> None:
    code, trials = recorded(0, follows=0.5)
    some = trials["choice"].values.copy()
    some[::2] = ""
    half = across(code, trials.assign(choice=("trial", some)))
    kept = trials.isel(trial=slice(1, None, 2))
    assert estimate(half, "agreement") == pytest.approx(estimate(across(code, kept), "agreement"))


@pytest.mark.parametrize(
    ("code", "choices", "reason"),
    [
        (system("net", None), ["cat", "dog"] * 2, "it makes no choices: there is no readout"),
        (
            system("net", ["0", "1"] * 2),
            ["old", "new"] * 2,
            "its readout chooses among '0', '1', the subject among 'old'",
        ),
        (system("net", ["cat", "dog"] * 2), ["cat"] * 4, "the subject chose 'cat' on every trial"),
        (system("net", ["cat", "dog"], ["x", "y"]), ["cat", "dog"] * 2, "0 trials with a choice are on its"),
    ],
)
def test_what_cannot_be_compared_is_refused_with_the_reason(code: Code, choices: list[str], reason: str) -> None:
    with pytest.raises(NotEnoughData, match=rf"no readout can be compared with the subjects \(net: {reason}"):
        OwnChoices().across(study(table({"anna": choices}), code), RESAMPLING)


def test_a_recordings_choices_are_compared_in_a_study(tmp_path: Path) -> None:
    _, trials = recorded(0, follows=0.9)
    rng = np.random.default_rng(0)
    signal = np.where(trials["category"].values == "cat", 1.0, -1.0)
    responses = signal[:, None] * [1.0, 0.5, 0.2] + rng.normal(0, 1, (200, 3))
    columns = "\n".join(
        [
            "stimulus_id,repeat,category,choice,a,b,c",
            *(
                f"{stimulus},{k % 10},{category},{choice},{','.join(f'{value:.6f}' for value in row)}"
                for k, (stimulus, category, choice, row) in enumerate(
                    zip(
                        trials["stimulus_id"].values, trials["category"].values, trials["choice"].values, responses,
                        strict=True,
                    )
                )
            ),
        ]
    )  # fmt: skip
    (tmp_path / "session.csv").write_text(columns + "\n")
    source = {"use": f"table:{tmp_path / 'session.csv'}", "response_units": "Hz"}
    result = spikeproof.run(
        {"source": source, "readout": {"use": "logistic"}, "metric": {"use": "own-choices"}}, out=tmp_path / "out"
    )
    summary = result.summary("own-choices", "all systems")
    assert summary["agreement"].dims == ("statistic", "system")
    assert 0.5 < estimate(summary, "agreement") < 1
    assert "Read from single presentations: recording" in summary["agreement"].attrs["definition"]
