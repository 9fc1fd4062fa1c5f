"""Trials of several sources: what stands together, what is refused, what is noted."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from spikeproof.compose import compose, compose_all
from spikeproof.errors import DataError
from spikeproof.types import Recording, StimulusSet


def trials(subject: str = "anna", image_set: str = "", **more: list[object]) -> xr.Dataset:
    columns: dict[str, object] = {"subject": [subject] * 2, "stimulus_id": ["a.png", "b.png"], "choice": ["cat", ""]}
    if image_set:
        columns["image_set"] = [image_set] * 2
    return xr.Dataset({name: ("trial", np.array(values)) for name, values in (columns | more).items()})


def of(name: str, **parts: object) -> Recording:
    return Recording(identity={"source": name, "digest": f"of {name}"}, **parts)  # type: ignore[arg-type]


def presented(session: str, *, choice: bool = True) -> xr.Dataset:
    coords: dict[str, object] = {
        "unit": ["u", "v"],
        "subject": ("unit", ["monkey"] * 2),
        "session": ("unit", [session] * 2),
        "stimulus_id": ("presentation", ["a.png", "b.png"]),
        "repeat": ("presentation", [0, 0]),
    }
    if choice:
        coords["choice"] = ("presentation", np.array([2.0, np.nan]))
    values = xr.DataArray(np.ones((2, 2)), dims=("presentation", "unit"), coords=coords, attrs={"units": "spikes"})
    return xr.Dataset({"response": values})


def images(*names: str) -> StimulusSet:
    table = pd.DataFrame(index=pd.Index(names, name="stimulus_id", dtype=str))
    return StimulusSet(table=table, shape=(1, 2, 2), read=lambda rows: np.zeros((len(rows), 1, 2, 2), np.float32))


def test_trials_of_all_sources_stand_one_after_another_and_what_one_does_not_say_is_empty() -> None:
    joined = compose([of("a", trials=trials(rt=[0.5, np.nan])), of("b", trials=trials("ben", category=["cat", "dog"]))])
    assert joined.trials is not None
    assert joined.trials["subject"].values.tolist() == ["anna", "anna", "ben", "ben"]
    assert joined.trials["category"].values.tolist() == ["", "", "cat", "dog"]
    np.testing.assert_array_equal(joined.trials["rt"].values, [0.5, np.nan, np.nan, np.nan])


def test_choices_of_joined_sessions_are_trials_of_their_subject_session_by_session() -> None:
    one, two = of("x:1", responses=presented("s1")), of("x:2", responses=presented("s2"))
    joined = compose([one, two])
    assert joined.trials is not None
    assert joined.trials["subject"].values.tolist() == ["monkey"] * 4
    assert joined.trials["session"].values.tolist() == ["s1", "s1", "s2", "s2"]
    assert joined.trials["choice"].values.tolist() == ["2.0", "", "2.0", ""]
    assert "row" not in joined.trials
    silent = of("x:2", responses=presented("s2", choice=False))
    alone = compose([one, silent]).trials
    assert alone is not None
    assert "row" not in alone  # rows of the one recording are not those of both


def test_each_source_says_how_many_trials_it_gave() -> None:
    composed = compose_all([of("a", trials=trials()), of("i", stimuli=images("a.png", "b.png"))])
    assert composed.sources[0] == {"source": "a", "trials": 2}
    assert composed.notes == ()


def test_trials_of_other_images_are_noted() -> None:
    composed = compose_all([of("a", trials=trials()), of("i", stimuli=images("c.png"))])
    assert composed.notes[-1].startswith(
        "none of the 2 stimuli of the trials ('a.png', 'b.png') is one of the 1 of other sources ('c.png')"
    )


def test_a_subject_of_several_sources_is_noted_and_image_sets_keep_people_apart() -> None:
    note = compose_all([of("a", trials=trials()), of("b", trials=trials())]).notes[-1]
    assert note == (
        "1 subjects have trials in several sources (subject 'anna' in a and another): they count as one observer each"
    )
    apart = compose_all([of("a", trials=trials(image_set="x")), of("b", trials=trials(image_set="y"))])
    assert apart.notes == ()


def test_the_same_trials_twice_are_refused() -> None:
    one = Recording(trials=trials(), identity={"source": "a", "digest": "d"})
    two = Recording(trials=trials(), identity={"source": "b", "digest": "d"})
    with pytest.raises(DataError, match="sources: a and b hold the same trials: name them once"):
        compose([one, two])


def test_a_column_of_text_and_of_numbers_is_refused() -> None:
    with pytest.raises(DataError, match="column 'age' of the trials is text in one source and numbers in another"):
        compose([of("a", trials=trials(age=[1.0, 2.0])), of("b", trials=trials(age=["old", "young"]))])
