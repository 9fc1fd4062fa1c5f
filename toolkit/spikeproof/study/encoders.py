"""The tables [[encoder]] of a study."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from spikeproof.errors import BadStudy
from spikeproof.wording import did_you_mean

from .checks import count_or_all, name_list, whole_number
from .model import Choose, ComponentSpec, EncoderSpec

__all__ = ["parse_encoders"]


def parse_encoders(specs: Sequence[ComponentSpec], models: Sequence[str], where: str) -> tuple[EncoderSpec, ...]:
    """Check the host's keys of every table.

    Parameters
    ----------
    specs : sequence of ComponentSpec
        The tables, with the host's keys among their parameters.
    models : sequence of str
        Labels of the study's models.
    where : str
        What error messages call the study.

    Raises
    ------
    BadStudy
        If there is no model to read, it is not said which one, or a key has a wrong value.
    """
    if specs and not models:
        raise BadStudy(
            f"{where}: [[encoder]] {specs[0].label!r} needs a [[model]] whose features it can map to the recorded units"
        )
    return tuple(_encoder(spec, models) for spec in specs)


def _encoder(spec: ComponentSpec, models: Sequence[str]) -> EncoderSpec:
    table, where = dict(spec.parameters), spec.where
    layers = table.pop("layers", table.pop("layer", ()))
    return EncoderSpec(
        use=spec.use,
        label=spec.label,
        where=where,
        models=_models(table, models, where),
        layers=name_list(layers, f"{where}: layers"),
        choose=_choose(table.pop("choose", "unit"), where),
        folds=whole_number(table.pop("folds", EncoderSpec.FOLDS), f"{where}: folds", minimum=2),
        min_fit=_min_fit(table.pop("min_fit", EncoderSpec.MIN_FIT), where),
        units=count_or_all(table.pop("units", "all"), f"{where}: units"),
        parameters=table,
    )


def _models(table: dict[str, Any], models: Sequence[str], where: str) -> tuple[str, ...]:
    if "model" not in table:
        if len(models) > 1:
            raise BadStudy(
                f"{where}: model is missing: say which [[model]] it reads: {', '.join(map(repr, models))} "
                "(one of them, or a list of several whose features stand side by side)"
            )
        return ()
    names = name_list(table.pop("model"), f"{where}: model")
    if not names:
        raise BadStudy(f"{where}: model names none: {_known(models)}")
    for name in names:
        if name not in models:
            near = did_you_mean(name, models, 1)
            raise BadStudy(f"{where}: there is no [[model]] called {name!r}{near} ({_known(models)})")
    return names


def _known(models: Sequence[str]) -> str:
    return f"the study has {', '.join(map(repr, models))}"


def _choose(value: object, where: str) -> Choose:
    if value not in ("unit", "all"):
        raise BadStudy(
            f"{where}: choose must be 'unit' (each unit has the layer that predicts it best) or 'all' (one layer for "
            f"all units), got {value!r}"
        )
    return "all" if value == "all" else "unit"


def _min_fit(value: object, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value) or not -1 <= value < 1:
        raise BadStudy(f"{where}: min_fit must be a correlation, from -1 to below 1, got {value!r}")
    return float(value)
