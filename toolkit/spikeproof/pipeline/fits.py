"""Where the fits of encoders are kept, so that a run that goes on does not fit again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from spikeproof.encoding import KEPT
from spikeproof.errors import ResultError
from spikeproof.result import slug

if TYPE_CHECKING:
    import xarray as xr

    from spikeproof.insilico import EncoderFit
    from spikeproof.result import ResultFolder

__all__ = ["Fits"]


@dataclass(kw_only=True)
class Fits:
    """Where fits are kept: a block in the result folder, its digest in the provenance, its arrays in the result.

    Parameters
    ----------
    folder : ResultFolder or None
        None where nothing is kept.
    provenance : dict
        Of the run; ``encoders`` is filled in.
    groups : dict
        Groups of the result's tree, filled in.
    """

    folder: ResultFolder | None
    provenance: dict[str, Any]
    groups: dict[str, xr.Dataset]

    def __post_init__(self) -> None:
        # What an earlier part of this run knew must outlive the next time that the provenance is written.
        known = {} if self.folder is None else self.folder.read_provenance().get("encoders", {})
        if known:
            self.provenance["encoders"] = known

    def read(self, name: str) -> EncoderFit | None:
        """Return the fit of a system if an earlier part of this run made it.

        Raises
        ------
        ResultError
            If it is not the fit that was written.
        """
        from spikeproof.insilico import EncoderFit

        block = f"{slug(name)}__encoder"
        if self.folder is None or not self.folder.has_block(block):
            return None
        fit = EncoderFit.from_tree(self.folder.read_block(block))
        known = self.provenance.get("encoders", {}).get(name, {}).get("digest")
        if known is not None and known != fit.digest:
            raise ResultError(
                f"{self.folder.path / 'blocks' / f'{block}.nc'}: this is not the fit that the run made (its digest "
                "differs): delete it and run again with --resume"
            )
        return fit

    def write(self, name: str, fit: EncoderFit) -> None:
        """Keep a fit that was just made."""
        if self.folder is not None:
            self.folder.write_block(f"{slug(name)}__encoder", fit.to_tree())

    def put_down(self, name: str, fit: EncoderFit, layers: Sequence[str]) -> None:
        """Write a fit into the result and the provenance."""
        for node in fit.to_tree().subtree:
            if node.has_data:
                self.groups[f"/encoder/{slug(name)}{node.path}"] = node.to_dataset()
        data = fit.encoding.data
        status = data["status"].values.tolist()
        chosen = data["layer"].values[data["status"].values == KEPT].tolist()
        self.provenance.setdefault("encoders", {})[name] = {
            "digest": fit.digest,
            "layers": {layer: chosen.count(layer) for layer in layers},
            "min_fit": fit.encoding.min_fit,
            "units": {one: status.count(one) for one in sorted(set(status))},
        }
        if self.folder is not None:
            self.folder.write_provenance(self.provenance)
