"""``spikeproof run``: composed options, what they set, and what is refused."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
import spikeproof.api
from command_line import Cli
from spikeproof.errors import ResultError
from spikeproof.result import Result

BASE = ["--source", "toy-file:a.toy", "--source.table", "t", "--metric", "toy-count"]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """Collect what would be run, and run nothing."""
    calls: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def run(study: dict[str, Any], **settings: Any) -> Result:
        calls.append((study, settings))
        raise ResultError("enough")

    monkeypatch.setattr(spikeproof.api, "run", run)
    return calls


def dry(cli: Cli, toy: Path, *argv: object) -> dict[str, Any]:
    done = cli("--plugin", toy, "run", *argv, "--dry-run")
    assert (done.code, done.err) == (0, "")
    return tomllib.loads(done.out)


def test_everything_on_the_line_becomes_one_study(cli: Cli, toy: Path) -> None:
    line = (
        "--source toy-file:a.toy --source.table trials --source.window 0,0.5 --source.sort-rows "
        "--model toy-net:f.py:a,toy-net:f.py:b --layer l3,l4 --units 2 --population 5 "
        "--norm l2 --epsilons 0.5,1 --aims unit,population --objective.unit.direction up --stimuli 100 "
        "--controls random --attack toy-climb --attack.steps 5 --no-attack.keep-best --attack.layers a,b "
        "--attack.restarts 3 --metric toy-count,toy-weigh --metric.toy-weigh.by 2 --seed 4 --join union --draws 200 "
        "--precision bf16-polish --compile --no-accelerate --longer-items 3"
    )
    assert dry(cli, toy, *line.split()) == {
        "schema": 1,
        "seed": 4,
        "join": "union",
        "plugins": [str(toy)],
        "source": [{"use": "toy-file:a.toy", "table": "trials", "window": [0, 0.5], "sort_rows": True}],
        "model": [
            {"use": f"toy-net:f.py:{name}", "layers": ["l3", "l4"], "units": 2, "population": 5} for name in ("a", "b")
        ],
        "objective": [{"use": "unit", "direction": "up"}],
        "threat": {
            "norm": "l2",
            "epsilons": [0.5, 1.0],
            "aims": ["unit", "population"],
            "stimuli": 100,
            "controls": ["random"],
        },
        "engine": {"precision": "bf16-polish", "compile": True, "accelerate": False, "longer_items": 3},
        "attack": [{"use": "toy-climb", "steps": 5, "keep_best": False, "layers": ["a", "b"], "restarts": 3}],
        "metric": [{"use": "toy-count"}, {"use": "toy-weigh", "by": 2}],
        "statistics": {"draws": 200},
    }


@pytest.mark.usefixtures("toy")
def test_the_line_wins_over_the_file(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(
        'seed = 1\nplugins = ["toy.py"]\n[[source]]\nuse = "toy-file:a.toy"\ntable = "t"\n'
        '[[attack]]\nuse = "toy-climb"\nsteps = 5\nstep_size = 0.5\n[threat]\nepsilons = [1.0]\ncontrols = []\n'
        '[[metric]]\nuse = "toy-count"\n'
    )
    done = cli("run", "s.toml", "--attack.steps", "7", "--epsilons", "2", "--dry-run")
    study = tomllib.loads(done.out)
    assert study["attack"] == [{"use": "toy-climb", "steps": 7, "step_size": 0.5}]
    assert study["threat"] | {"epsilons": [2.0], "controls": []} == study["threat"]
    assert study["seed"] == 1
    named = tomllib.loads(cli("run", "s.toml", "--attack", "toy-climb", "--dry-run").out)
    assert named["attack"] == [{"use": "toy-climb"}], "naming a component replaces its table"


def test_one_chosen_component_has_a_short_and_a_long_spelling(cli: Cli, toy: Path) -> None:
    for flag in ("--attack.step-size", "--attack.toy-climb.step-size", "--attack.step_size"):
        line = [*BASE, "--attack", "toy-climb", "--epsilons", "1", flag, "0.25", "--controls", "random"]
        assert dry(cli, toy, *line)["attack"] == [{"use": "toy-climb", "step_size": 0.25}]


def test_several_components_of_one_name_share_their_options(cli: Cli, toy: Path) -> None:
    line = "--source toy-file:a,toy-file:b --source.table t --metric toy-count"
    assert [source["table"] for source in dry(cli, toy, *line.split())["source"]] == ["t", "t"]


def test_a_label_in_the_file_names_the_options(cli: Cli, toy: Path, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(
        '[[source]]\nuse = "toy-file:a"\ntable = "t"\n[threat]\nepsilons = [1]\ncontrols = []\n'
        '[[metric]]\nuse = "toy-count"\n'
        '[[attack]]\nuse = "toy-climb"\nname = "weak"\n[[attack]]\nuse = "toy-climb"\nname = "strong"\n'
    )
    attacks = dry(cli, toy, "s.toml", "--attack.strong.steps", "90")["attack"]
    assert attacks == [{"use": "toy-climb", "name": "weak"}, {"use": "toy-climb", "name": "strong", "steps": 90}]
    page = cli("run", "--plugin", toy, "s.toml", "--help").out
    assert "Options of attack 'strong' (toy-climb of toy.py" in page


def test_help_shows_a_panel_for_each_chosen_component(cli: Cli, toy: Path) -> None:
    page = cli("run", "--plugin", toy, *BASE, "--attack", "toy-climb", "--help")
    assert page.code == 0
    for text in (
        "Options of attack 'toy-climb' (toy.py ",
        "--attack.steps <int>",
        "Number of steps. [default: 40]",
        "--attack.keep-best /",
        "--no-attack.keep-best",
        "Keep the best [iterate]. [default: on]",
        "--attack.schedule <flat|cosine>",
        "--attack.restarts <int|auto>",
        "--attack.layers <str,...>",
        "Which table. Required.",
        "toy-climb,",
        "--objective.unit.direction",
    ):
        assert text in page.out, text
    assert "--attack.toy-climb.steps" not in page.out


def test_help_shows_what_the_file_holds_as_default(cli: Cli, toy: Path, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(
        'seed = 77\n[[attack]]\nuse = "toy-climb"\nsteps = "many"\n[[model]]\nuse = "toy-net:a:b"\nunits = 33\n'
    )
    page = cli("run", "--plugin", toy, "s.toml", "--help").out
    assert "Number of steps. [default: many]" in page
    assert "[default: 77]" in page
    assert "[default: 33]" in page


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_help_cuts_no_name_at_any_width(cli: Cli, toy: Path, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    page = cli("run", "--plugin", toy, "--attack", "toy-climb,toy-jump", "--metric", "toy-count", "--help").out
    assert "…" not in page
    assert max(map(len, page.splitlines())) <= max(width, 78)  # the examples stay whole
    names = page.replace("│", " ").split()
    wide = [name for name in ("--attack.toy-jump.steps", "--metric.by") if width >= 60]
    assert all(name in names for name in wide)


def test_help_is_coloured_on_demand_only(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "\x1b[" not in cli("run", "--help").out
    monkeypatch.setenv("FORCE_COLOR", "1")
    assert "\x1b[" in cli("run", "--help").out
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[3" not in cli("run", "--help").out


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        ("--attack toy-climb --attack.step 3", "--attack.step: no such option: did you mean --attack.steps?"),
        (
            "--attack.steps 3",
            "--attack.steps: no attack is chosen: add --attack NAME (`spikeproof show attack` lists them)",
        ),
        (
            "--objective.unit.direction up",
            "--objective.unit.direction: no objective is chosen: add --aims NAME "
            "(`spikeproof show objective` lists them)",
        ),
        (
            "--attack toy-climb,toy-jump --attack.steps 3",
            "--attack.steps: several components of kind attack are chosen; say which: "
            "--attack.toy-climb.steps or --attack.toy-jump.steps",
        ),
        (
            "--attack toy-jump --attack.zzz 3",
            "--attack.zzz: no such option: attack toy-jump has --attack.steps",
        ),
        ("--atack toy-climb", "--atack: no such option: did you mean --attack?"),
        ("--qqqqq 1", "--qqqqq: no such option: see --help"),
        ("--atack.steps 1", "--atack.steps: no such option: did you mean --attack.steps?"),
        ("--qqq.steps 1", "--qqq.steps: no such option: see --help"),
        ("--norm l3", "--norm: expected l1 or l2 or linf, got 'l3'"),
        ("--seed x", "--seed: expected a whole number, got 'x'"),
        ("--join inner", "--join: expected shared or union or rounds, got 'inner'"),
        ("--device gpu", "--device: expected auto or cpu or cuda, got 'gpu'"),
        (
            "",
            "nothing to run: give a study file, or at least --source SPEC and --metric SPEC "
            "(see spikeproof run --help)",
        ),
        ("none.toml", "none.toml: there is no such study file"),
        (
            "--metric toy-count --source toy-file:a --units x --model toy-net:f:a --layer l --source.table t",
            "the command line, [[model]] 1: units must be a whole number of at least 1 or 'all', got 'x'",
        ),
        ("--metric toy-count", "the command line: no [[source]]: say where the recording or the images come from, "),
    ],
)
def test_what_cannot_be_run_is_refused_with_what_to_do(cli: Cli, toy: Path, argv: str, message: str) -> None:
    done = cli("run", "--plugin", toy, *argv.split())
    assert done.code == 2
    assert done.out == ""
    assert done.err.startswith(f"spikeproof: error: {message}")
    assert len(done.err.splitlines()) == 1


@pytest.mark.usefixtures("toy")
def test_a_wrong_parameter_names_the_file_and_the_table(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "s.toml").write_text(
        'plugins = ["toy.py"]\n[[source]]\nuse = "toy-file:a"\ntabel = "t"\n[[metric]]\nuse = "toy-count"\n'
    )
    done = cli("run", "s.toml", "--dry-run")
    assert done.code == 2
    assert "s.toml, [[source]] 1" in done.err
    assert "tabel" in done.err


def test_an_unknown_component_lists_the_near_ones(cli: Cli, toy: Path) -> None:
    done = cli("run", "--plugin", toy, "--attack", "toy-clim", "--help")
    assert done.code == 2
    assert "'toy-climb'" in done.err


def test_the_study_must_stand_where_it_can_be_told_apart(cli: Cli, toy: Path, tmp_path: Path) -> None:
    (tmp_path / "s").write_text('[[attack]]\nuse = "toy-climb"\n')
    done = cli("run", "--plugin", toy, "--attack", "toy-climb", "--attack.keep-best", "s")
    assert done.code == 2
    assert done.err == "spikeproof: error: s: put the study file before the options\n"


def test_the_study_is_saved_as_it_was_resolved(cli: Cli, toy: Path, tmp_path: Path) -> None:
    done = cli("run", "--plugin", toy, *BASE, "--save-study", "kept.toml", "--dry-run")
    assert done.err == "study written to kept.toml\n"
    assert (tmp_path / "kept.toml").read_text() == done.out
    again = cli("run", "kept.toml", "--dry-run")
    assert (again.code, again.out) == (0, done.out)
    bad = cli("run", "--plugin", toy, *BASE, "--save-study", "no/such/kept.toml", "--dry-run")
    assert bad.code == 2
    assert bad.err.startswith("spikeproof: error: --save-study: no/such/kept.toml cannot be written: ")


def test_the_run_is_asked_for_as_the_line_says(cli: Cli, toy: Path, asked: list[Any]) -> None:
    cli("run", "--plugin", toy, *BASE)
    cli("run", "--plugin", toy, *BASE, *["--out", "o", "--resume", "--batch", "8", "--device", "cpu"])
    (_, usual), (_, said) = asked
    kept = ("out", "resume", "batch", "device", "where")
    assert [usual[key] for key in kept] == [Path("results/run"), False, None, "auto", "the command line"]
    assert [said[key] for key in kept] == [Path("o"), True, 8, "cpu", "the command line"]


def test_ctrl_c_says_how_to_go_on(cli: Cli, toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def run(*_: Any, **settings: Any) -> Result:
        Path(settings["out"]).mkdir()
        raise KeyboardInterrupt

    monkeypatch.setattr(spikeproof.api, "run", run)
    done = cli("run", "--plugin", toy, *BASE, "--out", "my out", "--resume")
    assert done.code == 130
    assert done.out == ""
    assert done.err.splitlines() == [
        "spikeproof: stopped. What is finished is kept in my out. Go on with:",
        f"  spikeproof run {' '.join(BASE)} --out 'my out' --plugin {toy} --resume",
    ]


def test_a_real_study_runs_from_the_line(cli: Cli) -> None:
    line = (
        "--source simulate:sparse --source.units 6 --source.informative 3 --source.stimuli 4 "
        "--metric sparseness --draws 100 --out r"
    )
    done = cli("run", *line.split())
    assert done.code == 0, done.err
    assert "Report: r/report.html" in done.out
    assert "loading" in done.err
    again = cli("run", *line.split(), "--resume")
    assert (again.code, again.out) == (0, done.out)
    refused = cli("run", *line.split())
    assert refused.code == 1
    assert "add --resume to use it" in refused.err
