"""What encoders are fitted to: responses and images of one stimulus stand side by side, whatever their order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from spikeproof.errors import DataError
from spikeproof.insilico import stimulus_folds, training_data
from spikeproof.types import Recording, StimulusSet


def images(names: Sequence[str], columns: Mapping[str, Sequence[object]] | None = None) -> StimulusSet:
    """Every pixel of an image is its number in ``names`` over ten."""
    pixels = (np.repeat(np.arange(len(names)), 4) / 10).reshape(-1, 1, 2, 2).astype(np.float32)
    table = pd.DataFrame(dict(columns or {}), index=pd.Index(list(names), name="stimulus_id"))
    return StimulusSet(table=table, shape=(1, 2, 2), read=lambda rows: pixels[list(rows)])


def recording(shown: Sequence[str], stimuli: StimulusSet, **on_presentation: Sequence[object]) -> Recording:
    repeat = [list(shown)[:k].count(name) for k, name in enumerate(shown)]
    response = xr.DataArray(
        np.arange(2.0 * len(shown)).reshape(-1, 2) ** 2,
        dims=("presentation", "unit"),
        coords={
            "unit": ["a", "b"],
            "stimulus_id": ("presentation", list(shown)),
            "repeat": ("presentation", repeat),
            **{name: ("presentation", list(values)) for name, values in on_presentation.items()},
        },
        attrs={"units": "Hz"},
    )
    return Recording(responses=xr.Dataset({"response": response}), stimuli=stimuli)


def test_images_are_matched_by_name_and_never_by_order() -> None:
    found = training_data(recording(["z", "y", "x", "y"], images(["x", "y", "z"])))
    assert found.responses["stimulus"].values.tolist() == ["z", "y", "x"]
    assert found.images.images()[:, 0, 0, 0].tolist() == pytest.approx([0.2, 0.1, 0.0])
    assert found.responses.sel(stimulus="y", unit="a").item() == (2**2 + 6**2) / 2
    assert found.presentations.tolist() == [[1, 1], [2, 2], [1, 1]]
    assert found.squares[1].tolist() == [2 * 16.0**2, 2 * 20.0**2]


def test_a_repeat_that_a_unit_missed_counts_for_the_others_only() -> None:
    one = recording(["x", "x", "y"], images(["x", "y"]))
    assert one.responses is not None
    one.responses["response"].values[1, 0] = np.nan
    found = training_data(one)
    assert found.presentations.tolist() == [[1, 2], [1, 1]]
    assert found.responses.values[0].tolist() == [0.0, 5.0]


def test_perturbed_stimuli_are_fitted_too_and_stay_with_their_clean_image() -> None:
    shown = ["x", "x+d", "y", "y+d"]
    one = recording(shown, images(shown), clean_stimulus_id=["", "x", "", "y"], epsilon=[np.nan, 0.5, np.nan, 0.5])
    found = training_data(one)
    assert found.responses["stimulus"].values.tolist() == shown
    assert found.groups.tolist() == ["x", "x", "y", "y"]


def test_a_catch_repeat_is_one_more_presentation_of_its_clean_image() -> None:
    shown = ["x", "x again", "x+d", "y"]
    one = recording(
        shown, images(["x", "x+d", "y"]), clean_stimulus_id=["", "x", "x", ""], epsilon=[0.0, 0.0, 0.5, 0.0]
    )
    found = training_data(one)
    assert found.responses["stimulus"].values.tolist() == ["x", "x+d", "y"]
    assert found.presentations.tolist() == [[2, 2], [1, 1], [1, 1]]
    assert found.groups.tolist() == ["x", "x", "y"]


def twins(same: Mapping[str, str], names: Sequence[str]) -> StimulusSet:
    """Images of which some are another one to the last pixel, under a name of its own."""
    pixels = images(names).images()
    pixels = pixels[[list(names).index(same.get(name, name)) for name in names]]
    return StimulusSet(table=images(names).table, shape=(1, 2, 2), read=lambda rows: pixels[list(rows)])


def test_one_image_under_two_names_is_never_split_between_training_and_test() -> None:
    names = [f"s{k}" for k in range(10)]
    found = training_data(recording(names, twins({"s7": "s2", "s9": "s2", "s8": "s5"}, names)))
    assert found.alike == (("s2", "s7", "s9"), ("s5", "s8"))
    for seed in range(20):
        fold = dict(zip(names, stimulus_folds(found.together.tolist(), 2, seed=seed).tolist(), strict=True))
        assert fold["s2"] == fold["s7"] == fold["s9"]
        assert fold["s5"] == fold["s8"]
    assert found.groups.tolist() == names, "which clean image a stimulus was made of is another matter"


def test_perturbed_versions_of_one_image_under_two_names_stay_together() -> None:
    shown = ["x", "x+d", "y", "y+d", "z"]
    stimuli = twins({"y": "x"}, shown)
    found = training_data(
        recording(shown, stimuli, clean_stimulus_id=["", "x", "", "y", ""], epsilon=[0.0, 0.5, 0.0, 0.5, 0.0])
    )
    assert found.together.tolist() == ["x", "x", "x", "x", "z"]
    assert found.groups.tolist() == ["x", "x", "y", "y", "z"]


def test_images_that_differ_are_not_said_to_be_alike() -> None:
    names = ["x", "y", "z"]
    found = training_data(recording(names, images(names)))
    assert found.alike == ()
    assert found.together.tolist() == names


def test_the_table_of_images_may_say_what_a_perturbed_one_was_made_of() -> None:
    shown = ["x", "x+d", "y"]
    found = training_data(recording(shown, images(shown, {"clean_stimulus_id": [None, "x", "y"]})))
    assert found.groups.tolist() == ["x", "x", "y"]


def test_a_stimulus_without_an_image_is_refused_by_name() -> None:
    message = (
        r"encoder: 2 of 3 stimuli of the recording have no image \('cat1', 'cat2'\): did you mean 'cat1.png'\? there "
        r"are 2 images, such as 'dog', 'cat1.png'. Images are matched by stimulus_id, never by order: name the image "
    )
    with pytest.raises(DataError, match=message):
        training_data(recording(["cat1", "dog", "cat2"], images(["dog", "cat1.png"])))


def test_a_perturbed_image_with_two_clean_ones_is_refused() -> None:
    one = recording(["x", "y", "p", "p"], images(["x", "y", "p"]), clean_stimulus_id=["", "", "x", "y"])
    with pytest.raises(
        DataError, match=r"stimulus 'p' is made of two clean images \(clean_stimulus_id is 'x' and 'y'\)"
    ):
        training_data(one)
