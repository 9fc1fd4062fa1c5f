"""Bad input through the command line: one message that says what, where and what to do; what was computed stays."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
import spikeproof
import xarray as xr
from command_line import Cli, Outcome
from PIL import Image
from spikeproof.demo.nwb_file import write_nwb
from tiny_study import LINE, images, write_tiny_study

OUT = "--out out"
RECOGNITION = (
    "--source.table recognition_table --source.stimulus frameName --source.category stimuli_type "
    "--metric sparseness --draws 100"
)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path) -> Path:
    """The folder in which the command line runs: ``nets.py`` and ``images.npz`` are there."""
    write_tiny_study(tmp_path)
    return tmp_path


def said(done: Outcome, code: int, *parts: str) -> str:
    """Check the shape of a failure and return its message."""
    assert done.code == code, done
    assert done.out == ""
    assert "Traceback" not in done.err
    assert "this is a bug" not in done.err
    assert done.err.count("spikeproof: error:") == 1
    message = done.err.partition("spikeproof: error: ")[2]
    assert message.endswith("\n")
    assert "\n" not in message[:-1], "one message is one line, and the last"
    for part in parts:
        assert part in message
    return message[:-1]


# --- the request ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("images:images.npz", "imags:images.npz", ("[[source]] 1: no source named 'imags'", "'images:images.npz'")),
        (
            "torch:",
            "trch:",
            ("[[model]] 1: no model named 'trch'", "'torch:nets.py:build'", "The models are: gabor, torch"),
        ),
        ("--attack pgd", "--attack pdg", ("[[attack]] 1: no attack named 'pdg'", "Did you mean 'pgd'?")),
        ("--aims unit", "--aims unti", ("--aims: no objective named 'unti'", "Did you mean 'unit'?")),
        ("--controls random", "--controls rndom", ("controls: no attack named 'rndom'", "Did you mean 'random'?")),
        (
            "--metric sensitivity",
            "--metric sensitivty",
            ("no metric named 'sensitivty'", "mean 'sensitivity' or"),
        ),
        ("--metric sens", "--readout logistc --metric sens", ("no readout named 'logistc'", "'logistic'")),
        ("--attack.steps 3", "--attack.stpes 3", ("--attack.stpes: no such option: did you mean --attack.steps?",)),
        ("--attack.steps 3", "--attack.steps many", ("--attack.steps: expected a whole number, got 'many'",)),
        ("--attack.steps 3", "--attack.steps 0", ("[[attack]] 1 (pgd): steps must be at least 1, got 0",)),
        ("--epsilons 0.3", "--epsilons -0.3", ("[threat]: epsilons must be finite and not negative, got -0.3",)),
        ("--units 3", "--unitz 3", ("--unitz: no such option: did you mean --units?",)),
    ],
)
def test_wrong_names_and_options_of_a_line_are_answered_with_near_ones(
    cli: Cli, old: str, new: str, parts: tuple[str, ...]
) -> None:
    assert old in LINE
    said(cli(*LINE.replace(old, new).split(), *OUT.split()), 2, *parts)
    assert not Path("out").exists()


STUDY = """seed = 1
[[source]]
use = "images:images.npz"
[[model]]
use = "torch:nets.py:build"
layers = ["3"]
units = 3
[threat]
epsilons = [0.3]
aims = ["unit"]
stimuli = 4
controls = ["random"]
[[attack]]
use = "pgd"
steps = 3
[[metric]]
use = "sensitivity"
[statistics]
draws = 100
"""


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("steps = 3", "stepps = 3", ("[[attack]] 1 (pgd): unknown parameter 'stepps': did you mean 'steps'?",)),
        ("steps = 3", 'steps = "many"', ("[[attack]] 1 (pgd): steps: expected an integer, got 'many'",)),
        ("steps = 3", "steps = 0", ("[[attack]] 1 (pgd): steps must be at least 1, got 0",)),
        ("steps = 3", "steps = 3.5", ("[[attack]] 1 (pgd): steps: expected an integer, got 3.5",)),
        ("npz", 'npz"\nlimit = "x', ("[[source]] 1 (images): limit: expected an integer", "got 'x'")),
        ("npz", 'npz:"\nlimit = "3', ("no such file or folder", "images.npz")),
        ("units = 3", "unitz = 3", ("[[model]] 1", "unknown parameter 'unitz': did you mean 'units'?")),
        ("units = 3", "units = -3", ("[[model]] 1: units must be a whole number of at least 1 or 'all', got -3",)),
        ("layers", "layrs", ("[[model]] 1: layers is missing: name the layers to read",)),
        ("[statistics]", "[statistic]", ("unknown key 'statistic': did you mean 'statistics'?",)),
        ("draws = 100", "draw = 100", ("[statistics]", "'draw'", "did you mean 'draws'?")),
        ("draws = 100", "draws = 3", ("[statistics]: draws must be a whole number of at least 100, got 3",)),
        ("epsilons = [0.3]", "epsilon = [0.3]", ("[threat]", "'epsilon'", "did you mean 'epsilons'?")),
        ("epsilons = [0.3]", 'epsilons = "big"', ("[threat]: epsilons must be a list of numbers, got 'big'",)),
        ("epsilons = [0.3]", "epsilons = [0.3, 0.1]", ("[threat]: epsilons must ascend without repeats",)),
        ("seed = 1", 'seed = "one"', ("seed must be a whole number of at least 0, got 'one'",)),
        ("seed = 1", "seed = = 1", ("this is not valid TOML", "line 1")),
        ('use = "pgd"', 'use = "pdg"', ("[[attack]] 1: no attack named 'pdg'. Did you mean 'pgd'?",)),
        ('[[metric]]\nuse = "sensitivity"', "", ("no [[metric]]: say what to measure",)),
    ],
)
def test_wrong_keys_of_a_study_file_name_the_file_and_the_table(
    cli: Cli, old: str, new: str, parts: tuple[str, ...]
) -> None:
    assert old in STUDY
    Path("mine.toml").write_text(STUDY.replace(old, new, 1))
    data = "no such file" in parts[0]
    message = said(cli("run", "mine.toml", *OUT.split()), 1 if data else 2, *parts)
    assert message.startswith("images:" if data else "mine.toml")
    assert "the command line" not in message, "the line only says where the result goes"
    assert not Path("out").exists()


# --- recordings -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("not_hdf5.nwb", ("is not HDF5", "download the file again")),
        ("human_truncated_file.nwb", ("is truncated: it holds 1,035,086 of 2,070,173 bytes", "get it again")),
        ("allen_nwb1.0.5_496908818.nwb", ("NWB 1.x files are laid out differently", "convert it with pynwb")),
        ("extension_no_cached_spec.nwb", ("uses the extension ndx-testextension", "install it")),
        ("osb_lantyer2018_ME_9_CC_icephys.nwb", ("no units, so no spike times", "name a file with a units table")),
        ("human_index_beyond_data.nwb", ("/units", "ends at 215,278 but spike_times holds 214,278", "get it whole")),
        ("human_nan_spike_times.nwb", ("/units", "unit '2' (30 of them), unit '5'", '"id not in [2, 5]"')),
        ("human_nan_and_inverted_intervals.nwb", ("/intervals/recognition_table: row 3", "row 10", "row 20", "rows =")),
        ("linked_main_target_missing.nwb", ("no presentation table 'recognition_table'", "/intervals/trials")),
    ],
)
def test_a_recording_that_cannot_be_trusted_is_refused(
    cli: Cli, shared: Path, name: str, parts: tuple[str, ...]
) -> None:
    path = shared / "data" / "nwb" / name
    message = said(cli("run", "--source", f"nwb:{path}", *RECOGNITION.split(), *OUT.split()), 1, *parts)
    assert name in message
    assert not Path("out").exists()


def test_a_cut_index_says_how_many_units_would_have_read_as_silent(cli: Cli, shared: Path) -> None:
    path = shared / "data" / "nwb" / "allen_visual_coding_760693773_truncated.nwb"
    line = f"run --source nwb:{path} --source.table natural_scenes_presentations --metric sparseness {OUT}"
    said(cli(*line.split()), 1, "9 of 10 units would have read as silent")


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        ("recognition_table", "recogniton_table", ("no presentation table 'recogniton_table'", "recognition_table")),
        (
            "frameName",
            "framename",
            ("/intervals/recognition_table", "no column 'framename'", "did you mean 'frameName'?"),
        ),
        ("stimuli_type", "stimulus_type", ("no column 'stimulus_type' for `category`", "stimuli_type")),
    ],
)
def test_a_table_or_column_that_is_not_there_is_answered_with_those_that_are(
    cli: Cli, shared: Path, old: str, new: str, parts: tuple[str, ...]
) -> None:
    path = shared / "data" / "nwb" / "dandi000207_human_sub-4_ses-4_ecephys+image.nwb"
    said(cli("run", "--source", f"nwb:{path}", *RECOGNITION.replace(old, new).split(), *OUT.split()), 1, *parts)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("human_index_beyond_data.nwb", ("ends at 215,278", "get it whole")),
        ("human_nan_spike_times.nwb", ("unit '2' (30 of them)", "id not in [2, 5]")),
        ("human_nan_and_inverted_intervals.nwb", ("3 of 180 rows have NaN, inverted or empty times",)),
        ("extension_no_cached_spec.nwb", ("ndx-testextension", "install it")),
        ("osb_lantyer2018_ME_9_CC_icephys.nwb", ("no units, so no spike times",)),
    ],
)
def test_inspect_says_what_a_damaged_file_cannot_give(
    cli: Cli, shared: Path, name: str, parts: tuple[str, ...]
) -> None:
    done = cli("inspect", shared / "data" / "nwb" / name)
    assert (done.code, done.err) == (0, "")
    told = " ".join(done.out.partition("It cannot give")[2].split())
    for part in parts:
        assert part in told


@pytest.mark.parametrize("name", ["not_hdf5.nwb", "human_truncated_file.nwb", "allen_nwb1.0.5_496908818.nwb"])
def test_inspect_refuses_what_it_cannot_open(cli: Cli, shared: Path, name: str) -> None:
    assert name in said(cli("inspect", shared / "data" / "nwb" / name), 1)


SMALL = f"run --source nwb:small.nwb --source.category category --metric sparseness --draws 100 {OUT}"


@pytest.fixture(scope="module")
def whole_recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small NWB file without a defect."""
    path = tmp_path_factory.mktemp("whole") / "small.nwb"
    recording = spikeproof.load_source("simulate:sparse", units=4, informative=2, stimuli=2, categories=2, repeats=2)
    write_nwb(path, recording, session_description="simulated")
    return path


def test_the_small_recording_runs_as_long_as_it_is_whole(cli: Cli, whole_recording: Path) -> None:
    shutil.copy(whole_recording, "small.nwb")
    assert cli(*SMALL.split()).code == 0


def without_version(file: h5py.File) -> None:
    del file.attrs["nwb_version"]


def without_units(file: h5py.File) -> None:
    del file["units"]


def unsorted(file: h5py.File) -> None:
    times = file["units/spike_times"]
    times[:2] = times[:2][::-1]


def nan_spike(file: h5py.File) -> None:
    file["units/spike_times"][1] = np.nan


def past_the_data(file: h5py.File) -> None:
    file["units/spike_times_index"][-1] += 10


def nan_interval(file: h5py.File) -> None:
    file["intervals/trials/start_time"][2] = np.nan


def inverted_interval(file: h5py.File) -> None:
    file["intervals/trials/stop_time"][2] = -1.0


@pytest.mark.parametrize(
    ("spoil", "parts"),
    [
        (without_version, ("small.nwb is HDF5 but says no nwb_version", "name an NWB 2 file")),
        (without_units, ("small.nwb", "no units, so no spike times", "name a file with a units table")),
        (unsorted, ("/units", "not in order of time in unit 'unit000' (1 steps back)", "sort_spikes = true")),
        (nan_spike, ("/units", "not finite (NaN or infinite) in unit 'unit000' (1 of them)", "with `units`")),
        (past_the_data, ("/units", "spike_times_index ends at", "get it whole")),
        (nan_interval, ("/intervals/trials: row 2 (counted from 0) without a time to start", "start_time < stop_time")),
        (inverted_interval, ("/intervals/trials: row 2 (counted from 0) ending before the start", "rows =")),
    ],
)
def test_one_defect_in_a_small_recording_is_named_with_its_place(
    cli: Cli, whole_recording: Path, spoil: Callable[[h5py.File], None], parts: tuple[str, ...]
) -> None:
    shutil.copy(whole_recording, "small.nwb")
    with h5py.File("small.nwb", "a") as file:
        spoil(file)
    said(cli(*SMALL.split()), 1, *parts)
    assert not Path("out").exists()


# --- images -----------------------------------------------------------------------------------------------------------


def spoilt(value: float) -> Callable[[], None]:
    def write() -> None:
        pixels, labels = images()
        pixels[5, 0, 1, 2] = value
        np.savez("images.npz", x=pixels, y=labels)

    return write


def unequal() -> None:
    Path("images.npz").unlink()
    for name, shape in (("a/0", (6, 6)), ("b/1", (8, 6))):
        Path(f"images.npz/{name}").parent.mkdir(parents=True)
        Image.fromarray(np.zeros(shape, np.uint8)).save(f"images.npz/{name}.png")


def short_labels() -> None:
    pixels, labels = images()
    np.savez("images.npz", x=pixels, y=labels[:5])


@pytest.mark.parametrize(
    ("write", "parts"),
    [
        (spoilt(1.5), ("image '00005' leaves [0, 1]", "max 1.5", "scale them to [0, 1]")),
        (spoilt(-0.1), ("image '00005' leaves [0, 1]", "min -0.1")),
        (spoilt(float("nan")), ("image '00005' has 1 pixel values that are not finite", "mend or remove this image")),
        (unequal, ("unequal sizes", "6 x 6: 1 images, first 'a/0.png'", "8 x 6", "Give size = 6")),
        (short_labels, ("x holds 24 images but y has shape (5,)", "y must be (24,)")),
        (lambda: Path("images.npz").write_bytes(b"hello"), ("not an npz file", "numpy.savez")),
        (lambda: Path("images.npz").rename("image.npz"), ("no such file or folder. Did you mean 'image.npz'",)),
    ],
)
def test_images_that_cannot_be_trusted_are_refused(
    cli: Cli, write: Callable[[], object], parts: tuple[str, ...]
) -> None:
    write()
    assert said(cli(*LINE.split(), *OUT.split()), 1, *parts).startswith("images:images.npz")
    assert not Path("out").exists()


# --- networks ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "parts"),
    [
        (":build", ":biuld", ("nets.py has no 'biuld'", "near names: build")),
        ("nets.py", "net.py", ("no file net.py", "near it: nets.py")),
        (":build", ":number", ("number of nets.py returned a int, expected an nn.Module",)),
        (":build", ":raises", ("building raises of nets.py failed: ValueError: no weights",)),
        ("--layer 3", "--layer 33", ("build has no layer '33'; near names: 3", "7 layers in all")),
        (":build", ":nan", ("nan, layer '3': responses to uniform noise are NaN", "check the weights")),
        (":build --layer 3", ":nan_on_grey --layer 4", ("layer '4'", "are NaN or infinite", "check the weights")),
        (":build", ":silent", ("silent 3: none of the 12 units responds differently", "read another layer")),
        (":build --layer 3", ":cut --layer 4", ("pgd of cut 4: the responses are cut off from the image",)),
        (
            ":build --layer 3",
            ":masked --layer 4",
            (
                "pgd of masked 4: gradient masking: the gradient of all 12 units is zero",
                "move the responses to 100% of",
            ),
        ),
        (
            ":build --layer 3",
            ":headless --layer 0 --readout head",
            ("headless 0: the readout 'head' needs one row of class scores", "'logistic'"),
        ),
    ],
)
def test_a_network_that_cannot_be_attacked_is_refused(cli: Cli, old: str, new: str, parts: tuple[str, ...]) -> None:
    assert old in LINE
    said(cli(*LINE.replace(old, new).split(), *OUT.split()), 1, *parts)
    computed = "pgd of" in parts[0]  # the clean code was
    assert Path("out/blocks").exists() == Path("out").exists() == computed


def test_a_layer_of_a_second_network_is_missed_before_the_first_is_attacked(cli: Cli) -> None:
    line = LINE.replace(":build", ":build,torch:nets.py:headless").split()
    done = cli(*line, *OUT.split())
    said(done, 1, "headless has no layer '3'; near names: 0")
    assert "attacking" not in done.err
    assert cli(*LINE.split(), *OUT.split()).code == 0, "the corrected study runs into the same folder"


# --- too little -------------------------------------------------------------------------------------------------------

SIMULATED = "run --source simulate:sparse --source.units 6 --source.informative 2 --source.categories 2 --draws 100 "


@pytest.mark.parametrize(
    ("line", "parts"),
    [
        (
            "--source.stimuli 1 --metric selectivity",
            ("nothing could be computed: selectivity of recording", "has one stimulus only", "at least two"),
        ),
        (
            "--source.stimuli 2 --metric dropping-curve --readout logistic",
            ("dropping-curve of recording", "has 2 stimuli, fewer than 5 folds", "set folds to 2 or less"),
        ),
        (
            "--source.stimuli 1 --metric decoder-accuracy --readout logistic",
            ("readout logistic of recording", "has 1 stimulus", "needs 2 or more of each"),
        ),
        (
            "--source.stimuli 2 --metric silencing --attack silence",
            ("silence of recording: silence needs a readout", "the study has no [readout]"),
        ),
        ("--source.stimuli 2 --metric sensitivity", ("sensitivity needs a model: this source has no images",)),
    ],
)
def test_what_has_too_few_stimuli_or_parts_is_refused_by_name(cli: Cli, line: str, parts: tuple[str, ...]) -> None:
    said(cli(*SIMULATED.split(), *line.split(), *OUT.split()), 1, *parts)


def test_one_category_refuses_what_needs_two_and_computes_the_rest(cli: Cli) -> None:
    pixels, labels = images()
    np.savez("images.npz", x=pixels, y=np.zeros_like(labels))
    line = LINE.replace("--metric sensitivity", "--metric sensitivity,selectivity --readout logistic")
    done = cli(*line.split(), *OUT.split())
    assert done.code == 0, done.err
    refused = {entry["what"]: entry["reason"] for entry in spikeproof.open_result("out").refused}
    assert "all 24 stimuli have one category, 0" in refused["readout logistic of build 3"]
    assert "one category ('0'); at least two are needed" in refused["selectivity of build 3"]
    assert spikeproof.open_result("out").metrics == ("sensitivity",)
    shutil.rmtree("out")
    alone = cli(*line.replace("sensitivity,", "").split(), *OUT.split())
    said(alone, 1, "nothing could be computed", "one category ('0'); at least two are needed")


def test_fewer_stimuli_than_asked_for_are_noted(cli: Cli) -> None:
    done = cli(*LINE.replace("--stimuli 4", "--stimuli 400").split(), *OUT.split())
    assert done.code == 0
    assert "note: [threat] stimuli = 400 were asked for, there are 24: all are attacked" in done.err


# --- the result folder ------------------------------------------------------------------------------------------------


def files(folder: str) -> dict[str, int]:
    return {str(path): path.stat().st_mtime_ns for path in Path(folder).rglob("*") if path.is_file()}


def test_a_result_is_neither_overwritten_nor_mixed_with_another(cli: Cli) -> None:
    assert cli(*LINE.split(), *OUT.split()).code == 0
    before = files("out")
    said(cli(*LINE.split(), *OUT.split()), 1, "out: ", "already holds this study's finished result", "add --resume")
    other = LINE.replace("--attack.steps 3", "--attack.steps 4")
    for resume in ((), ("--resume",)):
        parts = ("out: ", "another study's result (it differs in the study's attack)", "choose another --out")
        said(cli(*other.split(), *OUT.split(), *resume), 1, *parts)
    again = cli(*LINE.split(), *OUT.split(), "--resume")
    assert again.code == 0
    assert "note: out: this study's result is finished: nothing to do" in again.err
    after = files("out")
    assert {name: after[name] for name in before if not name.endswith("report.html")} == {
        name: time for name, time in before.items() if not name.endswith("report.html")
    }


@pytest.mark.parametrize(
    ("out", "said_of_it"),
    [("nets.py", "this is a file; choose another --out"), (".", "is not empty"), ("nets.py/x", "cannot be made")],
)
def test_a_folder_that_is_not_ours_is_left_alone(cli: Cli, out: str, said_of_it: str) -> None:
    before = files(".")
    said(cli(*LINE.split(), "--out", out), 1, said_of_it)
    assert files(".") == before


# --- in mid-run -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("how", "parts"),
    [
        ("raise", ("RuntimeError: the cable came off at the far end",)),
        ("nan", ("layer '4': responses are NaN or infinite", "check the weights")),
    ],
)
def test_a_failure_in_mid_run_keeps_what_was_computed(cli: Cli, how: str, parts: tuple[str, ...]) -> None:
    line = LINE.replace(":build --layer 3", ":unplugged --layer 4")
    Path("unplugged").write_text(how)
    said(cli(*line.split(), *OUT.split()), 1, "pgd on unit of unplugged 4", "2 finished parts of 5 are kept", *parts)
    kept = {path: path.stat().st_mtime_ns for path in Path("out/blocks").glob("*.nc")}
    assert len(kept) == 2
    assert sorted(path.name for path in Path("out/blocks").iterdir()) == sorted(path.name for path in kept)
    Path("unplugged").unlink()
    said(cli(*line.split(), *OUT.split()), 1, "already holds this study's unfinished result: add --resume")
    said(cli("report", "out"), 1, "this result is not finished: run its study again with --resume")
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    resumed = cli(*line.split(), *OUT.split(), "--resume")
    assert resumed.code == 0
    assert "2 of 5 parts of the work were finished before and are kept" in resumed.err
    assert cli(*line.split(), "--out", "whole").code == 0
    assert_same("out", "whole")


def assert_same(one: str, other: str, **tolerance: Any) -> None:
    """Check that two results hold the same numbers."""
    a, b = spikeproof.open_result(one), spikeproof.open_result(other)
    assert a.systems == b.systems
    for system in a.systems:
        for metric in a.metrics:
            for left, right in (
                (a.measured(metric, system), b.measured(metric, system)),
                (a.summary(metric, system), b.summary(metric, system)),
            ):
                if tolerance:
                    xr.testing.assert_allclose(left.load(), right.load(), **tolerance)
                else:
                    xr.testing.assert_identical(left.load(), right.load())


@pytest.mark.slow
def test_a_run_that_is_killed_and_resumed_through_the_command_line_equals_a_whole_one(cli: Cli) -> None:
    line = LINE.replace(":build --layer 3", ":unplugged --layer 4").split()
    Path("unplugged").write_text("kill")
    command = [sys.executable, "-m", "spikeproof", *line, *OUT.split()]
    killed = subprocess.run(command, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    kept = {path: path.stat().st_mtime_ns for path in Path("out/blocks").glob("*.nc")}
    assert len(kept) == 2
    Path("unplugged").unlink()
    resumed = cli(*line, *OUT.split(), "--resume")
    assert resumed.code == 0, resumed.err
    assert "2 of 5 parts of the work were finished before and are kept" in resumed.err
    assert cli(*line, "--out", "whole").code == 0
    assert_same("out", "whole")


def test_a_networks_file_that_was_changed_is_not_resumed(cli: Cli) -> None:
    line = LINE.replace(":build --layer 3", ":unplugged --layer 4").split()
    Path("unplugged").write_text("raise")
    assert cli(*line, *OUT.split()).code == 1
    Path("unplugged").unlink()
    Path("nets.py").write_text(Path("nets.py").read_text().replace("return x\n", "return x * 2\n"))
    said(cli(*line, *OUT.split(), "--resume"), 1, "it differs in the models' code)")


def test_the_batch_changes_no_number(cli: Cli) -> None:
    line = LINE.replace("--stimuli 4", "--stimuli 9")
    assert cli(*line.split(), "--batch", "7", "--out", "seven").code == 0
    assert cli(*line.split(), "--batch", "500", "--out", "many").code == 0
    assert_same("seven", "many", rtol=1e-4, atol=1e-6)
