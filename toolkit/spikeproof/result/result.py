"""An open result."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spikeproof.errors import ResultError

from .folder import REPORT, TREE, ResultFolder, slug

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["Result"]


class Result:
    """What a study found.

    Parameters
    ----------
    path : str or Path
        The result folder.

    Raises
    ------
    ResultError
        If there is no result in the folder, or it is not finished.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        folder = ResultFolder(self.path)
        self.provenance: dict[str, Any] = folder.read_provenance()
        if not folder.complete:
            raise ResultError(f"{self.path}: this result is not finished: run its study again with --resume")

    def __repr__(self) -> str:
        return f"<Result {str(self.path)!r}: {', '.join(self.metrics)} of {', '.join(self.scopes)}>"

    @property
    def study(self) -> dict[str, Any]:
        """The study as resolved."""
        return dict(self.provenance["study"])

    @property
    def systems(self) -> tuple[str, ...]:
        """Names of the systems: the recording, and every layer of every model."""
        return tuple(self.provenance["systems"])

    @property
    def scopes(self) -> tuple[str, ...]:
        """What summaries stand for: every system, and ``"all systems"`` where something was said of them together."""
        return tuple(self.provenance.get("scopes", self.systems))

    def label(self, system: str) -> str:
        """What a system is to be called: an in-silico one with its mean held-out correlation."""
        fit = self._in_silico.get(system)
        return system if fit is None else f"in-silico {system} (held-out r {fit})"

    @cached_property
    def _in_silico(self) -> dict[str, str]:
        """Held-out fit of each in-silico system."""
        return {
            facts["name"]: str(facts.get("held_out_fit", "unknown"))
            for facts in self.provenance.get("system_facts", ())
            if facts.get("in_silico") == "yes"
        }

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the metrics that were computed for at least one system."""
        return tuple(self.provenance["metrics"])

    @property
    def findings(self) -> list[dict[str, str]]:
        """What was found, in plain sentences: ``system``, ``metric``, ``text``."""
        return list(self.provenance["findings"])

    @property
    def refused(self) -> list[dict[str, str]]:
        """What could not be computed: ``what`` and ``reason``."""
        return list(self.provenance["refused"])

    @property
    def notes(self) -> list[str]:
        """Choices that were made and facts to know."""
        return list(self.provenance["notes"])

    @property
    def report(self) -> Path:
        """Where the report stands."""
        return self.path / REPORT

    @cached_property
    def tree(self) -> xr.DataTree:
        """All numbers, opened lazily: ``/METRIC/SYSTEM/{summary,measured}``, ``/code/SYSTEM``, ``/items/SYSTEM``."""
        import xarray as xr

        try:
            return xr.open_datatree(self.path / TREE, engine="zarr", consolidated=False)
        except (OSError, ValueError, KeyError) as error:
            raise ResultError(f"{self.path / TREE}: damaged: {error}") from None

    def summary(self, metric: str, system: str) -> xr.Dataset:
        """The summary of a metric for one system; every variable has the dimension ``statistic``.

        Raises
        ------
        ResultError
            If that metric was not computed for that system; what was is listed.
        """
        return self._dataset(metric, system, "summary")

    def measured(self, metric: str, system: str) -> xr.Dataset:
        """The values per target that the summary is made of, stacked along ``target``."""
        return self._dataset(metric, system, "measured")

    def has(self, metric: str, system: str) -> bool:
        """Whether the metric was computed for the system."""
        return f"{metric}/{slug(system)}" in self.provenance["computed"]

    def table(self) -> pd.DataFrame:
        """All summaries as one tidy table.

        Returns
        -------
        pandas.DataFrame
            Columns ``system``, ``metric``, ``variable``, ``where`` (the coordinates as text), ``estimate``, ``low``,
            ``high``, ``units``, ``in_silico`` (mean held-out r of an in-silico system; empty for any other).
        """
        import itertools

        import pandas as pd

        rows: list[Mapping[str, Any]] = []
        for metric, system in itertools.product(self.metrics, self.scopes):
            if not self.has(metric, system):
                continue
            for name, variable in self.summary(metric, system).data_vars.items():
                dims = [dim for dim in variable.dims if dim != "statistic"]
                values = variable.transpose(..., "statistic").sel(statistic=["estimate", "low", "high"]).values
                labels = [variable[dim].values.tolist() for dim in dims]
                for index, place in zip(
                    itertools.product(*(range(len(values_of)) for values_of in labels)),
                    itertools.product(*labels),
                    strict=True,
                ):
                    estimate, low, high = values[index].tolist()
                    if estimate != estimate:  # a combination that does not exist, such as a system and itself
                        continue
                    rows.append(
                        {
                            "system": system,
                            "metric": metric,
                            "variable": str(name),
                            "where": ", ".join(f"{dim} {_text(value)}" for dim, value in zip(dims, place, strict=True)),
                            "estimate": estimate,
                            "low": low,
                            "high": high,
                            "units": str(variable.attrs.get("units", "")),
                            "in_silico": self._in_silico.get(system, ""),
                        }
                    )
        columns = ["system", "metric", "variable", "where", "estimate", "low", "high", "units", "in_silico"]
        return pd.DataFrame(rows, columns=columns)

    def _dataset(self, metric: str, system: str, part: str) -> xr.Dataset:
        if f"/{metric}/{slug(system)}/{part}" not in self.tree.groups:
            have = ", ".join(self.provenance["computed"])
            raise ResultError(f"{self.path}: no {metric!r} for {system!r}; computed were {have}")
        dataset = self.tree[f"{metric}/{slug(system)}/{part}"].to_dataset()
        # A store lists its arrays in no order of its own: a summary has that in which the metric gave them.
        return dataset[sorted(dataset.data_vars, key=lambda name: int(dataset[name].attrs.get("order", 0)))]


def _text(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)
