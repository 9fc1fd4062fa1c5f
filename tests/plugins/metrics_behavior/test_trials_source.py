"""The source of trials: what is loaded, what options name, what is refused, what is said of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import spikeproof
from spikeproof.cli import execute
from spikeproof.errors import BadParameter, DataError, NotEnoughData
from spikeproof_metrics_behavior.source import TrialFiles
from spikeproof_metrics_behavior.trial_table import trials_of, trials_table

HEADER = "subj,Session,trial,rt,object_response,category,condition,imagename"
ROWS = [
    "s1,1,1,0.8,cat,cat,0,0001_x_s1_0_cat_00_cat1.png",
    "s1,1,2,NaN,na,dog,0,0002_x_s1_0_dog_00_dog1.png",
    "s2,1,1,0.5,dog,cat,0,0001_x_s2_0_cat_00_cat1.png",
    "s2,1,2,0.5,dog,dog,0,0002_x_s2_0_dog_00_dog1.png",
]


def write(path: Path, rows: list[str], header: str = HEADER) -> Path:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def test_a_folder_of_files_is_one_image_set(tmp_path: Path) -> None:
    write(tmp_path / "edge" / "a.csv", ROWS[:2])
    write(tmp_path / "edge" / "b.csv", ROWS[2:])
    found = TrialFiles(target=str(tmp_path / "edge")).load()
    assert found.trials is not None
    assert found.trials["image_set"].values.tolist() == ["edge"] * 4
    assert found.trials["stimulus_id"].values.tolist() == ["cat1.png", "dog1.png"] * 2
    assert found.trials["choice"].values.tolist() == ["cat", "", "dog", "dog"]
    assert found.trials["session"].values.tolist() == ["1"] * 4
    np.testing.assert_array_equal(found.trials["rt"].values, [0.8, np.nan, 0.5, 0.5])
    assert found.notes == ("4 trials of 2 subjects", "no choice was made on 1 of them")
    assert found.responses is None


def test_a_folder_of_folders_keeps_sets_and_their_people_apart(tmp_path: Path) -> None:
    write(tmp_path / "edge" / "a.csv", ROWS)
    write(tmp_path / "sketch" / "a.csv", ROWS)
    found = TrialFiles(target=str(tmp_path)).load()
    assert found.trials is not None
    assert sorted(set(found.trials["stimulus_id"].values.tolist())) == [
        "edge/cat1.png", "edge/dog1.png", "sketch/cat1.png", "sketch/dog1.png",
    ]  # fmt: skip
    assert found.notes[-1].startswith("2 image sets: stimuli are called SET/IMAGE, and subjects of one name are")


def test_the_digest_is_that_of_the_content(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", ROWS)
    one = TrialFiles(target=str(file)).load().identity
    assert one["source"] == f"trials:{file}"
    write(file, ROWS[:-1])
    assert TrialFiles(target=str(file)).load().identity["digest"] != one["digest"]


def test_columns_are_named_by_options_and_some_may_be_missing(tmp_path: Path) -> None:
    rows = ["worker 1,im1,dog,dog,bear", "worker 1,im2,bear,-,dog", "worker 1,im2,bear,bear,dog"]
    file = write(tmp_path / "objects.csv", rows, "WorkerId,id,sample_obj,choice,dist_obj")
    source = TrialFiles(
        target=str(file), subject="WorkerId", image="id", category="sample_obj", choice="choice", distractor="dist_obj",
        session="", trial="", rt="", condition="", no_choice="-", names="full",
    )  # fmt: skip
    trials = source.load().trials
    assert trials is not None
    assert trials["choice"].values.tolist() == ["dog", "", "bear"]
    assert trials["distractor"].values.tolist() == ["bear", "dog", "dog"]
    assert trials["image_set"].values.tolist() == ["objects"] * 3
    with pytest.raises(BadParameter, match="say where the trials are"):
        TrialFiles().load()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"subject": "who"}, r"a\.csv: no column who; the first row holds subj, session, trial"),
        ({"choice": ""}, "say which column holds the choice: trials cannot do without"),
        ({"distractor": "other"}, "no column other"),
        ({"categories": ("cat",)}, "category is 'dog', which is none of cat"),
    ],
)
def test_what_an_option_cannot_find_is_refused(tmp_path: Path, options: dict[str, object], message: str) -> None:
    file = write(tmp_path / "a.csv", ROWS)
    with pytest.raises(DataError, match=message):
        TrialFiles(target=str(file), **options).load()  # type: ignore[arg-type]


def test_files_beside_folders_of_files_are_refused(tmp_path: Path) -> None:
    write(tmp_path / "a.csv", ROWS)
    write(tmp_path / "edge" / "a.csv", ROWS)
    with pytest.raises(DataError, match=r"holds CSV files and folders of CSV files \('edge'\): name the folder of one"):
        TrialFiles(target=str(tmp_path)).load()
    with pytest.raises(DataError, match="there is no such file or folder"):
        TrialFiles(target=str(tmp_path / "none")).load()


def test_an_empty_choice_can_stand_for_none(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", [ROWS[0].replace(",cat,cat,", ",,cat,"), ROWS[3]])
    trials = TrialFiles(target=str(file), no_choice="").load().trials
    assert trials is not None
    assert trials["choice"].values.tolist() == ["", "dog"]


def test_trials_survive_the_table_of_a_recording(tmp_path: Path) -> None:
    write(tmp_path / "edge" / "a.csv", [f"{row},x{k}" for k, row in enumerate(ROWS)], f"{HEADER},texture")
    sets = TrialFiles(target=str(tmp_path), texture="texture").sets()
    again = trials_of(trials_table(sets), "test")["edge"]
    one = sets["edge"]
    assert (again.subjects, again.images, again.categories) == (one.subjects, one.images, one.categories)
    for name in ("subject", "image", "category", "response", "trial"):
        np.testing.assert_array_equal(getattr(again, name), getattr(one, name))
    assert again.extra == {"texture": ("x0", "x1", "x2", "x3")}
    assert again.image_name == one.image_name


def test_trials_without_categories_cannot_say_what_is_right(tmp_path: Path) -> None:
    table = trials_table(TrialFiles(target=str(write(tmp_path / "a.csv", ROWS))).sets())
    with pytest.raises(NotEnoughData, match="accuracy needs the right choice of every trial"):
        trials_of(table.drop_vars("category"), "accuracy")
    part = table.assign(category=("trial", np.array(["cat", "", "cat", "dog"])))
    with pytest.raises(DataError, match=r"1 of 4 trials have no category, the first on stimulus 'dog1\.png'"):
        trials_of(part, "accuracy")


def test_inspect_says_what_is_there_and_its_line_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "edge" / "a.csv", ROWS)
    found = TrialFiles(target="edge").inspect()
    assert ("subjects", "2") in found.facts
    assert found.tables[0].rows == (("edge", "2", "1", "2", "4", "1", "0.500"),)
    assert any("error consistency between subjects" in text for text in found.can)
    assert any("image-level choices" in text for text in found.cannot)
    assert execute(found.run.split()[1:]) == 0
    assert "Subjects are right on 0.5" in capsys.readouterr().out
    result = spikeproof.open_result(tmp_path / "results" / "trials")
    assert result.systems == ()
    assert result.scopes == ("all systems",)
    assert "<h1>What subjects chose</h1>" in result.report.read_text()
    assert execute(["explain", str(result.path)]) == 0
    assert "Systems: none (trials of subjects only)." in capsys.readouterr().out


def test_a_metric_of_systems_is_refused_where_there_are_trials_only(tmp_path: Path) -> None:
    file = write(tmp_path / "a.csv", ROWS)
    study = {"source": {"use": f"trials:{file}"}, "metric": [{"use": "sparseness"}, {"use": "behavioral-accuracy"}]}
    result = spikeproof.run(study, out=tmp_path / "out")
    assert result.refused == [
        {
            "what": "sparseness",
            "reason": "it needs responses, or images and a [[model]]: the sources hold trials of subjects only",
        }
    ]
