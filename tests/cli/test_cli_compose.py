"""From a line and a study file to one study."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from spikeproof.cli.compose import choose, default_out, set_host_values, split_specs, split_words
from spikeproof.cli.host_options import OPTIONS, USUAL_AIMS
from spikeproof.cli.study_text import study_text
from spikeproof.errors import UsageError
from spikeproof.study import parse_study

NAMES = ["torch", "timm", "images", "nwb", "pgd", "dist/pgd"]


@pytest.mark.parametrize(
    ("values", "specs"),
    [
        (["torch:f.py:a,torch:f.py:b"], ["torch:f.py:a", "torch:f.py:b"]),
        (["torch:f.py:a", "timm:resnet50"], ["torch:f.py:a", "timm:resnet50"]),
        (["nwb:a,b.nwb"], ["nwb:a,b.nwb"]),
        (["nwb:a,b.nwb,nwb:c.nwb"], ["nwb:a,b.nwb", "nwb:c.nwb"]),
        (["nwb:a.nwb, images:x"], ["nwb:a.nwb", "images:x"]),
        (["pgd,dist/pgd"], ["pgd", "dist/pgd"]),
        (["pgd,misspelt"], ["pgd", "misspelt"]),
        (["nwb:a.nwb,pgd"], ["nwb:a.nwb", "pgd"]),
        (["nwb:a,pgdx.nwb"], ["nwb:a,pgdx.nwb"]),
        (["pgd,"], ["pgd"]),
        ([], []),
    ],
)
def test_a_comma_splits_names_and_leaves_targets_whole(values: list[str], specs: list[str]) -> None:
    assert split_specs(values, NAMES) == specs


def test_without_known_names_a_target_keeps_its_commas() -> None:
    assert split_specs(["new:a,b"], []) == ["new:a,b"]


@given(st.lists(st.sampled_from(["pgd", "nwb:x.nwb", "torch:f.py:a", "images:a b", "dist/pgd"]), min_size=1))
def test_joining_with_commas_and_repeating_are_the_same(specs: list[str]) -> None:
    assert split_specs([",".join(specs)], NAMES) == split_specs(specs, NAMES) == specs


def test_words_repeat_or_take_commas() -> None:
    assert split_words(["a,b", " c ", ""]) == ["a", "b", "c"]


def test_naming_a_kind_replaces_its_tables_and_leaves_the_rest() -> None:
    study = {"seed": 3, "attack": [{"use": "pgd", "steps": 5}], "metric": [{"use": "m"}], "readout": {"use": "head"}}
    chosen = choose(study, {"attack": ["silence", "shift"], "readout": ["logistic"]})
    assert chosen == {
        "seed": 3,
        "attack": [{"use": "silence"}, {"use": "shift"}],
        "metric": [{"use": "m"}],
        "readout": {"use": "logistic"},
    }
    chosen["metric"][0]["by"] = 2
    assert study["attack"] == [{"use": "pgd", "steps": 5}], "the study that was read stays as it is"
    assert study["metric"] == [{"use": "m"}]


def test_short_forms_of_tables_become_tables() -> None:
    assert choose({"readout": "head", "metric": ["a", {"use": "b"}]}, {}) == {
        "readout": {"use": "head"},
        "metric": [{"use": "a"}, {"use": "b"}],
    }


def test_two_readouts_are_refused() -> None:
    with pytest.raises(UsageError, match="--readout: one readout only, got a, b"):
        choose({}, {"readout": ["a", "b"]})


def test_the_line_wins_over_the_file_key_by_key() -> None:
    study: dict[str, Any] = {
        "model": [{"use": "m", "layer": "old", "units": 5, "weights": "w"}],
        "threat": {"norm": "linf", "epsilons": [1.0], "stimuli": 10},
        "seed": 1,
    }
    set_host_values(
        study,
        {
            "layer": ["a,b"],
            "epsilons": ["0.5,1", "2"],
            "stimuli": "all",
            "seed": 7,
            "draws": 200,
            "aims": ["unit"],
            "controls": ["random,flipped"],
        },
    )
    assert study == {
        "model": [{"use": "m", "layers": ["a", "b"], "units": 5, "weights": "w"}],
        "threat": {
            "norm": "linf",
            "epsilons": [0.5, 1.0, 2.0],
            "stimuli": "all",
            "aims": ["unit"],
            "controls": ["random", "flipped"],
        },
        "seed": 7,
        "statistics": {"draws": 200},
    }


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"epsilons": ["0.5,x"]}, "--epsilons: expected numbers such as 0.5,1, got 'x'"),
        ({"layer": ["a"]}, "--layer: there is no model whose layers could be read: add --model SPEC"),
        ({"units": "5"}, "--units: there is no model whose layers could be read: add --model SPEC"),
    ],
)
def test_values_that_cannot_be_placed_are_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        set_host_values({}, values)
    assert str(error.value) == message


def test_a_malformed_table_is_left_for_the_study_to_refuse() -> None:
    study: dict[str, Any] = {"threat": 3}
    set_host_values(study, {"norm": "l2"})
    assert study == {"threat": 3}


def test_the_result_is_named_after_the_study() -> None:
    assert default_out(Path("a/b.toml")) == Path("results/b")
    assert default_out(None) == Path("results/run")


def test_the_defaults_that_help_shows_are_the_studys() -> None:
    study = parse_study(
        {
            "source": {"use": "a"},
            "metric": [{"use": "b"}],
            "model": [{"use": "c", "layers": ["d"]}],
            "threat": {"epsilons": [1]},
        }
    ).to_mapping()
    held = {**study["threat"], "seed": study["seed"], "join": study["join"], "draws": study["statistics"]["draws"]}
    held |= {key: study["model"][0][key] for key in ("units", "population")}
    held |= study["engine"]
    shown = {option.name: option.default for option in OPTIONS if option.default is not None}
    assert shown["aims"] == USUAL_AIMS
    assert {name: list(value) if isinstance(value, tuple) else value for name, value in shown.items()} == {
        name: held[name] for name in shown
    }


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
SCALARS = st.one_of(st.booleans(), st.integers(-(2**60), 2**60), st.floats(allow_nan=False), TEXTS)
KEYS = st.text(min_size=1, max_size=8, alphabet='ab-_. ä"\n')
TABLES = st.dictionaries(KEYS, SCALARS | st.lists(SCALARS), max_size=4)
STUDIES = st.dictionaries(st.sampled_from(["seed", "plugins"]), SCALARS | st.lists(SCALARS)).flatmap(
    lambda top: st.fixed_dictionaries(
        {}, optional={"threat": TABLES, "attack": st.lists(TABLES, min_size=1), "source": st.lists(TABLES, min_size=1)}
    ).map(lambda tables: {**top, **tables})
)


@settings(max_examples=60, deadline=None)
@given(STUDIES)
def test_a_study_written_and_read_back_is_the_same(study: dict[str, Any]) -> None:
    assert tomllib.loads(study_text(study)) == study


def test_every_control_character_survives() -> None:
    study = {"seed": "".join(map(chr, range(0x100)))}
    assert tomllib.loads(study_text(study)) == study


def test_what_toml_cannot_hold_is_refused() -> None:
    with pytest.raises(TypeError, match="no TOML for NoneType"):
        study_text({"seed": None})
