"""``plugins``, ``show`` and ``inspect``."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent

import pytest
from command_line import Cli


@pytest.fixture
def broken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A distribution whose plugin cannot be imported, with a long error."""
    site = tmp_path / "site"
    info = site / "spikeproof_broken-0.3.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: spikeproof-broken\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text("[spikeproof]\nbroken = spikeproof_broken_cli\n")
    (site / "spikeproof_broken_cli.py").write_text(f"raise RuntimeError({'a long story [red] ' * 12 + 'END'!r})\n")
    monkeypatch.syspath_prepend(str(site))
    return site


def test_plugins_are_listed_with_what_they_provide(cli: Cli, toy: Path) -> None:
    done = cli("plugins", "--plugin", toy)
    assert done.code == 0
    line = next(line for line in done.out.splitlines() if line.startswith("toy "))
    assert "toy.py" in line
    assert "active" in line
    assert "source toy-file, toy-dull" in " ".join(done.out.split())


@pytest.mark.parametrize("width", [40, 80, 200])
@pytest.mark.usefixtures("broken")
def test_the_error_of_a_broken_plugin_is_shown_whole(cli: Cli, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    done = cli("plugins")
    assert done.code == 0
    assert "broken (spikeproof-broken 0.3): failed" in done.out
    assert "a long story [red] " * 12 + "END" in done.out
    assert "Tracebacks: spikeproof plugins -v" in done.out
    assert "Traceback (most" not in done.out
    assert "Traceback (most recent call last)" in cli("plugins", "-v").out


@pytest.mark.usefixtures("broken")
def test_plugins_as_json_hold_everything(cli: Cli) -> None:
    listed = {item["name"]: item for item in json.loads(cli("plugins", "--json").out)}
    assert listed["broken"]["state"] == "failed"
    assert listed["broken"]["error"].endswith("END")
    assert "Traceback" in listed["broken"]["traceback"]
    assert {"kind": "attack", "name": "pgd"} in listed["attacks"]["provides"]
    assert listed["attacks"]["distribution"] == "spikeproof"


@pytest.mark.usefixtures("broken")
def test_no_plugins_leaves_the_built_ins(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    for line in (["--no-plugins", "plugins", "--json"], ["plugins", "--json", "--no-plugins"]):
        monkeypatch.delenv("SPIKEPROOF_NO_PLUGINS", raising=False)
        states = {item["name"]: item["state"] for item in json.loads(cli(*line).out)}
        assert states["broken"] == "disabled"
        assert states["nwb"] in {"active", "slow"}


def test_kinds_are_listed(cli: Cli, toy: Path) -> None:
    done = cli("show", "--plugin", toy, "attacks")
    assert done.code == 0
    assert "toy-climb" in done.out
    assert "Climbs." in done.out
    assert "toy-count" not in done.out
    every = cli("show", "--plugin", toy).out
    assert "toy-climb" in every
    assert "toy-count" in every
    assert "toy-file:PATH" in every
    names = [item["name"] for item in json.loads(cli("show", "metric", "--json", "--plugin", toy).out)]
    assert {"toy-count", "sparseness"} <= set(names)


def test_one_component_is_shown_with_its_parameters(cli: Cli, toy: Path) -> None:
    done = cli("show", "attack", "toy-climb", "--plugin", toy)
    lines = [" ".join(line.split()) for line in done.out.splitlines()]
    assert lines[:2] == ["attack toy-climb", "Climbs."]
    for line in (
        "revision 3",
        "reference doi:10.1/toy",
        "domain stimulus",
        "norms l2",
        "needs gradients yes",
        "steps int 40 Number of steps.",
        "keep_best bool yes Keep the best [iterate].",
        "schedule flat|cosine flat How lengths change.",
        "layers str,... empty Where.",
    ):
        assert line in lines, line
    assert any(line.startswith("provided by toy.py ") for line in lines)
    source = cli("show", "source", "toy-file:any", "--plugin", toy).out
    assert "required" in source
    assert "source toy-file:PATH" in source


def test_one_component_as_json(cli: Cli, toy: Path) -> None:
    shown = json.loads(cli("show", "source", "toy-file", "--json", "--plugin", toy).out)
    assert shown["kind"] == "source"
    assert shown["parameters"][0] == {
        "name": "table",
        "type": "str",
        "required": True,
        "default": None,
        "help": "Which table.",
    }


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["show", "atack"], "there is no kind of component called 'atack': did you mean attack?"),
        (
            ["show", "zzz"],
            "there is no kind of component called 'zzz': the kinds are source, model, encoder, readout, ",
        ),
        (["show", "attack", "toy-clim"], "no attack named 'toy-clim'"),
    ],
)
def test_what_cannot_be_shown_is_refused(cli: Cli, toy: Path, argv: list[str], message: str) -> None:
    done = cli(*argv, "--plugin", toy)
    assert done.code == 2
    assert done.err.startswith(f"spikeproof: error: {message}")


def test_a_file_is_inspected_through_the_source_that_claims_it(cli: Cli, toy: Path, tmp_path: Path) -> None:
    (tmp_path / "a.toy").touch()
    done = cli("inspect", "--plugin", toy, "a.toy", "--table", "t", "--window", "0,0.5", "--sort-rows")
    assert done.code == 0, done.err
    assert [" ".join(line.split()) for line in done.out.splitlines()] == [
        "Toy a.toy",
        "table t",
        "window (0.0, 0.5)",
        "sorted True",
        "",
        "Rows [all]",
        "a b",
        "1 2",
        "",
        "It can give",
        "- counts",
        "",
        "It cannot give",
        "- images: there are none",
        "",
        "Run it",
        "spikeproof run --source toy-file:a.toy" + " --metric toy-count" * 20,
    ]


@pytest.mark.parametrize(
    "flags", ["--table t", "--source.table t", "--source.toy-file.table t", "--table=t", "--no-sort-rows --table t"]
)
def test_options_of_the_source_have_several_spellings(cli: Cli, toy: Path, tmp_path: Path, flags: str) -> None:
    (tmp_path / "a.toy").touch()
    for line in (["a.toy", *flags.split()], [*flags.split(), "a.toy"]):
        done = cli("inspect", "--plugin", toy, *line, "--json")
        assert done.code == 0, done.err
        shown = json.loads(done.out)
        assert shown["facts"][0] == ["table", "t"]
        assert shown["run"].startswith("spikeproof run")


def test_a_spec_and_a_folder_are_inputs_too(cli: Cli, toy: Path, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    assert cli("inspect", "--plugin", toy, "toy-file:x", "--table", "t").out.startswith("Toy x\n")
    done = cli("inspect", "--plugin", toy, "toy.py/toy-file:folder", "--table", "t")
    assert done.out.startswith("Toy folder\n")


def test_help_of_inspect_shows_the_sources_options(cli: Cli, toy: Path) -> None:
    assert "--table" not in cli("inspect", "--plugin", toy, "--help").out.replace("--table trials", "")
    page = cli("inspect", "--plugin", toy, "toy-file:x", "--help").out
    assert "Options of source 'toy-file' (toy.py " in page
    assert "--table <str>" in page
    assert "--sort-rows / --no-sort-rows" in page


@pytest.mark.parametrize(
    ("argv", "code", "message"),
    [
        (["a.tyo"], 2, "a.tyo: there is no such file or folder: did you mean a.toy?"),
        (["b.zzz"], 2, "b.zzz: no source claims files that end in '.zzz'; name one: "),
        (["c"], 2, "c: no source claims files like this one; name one: "),
        (
            ["d.both"],
            2,
            "d.both: several sources read files that end in '.both'; say which: toy.py/toy-one:d.both or "
            "toy.py/toy-two:d.both",
        ),
        (["nosource:x"], 2, "no source named 'nosource'"),
        (
            ["e.dull"],
            1,
            "toy-dull:e.dull: source 'toy-dull' cannot say what it holds; `spikeproof run` reads it all the same",
        ),
        (["a.toy", "--tabel", "t"], 2, "No such option: --tabel: did you mean --table?"),
        (["a.toy"], 2, "toy-file:a.toy: table"),
        ([], 2, "Missing argument 'INPUT'."),
    ],
)
def test_what_cannot_be_inspected_is_refused(
    cli: Cli, toy: Path, tmp_path: Path, argv: list[str], code: int, message: str
) -> None:
    for name in ("a.toy", "b.zzz", "c", "d.both", "e.dull"):
        (tmp_path / name).touch()
    done = cli("inspect", "--plugin", toy, *argv)
    assert done.code == code
    assert done.err.startswith(f"spikeproof: error: {message}")


def test_wide_tables_become_records(cli: Cli, tmp_path: Path) -> None:
    (tmp_path / "wide.py").write_text(
        dedent(
            """
            from dataclasses import dataclass
            from spikeproof.plugin import SourceEntry, hookimpl
            from spikeproof.types import Inspection, InspectionTable

            @hookimpl
            def spikeproof_sources():
                yield SourceEntry(name="wide", factory="wide:Wide", summary="Wide.", target="PATH")

            @dataclass(frozen=True, slots=True, kw_only=True)
            class Wide:
                target: str

                def load(self):
                    raise NotImplementedError

                def inspect(self):
                    rows = (("trials", "3", "word " * 60),)
                    table = InspectionTable(title="Tables", columns=("path", "rows", "columns"), rows=rows)
                    return Inspection(title="W", tables=(table,))
            """
        )
    )
    lines = cli("inspect", "--plugin", "wide.py", "wide:x").out.splitlines()
    assert lines[2:5] == ["Tables", "trials", "  rows     3" + " " * (len(lines[4]) - 12)]
    assert "path" not in "".join(lines)
