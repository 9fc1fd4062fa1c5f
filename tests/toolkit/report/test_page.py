from __future__ import annotations

import html
import json
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
from spikeproof.report import write_report
from spikeproof.report.pictures import png
from spikeproof.report.sections import findings, metric_sections, refusals, side_by_side
from spikeproof.result import Result, ResultFolder, slug

STATISTIC = {"statistic": ["estimate", "low", "high"]}


@pytest.fixture
def result(tmp_path: Path) -> Result:
    """A small finished result, with a name that must be escaped."""
    attrs = {"long_name": "mean shift", "units": "sd", "definition": "mean of |r' - r| over sd", "headline": 1}
    value = xr.DataArray([1.5, 1.25, 1.75], dims="statistic", coords=STATISTIC, attrs=attrs)
    images = np.stack([np.full((2, 1, 1, 4, 4), 0.5), np.full((2, 1, 1, 4, 4), 0.75)], axis=1).astype(np.float32)
    examples = xr.Dataset(
        {
            "example": (("target", "version", "shown", "channel", "y", "x"), images),
            "example_stimulus": (("target", "shown"), [["<s0>"], ["<s0>"]]),
            "example_norm": (("target", "shown"), [[1.0], [1.0]]),
        },
        coords={
            name: ("target", values)
            for name, values in {
                "target": ["u1", "u1"],
                "target_unit": ["u1", "u1"],
                "objective": ["unit", "unit"],
                "control": ["", "random"],
            }.items()
        },
    )
    done = {
        "status": "complete",
        "finished": "2026-01-01T00:00:00+00:00",
        "study": {"seed": 3, "description": "First & foremost.\n\nThen more.", "statistics": {"draws": 100}},
        "fingerprint": {},
        "components": [
            {
                "kind": "metric",
                "label": "shift",
                "distribution": "spikeproof-other",
                "version": "1.2",
                "revision": 4,
                "target": None,
                "parameters": {"k": 2},
            }
        ],
        "data": {"source": "nwb:a.nwb", "digest": "abc123"},
        "models": {"net": {"weights": "f00"}},
        "environment": {
            "python": "3.11",
            "system": "Linux",
            "device": "cpu",
            "versions": {"spikeproof": "0.1.0", "numpy": "2.0"},
        },
        "systems": ["net a"],
        "system_facts": [
            {"name": "net a", "units": 3, "stimuli": 5, "categories": 2, "units of response": "Hz", "repeats": False}
        ],
        "metrics": ["shift"],
        "computed": [f"shift/{slug('net a')}"],
        "findings": [{"system": "net a", "metric": "shift", "text": "1 < 2 [1, 3]"}],
        "refused": [{"what": "pgd of recording", "reason": "no <images>"}],
        "notes": ["a note"],
        "seconds": {"loading": 1.0},
    }
    place = slug("net a")
    folder = ResultFolder.claim(tmp_path, done | {"status": "running"}, resume=False)
    folder.finish(
        xr.DataTree.from_dict(
            {
                f"/shift/{place}/summary": xr.Dataset({"shift": value}),
                f"/shift/{place}/measured": xr.Dataset({"x": ("target", [1.0])}),
                f"/examples/{place}": examples,
            }
        ),
        done,
    )
    return Result(tmp_path)


def test_the_page_is_one_file_that_asks_the_network_for_nothing(result: Result) -> None:
    page = write_report(result).read_text()
    links = re.findall(r'(?:src|href)="([^"]*)"', page)
    assert links
    assert all(link.startswith(("data:", "#")) for link in links)
    assert "url(" not in page
    assert "<script" not in page
    assert 'name="viewport"' in page
    assert "@media print" in page


def test_every_anchor_leads_to_a_section(result: Result) -> None:
    page = write_report(result).read_text()
    anchors = re.findall(r'href="#([^"]*)"', page)
    assert anchors
    assert set(anchors) == set(re.findall(r'<section id="([^"]*)"', page))


def test_everything_that_a_reader_needs_is_there(result: Result) -> None:
    page = html.unescape(write_report(result).read_text())
    for text in (
        "First & foremost.",
        "1 < 2 [1, 3]",
        "no <images>",
        "mean of |r' - r| over sd",
        "1.5 [1.25, 1.75]",
        "spikeproof-other 1.2",
        "digest abc123",
        "weights f00",
        "a note",
        "perturbed, norm 1",
        "difference × 2",
        "random control, aimed at unit: u1",
        json.dumps("First & foremost.\n\nThen more."),
    ):
        assert text in page


def test_what_others_wrote_is_escaped(result: Result) -> None:
    page = write_report(result).read_text()
    assert "no <images>" not in page
    assert "<s0>" not in page


def test_pictures_are_enlarged_by_whole_pixels_and_have_one_or_three_channels() -> None:
    import base64
    import io

    from PIL import Image

    for channels, mode in ((1, "L"), (3, "RGB"), (2, "L")):
        data = base64.b64decode(png(np.zeros((channels, 8, 8), dtype=np.float32)).partition(",")[2])
        picture = Image.open(io.BytesIO(data))
        assert (picture.mode, picture.size) == (mode, (128, 128))


def test_many_findings_show_the_first_of_each_metric_and_fold_the_others(result: Result) -> None:
    few = [{"system": "net a", "metric": "shift", "text": f"Sentence {place}."} for place in range(12)]
    result.provenance["findings"] = few
    assert "<details><summary>" not in findings(result)
    other = [{"system": "net a", "metric": "other", "text": f"Another {place}."} for place in range(2)]
    result.provenance["findings"] = few + other
    page = findings(result)
    shown, _, folded = page.partition("<details><summary>11 more sentences</summary>")
    assert "Sentence 0." in shown
    assert "Sentence 1." not in shown
    assert "Sentence 11." in folded
    assert page.count("<details>") == 1, "a line that offers one more sentence takes the room of the sentence"
    assert "Another 1." in page.partition("</details>")[2]


def test_what_is_refused_for_one_reason_stands_together(result: Result) -> None:
    result.provenance["refused"] = [{"what": f"metric of {name}", "reason": "no repeats"} for name in ("a", "b", "a")]
    assert "<li>metric of a and metric of b: no repeats</li>" in refusals(result)


def test_a_table_names_each_number_once_with_its_units_and_gives_bounds_for_untested_doses(result: Result) -> None:
    attrs = {"long_name": "norm at which half flip", "units": "L2 norm", "definition": "d", "headline": 1}
    attrs |= {"least_tested": 0.5, "largest_tested": 2.0}
    values = xr.DataArray(
        [[0.1, 1.0], [0.05, 0.8], [0.2, np.inf]],
        dims=("statistic", "line"),
        coords=STATISTIC | {"line": ["a", "b"]},
        attrs=attrs,
    )
    place = f"/shift/{slug('net a')}/summary"
    result.tree[place] = xr.DataTree(xr.Dataset({"flip": values}))
    [(_, _, page)] = metric_sections(result)
    page = html.unescape(page)
    assert "<td rowspan=2>norm at which half flip (L2 norm)</td><td>line a</td><td class=n>< 0.5</td>" in page
    assert "<td class=n>[0.8, > 2]</td>" in page
    assert ">unit<" not in page, "a column without text is left out"


def test_in_short_a_curve_stands_with_its_value_at_the_largest_norm(result: Result) -> None:
    attrs = {"long_name": "drift", "units": "sd", "definition": "d", "headline": 1, "figure": "curve", "x": "epsilon"}
    norms = xr.DataArray([0.5, 2.0], dims="epsilon", attrs={"long_name": "norm", "units": "L2 norm"})
    values = xr.DataArray(
        [[1.0, 3.0], [0.5, 2.5], [1.5, 3.5]],
        dims=("statistic", "epsilon"),
        coords=STATISTIC | {"epsilon": norms},
        attrs=attrs,
    )
    result.tree[f"/shift/{slug('net a')}/summary"] = xr.DataTree(xr.Dataset({"drift": values}))
    page = side_by_side(result)
    assert "<td>drift (sd)</td><td>L2 norm 2</td><td class=n>3 [2.5, 3.5]</td>" in page
    assert "L2 norm 0.5" not in page
    [(_, _, section)] = metric_sections(result)
    assert "L2 norm 0.5" in section
