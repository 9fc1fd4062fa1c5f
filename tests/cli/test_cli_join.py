"""Several recordings on one line: joined, with what each gave said after the run, by ``explain`` and in the report."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from command_line import Cli
from spikeproof import load_source, open_result
from spikeproof.errors import BadParameter, DataError, UsageError

PLUGIN = '''
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import xarray as xr
from spikeproof.plugin import SourceEntry, hookimpl
from spikeproof.types import Recording


@dataclass(frozen=True, kw_only=True)
class Sessions:
    """Sessions of one monkey: each target is one session, several are split at plus signs."""

    target: Annotated[str, "Names of sessions."] = ""
    units: Annotated[int, "Units."] = 3
    shown: Annotated[str, "Stimuli."] = "abcd"

    def load(self):
        found = tuple(self._one(name) for name in self.target.split("+"))
        return found if len(found) > 1 else found[0]

    def _one(self, name):
        rng = np.random.default_rng(list(name.encode()))
        shown = list(self.shown) * 2
        response = xr.DataArray(
            rng.poisson(5, (len(shown), self.units)),
            dims=("presentation", "unit"),
            coords={
                "stimulus_id": ("presentation", shown),
                "repeat": ("presentation", [0] * len(self.shown) + [1] * len(self.shown)),
                "unit": [f"{name}-{k}" for k in range(self.units)],
                "session": ("unit", [name] * self.units),
                "subject": ("unit", ["m"] * self.units),
            },
            attrs={"units": "spikes"},
        )
        identity = {"source": f"sessions:{name}", "digest": name}
        return Recording(responses=xr.Dataset({"response": response}), identity=identity, notes=(f"read {name}",))


@hookimpl
def spikeproof_sources():
    yield SourceEntry(name="sessions", factory="session:Sessions", summary="Sessions.", target="NAME")
'''


LINE = ("run", "--plugin", "session.py", "--metric", "sparseness", "--draws", "100", "--out", "out")


@pytest.fixture(autouse=True)
def plugin(tmp_path: Path) -> None:
    (tmp_path / "session.py").write_text(PLUGIN)


def test_what_each_recording_gave_is_said_wherever_a_result_is(cli: Cli) -> None:
    study = ("--source", "sessions:day1,sessions:day2+day3", "--source.shown", "abcd")
    done = cli(*LINE, *study)
    assert done.code == 0, done.err
    for text in (done.out, cli("explain", "out").out):
        assert "The recordings are joined over the stimuli that all of them showed (shared)." in text
        for name in ("sessions:day1", "sessions:day2", "sessions:day3"):
            assert name in text
    assert "sessions:day2: read day2" in done.err
    provenance = json.loads(cli("explain", "out", "--json").out)
    assert provenance["sources"][2] == {
        "source": "sessions:day3", "units": 3, "presentations": 8, "stimuli": 4, "joined_presentations": 8,
        "joined_stimuli": 4, "sessions": ["day3"], "subjects": ["m"],
    }  # fmt: skip
    assert provenance["study"]["join"] == "shared"
    assert provenance["data"]["2.digest"] == "day3"
    assert any("4 stimuli were shown in all 3 recordings and are kept" in note for note in provenance["notes"])
    result = open_result("out")
    code = result.tree["code/recording"]
    assert code["session"].to_numpy().tolist() == ["day1"] * 3 + ["day2"] * 3 + ["day3"] * 3
    report = result.report.read_text()
    assert "<h3>Sources</h3>" in report
    assert "<td>sessions:day3</td><td>m</td><td>day3</td><td class=n>3</td><td class=n>4</td>" in report


def test_join_on_the_line_wins_and_is_kept_in_the_study(cli: Cli) -> None:
    Path("s.toml").write_text(
        'join = "union"\nplugins = ["session.py"]\nmetric = "sparseness"\n[[source]]\nuse = "sessions:day1"\n'
        '[[source]]\nuse = "sessions:day2"\nshown = "cdef"\n'
    )
    assert "[default: union]" in " ".join(cli("run", "s.toml", "--help").out.split())
    assert cli("run", "s.toml", "--draws", "100", "--out", "u", "--save-study", "kept.toml").code == 0
    assert 'join = "union"' in Path("kept.toml").read_text()
    union = json.loads(cli("explain", "u", "--json").out)
    assert [source["joined_stimuli"] for source in union["sources"]] == [4, 4]
    assert any("4 of 6 stimuli were not measured in all 6 units" in note for note in union["notes"])
    assert "that any of them showed (union)" in cli("explain", "u").out
    assert cli("run", "s.toml", "--draws", "100", "--join", "shared", "--out", "s").code == 0
    shared = json.loads(cli("explain", "s", "--json").out)
    assert [source["joined_stimuli"] for source in shared["sources"]] == [2, 2]
    assert "2 of 4" in cli("explain", "s").out


def test_a_result_joined_otherwise_is_not_gone_on_with(cli: Cli) -> None:
    study = ("--source", "sessions:day1+day2")
    assert cli(*LINE, *study).code == 0
    done = cli(*LINE, *study, "--join", "union", "--resume")
    assert done.code == 1
    assert "the study's join" in done.err


def test_recordings_that_share_nothing_end_a_run_with_one_error(cli: Cli) -> None:
    Path("s.toml").write_text(
        'plugins = ["session.py"]\nmetric = "sparseness"\n[[source]]\nuse = "sessions:day1"\n'
        '[[source]]\nuse = "sessions:day2"\nshown = "efgh"\n'
    )
    done = cli("run", "s.toml", "--out", "out")
    assert done.code == 1
    assert done.err.splitlines()[-1].startswith("spikeproof: error: sources: no stimulus was shown in all of sessions:")
    done = cli("run", "s.toml", "--out", "out", "--join", "union")
    assert done.code == 1
    assert "0 of 8 stimuli were measured in all 6 units, and a code needs two at least" in done.err


def test_several_sources_are_loaded_as_one_recording() -> None:
    options: dict[str, Any] = {"units": 4, "informative": 2, "stimuli": 2, "repeats": 2}
    joined = load_source(["simulate:sparse", {"use": "simulate:sparse", "seed": 5}], **options)
    assert joined.responses is not None
    assert joined.responses.sizes == {"presentation": 16, "unit": 8}
    assert joined.identity["1.source"] == "simulate:sparse"
    assert joined.identity["join"] == "shared"
    more = load_source(["simulate:sparse", {"use": "simulate:sparse", "stimuli": 4}], join="union", **options)
    assert more.responses is not None
    assert more.responses.sizes == {"presentation": 32, "unit": 8}


def test_an_option_that_no_source_has_is_refused() -> None:
    with pytest.raises(BadParameter, match=r"simulate:sparse: .*unknown parameter 'colour'"):
        load_source(["simulate:sparse", "simulate:aligned"], colour=3)
    with pytest.raises(UsageError, match=r"a source is NAME:TARGET, or a mapping whose 'use' is that; got None"):
        load_source([{"seed": 3}])
    with pytest.raises(UsageError, match=r"a source is NAME:TARGET, .* got 3"):
        load_source([3])  # type: ignore[list-item]
    with pytest.raises(DataError, match="sources: none was given"):
        load_source([])
    with pytest.raises(DataError, match="join must be 'shared', 'union' or 'rounds', got 'outer'"):
        load_source("simulate:sparse", join="outer")  # type: ignore[arg-type]
