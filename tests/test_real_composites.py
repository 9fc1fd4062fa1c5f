"""Real recordings joined: two monkeys' V4 sessions side by side, and one human session put together from its halves."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr
from spikeproof import load_source
from spikeproof.code_of_recording import code_of_recording
from spikeproof.errors import DataError, NotEnoughData
from spikeproof.types import Recording

HUMAN = "data/nwb/dandi000207_human_sub-4_ses-4_ecephys+image.nwb"


@pytest.fixture(scope="module")
def v4(shared: Path) -> list[dict[str, Any]]:
    """The two sessions as sources: 190923 without repeats, 210325 with up to ten, NaN where there are fewer."""
    folder = shared / "data" / "v4"
    first = {"use": f"table:{folder}/responses_avg_190923.npy", "dims": ["unit", "stimulus"], "session": "190923"}
    second = {"use": f"table:{folder}/responses_raw_210325.npy", "dims": ["unit", "stimulus", "repeat"]}
    return [
        {**first, "subject": "one", "images": str(folder / "images_190923.zip"), "response_units": "spikes"},
        {
            **second,
            "session": "210325",
            "subject": "two",
            "images": str(folder / "images_210325.zip"),
            "response_units": "spikes",
        },
    ]


def test_both_v4_sessions_stand_side_by_side_with_both_monkeys_and_all_units(shared: Path, v4: list[Any]) -> None:
    joined = load_source([v4[0], {**v4[1], "prefix": "210325/"}], join="union")
    responses = joined.responses
    assert responses is not None
    assert joined.stimuli is not None
    assert responses.sizes["unit"] == 33 + 50
    assert np.unique(responses["subject"], return_counts=True)[1].tolist() == [33, 50]
    assert len(joined.stimuli) == 1200 + 640
    means = np.load(shared / "data/v4/responses_avg_190923.npy")
    single = np.load(shared / "data/v4/responses_raw_210325.npy")
    first = responses.isel(unit=slice(0, 33)).dropna("presentation", subset=["response"])
    assert first["stimulus_id"].values.tolist() == [f"image{k:04d}.jpg" for k in range(1, 1201)]
    np.testing.assert_array_equal(first["response"].values.T, means)
    second = responses.isel(unit=slice(33, 83)).dropna("presentation", subset=["response"])
    flat = single.reshape(50, -1)
    np.testing.assert_array_equal(second["response"].values.T, flat[:, ~np.isnan(flat[0])])
    assert np.unique(second["stimulus_id"], return_counts=True)[1].max() == 10
    # The sessions showed different images: there are no responses of all units to one image.
    with pytest.raises(NotEnoughData, match=r"0 of 1840 stimuli were measured in all 83 units"):
        code_of_recording(joined)


def test_the_v4_sessions_call_different_images_alike_and_this_is_seen(v4: list[Any]) -> None:
    for join in ("shared", "union"):
        with pytest.raises(
            DataError, match=r"'image0001\.jpg' names one image in .*190923\.npy and another in .*640 ids"
        ):
            load_source(v4, join=join)


def test_v4_sessions_without_a_common_image_have_no_shared_stimuli(v4: list[Any]) -> None:
    with pytest.raises(
        DataError, match=r"no stimulus was shown in all of .* near 'image0001\.jpg' is '210325/image0001"
    ):
        load_source([v4[0], {**v4[1], "prefix": "210325/"}])


def test_halves_of_a_human_session_are_the_session(shared: Path) -> None:
    use = {"use": f"nwb:{shared / HUMAN}", "table": "recognition_table", "stimulus": "frameName"}
    whole = load_source(use)
    assert whole.responses is not None
    numbers = whole.responses["unit"].values.tolist()
    halves = [load_source(use | {"units": text}) for text in ("id < 17", "id >= 17")]
    assert sum(half.responses.sizes["unit"] for half in halves if half.responses is not None) == len(numbers)
    joined = load_source([use | {"units": "id < 17"}, use | {"units": "id >= 17"}])
    assert joined.responses is not None
    xr.testing.assert_identical(joined.responses, whole.responses)
    one, other = code_of_recording(joined)[0], code_of_recording(Recording(responses=whole.responses))[0]
    xr.testing.assert_identical(one.responses, other.responses)


def test_a_human_session_given_twice_is_refused(shared: Path) -> None:
    use = {"use": f"nwb:{shared / HUMAN}", "table": "recognition_table", "stimulus": "frameName"}
    with pytest.raises(DataError, match="are the same recording given twice"):
        load_source([use, use])
    other = {"use": f"nwb:{shared / HUMAN}", "table": "encoding_table", "stimulus": "Clip_name", "window": [0, 1]}
    with pytest.raises(DataError, match=r"one session .* with other presentations each\. Joining adds units"):
        load_source([use | {"window": [0, 1]}, other], join="union")
