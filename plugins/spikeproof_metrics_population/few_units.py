"""Decoding from some of the units, the best or any, as a function of a matrix of responses."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from spikeproof.errors import BadParameter, NotEnoughData
from spikeproof.types import Quantity, Sample

from .concentration import Ranking, merit
from .decoding import Decoder, check_categories, held_out_choices, one_thread

__all__ = ["FewUnits"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FewUnits:
    """Held-out accuracy of decoders of some of the units: points of a dropping curve and of best-k readouts."""

    percent: Annotated[
        tuple[int, ...], "How many of the units are read, in per cent, ascending; one unit at least."
    ] = (
        5,
        25,
    )
    ranking: Annotated[Ranking, "By the weights of a decoder of all units, or by each unit's ANOVA F."] = "weight"
    decoder: Annotated[Decoder, "Linear classifier; it is fitted thousands of times for each set of responses."] = (
        "ridge"
    )
    c: Annotated[float, "Inverse strength of the decoder's L2 penalty."] = 1.0
    folds: Annotated[int, "Folds over stimuli."] = 5
    draws: Annotated[int, "Random subsets of units per size."] = 3

    def __post_init__(self) -> None:
        for name, least in (("folds", 2), ("draws", 1)):
            if getattr(self, name) < least:
                raise BadParameter(f"few-units: {name} must be at least {least}, got {getattr(self, name)}")
        if not 0 < self.c < float("inf"):
            raise BadParameter(f"few-units: c must be positive and finite, got {self.c}")
        given = list(self.percent)
        if not given or given != sorted(set(given)) or given[0] < 1 or given[-1] > 99:
            raise BadParameter(f"few-units: percent must ascend from 1 to 99 at most, got {given}")

    def quantities(self) -> tuple[Quantity, ...]:
        """Accuracy of the best and of random units, for each size."""
        how = (
            f"Share of held-out stimuli whose category is chosen by a {self.decoder} classifier (C = {self.c:g}, units "
            f"standardised on the training folds) in {self.folds} folds over stimuli, drawn by their names"
        )
        rank = {"weight": "the size of its weights", "selectivity": "its ANOVA F"}[self.ranking]
        found = []
        for percent in self.percent:
            for which, of in (
                ("best", f"that is best by {rank}, chosen on the training stimuli (Meyers et al. 2008)"),
                ("random", f"drawn at random, mean over {self.draws} subsets (Wessberg et al. 2000)"),
            ):
                found.append(
                    Quantity(
                        name=f"{which}_accuracy_{percent}_percent",
                        long_name=f"accuracy of {'the best' if which == 'best' else 'random'} {percent} % of units",
                        units="share correct",
                        definition=(
                            f"{how}, of {percent} % of the units {of}. Perturbed responses are decoded by decoders "
                            "that were trained on perturbed ones."
                        ),
                        lowest=0.0,
                        highest=1.0,
                        headline=percent == self.percent[0],
                    )
                )
        return tuple(found)

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Decode held-out stimuli.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there are no categories, one only, or fewer than two stimuli of one or a fold.
        """
        return {name: float(values.mean()) for name, values in self.contributions(sample).items()}

    def contributions(self, sample: Sample) -> Mapping[str, NDArray[np.float64]]:
        """Share of the readouts by which each held-out stimulus is decoded rightly; refuses what :meth:`score` does."""
        if sample.labels is None:
            raise NotEnoughData(
                "few-units: there are no categories: name the column that holds them (option `category`)"
            )
        labels, responses = sample.labels, sample.responses
        check_categories(labels, 2, "few-units")
        fold = sample.folds(self.folds, by_label=True)
        at_random = sample.probes(self.draws, "few units").argsort(axis=0)  # (unit, draw)
        with one_thread():
            best = {
                number: np.argsort(
                    -merit(responses[fold != number], labels[fold != number], self.ranking, self.decoder, self.c),
                    kind="stable",
                )
                for number in np.unique(fold).tolist()
            }
            out = {}
            for percent in self.percent:
                size = max(1, round(percent / 100 * responses.shape[1]))
                chosen = labels.copy()
                for number, order in best.items():
                    test = fold == number
                    # Two folds, training and test, of which only the test's choices are kept.
                    chosen[test] = self._choices(responses[:, order[:size]], labels, test.astype(np.intp), (1,))[test]
                out[f"best_accuracy_{percent}_percent"] = (chosen == labels).astype(np.float64)
                hits = [self._choices(responses[:, rows[:size]], labels, fold) == labels for rows in at_random.T]
                out[f"random_accuracy_{percent}_percent"] = np.mean(hits, axis=0)
        return out

    def _choices(
        self,
        responses: NDArray[np.float64],
        labels: NDArray[np.str_],
        fold: NDArray[np.intp],
        folds: tuple[int, ...] | None = None,
    ) -> NDArray[np.str_]:
        found: NDArray[np.str_] = held_out_choices(responses, labels, fold, decoder=self.decoder, c=self.c, folds=folds)
        return found
