"""Recorded responses become the evidence that an attack's would be, and metrics read it."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr
from shown_perturbed import recorded, rows_of
from spikeproof.code_of_recording import code_of_recording
from spikeproof.measured import clean_part, floor_note, measured_targets, noise_floor
from spikeproof.types import Code, Evidence, Recording


def made(responses: xr.Dataset) -> tuple[dict[tuple[str, str, str, str], Evidence], Code, list[str]]:
    clean, shown = clean_part(Recording(responses=responses))
    assert shown is not None
    code, _ = code_of_recording(clean)
    notes: list[str] = []
    found = {}
    for target in measured_targets(shown.response, shown.perturbations, code, notes.append):
        for one in target.evidences():
            key = (one.attack, one.objective, one.target, one.control)
            assert key not in found
            found[key] = one
    return found, code, notes


def test_every_target_and_control_has_its_evidence_with_the_true_shift() -> None:
    found, code, notes = made(recorded(rows_of()))
    assert notes == []
    assert sorted(found) == sorted(
        ("pgd", aim, target, control)
        for aim, target in (("unit", "u0"), ("unit", "u1"), ("population", "population"))
        for control in ("", "random")
    )
    one = found["pgd", "unit", "u1", ""]
    assert (one.aim, one.target_unit, one.domain) == ("unit", "u1", "stimulus")
    assert one.perturbed is not None
    assert one.perturbed["epsilon"].attrs["units"] == "L2 norm"
    shift = one.perturbed.values - one.clean.values
    np.testing.assert_allclose(shift[:, :, 1], [[1.0] * 6, [2.0] * 6])
    np.testing.assert_allclose(np.delete(shift, 1, axis=2), 0, atol=1e-12)
    assert found["pgd", "population", "population", "random"].target_unit is None
    assert code.responses.sizes["stimulus"] == 12


def test_single_presentations_come_along_with_their_place_in_the_recording() -> None:
    responses = recorded(rows_of(), sd=1.0, repeats=3)
    found, _, _ = made(responses)
    single = found["pgd", "unit", "u0", "random"].repeats_perturbed
    assert single is not None
    assert single.sizes == {"presentation": 2 * 6 * 3, "unit": 4}
    np.testing.assert_array_equal(single.values, responses["response"].values[single["row"].values])
    np.testing.assert_array_equal(single["image"].values, responses["stimulus_id"].values[single["row"].values])
    assert set(single["direction"].values.tolist()) == {"up"}


def test_stimuli_shown_at_other_norms_make_evidence_of_their_own() -> None:
    rows = [row for row in rows_of() if row["epsilon"] != 1.0 or row["clean_stimulus_id"] in ("s00", "s01")]
    found, _, notes = made(recorded(rows))
    names = sorted(target for _, objective, target, control in found if objective == "population" and not control)
    assert names == ["population at 0.5", "population at 0.5, 1"]
    both = found["pgd", "population", "population at 0.5, 1", ""].perturbed
    assert both is not None
    assert sorted(both["stimulus"].values.tolist()) == ["s00", "s01"]
    assert notes == []


def test_directions_and_versions_of_one_cell_are_told_apart() -> None:
    rows = rows_of(epsilons=(1.0,), controls=("",), units=1)
    down = [
        row | {"stimulus_id": f"{row['stimulus_id']}-d", "direction": "down"} for row in rows if row.get("target_unit")
    ]
    again = [row | {"stimulus_id": f"{row['stimulus_id']}-2"} for row in rows if row.get("aim") == "population"]
    found, _, _ = made(recorded([*rows, *down, *again]))
    assert {(objective, target) for _, objective, target, _ in found} == {
        ("unit up", "u0"),
        ("unit down", "u0"),
        ("population", "population"),
        ("population", "population version 2"),
    }


def test_rounds_are_attacks_of_their_own() -> None:
    rows = rows_of(epsilons=(1.0,), controls=("",), units=1)
    later = [row | {"stimulus_id": f"{row['stimulus_id']}-2", "round": "2"} for row in rows if row["epsilon"]]
    rows = [row | {"round": "1" if row["epsilon"] else ""} for row in rows]
    found, _, _ = made(recorded([*rows, *later]))
    assert {attack for attack, _, _, _ in found} == {"pgd (round 1)", "pgd (round 2)"}


def test_the_unit_that_another_units_images_are_a_control_for_is_read() -> None:
    rows = [
        row | {"other_unit": {"u0": "u1", "u1": "u0"}.get(row.get("target_unit", ""), ""), "other_unit_effect": 0.25}
        for row in rows_of(controls=("",))
    ]
    found, _, _ = made(recorded(rows))
    other = found["pgd", "unit", "u0", "other-unit"]
    assert (other.target, other.target_unit) == ("u0", "u1")
    assert other.predicted is not None
    assert set(other.predicted.values.ravel().tolist()) == {0.25}
    assert found["pgd", "unit", "u0", ""].predicted is None


def test_what_cannot_be_compared_is_named() -> None:
    responses = recorded(rows_of(epsilons=(1.0,)), repeats=2)
    lost = responses.isel(presentation=responses["stimulus_id"].values != "s02")
    found, _, notes = made(lost)
    assert notes == [
        "12 of 72 presentations of perturbed stimuli are left out: the code has no response to their clean versions "
        "('s02')"
    ]
    one = found["pgd", "unit", "u0", ""].perturbed
    assert one is not None
    assert "s02" not in one["stimulus"].values
    holes = responses.copy(deep=True)
    holes["response"].values[(holes["stimulus_id"] == "u1--1-s04").values, 2] = np.nan
    found, _, notes = made(holes)
    assert notes == ["1 of 36 perturbed stimuli were not measured in every unit and are left out ('u1--1-s04')"]
    whole = found["pgd", "unit", "u1", ""].perturbed
    assert whole is not None
    assert "s04" not in whole["stimulus"].values


def test_a_repeat_that_one_unit_missed_enters_its_mean_alone() -> None:
    responses = recorded(rows_of(epsilons=(1.0,), controls=("",)), repeats=2)
    at = np.flatnonzero((responses["stimulus_id"] == "u1--1-s04").values)
    responses["response"].values[at[0], 2] = np.nan
    found, _, notes = made(responses)
    one = found["pgd", "unit", "u1", ""]
    assert notes == []
    assert one.perturbed is not None
    assert one.repeats_perturbed is not None
    assert "s04" in one.perturbed["stimulus"].values
    assert at[0] not in one.repeats_perturbed["row"].values
    assert at[1] in one.repeats_perturbed["row"].values


def test_time_bins_are_summed_as_in_the_clean_code() -> None:
    responses = recorded(rows_of())
    halves = xr.concat([responses["response"] / 2] * 2, dim="time_bin").transpose("presentation", "unit", "time_bin")
    binned = xr.Dataset({"response": halves.assign_attrs(units="spikes")}, coords=responses.coords)
    one = made(binned)[0]["pgd", "unit", "u1", ""]
    assert one.perturbed is not None
    np.testing.assert_allclose((one.perturbed.values - one.clean.values)[1, :, 1], 2.0)


def test_noise_alone_moves_a_unit_by_the_floor() -> None:
    # E|N(0, s^2 (1/n + 1/m))| = s sqrt(2/pi) sqrt(1/n + 1/m); for n = m: 2 s / sqrt(pi n). (science.md, 1.7)
    repeats, sd = 8, 3.0
    rows = [row | {"control": "random"} for row in rows_of(epsilons=(1.0,), controls=("",))]
    floors, seen = [], []
    for seed in range(60):
        found, _, _ = made(recorded(rows, sd=sd, repeats=repeats, seed=seed))
        for (_, aim, _, _), one in found.items():
            floor = noise_floor(one)
            assert (floor is None) == (aim == "population")
            if floor is not None and one.perturbed is not None:
                column = int(str(one.target_unit)[1:])
                floors.append(float(floor.mean()))
                seen.append(float(np.abs(one.perturbed.values - one.clean.values)[..., column].mean()))
    known = 2 * sd / np.sqrt(np.pi * repeats)
    assert np.mean(floors) == pytest.approx(known, rel=0.01)
    assert abs(np.mean(seen) - known) < 4 * np.std(seen) / np.sqrt(len(seen))


@pytest.mark.parametrize(
    ("repeats", "said"),
    [(4, "with no effect at all the mean shift of an attacked unit would read"), (1, "by how much is not known")],
)
def test_it_is_said_that_noise_inflates_magnitudes(repeats: int, said: str) -> None:
    found, _, _ = made(recorded(rows_of(), sd=1.0, repeats=repeats))
    text = floor_note([one for one in found.values() if not one.control])
    assert said in text
    assert text.startswith("responses to perturbed stimuli are measured, and noise inflates every magnitude")


def test_a_floor_without_target_units_points_at_the_controls() -> None:
    found = made(recorded(rows_of(units=0)))[0]
    assert "compare with the controls" in floor_note(list(found.values()))
