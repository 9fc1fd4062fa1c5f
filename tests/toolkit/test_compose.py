"""Several sources become one recording over shared stimulus ids, or are refused by name."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from joined_sessions import session
from spikeproof.code_of_recording import code_of_recording
from spikeproof.compose import compose, recordings_of
from spikeproof.errors import DataError, PluginFailed
from spikeproof.types import Recording, StimulusSet


def images(
    ids: Sequence[str],
    category: Sequence[str] | None = None,
    source: str = "images:a",
    size: int = 2,
    first: int = 0,
) -> Recording:
    """Image k of the set is filled with (first + k) / 100."""
    columns = {} if category is None else {"category": list(category)}
    table = pd.DataFrame(columns, index=pd.Index(list(ids), name="stimulus_id"))

    def read(rows: Sequence[int]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        return np.stack([np.full((1, size, size), (first + row) / 100, np.float32) for row in rows])

    return Recording(
        stimuli=StimulusSet(table=table, shape=(1, size, size), read=read),
        identity={"source": source, "digest": f"digest of {source}"},
        notes=(f"note of {source}",),
    )


def responses(ids: Sequence[str], category: Sequence[str] | None = None, source: str = "nwb:r.nwb") -> Recording:
    coords: dict[str, object] = {
        "unit": ["u"],
        "stimulus_id": ("presentation", list(ids)),
        "repeat": ("presentation", [list(ids)[:k].count(name) for k, name in enumerate(ids)]),
    }
    if category is not None:
        coords["category"] = ("presentation", list(category))
    response = xr.DataArray(
        np.arange(len(ids), dtype=float)[:, None],
        dims=("presentation", "unit"),
        coords=coords,
        attrs={"units": "spikes"},
    )
    return Recording(
        responses=xr.Dataset({"response": response}),
        identity={"source": source, "digest": f"digest of {source}"},
        notes=(f"note of {source}",),
    )


def test_one_source_passes_through() -> None:
    alone = responses(["a", "b"])
    assert compose([alone]) is alone


def test_responses_and_images_join_over_stimulus_ids() -> None:
    joined = compose([responses(["b", "a", "b"]), images(["a", "b"], ["x", "y"])])
    assert joined.stimuli is not None
    assert joined.responses is not None
    assert joined.responses["category"].values.tolist() == ["y", "x", "y"]
    assert joined.stimuli.images(["b"]).mean() == pytest.approx(0.01)
    assert "categories of presentations are those of the images" in joined.notes
    code, _ = code_of_recording(joined)
    assert code.labels is not None
    assert code.labels.values.tolist() == ["y", "x"]


def test_identities_are_kept_under_the_number_of_the_source() -> None:
    joined = compose([images(["a", "b"]), responses(["a", "b"])])
    assert joined.identity["source"] == "images:a + nwb:r.nwb"
    assert joined.identity["0.source"] == "images:a"
    assert joined.identity["1.digest"] == "digest of nwb:r.nwb"
    assert len(joined.identity["digest"]) == 64
    assert joined.notes == ("note of images:a", "note of nwb:r.nwb")


def test_images_never_presented_stay_and_are_noted() -> None:
    joined = compose([responses(["a", "b"]), images(["a", "b", "c"])])
    assert joined.stimuli is not None
    assert joined.stimuli.ids == ("a", "b", "c")
    assert "1 of 3 images were never presented in nwb:r.nwb" in joined.notes


def test_presentations_without_an_image_are_refused_with_their_names() -> None:
    with pytest.raises(DataError) as error:
        compose([responses(["a.png", "b.png", "c.png"]), images(["a.png", "b.jpg"])])
    text = str(error.value)
    assert "2 of 3 stimuli presented in nwb:r.nwb have no image in images:a: 'b.png', 'c.png'" in text
    assert "'b.jpg' is near 'b.png'" in text or "'a.png' is near 'b.png'" in text


def test_categories_of_presentations_reach_the_images() -> None:
    joined = compose([responses(["b", "a", "b"], ["y", "x", "y"]), images(["a", "b"])])
    assert joined.stimuli is not None
    assert joined.stimuli.table["category"].tolist() == ["x", "y"]
    assert joined.stimuli.images().mean(axis=(1, 2, 3)) == pytest.approx([0, 0.01])


def test_categories_that_do_not_cover_the_images_are_not_given_to_them() -> None:
    joined = compose([responses(["a"], ["x"]), images(["a", "b"])])
    assert joined.stimuli is not None
    assert "category" not in joined.stimuli.table
    assert any("do not cover images never presented" in note for note in joined.notes)


def test_conflicting_categories_are_refused() -> None:
    with pytest.raises(
        DataError, match=r"stimulus 'b' has category 'z' on presentation 1 of nwb:r\.nwb, but 'y' among"
    ):
        compose([responses(["a", "b"], ["x", "z"]), images(["a", "b"], ["x", "y"])])


def test_a_category_that_is_not_a_property_of_the_stimulus_is_refused() -> None:
    with pytest.raises(DataError, match=r"stimulus 'a' has several categories in nwb:r.nwb \('x' and 'y'\)"):
        compose([responses(["a", "a"], ["x", "y"]), images(["a"])])


def test_images_of_several_sources_are_put_in_one_set() -> None:
    joined = compose([images(["a", "b"]), images(["c", "d"], source="images:b", first=50)])
    assert joined.responses is None
    assert joined.stimuli is not None
    assert joined.stimuli.ids == ("a", "b", "c", "d")
    pixels = joined.stimuli.images(["d", "a", "c", "b"]).mean(axis=(1, 2, 3))
    np.testing.assert_allclose(pixels, [0.51, 0, 0.5, 0.01], atol=1e-6)


def test_images_of_another_shape_are_refused() -> None:
    with pytest.raises(DataError, match=r"images:a are \(1, 2, 2\).*images:b are \(1, 3, 3\).*same size"):
        compose([images(["a"]), images(["b"], source="images:b", size=3)])


def test_ids_that_name_two_images_are_refused() -> None:
    with pytest.raises(
        DataError,
        match=r"'b' names one image in images:a and another in images:b \(pixels differ by up to 0\.01; 1 ids stand in",
    ):
        compose([images(["a", "b"]), images(["b", "c"], source="images:b")])


def test_an_image_that_several_sources_hold_stands_once() -> None:
    joined = compose([images(["a", "b"], ["x", "y"]), images(["b", "c"], ["y", "z"], source="images:b", first=1)])
    assert joined.stimuli is not None
    assert joined.stimuli.ids == ("a", "b", "c")
    assert joined.stimuli.table["category"].tolist() == ["x", "y", "z"]
    np.testing.assert_allclose(joined.stimuli.images(["c", "b", "a"]).mean(axis=(1, 2, 3)), [0.02, 0.01, 0], atol=1e-6)
    assert "1 images are held by several sources; they are the same, pixel by pixel" in joined.notes


def test_more_images_are_compared_than_fit_in_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spikeproof.joining.images._AT_ONCE", 2)
    ids = [f"s{k}" for k in range(5)]
    assert compose([images(ids), images(ids, source="images:b")]).stimuli is not None
    with pytest.raises(DataError, match="'s4' names one image"):
        compose([images(ids), images([*ids[:4], "x", "s4"], source="images:b")])


def test_one_image_of_two_categories_is_refused() -> None:
    with pytest.raises(DataError, match=r"image 'b' has category 'y' in images:a but 'z' in images:b"):
        compose([images(["a", "b"], ["x", "y"]), images(["b"], ["z"], source="images:b", first=1)])


def test_columns_of_images_that_differ_are_kept_for_each_source() -> None:
    one, other = images(["a", "b"]), images(["b", "c"], source="images:b", first=1)
    for recording, values in ((one, [1, 2]), (other, [3, 4])):
        assert recording.stimuli is not None
        recording.stimuli.table["contrast"] = values
        recording.stimuli.table["size"] = [7, 7]
    table = compose([one, other]).stimuli
    assert table is not None
    assert table.table["size"].tolist() == [7, 7, 7]
    np.testing.assert_array_equal(table.table["contrast (a)"], [1, 2, np.nan])
    np.testing.assert_array_equal(table.table["contrast (b)"], [np.nan, 3, 4])


def test_images_without_categories_take_them_where_another_source_names_them() -> None:
    joined = compose([images(["a", "b"], ["x", "y"]), images(["b"], source="images:b", first=1)])
    assert joined.stimuli is not None
    assert joined.stimuli.table["category"].tolist() == ["x", "y"]


def test_categories_on_one_side_of_two_image_sources_are_refused() -> None:
    with pytest.raises(DataError, match="images:a have categories but those of images:b have none"):
        compose([images(["a"], ["x"]), images(["b"], source="images:b")])


def test_no_source_is_refused() -> None:
    with pytest.raises(DataError, match="none was given"):
        compose([])


def test_another_join_is_refused() -> None:
    with pytest.raises(DataError, match="join must be 'shared', 'union' or 'rounds', got 'inner'"):
        compose([responses(["a", "b"])], join="inner")  # type: ignore[arg-type]


def test_what_a_source_loads_is_one_recording_or_several() -> None:
    one = responses(["a", "b"])
    assert recordings_of(one, "x") == (one,)
    assert recordings_of((one, one), "x") == (one, one)
    for wrong in ((), None, (one, 3), [one]):
        with pytest.raises(PluginFailed, match=r"nwb: load\(\) must return a Recording or a tuple of Recordings, got"):
            recordings_of(wrong, "nwb")


def test_images_give_their_categories_where_only_one_of_several_recordings_names_any() -> None:
    one = responses(["a", "b"], ["x", "y"], source="nwb:1")
    two = session(["b", "c"], source="nwb:2", units=["v"], name="two")
    joined = compose([one, two, images(["a", "b", "c"], ["x", "y", "z"])], join="union")
    assert joined.responses is not None
    assert joined.responses["category"].values.tolist() == ["x", "y", "z"]
    assert "categories of presentations are those of the images" in joined.notes
    with pytest.raises(DataError, match=r"stimulus 'b' has category 'y' on presentation 1 of nwb:1 and nwb:2, but 'q'"):
        compose([one, two, images(["a", "b", "c"], ["x", "q", "z"])], join="union")


def test_categories_that_no_recording_names_are_not_given_to_the_images() -> None:
    two = session(["b", "c"], source="nwb:2", units=["v"], name="two")
    joined = compose([responses(["a", "b"], ["x", "y"], source="nwb:1"), two, images(["a", "b", "c"])], join="union")
    assert joined.stimuli is not None
    assert "category" not in joined.stimuli.table
    assert any("1 of 3 stimuli have no category in any recording ('c')" in note for note in joined.notes)


def test_every_stimulus_of_several_recordings_needs_an_image() -> None:
    two = session(["b", "c"], source="nwb:2", units=["v"], name="two")
    one = responses(["a", "b"], source="nwb:1")
    assert compose([one, two, images(["a", "b"])]).responses is not None
    with pytest.raises(DataError, match=r"1 of 3 stimuli presented in nwb:1 and nwb:2 have no image in images:a: 'c'"):
        compose([one, two, images(["a", "b"])], join="union")
