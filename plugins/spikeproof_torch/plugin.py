"""What this plugin provides."""

from __future__ import annotations

from collections.abc import Iterator

from spikeproof.plugin import ModelEntry, hookimpl


@hookimpl
def spikeproof_models() -> Iterator[ModelEntry]:
    """Yield the models."""
    yield ModelEntry(
        name="torch",
        factory="spikeproof_torch.model:TorchModel",
        summary="Any layer of a PyTorch module, from a Python file or an installed package (runs that file).",
        target="FILE.py:NAME",
    )
