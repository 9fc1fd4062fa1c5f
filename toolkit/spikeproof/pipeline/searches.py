"""How far searches had come: statuses counted, and a sample of items that was searched longer."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

if TYPE_CHECKING:
    from spikeproof.engine import Grid, Target
    from spikeproof.plugin import AttackEntry, ObjectiveEntry

    from .parts import Part

__all__ = ["LongerJob", "joined_longer", "said_of_searches", "sample_size"]

LONGER = 10
"""How many times longer a sample is searched."""
COST = 0.05
"""Share of a search's cost that looking longer at a sample may add."""
FEWEST, MOST = 2, 32
"""Items in a sample whose size the study leaves open."""


def sample_size(wanted: int | None, items: int, epsilons: int) -> int:
    """How many items are searched longer: at one epsilon, twice, the second time 10 times longer.

    Examples
    --------
    >>> sample_size(None, 10_000, 4), sample_size(None, 100, 4), sample_size(5, 100, 4), sample_size(5, 3, 4)
    (32, 2, 5, 3)
    """
    if wanted is None:
        wanted = min(max(int(COST * items * epsilons / (LONGER + 1)), FEWEST), MOST)
    return min(wanted, items)


@dataclass(frozen=True, kw_only=True)
class LongerJob:
    """Searches a sample of items longer, and returns what that gained as a block."""

    grid: Grid
    attack: Part[AttackEntry]
    objective: Part[ObjectiveEntry]
    targets: tuple[Target, ...]
    count: int

    def __call__(self) -> xr.DataTree:
        """Do the work."""
        from functools import partial

        from spikeproof.engine import longer_searches, longer_shared_searches

        from .pixels import goes_its_own_way

        effort, component = self.attack.entry.effort, self.attack.component
        search = partial(
            longer_shared_searches
            if self.attack.entry.kind == "universal"
            else partial(
                longer_searches,
                gradients=self.attack.entry.needs_gradients,
                local=self.objective.entry.local and not self.attack.entry.hidden,
                exact=goes_its_own_way(self.attack),
                minimal=self.attack.entry.kind == "minimal",
            ),
            decision=self.objective.entry.decision,
            targets=self.targets,
            count=self.count,
        )
        found = search(
            self.grid,
            component,
            replace(component, **{effort: LONGER * getattr(component, effort)}),
            self.attack.label,
            self.objective.component,
            self.objective.label,
        )
        about = {"attack": self.attack.label, "objective": self.objective.label}
        texts = {name: [getattr(item, name) for item in found] for name in ("target", "stimulus", "direction")}
        dataset = xr.Dataset(
            {
                "share": ("item", np.array([item.share for item in found], dtype=np.float64)),
                "gained": ("item", np.array([item.gained for item in found], dtype=np.float64)),
                "gained_longer": ("item", np.array([item.gained_longer for item in found], dtype=np.float64)),
            },
            coords={
                **{name: ("item", np.array([text] * len(found), dtype=str)) for name, text in about.items()},
                **{name: ("item", np.array(values, dtype=str)) for name, values in texts.items()},
                "minimal": ("item", np.full(len(found), self.attack.entry.kind == "minimal")),
            },
        )
        return xr.DataTree.from_dict({"/": xr.Dataset(attrs={"refused": "{}"}), "/longer": dataset})


def said_of_searches(items: xr.Dataset | None, longer: xr.Dataset | None) -> Iterator[str]:
    """Sentences on how far the searches of a system had come.

    Parameters
    ----------
    items : xarray.Dataset, dims (target, epsilon, stimulus)
        With ``status`` and the coordinates of targets.
    longer : xarray.Dataset, dims (item,)
        What ``LongerJob`` returned, of all its aims.
    """
    if items is None or "status" not in items:
        return
    attacks, objectives, controls = (items[name].values for name in ("attack", "objective", "control"))
    for attack, objective in dict.fromkeys(zip(attacks.tolist(), objectives.tolist(), strict=True)):
        rows = (attacks == attack) & (objectives == objective) & (controls == "")
        # Targets of attacks on activity, which search nothing, and stimuli that another attack did not see have none.
        found = [one for one in items["status"].values[rows].ravel().tolist() if isinstance(one, str)]
        if not found:
            continue
        status = np.array(found)
        yield f"{attack} on {objective}: {_counted(status)}."
        if longer is None:
            continue
        chosen = (longer["attack"].values == attack) & (longer["objective"].values == objective)
        share = longer["share"].values[chosen]
        if share.size:
            worst = float(share.min())
            if "minimal" in longer.coords and bool(longer["minimal"].values[chosen].all()):
                yield _shorter(f"{attack} on {objective}", share)
                continue
            yield (
                f"{attack} on {objective}: on {share.size} sampled {_items(share.size)} a {LONGER} times longer search "
                f"gained at most {1 / worst - 1:.1%} more (median {1 / float(np.median(share)) - 1:.1%}): what is "
                f"reported is at least {_floor(worst)} of it there."
                if worst > 0
                else f"{attack} on {objective}: on {int((share == 0).sum())} of {share.size} sampled "
                f"{_items(share.size)} only a {LONGER} times longer search found anything: take more steps."
            )


def _shorter(who: str, share: np.ndarray[tuple[int], np.dtype[np.float64]]) -> str:
    worst = float(share.min())
    begin = f"{who}: on {share.size} sampled {_items(share.size)} a {LONGER} times longer search"
    if worst == 0:
        return f"{begin} alone reached the goal of {int((share == 0).sum())}: take more steps."
    return f"{begin} found perturbations at most {1 - worst:.1%} shorter (median {1 - float(np.median(share)):.1%})."


MEANING = {
    "unreached": "whose goal nothing that was found reaches",
    "dead": "dead (no gradient, and nothing near moves them; not searched)",
    "zero-gradient": "with a zero gradient at the clean stimulus (searched from random starts)",
    "masked": "masked (random images move them, their gradient is zero)",
    "at-bound": "stopped by the pixel range",
    "not-finite": "with values or gradients that are not finite",
    "ok": "not judged",
}


def _counted(status: np.ndarray[tuple[int], np.dtype[np.str_]]) -> str:
    names, counts = np.unique(status, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    parts = [f"{counts[k]} {MEANING.get(str(names[k]), str(names[k]))}" for k in order]
    return f"of {status.size} target x stimulus pairs, {', '.join(parts)}"


def _items(count: int) -> str:
    return "item" if count == 1 else "items"


def _floor(share: float) -> str:
    return f"{np.floor(share * 100) / 100:.0%}"


def joined_longer(blocks: Sequence[xr.DataTree]) -> xr.Dataset | None:
    """All items that were searched longer; None where there are none."""
    found = [block["longer"].to_dataset() for block in blocks if "/longer" in block.groups]
    found = [dataset for dataset in found if dataset.sizes["item"]]
    return xr.concat(found, dim="item") if found else None
