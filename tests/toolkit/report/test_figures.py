from __future__ import annotations

import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
import xarray as xr
from spikeproof.report.figures import draw
from spikeproof.wording import number

STATISTIC = ["estimate", "low", "high"]


def variable(dims: dict[str, list[object]], **attrs: object) -> xr.DataArray:
    """Values 0, 1, 2 ... with intervals of one half either way."""
    shape = [len(values) for values in dims.values()]
    estimate = np.arange(np.prod(shape), dtype=float).reshape(shape)
    return xr.DataArray(
        np.stack([estimate, estimate - 0.5, estimate + 0.5]),
        dims=("statistic", *dims),
        coords={"statistic": STATISTIC, **dims},
        attrs={"long_name": "the shift", "units": "sd", "definition": "d", **attrs},
    )


def texts(svg: str) -> list[str]:
    return ["".join(element.itertext()) for element in ET.fromstring(svg).iter() if element.tag.endswith("}text")]  # noqa: S314


def test_a_matrix_shows_every_cell_with_its_interval() -> None:
    matrix = variable({"row": ["a", "b"], "scale": ["u", "v"]}, figure="matrix", rows="row", columns="scale")
    [(svg, alternative)] = draw(xr.Dataset({"m": matrix}), "m")
    shown = texts(svg)
    assert {"a", "b", "u", "v", "0", "1", "2", "3", "-0.5 to 0.5", "2.5 to 3.5"} <= set(shown)
    assert alternative == "the shift, row by scale"


def test_a_matrix_has_one_panel_for_each_place_of_the_other_dimensions() -> None:
    dims = {"row": ["a"], "scale": ["u"], "epsilon": [0.5, 1.0]}
    [(svg, _)] = draw(xr.Dataset({"m": variable(dims, figure="matrix", rows="row", columns="scale")}), "m")
    assert {"epsilon 0.5", "epsilon 1"} <= set(texts(svg))


def test_a_curve_names_its_axes_with_units_its_lines_and_its_reference() -> None:
    curve = variable(
        {"control": ["attack", "random"], "epsilon": [0.5, 1.0]},
        figure="curve",
        x="epsilon",
        reference_lines='{"1 sd": 1.0}',
    )
    curve["epsilon"].attrs["units"] = "L2 norm"
    [(svg, alternative)] = draw(xr.Dataset({"c": curve}), "c")
    assert {"epsilon (L2 norm)", "the shift (sd)", "attack", "random", "1 sd"} <= set(texts(svg))
    assert alternative == "the shift against epsilon"


def test_a_distribution_shows_its_chance_level() -> None:
    values = variable({"unit": ["u0", "u1", "u2"]}, figure="distribution", x="unit", chance="level")
    level = variable({}, long_name="permuted labels")
    [(svg, _)] = draw(xr.Dataset({"d": values, "level": level}), "d")
    assert any(text.startswith("permuted labels") for text in texts(svg))
    assert "units, sorted (3 of 3)" in texts(svg)


@pytest.mark.parametrize("kind", ["matrix", "curve", "distribution"])
@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_what_is_nowhere_finite_is_left_to_the_table(kind: str, value: float) -> None:
    nowhere = variable({"row": ["a"], "x": [1.0]}, figure=kind, rows="row", columns="x", x="x") * 0 + value
    nowhere.attrs |= {"figure": kind, "long_name": "n", "units": "1", "rows": "row", "columns": "x", "x": "x"}
    assert draw(xr.Dataset({"v": nowhere}), "v") == []


def test_a_number_is_not_drawn() -> None:
    assert draw(xr.Dataset({"v": variable({})}), "v") == []


def test_an_unknown_figure_is_named() -> None:
    with pytest.raises(ValueError, match="variable 'v': unknown figure 'pie'"):
        draw(xr.Dataset({"v": variable({}, figure="pie")}), "v")


def test_drawings_of_one_result_are_the_same_each_time() -> None:
    summary = xr.Dataset({"v": variable({"x": [1.0, 2.0]}, figure="curve", x="x")})
    first, second = (re.sub(r"<metadata>.*?</metadata>", "", draw(summary, "v")[0][0], flags=re.S) for _ in range(2))
    assert first == second


@pytest.mark.parametrize(
    ("value", "shown"),
    [(0.014999, "0.015"), (1234.4, "1234"), (np.inf, "not reached"), (np.nan, "undefined"), (0.0, "0")],
)
def test_numbers_are_written_for_people(value: float, shown: str) -> None:
    assert number(value) == shown


def test_names_of_dimensions_are_words_and_a_norm_is_named_by_its_units() -> None:
    values = variable({"recorded_unit": ["u0", "u1"]}, figure="distribution", x="recorded_unit")
    [(svg, alternative)] = draw(xr.Dataset({"d": values}), "d")
    assert {"recorded units, sorted (2 of 2)", "recorded unit, with 95 % interval"} <= set(texts(svg))
    assert "_" not in "".join(texts(svg)) + alternative
    curve = variable({"epsilon": [0.5, 1.0]}, figure="curve", x="epsilon")
    curve["epsilon"].attrs |= {"long_name": "norm", "units": "L2 norm"}
    assert "L2 norm" in texts(draw(xr.Dataset({"c": curve}), "c")[0][0])


def test_a_matrix_says_what_its_rows_and_columns_are() -> None:
    matrix = variable({"row": ["a", "b"], "scale": ["u", "v"]}, figure="matrix", rows="row", columns="scale")
    matrix["row"].attrs["long_name"], matrix["scale"].attrs["long_name"] = "aimed at", "read at"
    [(svg, alternative)] = draw(xr.Dataset({"m": matrix}), "m")
    assert {"aimed at", "read at"} <= set(texts(svg))
    assert alternative == "the shift, aimed at by read at"


def test_two_reference_lines_have_their_words_at_either_end() -> None:
    lines = '{"one in ten": 0.1, "the commonest": 0.11}'
    curve = variable({"x": [0.5, 1.0]}, figure="curve", x="x", reference_lines=lines)
    root = ET.fromstring(draw(xr.Dataset({"c": curve}), "c")[0][0])  # noqa: S314
    anchors = {
        "".join(element.itertext()): element.attrib["style"] for element in root.iter() if element.tag.endswith("}text")
    }
    assert "text-anchor: end" in anchors["the commonest"]
    assert "text-anchor: end" not in anchors["one in ten"]


def test_a_logarithmic_axis_names_more_than_powers_of_ten() -> None:
    curve = variable({"x": [1.0, 40.0]}, figure="curve", x="x", x_scale="log")
    assert {"1", "2", "5", "10", "20"} <= set(texts(draw(xr.Dataset({"c": curve}), "c")[0][0]))


def test_a_legend_is_no_wider_than_its_figure() -> None:
    values = variable({"line": ["short", "a much longer name " * 5], "x": [1, 2]}, figure="curve", x="x")
    shown = texts(draw(xr.Dataset({"c": values}), "c")[0][0])
    assert max(map(len, shown)) <= 44
    assert {"1", "2"} <= set(shown)
    assert "1.5" not in shown, "whole numbers have whole ticks"
