"""What the presentation table says of perturbed stimuli is read strictly."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
import xarray as xr
from shown_perturbed import recorded, rows_of
from spikeproof.errors import DataError
from spikeproof.measured import clean_part, clean_stimuli, perturbations_of
from spikeproof.types import Recording, StimulusSet


def with_column(responses: xr.Dataset, name: str, row: int, value: Any) -> xr.Dataset:
    values = responses[name].values.astype(object)
    values[row] = value
    changed: xr.Dataset = responses.assign_coords({name: ("presentation", values)})
    return changed


@pytest.fixture
def responses() -> xr.Dataset:
    return recorded(rows_of(), repeats=2)


def test_what_is_not_said_follows_from_the_unit_that_is_named() -> None:
    made_of = {"clean_stimulus_id": "s00", "epsilon": 1.0, "control": "", "aim": "population"}
    rows: list[dict[str, Any]] = [
        {"stimulus_id": "s00", "clean_stimulus_id": "", "epsilon": 0.0},
        {"stimulus_id": "a", **made_of, "target_unit": "u1", "aim": "unit"},
        {"stimulus_id": "b", **made_of},
    ]
    found = perturbations_of(recorded(rows, repeats=1).drop_vars("aim"))
    assert found is not None
    said = found.table.set_index("stimulus_id")[["aim", "objective", "target", "perturbed"]].T.to_dict("list")
    assert said["a"] == ["unit", "unit", "u1", True]
    assert said["b"] == ["population", "population", "population", True]
    assert not said["s00"][-1]


def test_a_recording_without_the_columns_or_with_clean_rows_only_is_left_alone(responses: xr.Dataset) -> None:
    assert perturbations_of(responses.drop_vars("clean_stimulus_id")) is None
    clean = responses.isel(presentation=responses["clean_stimulus_id"].values == "")
    whole = Recording(responses=clean)
    assert clean_part(whole) == (whole, None)


def test_numbers_may_stand_as_text_and_single_precision_is_the_same_norm(responses: xr.Dataset) -> None:
    single = responses.assign_coords(epsilon=("presentation", responses["epsilon"].values.astype(np.float32) / 5))
    found = perturbations_of(single)
    assert found is not None
    assert sorted(set(found.table["epsilon"])) == [0.0, 0.1, 0.2]
    text = responses.assign_coords(epsilon=("presentation", responses["epsilon"].values.astype(str)))
    same = perturbations_of(text)
    assert same is not None
    assert set(same.table["epsilon"]) == {0.0, 0.5, 1.0}


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("epsilon", np.nan, "clean_stimulus_id is '{clean}', but epsilon is missing: say the norm of the perturbation"),
        ("epsilon", -1.0, "but epsilon is -1"),
        ("epsilon", "much", "epsilon of presentation {row} (stimulus '{stimulus}') is 'much': it must be a number"),
        ("clean_stimulus_id", "", "but clean_stimulus_id is empty: name the clean stimulus that it was made of"),
        ("aim", "brain", "aim is 'brain', which is none of 'unit', 'population', 'behavior'"),
        ("norm", "l3", "norm is 'l3', which is none of 'l1', 'l2', 'linf'"),
        ("target_unit", "u9", "target_unit is 'u9', which is no unit of the recording ('u0', 'u1', 'u2' and 1 more)"),
        ("control", "other", "has two values of control"),
    ],
)
def test_a_doubtful_row_is_refused_by_name(responses: xr.Dataset, column: str, value: Any, message: str) -> None:
    perturbed = np.flatnonzero((responses["epsilon"].values > 0) & (responses["target_unit"].values == "u0"))
    row = int(perturbed[0])
    place = {"row": row, "stimulus": responses["stimulus_id"].values[row]}
    place["clean"] = responses["clean_stimulus_id"].values[row]
    with pytest.raises(DataError, match=re.escape(message.format(**place))):
        perturbations_of(with_column(responses, column, row, value))


def test_a_clean_row_with_a_negative_norm_is_refused(responses: xr.Dataset) -> None:
    row = int(np.flatnonzero(responses["epsilon"].values == 0)[0])
    with pytest.raises(DataError, match="epsilon is -2: a norm is not negative"):
        perturbations_of(with_column(responses, "epsilon", row, -2.0))


def test_columns_that_need_each_other_are_asked_for(responses: xr.Dataset) -> None:
    with pytest.raises(DataError, match="a column 'clean_stimulus_id' but none called 'epsilon'"):
        perturbations_of(responses.drop_vars("epsilon"))
    only = responses.isel(presentation=responses["epsilon"].values > 0)
    with pytest.raises(DataError, match=r"every one of .* presentations shows a perturbed stimulus"):
        perturbations_of(only)


def test_one_image_is_one_thing(responses: xr.Dataset) -> None:
    row = int(np.flatnonzero(responses["epsilon"].values > 0)[0])
    named = responses["stimulus_id"].values.astype(object)
    named[row], repeat = "s00", responses["repeat"].values.copy()
    repeat[row] = 99
    mixed = responses.assign_coords(stimulus_id=("presentation", named.astype(str)), repeat=("presentation", repeat))
    with pytest.raises(DataError, match=r"is perturbed on some presentations and clean on others|has two values of"):
        perturbations_of(mixed)


def test_norms_of_several_kinds_are_not_compared(responses: xr.Dataset) -> None:
    linf = np.where(responses["target_unit"].values == "u1", "linf", "l2")
    with pytest.raises(DataError, match=r"perturbations are of several norms \(l2, linf\)"):
        perturbations_of(responses.assign_coords(norm=("presentation", linf)))


def test_the_clean_part_has_no_perturbed_presentation_and_no_perturbed_image(responses: xr.Dataset) -> None:
    import pandas as pd

    ids = list(dict.fromkeys(responses["stimulus_id"].values.tolist()))
    source = ["" if name.startswith("s") else name.rpartition("-")[2] for name in ids]
    table = pd.DataFrame({"clean_stimulus_id": source}, index=pd.Index(ids, name="stimulus_id"))
    images = StimulusSet(table=table, shape=(1, 2, 2), read=lambda rows: np.zeros((len(rows), 1, 2, 2), np.float32))
    clean, shown = clean_part(Recording(responses=responses, stimuli=images))
    assert shown is not None
    assert clean.responses is not None
    assert set(clean.responses["stimulus_id"].values.tolist()) == {f"s{k:02d}" for k in range(12)}
    assert clean.responses.sizes["presentation"] == 24
    assert clean.stimuli is not None
    assert sorted(clean.stimuli.ids) == [f"s{k:02d}" for k in range(12)]
    assert clean_stimuli(clean.stimuli) is clean.stimuli
    assert shown.response.sizes["presentation"] == responses.sizes["presentation"]


def test_an_image_of_norm_0_is_a_repeat_of_the_stimulus_it_shows(responses: xr.Dataset) -> None:
    named = responses["stimulus_id"].values.astype("<U30")
    source = responses["clean_stimulus_id"].values.astype("<U30")
    catch = np.flatnonzero((named == "s03") & (responses["repeat"].values == 1))
    named[catch], source[catch] = "catch-s03", "s03"
    repeat = responses["repeat"].values.copy()
    repeat[catch] = 0
    changed = responses.assign_coords(
        stimulus_id=("presentation", named), clean_stimulus_id=("presentation", source), repeat=("presentation", repeat)
    )
    clean, _ = clean_part(Recording(responses=changed))
    assert clean.responses is not None
    of = clean.responses["stimulus_id"].values == "s03"
    assert sorted(clean.responses["repeat"].values[of].tolist()) == [0, 1]
    assert "catch-s03" not in clean.responses["stimulus_id"].values
