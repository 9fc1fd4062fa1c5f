"""The objective ``behavior``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

import torch
from spikeproof.errors import UsageError
from spikeproof.types import Readings

__all__ = ["Behavior", "log_probability", "margin"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Behavior:
    """Change the choice that the readout, or the network's own head, makes on the clean image."""

    loss: Annotated[
        Literal["margin", "cross-entropy"],
        "What is maximised: the margin by which another class wins (never saturates), or the cross-entropy (its "
        "gradient vanishes where the choice is certain).",
    ] = "margin"
    goal: Annotated[
        Literal["away", "toward"],
        "Away from the clean choice, or toward the choice on another stimulus (drawn once per stimulus; the same "
        "choice for some).",
    ] = "away"

    def directions(self) -> tuple[str, ...]:
        """The one direction."""
        return (self.goal,)

    def reached_when(self) -> str:
        """Say when a choice counts as changed; the cross-entropy has no level at which it is."""
        if self.loss != "margin":
            return ""
        return "another class is chosen" if self.goal == "away" else "the class of another stimulus is chosen"

    def reached_at(self, readings: Readings) -> torch.Tensor:
        """Smallest margin above zero, (row,): a tie is no change."""
        return torch.full_like(readings.responses[:, 0], torch.finfo(readings.responses.dtype).tiny)

    def value(self, readings: Readings) -> torch.Tensor:
        """Loss of the clean choice, or gain of the partner's, (row,), in decision values or nats.

        The margin is positive exactly where the goal is reached: another class than the clean choice wins, or the
        partner's does.

        Raises
        ------
        spikeproof.errors.UsageError
            If there are no decision values or choices, or fewer than two classes.
        """
        choice = readings.choice if self.goal == "away" else readings.partner_choice
        if readings.decision is None or choice is None:
            raise UsageError(
                f"objective behavior ({self.goal}): there are no choices: give the study a readout "
                '(use = "logistic", or "head" for the network\'s own)'
            )
        sign = -1.0 if self.goal == "away" else 1.0
        gain = margin if self.loss == "margin" else log_probability
        return sign * gain(readings.decision, choice)


def margin(decision: torch.Tensor, choice: torch.Tensor) -> torch.Tensor:
    """By how much a class wins over the best of the others, f_c - max_{k != c} f_k (Carlini and Wagner 2017).

    Parameters
    ----------
    decision : torch.Tensor, (row, class)
    choice : torch.Tensor of int, (row,)

    Returns
    -------
    torch.Tensor, (row,)

    Raises
    ------
    spikeproof.errors.UsageError
        If there are fewer than two classes.

    Examples
    --------
    >>> margin(torch.tensor([[3.0, 1.0, 2.0]]), torch.tensor([0]))
    tensor([1.])
    """
    if decision.shape[1] < 2:
        raise UsageError(f"objective behavior: a choice needs two classes or more, the readout has {decision.shape[1]}")
    chosen = torch.zeros_like(decision, dtype=torch.bool).scatter(1, choice[:, None], value=True)
    others = decision.masked_fill(chosen, -torch.inf).max(dim=1).values
    return decision.gather(1, choice[:, None]).squeeze(1) - others


def log_probability(decision: torch.Tensor, choice: torch.Tensor) -> torch.Tensor:
    """Log of the softmax probability of a class, in nats; minus it is the cross-entropy.

    Parameters
    ----------
    decision : torch.Tensor, (row, class)
    choice : torch.Tensor of int, (row,)

    Returns
    -------
    torch.Tensor, (row,)
    """
    if decision.shape[1] < 2:
        raise UsageError(f"objective behavior: a choice needs two classes or more, the readout has {decision.shape[1]}")
    return decision.log_softmax(dim=1).gather(1, choice[:, None]).squeeze(1)
