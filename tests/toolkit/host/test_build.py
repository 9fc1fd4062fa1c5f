"""Parameters are read off a factory's fields, validated, and refused with what, where and what to do."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge
from spikeproof._host import Host, PluginStatus, Provided, parameter_values
from spikeproof._host.loading import new_manager
from spikeproof.errors import BadParameter, DataError, PluginFailed
from spikeproof.plugin import Entry

WHERE = "study.toml, [[attack]] 1 (all)"


@dataclass(frozen=True, slots=True, kw_only=True)
class All:
    steps: Annotated[int, "Gradient steps."] = 40
    rate: Annotated[float, "Step, fraction of the radius."] = 0.5
    verbose: Annotated[bool, "Whether to talk."] = False
    start: Annotated[Literal["clean", "random"], "Where it starts."] = "clean"
    window: Annotated[tuple[float, float], "Start and stop, s."] = (0.0, 0.2)
    layers: Annotated[tuple[str, ...], "Layers."] = ()
    counts: Annotated[tuple[int, ...] | None, "How many; none for all."] = None
    units: Annotated[int | Literal["all"], "How many units, or all."] = "all"
    limit: Annotated[float | None, "Upper end, Hz."] = 100.0
    name: Annotated[str | None, "A name."] = None
    fill: Annotated[float, "Where nothing is known."] = math.nan
    folds: Annotated[int, Ge(2), "Number of folds."] = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Picky:
    low: Annotated[float, "Low end, s."]
    high: Annotated[float, "High end, s."] = 1.0

    def __post_init__(self) -> None:
        if self.low > self.high:
            raise ValueError(f"low ({self.low} s) must not be above high ({self.high} s)")
        if self.low == 0.25:
            raise DataError("no such data")
        if self.low == 0.75:
            raise RuntimeError("a mistake")


@dataclass(frozen=True, slots=True, kw_only=True)
class Targeted:
    target: str
    size: Annotated[int, "Size, pixels."] = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class Bare:
    pass


@dataclass(slots=True, kw_only=True)
class Thawed:
    steps: Annotated[int, "Steps."] = 1


@dataclass(frozen=True, slots=True)
class Positional:
    steps: Annotated[int, "Steps."] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Unresolved:
    steps: Annotated[Nowhere, "Steps."] = 1  # type: ignore[name-defined]  # noqa: F821


@dataclass(frozen=True, slots=True, kw_only=True)
class Unreadable:
    model: Annotated[pytest.MonkeyPatch | None, "No type of a study file."] = None


def plain(**_: object) -> None:
    """A function is no factory."""


def host(
    factory: str = "All", *, target: str | None = None, module: str = __name__, install: str | None = None
) -> tuple[Host, Any]:
    plugin = PluginStatus(name="x", distribution="spikeproof-x", version="1.0", state="active")
    entry = Entry(name="all", factory=f"{module}:{factory}", summary="S.", target=target, install=install)
    found = Host(
        manager=new_manager(), plugins=[plugin], provided=[Provided(entry=entry, kind="attack", plugin=plugin)]
    )
    return found, found.find("attack", "all:there" if target else "all")


def build(parameters: dict[str, object], factory: str = "All") -> Any:
    found, chosen = host(factory)
    return found.build(chosen, parameters, where=WHERE)


def test_defaults_are_the_dataclasses_own() -> None:
    values = parameter_values(build({}))
    assert math.isnan(values.pop("fill"))  # type: ignore[arg-type]
    assert values == {key: value for key, value in parameter_values(All()).items() if key != "fill"}


@pytest.mark.parametrize(
    ("key", "given", "expected"),
    [
        ("steps", 3, 3),
        ("steps", "3", 3),
        ("steps", 3.0, 3),
        ("rate", 1, 1.0),
        ("rate", "1e-3", 1e-3),
        ("rate", "inf", math.inf),
        ("verbose", "true", True),
        ("start", "random", "random"),
        ("window", [0, 0.5], (0.0, 0.5)),
        ("window", "0.1, 0.3", (0.1, 0.3)),
        ("layers", ["a", "b"], ("a", "b")),
        ("layers", "a,b", ("a", "b")),
        ("layers", "a", ("a",)),
        ("layers", [], ()),
        ("counts", [1, 2], (1, 2)),
        ("counts", "1,2", (1, 2)),
        ("counts", "none", None),
        ("units", 100, 100),
        ("units", "100", 100),
        ("units", "all", "all"),
        ("limit", "none", None),
        ("limit", "7", 7.0),
        ("name", "none", "none"),
        ("folds", 2, 2),
    ],
)
def test_values_of_a_file_or_a_command_line_are_converted(key: str, given: object, expected: object) -> None:
    value = getattr(build({key: given}), key)
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("key", "given", "message"),
    [
        ("steps", "x", "steps: expected an integer, got 'x'"),
        ("steps", 1.5, "steps: expected an integer, got 1.5"),
        ("steps", True, "steps: expected an integer, got True"),
        ("steps", None, "steps: expected an integer, got None"),
        ("steps", [1], "steps: expected an integer, got [1]"),
        ("rate", "fast", "rate: expected a number, got 'fast'"),
        ("rate", False, "rate: expected a number, got False"),
        ("rate", math.nan, "rate: expected a number, got nan"),
        ("rate", "nan", "rate: expected a number, got 'nan'"),
        ("verbose", "maybe", "verbose: expected true or false, got 'maybe'"),
        ("verbose", 2, "verbose: expected true or false, got 2"),
        ("start", "randon", "start: expected one of 'clean', 'random', got 'randon': did you mean 'random'?"),
        ("window", [0.1], "window: expected a list of 2 values (a number, a number), got [0.1]"),
        ("window", [0.1, math.nan], "window: item 2: expected a number, got nan"),
        ("window", 0.5, "window: expected a list of 2 values (a number, a number), got 0.5"),
        ("layers", 3, "layers: expected a list of text, got 3"),
        ("layers", ["a", 3], "layers: item 2: expected text, got 3"),
        ("counts", [1, "b"], "counts: item 2: expected an integer, got 'b'"),
        ("counts", [True], "counts: item 1: expected an integer, got True"),
        ("units", "some", "units: expected an integer or one of 'all', got 'some'"),
        ("limit", "high", "limit: expected a number or \"none\", got 'high'"),
        ("name", 3, 'name: expected text or "none", got 3'),
        ("folds", 1, "folds: must be at least 2, got 1"),
    ],
)
def test_a_wrong_value_says_where_what_was_expected_and_what_was_given(key: str, given: object, message: str) -> None:
    with pytest.raises(BadParameter) as caught:
        build({key: given})
    assert str(caught.value) == f"{WHERE}: {message}"


def test_nan_is_accepted_where_it_is_the_default() -> None:
    assert math.isnan(build({"fill": "nan"}).fill)


def test_an_unknown_parameter_is_refused_with_a_near_name_and_the_list() -> None:
    with pytest.raises(BadParameter) as caught:
        build({"stpes": 3})
    assert str(caught.value) == (
        f"{WHERE}: unknown parameter 'stpes': did you mean 'steps'? attack all has "
        "steps, rate, verbose, start, window, layers, counts, units, limit, name, fill, folds"
    )
    with pytest.raises(BadParameter, match="unknown parameter 'x': attack all has no parameters"):
        build({"x": 1}, "Bare")


def test_a_required_parameter_is_asked_for_with_its_help() -> None:
    with pytest.raises(BadParameter) as caught:
        build({}, "Picky")
    assert str(caught.value) == f"{WHERE}: low is required: expected a number (Low end, s)"


def test_the_components_own_refusal_is_placed() -> None:
    with pytest.raises(BadParameter) as caught:
        build({"low": 2}, "Picky")
    assert str(caught.value) == f"{WHERE}: low (2.0 s) must not be above high (1.0 s)"
    with pytest.raises(DataError, match=r"^no such data$"):
        build({"low": 0.25}, "Picky")
    with pytest.raises(
        PluginFailed, match=r"attack all of spikeproof-x 1.0 \(x\) cannot be made: RuntimeError: a mistake"
    ):
        build({"low": 0.75}, "Picky")


def test_the_target_fills_its_field_and_is_no_parameter() -> None:
    found, chosen = host("Targeted", target="PATH")
    assert [item.name for item in found.parameters(chosen)] == ["size"]
    component = found.build(chosen, {"size": 3}, where=WHERE)
    assert component == Targeted(target="there", size=3)
    assert parameter_values(component) == {"size": 3}
    with pytest.raises(BadParameter, match="write the target after the colon: all:elsewhere"):
        found.build(chosen, {"target": "elsewhere"}, where=WHERE)


def test_parameters_are_the_fields_with_type_default_and_help() -> None:
    found, chosen = host("Picky")
    low, high = found.parameters(chosen)
    assert (low.name, low.default, low.help) == ("low", dataclasses.MISSING, "Low end, s.")
    assert (high.name, high.default, high.help) == ("high", 1.0, "High end, s.")
    assert high.type == Annotated[float, "High end, s."]


@pytest.mark.parametrize(
    ("factory", "target", "message"),
    [
        ("Thawed", None, "Thawed is not frozen: write @dataclass(frozen=True, slots=True, kw_only=True)"),
        ("Positional", None, "field 'steps' of Positional is not keyword-only: write kw_only=True"),
        ("plain", None, "plain is not a dataclass: write @dataclass(frozen=True, slots=True, kw_only=True)"),
        ("Unresolved", None, "the annotations of Unresolved cannot be resolved: name 'Nowhere' is not defined"),
        ("Unreadable", None, "model: its type"),
        ("Bare", "PATH", "Bare lacks the field 'target: str'"),
        ("Targeted", None, "Targeted has a field 'target', but its entry has none"),
        ("Picki", None, "has no 'Picki': did you mean 'Picky'?"),
    ],
)
def test_a_factory_that_breaks_the_rules_is_refused(factory: str, target: str | None, message: str) -> None:
    found, chosen = host(factory, target=target)
    with pytest.raises(PluginFailed) as caught:
        found.build(chosen, {"model": None} if factory == "Unreadable" else {}, where=WHERE)
    assert message in str(caught.value)
    assert str(caught.value).startswith(f"{WHERE}: ")


def test_a_missing_dependency_gives_the_install_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "needs_timm_x.py").write_text("import timm_that_is_absent\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found, chosen = host("Model", module="needs_timm_x", install="Install timm: pip install timm")
    with pytest.raises(PluginFailed) as caught:
        found.build(chosen, {}, where=WHERE)
    assert str(caught.value) == (
        f"{WHERE}: attack all of spikeproof-x 1.0 (x) cannot be imported: needs_timm_x: "
        "No module named 'timm_that_is_absent'. Install timm: pip install timm"
    )


def test_a_factory_module_that_raises_is_the_plugins_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "raises_on_import_x.py").write_text("1 / 0\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    found, chosen = host("Model", module="raises_on_import_x")
    with pytest.raises(PluginFailed, match="raises_on_import_x: ZeroDivisionError: division by zero"):
        found.parameters(chosen)


def test_a_one_off_file_is_a_plugin_whose_version_is_its_digest(tmp_path: Path, good: Callable[[str], str]) -> None:
    import hashlib

    path = tmp_path / "my_attack.py"
    path.write_text(good("mine").replace('f"{__name__}:Blur"', '"my_attack:Blur"'))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    found = Host.discover(environ={}, files=[path, tmp_path / "." / "my_attack.py"])
    chosen = found.find("attack", "mine")
    assert (chosen.plugin.name, chosen.plugin.distribution, chosen.plugin.version) == (
        "my_attack",
        "my_attack.py",
        digest,
    )
    assert chosen.plugin.origin == f"file@{digest}"
    assert found.find("attack", "my_attack.py/mine") != chosen
    assert found.build(chosen, {"width": 7}, where=WHERE).width == 7  # type: ignore[attr-defined]
    path.write_text(path.read_text().replace("= 3", "= 9"))
    changed = Host.discover(environ={}, files=[path])
    assert changed.build(changed.find("attack", "mine"), {}, where=WHERE).width == 9  # type: ignore[attr-defined]
    assert "my_attack" not in sys.modules


def test_a_named_file_that_fails_stops_the_study(tmp_path: Path) -> None:
    with pytest.raises(PluginFailed, match=r"plugin file .*absent\.py: cannot be read: No such file"):
        Host.discover(environ={}, files=[tmp_path / "absent.py"])
    (tmp_path / "broken.py").write_text("import no_such_module_anywhere\n")
    with pytest.raises(
        PluginFailed, match=r"plugin broken\.py [0-9a-f]{12} \(broken\) has failed: .*the study names this"
    ):
        Host.discover(environ={}, files=[tmp_path / "broken.py"])
    (tmp_path / "text.txt").write_text("hello")
    with pytest.raises(PluginFailed, match=r"its name must end in \.py"):
        Host.discover(environ={}, files=[tmp_path / "text.txt"])
