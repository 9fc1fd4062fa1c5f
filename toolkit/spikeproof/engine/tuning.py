"""How many rows pass the model at once with the least time for each: timed once, on what the search runs on."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import torch

from .rows import ran_out_of_memory

if TYPE_CHECKING:
    from .grid import Grid

__all__ = ["CANDIDATES", "tuned_rows"]

CANDIDATES = {"cpu": (32, 64, 128), "cuda": (256, 512, 1024, 2048)}
"""Rows that are tried; few on the CPU, where larger passes leave its caches."""
ROUNDS = 3
"""Timings of each; the fastest counts, since all that disturbs makes them longer."""


def tuned_rows(grid: Grid) -> int:
    """Time a forward and a backward pass of some numbers of rows and return the one that is fastest for each row.

    Parameters
    ----------
    grid : Grid

    Returns
    -------
    int
        One of the candidates; a larger one wins only if it is at least 3 % faster, so that ties do not flicker.
    """
    candidates = CANDIDATES["cuda" if str(grid.device).startswith("cuda") else "cpu"]
    best, fastest = candidates[0], float("inf")
    for rows in candidates:
        try:
            seconds = min(_seconds(grid, rows) for _ in range(ROUNDS)) / rows
        except Exception as error:
            if not ran_out_of_memory(error) or rows == candidates[0]:
                raise
            break
        if seconds < 0.97 * fastest:
            best, fastest = rows, seconds
    return best


def _seconds(grid: Grid, rows: int) -> float:
    with torch.inference_mode(mode=False), torch.enable_grad():
        index = torch.arange(rows, device=grid.clean.device) % len(grid.clean)
        leaf = grid.clean[index].requires_grad_()
        start = time.perf_counter()
        responses = grid.models.fast.responses(leaf)
        if responses.requires_grad:
            torch.autograd.grad(responses.sum(), leaf, allow_unused=True)
        if leaf.is_cuda:
            torch.cuda.synchronize()
        return time.perf_counter() - start
