"""Tables [[encoder]]: what a study says of encoders, and what it is told where it says it wrongly."""

from __future__ import annotations

from typing import Any

import pytest
from spikeproof.errors import BadStudy
from spikeproof.study import parse_study

MODEL = {"use": "torch:nets.py:a", "layers": ["l1", "l2"]}


def study(encoder: object, *models: object) -> Any:
    return {
        "source": ["simulate:sparse"],
        "metric": ["sparseness"],
        "model": list(models or [MODEL]),
        "encoder": encoder,
    }


def test_defaults_are_filled_in() -> None:
    (spec,) = parse_study(study("ridge")).encoders
    assert (spec.label, spec.models, spec.layers, spec.choose, spec.folds, spec.min_fit, spec.units) == (
        "ridge",
        (),
        (),
        "unit",
        5,
        0.2,
        None,
    )
    assert spec.parameters == {}


def test_what_is_not_the_host_s_is_the_component_s() -> None:
    table = {
        "use": "ridge",
        "name": "a",
        "model": "torch:nets.py:a",
        "layers": "l1",
        "choose": "all",
        "folds": 3,
        "min_fit": 0.5,
        "units": 7,
        "penalties": [1.0],
    }
    (spec,) = parse_study(study([table])).encoders
    assert spec.parameters == {"penalties": [1.0]}
    assert (spec.label, spec.models, spec.layers, spec.choose) == ("a", ("torch:nets.py:a",), ("l1",), "all")
    assert (spec.folds, spec.min_fit, spec.units) == (3, 0.5, 7)


def test_a_study_is_written_as_it_was_read() -> None:
    table = {"use": "ridge", "model": ["a", "b"], "layers": ["l1"], "penalties": [1.0]}
    models = [{**MODEL, "name": "a"}, {**MODEL, "name": "b"}]
    read = parse_study(study([table], *models))
    again = parse_study(read.to_mapping())
    assert again.encoders[0].models == ("a", "b")
    assert again.to_mapping() == read.to_mapping()


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"use": "ridge", "folds": 1}, r"\[\[encoder\]\] 1: folds must be a whole number of at least 2, got 1"),
        ({"use": "ridge", "folds": 2.5}, "folds must be a whole number of at least 2, got 2.5"),
        ({"use": "ridge", "min_fit": 1.0}, "min_fit must be a correlation, from -1 to below 1, got 1.0"),
        ({"use": "ridge", "min_fit": float("nan")}, "min_fit must be a correlation, from -1 to below 1, got nan"),
        ({"use": "ridge", "min_fit": "0.3"}, "min_fit must be a correlation, from -1 to below 1, got '0.3'"),
        ({"use": "ridge", "min_fit": True}, "min_fit must be a correlation, from -1 to below 1, got True"),
        ({"use": "ridge", "units": 0}, "units must be a whole number of at least 1 or 'all', got 0"),
        ({"use": "ridge", "choose": "layer"}, r"choose must be 'unit' \(each unit has the layer that predicts it best"),
        ({"use": "ridge", "layers": ["a", "a"]}, "layers: 'a' is named twice"),
        ({"use": "ridge", "model": []}, r"model names none: the study has 'torch:nets.py:a'"),
        (
            {"use": "ridge", "model": "torch:nets.py:b"},
            r"there is no \[\[model\]\] called 'torch:nets.py:b': did you mean 'torch:nets.py:a'\?",
        ),
        ({}, "use is missing: name the component"),
    ],
)
def test_a_wrong_key_is_named(table: dict[str, Any], message: str) -> None:
    with pytest.raises(BadStudy, match=message):
        parse_study(study([table]))


def test_an_encoder_without_a_model_is_refused() -> None:
    message = r"\[\[encoder\]\] 'ridge' needs a \[\[model\]\] whose features it can map to the recorded units"
    with pytest.raises(BadStudy, match=message):
        parse_study({"source": ["simulate:sparse"], "metric": ["sparseness"], "encoder": "ridge"})


def test_of_several_models_one_must_be_named() -> None:
    message = r"model is missing: say which \[\[model\]\] it reads: 'torch:nets.py:a', 'b' \(one of them, or a list of"
    with pytest.raises(BadStudy, match=message):
        parse_study(study("ridge", MODEL, {**MODEL, "name": "b"}))


def test_two_encoders_of_one_name_are_refused() -> None:
    with pytest.raises(BadStudy, match=r"'ridge' stands 2 times: give each a name = '...' of its own"):
        parse_study(study(["ridge", {"use": "ridge", "folds": 3}]))
