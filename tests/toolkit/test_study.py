from __future__ import annotations

from typing import Any

import pytest
import tomli_w
from spikeproof.errors import BadStudy
from spikeproof.study import check_requirements, parse_study, read_study


def study(**changes: Any) -> dict[str, Any]:
    """A small valid study with some keys replaced; a value of None removes the key."""
    whole: dict[str, Any] = {
        "source": [{"use": "images:x.npz", "size": 32}],
        "model": [{"use": "torch:nets.py:build", "layers": ["layer4"], "units": 20}],
        "readout": {"use": "head"},
        "threat": {"norm": "l2", "epsilons": [0.5, 1.0], "aims": ["unit"], "stimuli": 100, "controls": ["random"]},
        "attack": [{"use": "pgd", "steps": 10}],
        "metric": [{"use": "sensitivity"}],
    }
    whole.update(changes)
    return {key: value for key, value in whole.items() if value is not None}


def test_a_study_reads_every_table() -> None:
    parsed = parse_study(study(seed=3, join="union", statistics={"draws": 200}))
    assert parsed.seed == 3
    assert parsed.join == "union"
    assert parse_study(study()).to_mapping()["join"] == "shared"
    assert parsed.draws == 200
    assert parsed.sources[0].parameters == {"size": 32}
    assert (parsed.models[0].layers, parsed.models[0].units) == (("layer4",), 20)
    assert parsed.threat is not None
    assert parsed.threat.epsilons == (0.5, 1.0)
    assert parsed.attacks[0].label == "pgd"


def test_what_is_written_is_read_back_the_same(tmp_path: Any) -> None:
    first = parse_study(study())
    file = tmp_path / "study.toml"
    file.write_text(tomli_w.dumps(first.to_mapping()))
    again = parse_study(read_study(file), where="study")
    assert again == first


def test_a_plain_name_stands_for_a_table() -> None:
    parsed = parse_study({"source": "simulate:sparse", "metric": ["sparseness", "selectivity"]})
    assert [spec.label for spec in parsed.metrics] == ["sparseness", "selectivity"]


def test_two_attacks_of_one_name_are_told_apart_by_name() -> None:
    parsed = parse_study(study(attack=[{"use": "pgd"}, {"use": "pgd", "name": "pgd-40", "steps": 40}]))
    assert [spec.label for spec in parsed.attacks] == ["pgd", "pgd-40"]
    assert parsed.to_mapping()["attack"][1] == {"use": "pgd", "name": "pgd-40", "steps": 40}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"treath": {}}, r"s\.toml: unknown key 'treath': did you mean 'threat'\?"),
        ({"schema": 2}, r"schema is 2; this spikeproof reads schema 1"),
        ({"source": None}, r"no \[\[source\]\]"),
        ({"metric": None}, r"no \[\[metric\]\]: say what to measure"),
        ({"seed": -1}, r"seed must be a whole number of at least 0, got -1"),
        (
            {"join": "inner"},
            r"s\.toml: join must be 'shared' \(the stimuli .*\), 'union' .* or 'rounds' .*, got 'inner'",
        ),
        ({"join": ["union"]}, r"join must be 'shared' .*, got \['union'\]"),
        ({"seed": True}, r"seed must be a whole number of at least 0, got True"),
        ({"source": [{"path": "x"}]}, r"s\.toml, \[\[source\]\] 1: use is missing"),
        ({"source": [3]}, r"s\.toml, \[\[source\]\] 1: expected a table, got 3"),
        ({"model": [{"use": "torch:x:y"}]}, r"s\.toml, \[\[model\]\] 1: layers is missing"),
        ({"model": [{"use": "torch:x:y", "layers": ["a"], "units": "some"}]}, r"units must be .* or 'all', got 'some'"),
        (
            {"model": [{"use": "torch:x:y", "layers": ["a"], "units": 9, "population": 8}]},
            r"9 units cannot be aimed at in a population of 8: lower units",
        ),
        ({"model": [{"use": "torch:x:y", "layers": ["a", "a"]}]}, r"layers: 'a' is named twice"),
        ({"readout": [{"use": "head"}, {"use": "logistic"}]}, r"one readout only, got 2"),
        ({"attack": [{"use": "pgd"}, {"use": "pgd"}]}, r"\[\[attack\]\]: 'pgd' stands 2 times: give each a name"),
        ({"threat": {"norm": "l0", "epsilons": [1]}}, r"\[threat\]: norm must be 'l1', 'l2' or 'linf', got 'l0'"),
        ({"threat": {"norm": "l2"}}, r"\[threat\]: epsilons is missing"),
        ({"threat": {"epsilons": [1.0, 0.5]}}, r"epsilons must ascend without repeats, got \[1.0, 0.5\]"),
        ({"threat": {"epsilons": [0.5, 0.5]}}, r"epsilons must ascend without repeats"),
        ({"threat": {"epsilons": [-1]}}, r"epsilons must be finite and not negative, got -1"),
        ({"threat": {"epsilons": [float("nan")]}}, r"epsilons must be finite and not negative, got nan"),
        ({"threat": {"epsilons": "1"}}, r"epsilons must be a list of numbers, got '1'"),
        ({"threat": {"epsilons": [1], "eps": 2}}, r"\[threat\]: unknown key 'eps'"),
        ({"statistics": {"draws": 10}}, r"draws must be a whole number of at least 100, got 10"),
        ({"description": 3}, r"description must be text, got 3"),
        ({"requires": [3]}, r"requires must be a list of texts, got \[3\]"),
    ],
)
def test_a_bad_study_is_refused_with_its_place(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(BadStudy, match=message):
        parse_study(study(**changes), where="s.toml")


def test_a_missing_study_file_names_near_ones(tmp_path: Any) -> None:
    (tmp_path / "study.toml").write_text("")
    with pytest.raises(BadStudy, match=r"studi\.toml: there is no such study file: did you mean 'study\.toml'\?"):
        read_study(tmp_path / "studi.toml")


def test_a_folder_is_not_a_study(tmp_path: Any) -> None:
    with pytest.raises(BadStudy, match="this is a folder"):
        read_study(tmp_path)


def test_broken_toml_names_the_line(tmp_path: Any) -> None:
    file = tmp_path / "study.toml"
    file.write_text("seed = 0\nseed = = 1\n")
    with pytest.raises(BadStudy, match=r"not valid TOML: .*line 2"):
        read_study(file)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("spikeproof-nowhere>=1", "which is not installed: pip install"),
        ("numpy<1", r"requires 'numpy<1', but version .* is installed"),
        ("not a requirement!", "is not a requirement"),
    ],
)
def test_requirements_are_checked_first(text: str, message: str) -> None:
    with pytest.raises(BadStudy, match=message):
        check_requirements(parse_study(study(requires=[text])))


def test_met_requirements_pass() -> None:
    check_requirements(parse_study(study(requires=["numpy>=2", "spikeproof>=0.1"])))
