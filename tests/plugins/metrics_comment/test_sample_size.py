"""Sample size: scores of subsets are those of their definitions, and rankings settle where they must."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from scipy.spatial.distance import pdist
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof.statistics import Resampling
from spikeproof.types import Code, StudyEvidence
from spikeproof_metrics_comment.sample_size import SampleSize
from spikeproof_metrics_comment.unit_sums import shares, subset_norms
from spikeproof_metrics_representation import cka

RESAMPLING = Resampling(draws=100)


def code(name: str, responses: np.ndarray, stimuli: list[str] | None = None) -> Code:
    names = stimuli or [f"s{k:03d}" for k in range(len(responses))]
    coords = {"stimulus": names, "unit": [f"u{k:03d}" for k in range(responses.shape[1])]}
    return Code(system=name, responses=xr.DataArray(responses, dims=("stimulus", "unit"), coords=coords))


def study(*codes: Code) -> StudyEvidence:
    return StudyEvidence(codes={one.system: one for one in codes}, measured={})


def simulated(seed: int, *, noise: float, units: int = 60, stimuli: int = 40, models: int = 5) -> list[Code]:
    """A recording of a latent code, and models that share less and less of it."""
    rng = np.random.default_rng(seed)
    latent, other = rng.normal(size=(2, stimuli, 8))
    recorded = latent @ rng.normal(size=(8, units)) + noise * rng.normal(size=(stimuli, units))
    out = [code("recording", recorded)]
    for number, share in enumerate(np.linspace(1.0, 0.2, models)):
        mixed = share * latent + np.sqrt(1 - share**2) * other
        out.append(code(f"model {number}", mixed @ rng.normal(size=(8, 50))))
    return out


def test_scores_of_a_subset_are_those_of_their_definitions() -> None:
    rng = np.random.default_rng(0)
    recorded = rng.normal(size=(30, 12))
    other = recorded @ rng.normal(size=(12, 7)) + rng.normal(size=(30, 7))
    order, fold = rng.permutation(12), np.arange(30) % 5
    keep = np.arange(30) != 4
    norms = subset_norms(("cka", "rdm", "ridge"), recorded, order, [3, 12], [np.ones(30, dtype=bool), keep])
    for number, rows in enumerate((np.ones(30, dtype=bool), keep)):
        for place, size in enumerate((3, 12)):
            subset = recorded[rows][:, order[:size]]
            expected = {
                "cka": cka(subset, other[rows]),
                "rdm": np.corrcoef(pdist(subset, "sqeuclidean"), pdist(other[rows], "sqeuclidean"))[0, 1],
            }
            for kind, score in expected.items():
                added = shares(kind, recorded[rows], other[rows], "other", fold[rows])  # type: ignore[arg-type]
                got = added[order[:size]].sum() / norms[kind][number, place]  # type: ignore[index]
                assert got == pytest.approx(score), (kind, size)
    predicted = shares("ridge", recorded, other, "other", fold)
    assert predicted.shape == (12,)
    assert norms["ridge"].tolist() == [[3, 12], [3, 12]]


def test_ridge_predicts_what_is_linear_and_not_what_is_noise() -> None:
    rng = np.random.default_rng(1)
    features = rng.normal(size=(200, 5))
    recorded = np.stack([features @ rng.normal(size=5), rng.normal(size=200)], axis=1)
    found = shares("ridge", recorded, features, "net", np.arange(200) % 5)
    assert found[0] > 0.999
    assert abs(found[1]) < 0.25
    assert shares("ridge", recorded, np.ones((200, 2)), "flat", np.arange(200) % 5).tolist() == [0, 0]


def test_models_stand_in_the_order_of_their_distance_and_tau_goes_to_one() -> None:
    metric = SampleSize(draws=60)
    summary = metric.across(study(*simulated(0, noise=2.0)), RESAMPLING)
    last = summary["score"].sel(statistic="estimate").isel(units=-1)
    for measure in last["measure"].values.tolist():
        assert last.sel(measure=measure).values.argsort()[::-1].tolist() == [0, 1, 2, 3, 4], measure
    tau = summary["tau"].sel(statistic="estimate", against="all units")
    assert (tau.isel(units=-1) == 1).all()
    assert (tau.isel(units=0) < tau.isel(units=-3)).all()
    stable = summary["stable_units"].sel(statistic="estimate")
    assert (stable.sel(against="all units") < 60).all()
    assert float(summary["stable_by_chance"].sel(statistic="estimate")) == pytest.approx(1 / 120)


def test_noise_makes_a_stable_ranking_take_more_units() -> None:
    needed = []
    for noise in (0.5, 3.0, 12.0):
        metric = SampleSize(draws=60, scores=("cka",), sizes=(2, 4, 8, 16, 24, 32, 48, 64))
        found = []
        for seed in range(3):
            codes = simulated(seed, noise=noise, units=128)
            summary = metric.across(study(*codes), RESAMPLING)
            found.append(float(summary["stable_units"].sel(statistic="estimate", against="the other half")[0]))
        needed.append(np.median(found))
    assert needed[0] < needed[1] < needed[2]


def test_a_ranking_of_equal_models_is_never_stable() -> None:
    rng = np.random.default_rng(0)
    recorded = code("recording", rng.normal(size=(40, 40)))
    models = [code(f"m{k}", rng.normal(size=(40, 20))) for k in range(6)]
    metric = SampleSize(draws=40, scores=("rdm",))
    summary = metric.across(study(recorded, *models), RESAMPLING)
    other = summary["stable"].sel(statistic="estimate", against="the other half").dropna("units")
    assert float(other.max()) < 0.5
    assert np.isinf(float(summary["stable_units"].sel(statistic="estimate", against="the other half")[0]))
    assert any(
        "against the other half not with the 20 units that can be tested" in said for said in metric.describe(summary)
    )


def test_small_samples_scatter_more_than_large_ones() -> None:
    summary = SampleSize(draws=60).across(study(*simulated(0, noise=2.0)), RESAMPLING)
    one = summary["score_of_one_sample"]
    width = (one.sel(statistic="high") - one.sel(statistic="low")).mean("system")
    assert (width.isel(units=1) > 2 * width.sel(units=30)).all()
    np.testing.assert_allclose(width.isel(units=-1), 0, atol=1e-9)
    interval = summary["score"].isel(units=-1)
    assert (interval.sel(statistic="high") > interval.sel(statistic="low")).all()


def test_without_a_recording_the_first_system_is_sampled_and_one_other_is_not_ranked() -> None:
    recording, model, *_ = simulated(0, noise=1.0)
    metric = SampleSize(draws=20)
    summary = metric.across(study(model, code("other", recording.responses.values)), RESAMPLING)
    assert "tau" not in summary
    told = list(metric.describe(summary))
    assert told[0].startswith("With 50 units of model 0, CKA is: other ")
    assert told[-1] == "There is one system to compare with: nothing is ranked."
    named = SampleSize(draws=20, reference="other").across(
        study(model, code("other", model.responses.values)), RESAMPLING
    )
    assert named["score"]["system"].values.tolist() == ["model 0"]


def test_only_shared_stimuli_and_units_that_vary_count() -> None:
    recording, model, *_ = simulated(0, noise=1.0)
    values = recording.responses.values.copy()
    values[:, :10] = 3.0
    stranger = code("stranger", values[:, :5], [f"x{k}" for k in range(40)])
    metric = SampleSize(draws=20, most=20)
    summary = metric.across(study(code("recording", values), model, stranger), RESAMPLING)
    assert summary["units"].values.max() == 20
    assert any("stranger is left out: it shares 0 stimuli with recording" in said for said in metric.describe(summary))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"scores": ()}, "name different scores among cka, rdm, ridge"),
        ({"scores": ("cka", "cka")}, "name different scores among cka, rdm, ridge"),
        ({"draws": 5}, "draws must be at least 20, got 5"),
        ({"most": 1}, "most must be at least 2"),
        ({"sizes": (4, 2)}, r"sizes must ascend from 1 or more, got \[4, 2\]"),
    ],
)
def test_bad_parameters_are_refused(options: dict[str, object], message: str) -> None:
    with pytest.raises(BadParameter, match=message):
        SampleSize(**options)  # type: ignore[arg-type]


def test_too_little_data_is_refused() -> None:
    recording, model, *_ = simulated(0, noise=1.0)
    with pytest.raises(
        NotEnoughData, match="needs two systems, such as a recording and a layer of a model: there are 1"
    ):
        SampleSize().across(study(recording), RESAMPLING)
    with pytest.raises(DataError, match="there is no system 'x': the systems are 'recording', 'model 0'"):
        SampleSize(reference="x").across(study(recording, model), RESAMPLING)
    few = code("few", model.responses.values[:5])
    with pytest.raises(NotEnoughData, match="0 stimuli were shown to recording and to what it is compared with"):
        SampleSize().across(study(recording, few), RESAMPLING)
    with pytest.raises(NotEnoughData, match="2 units of recording respond differently to any two stimuli, at least 4"):
        SampleSize().across(study(code("recording", recording.responses.values[:, :2]), model), RESAMPLING)
    with pytest.raises(NotEnoughData, match="sizes go up to 99 units, but the reference has 60 that vary"):
        SampleSize(sizes=(99,)).across(study(recording, model), RESAMPLING)
    flat = code("flat", np.ones((40, 3)))
    with pytest.raises(NotEnoughData, match="responses of flat do not differ between stimuli"):
        SampleSize().across(study(recording, flat), RESAMPLING)
