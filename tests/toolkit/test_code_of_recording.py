"""A recording becomes a clean code: means, labels, repeats and noise covariance, or a reason why not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from spikeproof.code_of_recording import code_of_recording, noise_covariance
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.types import Recording, StimulusSet


def recording(values: Any, stimuli: list[str], **coords: Any) -> Recording:
    values = np.asarray(values, dtype=float)
    seen: dict[str, int] = {}
    repeat = []
    for name in stimuli:
        repeat.append(seen.get(name, 0))
        seen[name] = repeat[-1] + 1
    response = xr.DataArray(
        values,
        dims=("presentation", "unit"),
        coords={
            "unit": [f"u{k}" for k in range(values.shape[1])],
            "stimulus_id": ("presentation", stimuli),
            "repeat": ("presentation", repeat),
            **coords,
        },
        attrs={"units": "spikes"},
    )
    return Recording(responses=xr.Dataset({"response": response}), identity={"source": "x", "digest": "d"})


def test_means_stand_in_the_order_of_first_presentation() -> None:
    code, _ = code_of_recording(recording([[1, 0], [5, 1], [3, 4], [7, 7]], ["b", "a", "b", "c"]))
    assert code.responses["stimulus"].values.tolist() == ["b", "a", "c"]
    assert code.responses.values.tolist() == [[2, 2], [5, 1], [7, 7]]
    assert code.responses.attrs == {"units": "spikes"}
    assert code.facts == {"source": "x", "digest": "d"}


def test_means_equal_those_of_pandas() -> None:
    rng = np.random.default_rng(0)
    stimuli = [f"s{k}" for k in rng.integers(0, 7, 60)]
    values = rng.normal(size=(60, 3))
    code, _ = code_of_recording(recording(values, stimuli))
    peer = pd.DataFrame(values).groupby(stimuli, sort=False).mean()
    assert code.responses["stimulus"].values.tolist() == peer.index.tolist()
    np.testing.assert_allclose(code.responses.values, peer.to_numpy(), rtol=1e-12)
    assert code.repeats is not None
    assert code.repeats["stimulus"].values.tolist() == stimuli
    np.testing.assert_array_equal(code.repeats.values, values)


def test_coordinates_on_unit_are_kept() -> None:
    code, _ = code_of_recording(recording([[1, 2], [3, 1]], ["a", "b"], session=("unit", ["x", "y"])))
    assert code.responses["session"].values.tolist() == ["x", "y"]


def test_without_repeats_there_is_neither_repeats_nor_covariance() -> None:
    code, notes = code_of_recording(recording([[1, 2], [3, 1]], ["a", "b"]))
    assert code.repeats is None
    assert code.noise_covariance is None
    assert any("no stimulus was repeated" in note for note in notes)


def test_the_noise_covariance_is_that_of_a_one_way_analysis_of_variance() -> None:
    rng = np.random.default_rng(1)
    truth = np.array([[2.0, 0.5], [0.5, 1.0]])
    stimuli = [f"s{k // 50}" for k in range(1000)]
    values = rng.multivariate_normal([0, 0], truth, size=1000) + np.repeat(rng.normal(size=(20, 2)) * 5, 50, axis=0)
    code, _ = code_of_recording(recording(values, stimuli))
    assert code.noise_covariance is not None
    peer = sum(np.cov(values[np.asarray(stimuli) == name].T) for name in set(stimuli)) / 20
    np.testing.assert_allclose(code.noise_covariance.values, peer, rtol=1e-10)
    # Standard error of a covariance of Gaussians: sqrt((s_ii s_jj + s_ij^2) / freedom).
    error = np.sqrt((np.outer(np.diag(truth), np.diag(truth)) + truth**2) / 980)
    assert (np.abs(code.noise_covariance.values - truth) < 4 * error).all()
    assert code.noise_covariance.dims == ("unit", "unit_other")


def test_too_few_residuals_give_no_covariance_and_say_so() -> None:
    rng = np.random.default_rng(2)
    code, notes = code_of_recording(recording(rng.normal(size=(10, 3)), ["a", "b"] * 2 + list("cdefgh")))
    assert code.repeats is not None
    assert code.noise_covariance is None
    assert any("2 residual degrees of freedom for 3 units (at least 6 are needed)" in note for note in notes)


def test_a_silent_unit_gives_no_covariance_and_is_named_twice() -> None:
    values = np.random.default_rng(3).normal(size=(40, 2))
    values[:, 1] = 0
    code, notes = code_of_recording(recording(values, ["a", "b"] * 20))
    assert code.noise_covariance is None
    assert any("1 units never vary between repeats of a stimulus ('u1')" in note for note in notes)
    assert any("1 of 2 units have the same mean response to every stimulus: 'u1'" in note for note in notes)


def test_a_copied_unit_makes_the_covariance_singular() -> None:
    noise = np.random.default_rng(4).normal(size=(60, 2))
    estimate, reason = noise_covariance(np.column_stack([noise, noise[:, 0]]), 60, np.array(["a", "b", "c"]))
    assert estimate is None
    assert "singular" in reason


def test_labels_come_from_the_presentations() -> None:
    code, _ = code_of_recording(recording([[1], [2], [3]], ["a", "b", "a"], category=("presentation", [1, 2, 1])))
    assert code.labels is not None
    assert code.labels.values.tolist() == ["1", "2"]


def test_labels_come_from_the_stimuli_where_presentations_have_none() -> None:
    rec = recording([[1], [2], [3]], ["a", "b", "a"])
    table = pd.DataFrame({"category": ["dog", "cat"]}, index=pd.Index(["b", "a"], name="stimulus_id"))
    stimuli = StimulusSet(table=table, shape=(1, 1, 1), read=lambda rows: np.zeros((len(rows), 1, 1, 1), np.float32))
    code, _ = code_of_recording(Recording(responses=rec.responses, stimuli=stimuli))
    assert code.labels is not None
    assert code.labels.values.tolist() == ["cat", "dog"]
    with pytest.raises(DataError, match="1 presented stimuli are not in the table of images and have no category"):
        code_of_recording(Recording(responses=recording([[1], [2]], ["a", "z"]).responses, stimuli=stimuli))


def test_a_stimulus_of_two_categories_is_refused() -> None:
    rec = recording([[1], [2], [3]], ["a", "b", "a"], category=("presentation", ["x", "x", "y"]))
    with pytest.raises(DataError, match=r"stimulus 'a' has several categories \('x' and 'y', presentation 2\)"):
        code_of_recording(rec)


def test_a_missing_category_is_refused() -> None:
    rec = recording([[1], [2]], ["a", "b"], category=("presentation", ["x", ""]))
    with pytest.raises(DataError, match=r"'category' of presentation 1 \(stimulus 'b'\) is missing"):
        code_of_recording(rec)


def test_one_stimulus_is_not_enough() -> None:
    with pytest.raises(NotEnoughData, match="one stimulus only"):
        code_of_recording(recording([[1], [2]], ["a", "a"]))


def in_bins(values: Any, units: str, **edges: Any) -> Recording:
    values = np.asarray(values, dtype=float)
    response = xr.DataArray(
        values,
        dims=("presentation", "unit", "time_bin"),
        coords={
            "unit": [f"u{k}" for k in range(values.shape[1])],
            "stimulus_id": ("presentation", [f"s{k}" for k in range(len(values))]),
            "repeat": ("presentation", [0] * len(values)),
            **{name: ("time_bin", edge) for name, edge in edges.items()},
        },
        attrs={"units": units},
    )
    return Recording(responses=xr.Dataset({"response": response}))


def test_spikes_are_summed_over_time_bins_and_this_is_said() -> None:
    rec = in_bins([[[1, 2]], [[3, 5]]], "spikes", time_bin_start=[0.0, 0.1], time_bin_stop=[0.1, 0.2])
    code, notes = code_of_recording(rec)
    assert code.responses.values.tolist() == [[3], [8]]
    assert "responses are in 2 time bins (0 to 0.2 s): spikes are summed over them" in notes


def test_rates_are_averaged_over_time_bins_as_long_as_each_lasts() -> None:
    even, notes = code_of_recording(in_bins([[[1, 3]], [[3, 5]]], "Hz"))
    assert even.responses.values.tolist() == [[2], [4]]
    assert "responses are in 2 time bins: Hz are averaged over them" in notes
    # 4 spikes in 1 s and 6 in 3 s are 10 spikes in 4 s.
    uneven = in_bins([[[4, 2]], [[0, 4]]], "Hz", time_bin_start=[0.0, 1.0], time_bin_stop=[1.0, 4.0])
    code, notes = code_of_recording(uneven)
    np.testing.assert_allclose(code.responses.values, [[2.5], [3.0]], rtol=1e-15)
    assert any("each bin weighing as long as it lasts" in note for note in notes)


def test_a_response_of_which_a_bin_is_missing_counts_as_not_measured() -> None:
    cells = np.ones((3, 2, 2))
    cells[1, 0, 1] = np.nan
    code, notes = code_of_recording(in_bins(cells, "spikes"))
    assert code.responses["stimulus"].values.tolist() == ["s0", "s2"]
    assert any("1 of 6 responses of which a bin was not measured count as not measured" in note for note in notes)


def test_means_are_over_the_repeats_that_were_measured() -> None:
    values = [[1, np.nan], [2, 7], [3, 4], [np.nan, 6], [8, 8]]
    code, notes = code_of_recording(recording(values, ["a", "b", "a", "a", "b"]))
    assert code.responses.values.tolist() == [[2, 5], [5, 7.5]]
    assert code.repeats is not None
    assert code.repeats.values.tolist() == [[2, 7], [3, 4], [8, 8]]
    assert code.repeats["stimulus"].values.tolist() == ["b", "a", "b"]
    assert "3 of 5 presentations were measured in every unit; the others enter the means alone" in notes


def test_means_equal_those_of_pandas_where_repeats_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spikeproof.averaging._CHUNK", 120)  # two units at a time
    rng = np.random.default_rng(5)
    stimuli = [f"s{k % 6}" for k in range(60)]
    values = rng.normal(size=(60, 5))
    values[rng.random(values.shape) < 0.3] = np.nan
    values[:6] = 1.0  # every stimulus is measured once at least
    code, _ = code_of_recording(recording(values, stimuli))
    peer = pd.DataFrame(values).groupby(stimuli, sort=False).mean()
    assert code.responses["stimulus"].values.tolist() == peer.index.tolist()
    np.testing.assert_allclose(code.responses.values, peer.to_numpy(), rtol=1e-12)


def test_stimuli_that_not_every_unit_saw_are_left_out_and_counted() -> None:
    values = [[1, 2], [np.nan, 7], [3, 4], [5, np.nan], [6, 9]]
    given = recording(values, list("abcad"), category=("presentation", ["x", "", "y", "x", "y"]))
    code, notes = code_of_recording(given)
    assert code.responses["stimulus"].values.tolist() == ["a", "c", "d"]
    assert code.responses.values.tolist() == [[3, 2], [3, 4], [6, 9]]
    assert code.labels is not None  # of 'b', which is left out, no category is asked
    assert code.labels.values.tolist() == ["x", "y", "y"]
    assert (
        "1 of 4 stimuli were not measured in all 2 units and are left out of the code ('b'); "
        "the fewest, 3, in unit 'u0'"
    ) in notes
    assert code.repeats is None
    assert any("3 of 4 presentations were measured in every unit; no stimulus has two" in note for note in notes)
    assert given.responses is not None
    assert given.responses.sizes["presentation"] == 5


def test_too_few_stimuli_seen_by_all_units_are_refused_with_what_saw_least() -> None:
    values = [[1, 2], [np.nan, 7], [np.nan, 4]]
    with pytest.raises(
        NotEnoughData,
        match=r"1 of 3 stimuli were measured in all 2 units, .*needs two at least \(the fewest, 1, in unit 'u0'\)",
    ):
        code_of_recording(recording(values, list("abc")))
    sessions = {"session": ("unit", ["one", "two"]), "subject": ("unit", ["m", "m"])}
    with pytest.raises(NotEnoughData, match=r"the fewest, 1, in session 'one' of subject 'm'\): leave out the units"):
        code_of_recording(recording(values, list("abc"), **sessions))


def test_the_noise_covariance_is_estimated_session_by_session() -> None:
    rng = np.random.default_rng(6)
    stimuli = [f"s{k % 5}" for k in range(80)]
    values = rng.multivariate_normal([0, 0, 0], [[2, 1, 1], [1, 2, 1], [1, 1, 2]], size=80)
    values[40:, 2] = np.nan  # the second session repeated less often
    given = {"session": ("unit", ["one", "one", "two"]), "subject": ("unit", ["m", "m", "m"])}
    code, notes = code_of_recording(recording(values, stimuli, **given))
    assert code.noise_covariance is not None
    got = code.noise_covariance.values
    names = np.asarray(stimuli)
    pooled = sum(np.cov(values[names == name, :2].T) * 15 for name in set(stimuli)) / 75
    alone = sum(np.var(values[:40][names[:40] == name, 2], ddof=1) * 7 for name in set(stimuli)) / 35
    np.testing.assert_allclose(got[:2, :2], pooled, rtol=1e-12)
    np.testing.assert_allclose(got[2, 2], alone, rtol=1e-12)
    assert (got[:2, 2] == 0).all()
    assert any("the noise covariance between the 2 sessions is not measured and taken as zero" in n for n in notes)


def test_a_session_without_enough_repeats_gives_no_covariance_and_is_named() -> None:
    rng = np.random.default_rng(7)
    values = rng.normal(size=(40, 3))
    values[12:, 2] = np.nan
    given = {"session": ("unit", ["one", "one", "two"]), "subject": ("unit", ["m", "m", "n"])}
    code, notes = code_of_recording(recording(values, [f"s{k % 12}" for k in range(40)], **given))
    assert code.noise_covariance is None
    assert any(
        "no noise covariance: in session 'two' of subject 'n', repeats leave 0 residual degrees of freedom" in note
        for note in notes
    )


def test_images_alone_are_refused() -> None:
    table = pd.DataFrame(index=pd.Index(["a"], name="stimulus_id"))
    stimuli = StimulusSet(table=table, shape=(1, 1, 1), read=lambda rows: np.zeros((len(rows), 1, 1, 1), np.float32))
    with pytest.raises(DataError, match="images without responses"):
        code_of_recording(Recording(stimuli=stimuli))
