"""What is computed on an in-silico system says so, with the held-out fit of its encoder, wherever it is read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

    from spikeproof.code import Code

__all__ = ["label_variable", "labelled", "named"]


def labelled(texts: Iterable[str], code: Code) -> list[str]:
    """Put before every sentence about an in-silico system what it is about.

    Examples
    --------
    >>> import xarray as xr
    >>> from spikeproof.types import Code
    >>> responses = xr.DataArray(
    ...     [[0.0], [1.0]], dims=("stimulus", "unit"), coords={"stimulus": ["a", "b"], "unit": ["u"]}
    ... )
    >>> facts = {"in_silico": "yes", "held_out_fit": "0.49"}
    >>> labelled(["It moves."], Code(system="ridge on net", responses=responses, facts=facts))
    ['In silico (held-out r 0.49): It moves.']
    """
    fit = _fit(code)
    return [f"In silico (held-out r {fit}): {text}" if fit else text for text in texts]


def named(texts: Iterable[str], codes: Mapping[str, Code]) -> list[str]:
    """Call in-silico systems so in sentences about several systems."""
    fits = {name: _fit(code) for name, code in codes.items()}
    ours = sorted((name for name, fit in fits.items() if fit), key=len, reverse=True)
    out = []
    for text in texts:
        # Each name is put aside first, so that one that is part of another is not called so twice.
        for place, name in enumerate(ours):
            text = text.replace(name, f"\x00{place}\x00")
        for place, name in enumerate(ours):
            text = text.replace(f"\x00{place}\x00", f"in-silico {name} (held-out r {fits[name]})")
        out.append(text)
    return out


def label_variable(variable: xr.DataArray, code: Code) -> None:
    """Say in a number's definition that it is an in-silico system's."""
    fit = _fit(code)
    if fit:
        facts = code.facts
        variable.attrs["definition"] = (
            f"{variable.attrs['definition']} In silico: of {facts.get('encoder', 'an encoder')} on "
            f"{facts.get('model', 'a network')} with a mean held-out r of {fit}, not of the recorded neurons."
        )
        if "caption" in variable.attrs:
            variable.attrs["caption"] += f" In silico (held-out r {fit}), not the recorded neurons."


def _fit(code: Code) -> str:
    """The held-out fit of an in-silico system, as text; empty for any other."""
    return code.facts.get("held_out_fit", "unknown") if code.facts.get("in_silico") == "yes" else ""
