"""Scores: numbers of a matrix of responses, from which the host makes intervals, curves, ceilings and controls."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from .errors import NotEnoughData
from .noise import generator

if TYPE_CHECKING:
    import numpy as np
    import xarray as xr
    from numpy.typing import NDArray

    from .code import Code
    from .evidence import Evidence
    from .statistics import Resampling

__all__ = ["MeanScore", "Quantity", "Sample", "Score", "StudyEvidence", "StudyMetric"]


@dataclass(frozen=True, kw_only=True)
class Quantity:
    """One number that a score gives.

    Parameters
    ----------
    name : str
        Name of its variable: lower-case words joined by underscores.
    long_name, units, definition : str
        What every number of a result says of itself; ``"1"`` for a pure number. The definition names its source.
    lowest, highest : float
        Its bounds, which its interval never leaves.
    levels : mapping of str to float
        Known values to draw beside it (``{"identical": 1.0}``).
    headline : bool
        Whether it belongs at the top of the report.

    Raises
    ------
    ValueError
        If the name is no identifier, or a text is missing.
    """

    name: str
    long_name: str
    units: str
    definition: str
    lowest: float = -float("inf")
    highest: float = float("inf")
    levels: Mapping[str, float] = field(default_factory=dict)
    headline: bool = False

    def __post_init__(self) -> None:
        if not self.name.isidentifier() or self.name != self.name.lower():
            raise ValueError(f"quantity: bad name {self.name!r}: use lower-case words joined by underscores")
        for what in ("long_name", "units", "definition"):
            if not getattr(self, what):
                raise ValueError(f"quantity {self.name}: {what} is missing")


@dataclass(frozen=True, kw_only=True)
class Repeats:
    """Single presentations behind a matrix of mean responses.

    Parameters
    ----------
    responses : numpy.ndarray of float64, (presentation, unit)
        In the order in which each stimulus was shown.
    stimuli : numpy.ndarray of str, (presentation,)
        Which stimulus was shown.
    """

    responses: NDArray[np.float64]
    stimuli: NDArray[np.str_]

    def of_stimuli(self, names: NDArray[np.str_]) -> Repeats:
        """The presentations of these stimuli.

        Examples
        --------
        >>> import numpy as np
        >>> shown = Repeats(responses=np.zeros((3, 2)), stimuli=np.array(["a", "b", "a"]))
        >>> shown.of_stimuli(np.array(["a"])).responses.shape
        (2, 2)
        """
        import numpy as np

        kept = np.isin(self.stimuli, names)
        return Repeats(responses=self.responses[kept], stimuli=self.stimuli[kept])

    def of_units(self, keep: NDArray[np.bool_]) -> Repeats:
        """The responses of these units."""
        return Repeats(responses=self.responses[:, keep], stimuli=self.stimuli)

    def half_means(self, splits: int, seed: int) -> tuple[NDArray[np.str_], NDArray[np.float64]]:
        """Means of two random halves of the presentations of every stimulus that was shown twice or more.

        Halves go by the names of the stimuli, so that leaving others out changes none; of an odd number the half that
        gets one more is random.

        Parameters
        ----------
        splits : int
            Random halvings.
        seed : int

        Returns
        -------
        stimuli : numpy.ndarray of str, (stimulus,)
            Sorted.
        means : numpy.ndarray of float64, (split, half, stimulus, unit)

        Examples
        --------
        >>> import numpy as np
        >>> shown = Repeats(responses=np.array([[0.0], [2.0], [5.0]]), stimuli=np.array(["a", "a", "b"]))
        >>> names, means = shown.half_means(1, seed=0)
        >>> names.tolist(), sorted(means[0, :, 0, 0].tolist())
        (['a'], [0.0, 2.0])
        """
        import numpy as np

        names, row, count = np.unique(self.stimuli, return_inverse=True, return_counts=True)
        twice = np.flatnonzero(count >= 2)
        order, first = np.argsort(row, kind="stable"), np.cumsum(count) - count
        means = np.empty((splits, 2, len(twice), self.responses.shape[1]))
        for place, stimulus in enumerate(twice.tolist()):
            mine = self.responses[order[first[stimulus] : first[stimulus] + count[stimulus]]]
            one = _halving(seed, str(names[stimulus]), int(count[stimulus]), splits)
            for side, weights in enumerate((one, 1 - one)):
                means[:, side, place] = weights @ mine / weights.sum(axis=1, keepdims=True)
        return names[twice], means


@dataclass(frozen=True, kw_only=True)
class Sample:
    """What a score sees: one set of responses, and what they are compared with.

    Parameters
    ----------
    responses : numpy.ndarray of float64, (stimulus, unit)
    labels : numpy.ndarray of str, (stimulus,), optional
        Category of each stimulus.
    choices : numpy.ndarray of str, (stimulus,), optional
        The code's choice on each stimulus.
    reference : numpy.ndarray of float64, (stimulus, unit_other), optional
        Responses to the same stimuli that these are compared with: the clean ones, or those of another system. There
        for comparisons only.
    reference_choices : numpy.ndarray of str, (stimulus,), optional
        Choices of the reference.
    decision : numpy.ndarray of float64, (stimulus, class), optional
        Decision values of the fitted readout on these responses, each by the fold that never saw the stimulus; there
        where the entry needs a readout. Leaving units out leaves them as they are, as it does choices.
    classes : tuple of str
        What the columns of ``decision`` stand for.
    stimuli, units : numpy.ndarray of str, optional
        Names of the rows and of the columns of ``responses``. What a score draws for a stimulus or a unit (its fold,
        its part of a probe) must go by its name: intervals come from leaving others out, and a draw that changes with
        them would count as uncertainty many times over.
    recorded : numpy.ndarray of str, (unit,), optional
        Subject and session of each unit, where a source says them: units of different ones share no noise.
    repeats, reference_repeats : Repeats, optional
        Single presentations behind either side, of the same stimuli and units, where stimuli were repeated; there for
        a score that says so (``reads_repeats``). Behind perturbed responses where an animal was shown the images.
    noiseless, reference_noiseless : bool
        Whether a side is computed (by a network): nothing but the stimulus decides its responses.
    seed : int
        Seed of whatever the score draws (folds, probes): the same for every sample of a study.
    places : numpy.ndarray of int, (stimulus,), optional
        Place of each stimulus in the order of :meth:`placed` of the sample that these were taken from; the host gives
        it where it leaves stimuli out, so that folds stay as they were.
    """

    responses: NDArray[np.float64]
    labels: NDArray[np.str_] | None = None
    choices: NDArray[np.str_] | None = None
    reference: NDArray[np.float64] | None = None
    reference_choices: NDArray[np.str_] | None = None
    decision: NDArray[np.float64] | None = None
    classes: tuple[str, ...] = ()
    stimuli: NDArray[np.str_] | None = None
    units: NDArray[np.str_] | None = None
    recorded: NDArray[np.str_] | None = None
    repeats: Repeats | None = None
    reference_repeats: Repeats | None = None
    noiseless: bool = False
    reference_noiseless: bool = False
    seed: int = 0
    places: NDArray[np.intp] | None = None

    def placed(self) -> NDArray[np.intp]:
        """Place of each stimulus, (stimulus,), in an order by category and, within one, at random by name.

        Examples
        --------
        >>> import numpy as np
        >>> places = Sample(responses=np.zeros((4, 1)), labels=np.array(["b", "a", "b", "a"])).placed()
        >>> sorted(places[[1, 3]].tolist())
        [0, 1]
        """
        import numpy as np

        if self.places is not None:
            return self.places
        labels = np.zeros(len(self.responses), dtype=np.intp) if self.labels is None else self.labels
        places = np.empty(len(self.responses), dtype=np.intp)
        places[np.lexsort((self._keys("fold"), labels))] = np.arange(len(places))
        return places

    def folds(self, count: int, *, by_label: bool = False) -> NDArray[np.intp]:
        """Fold of each stimulus, (stimulus,), drawn by its name and spread evenly over categories.

        Folds differ in size by one stimulus at most, but for those that the host leaves out; of those that are left,
        none changes its fold.

        Parameters
        ----------
        count : int
            Number of folds.
        by_label : bool
            Refuse a category with a single stimulus, which could not be held out and trained on.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there are fewer than two stimuli a fold, or, by label, a category with a single stimulus.

        Examples
        --------
        >>> import numpy as np
        >>> sample = Sample(responses=np.zeros((20, 1)), stimuli=np.array([f"s{k}" for k in range(20)]))
        >>> np.bincount(sample.folds(3)).tolist()
        [7, 7, 6]
        """
        import numpy as np

        stimuli = len(self.responses)
        if stimuli < 2 * count:
            raise NotEnoughData(f"{stimuli} stimuli cannot be split into {count} folds of two or more: set folds lower")
        if by_label and self.labels is not None:
            names, many = np.unique(self.labels, return_counts=True)
            few = int(many.argmin())
            if many[few] < 2:
                raise NotEnoughData(
                    f"category {str(names[few])!r} has {many[few]} stimulus: a decoder needs two or more, so that one "
                    "can be held out"
                )
        return np.asarray(self.placed() % count)

    def order(self) -> NDArray[np.intp]:
        """Positions of the stimuli in a random order that goes by their names.

        Examples
        --------
        >>> import numpy as np
        >>> sorted(Sample(responses=np.zeros((3, 1)), stimuli=np.array(["a", "b", "c"])).order().tolist())
        [0, 1, 2]
        """
        return self._keys("order").argsort(kind="stable")

    def _keys(self, purpose: str) -> NDArray[np.float64]:
        """A number in [0, 1) for each stimulus."""
        import numpy as np

        names = map(str, range(len(self.responses))) if self.stimuli is None else self.stimuli.tolist()
        return np.array([_number(purpose, self.seed, name) for name in names])

    def probes(self, count: int, purpose: str = "") -> NDArray[np.float64]:
        """Standard normal numbers (unit, probe), drawn by the names of the units.

        Examples
        --------
        >>> import numpy as np
        >>> sample = Sample(responses=np.zeros((2, 2)), units=np.array(["a", "b"]))
        >>> one = Sample(responses=np.zeros((2, 1)), units=np.array(["b"]))
        >>> bool((sample.probes(3)[1] == one.probes(3)[0]).all())
        True
        """
        import numpy as np

        units = self.responses.shape[1]
        names = [str(k) for k in range(units)] if self.units is None else self.units.tolist()
        return np.stack([_normal(self.seed, purpose, name, count) for name in names])


def _number(purpose: str, seed: int, name: str) -> float:
    """A number in [0, 1) that goes with a name."""
    digest = hashlib.blake2b(f"{purpose}\x1f{seed}\x1f{name}".encode(), digest_size=6).digest()
    return int.from_bytes(digest, "big") / 2**48


@lru_cache(maxsize=20_000)
def _halving(seed: int, name: str, count: int, splits: int) -> NDArray[np.float64]:
    """Which presentations of a stimulus are in the first half, (split, presentation): 1 or 0."""
    import numpy as np

    rng = generator(seed, "halves of repeats", name)
    smaller = (count + rng.integers(2, size=splits)) // 2
    rank = rng.random((splits, count)).argsort(axis=1).argsort(axis=1)
    return np.asarray(rank < smaller[:, None], dtype=np.float64)


@lru_cache(maxsize=20_000)
def _normal(seed: int, purpose: str, name: str, count: int) -> NDArray[np.float64]:
    return generator(seed, "probes", purpose, name).standard_normal(count)


@runtime_checkable
class Score(Protocol):
    """Numbers of a matrix of responses.

    The host scores the clean code, and every perturbed one beside its random-direction control along the perturbation
    axis; comparisons also between all systems of the study. Intervals come from leaving out groups of stimuli and of
    units, the chance level from shuffling what the entry's ``null`` names: a score has no code of its own for any
    of that. A score with an attribute ``reads_repeats`` that is true is given single presentations beside the means.
    """

    def quantities(self) -> tuple[Quantity, ...]:
        """The numbers that :meth:`score` gives, in the order in which they are shown."""

    def score(self, sample: Sample) -> Mapping[str, float]:
        """Compute every quantity, by name.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If the sample cannot carry it: what is needed, and what there is.
        """


@runtime_checkable
class MeanScore(Score, Protocol):
    """A score that is a mean over stimuli of what each contributes: the share of held-out stimuli that are decoded.

    Leaving stimuli out of such a score would fit everything again on fewer, and count the choices that flip from fit to
    fit as uncertainty many times over. The host drops contributions instead, without fitting again: stimuli vary as
    other stimuli would, with what was fitted to the rest; units are left out with a fit of their own. That is faster,
    and intervals hold as often as they say.
    """

    def contributions(self, sample: Sample) -> Mapping[str, NDArray[np.float64]]:
        """What each stimulus contributes to every quantity, (stimulus,) by name; the means are those of :meth:`score`.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            As :meth:`score`.
        """


@dataclass(frozen=True, kw_only=True)
class StudyEvidence:
    """What a study metric sees: all systems at once.

    Parameters
    ----------
    codes : mapping of str to Code
        The clean code of each system.
    measured : mapping of str to xarray.Dataset
        What the metric measured of each system, stacked along ``target``; systems of which nothing was measured are
        absent.
    trials : xarray.Dataset, optional
        What subjects chose (see ``Recording``).
    """

    codes: Mapping[str, Code]
    measured: Mapping[str, xr.Dataset]
    trials: xr.Dataset | None = None


@runtime_checkable
class StudyMetric(Protocol):
    """A number of several systems together: rankings of models, relations between scales across networks."""

    def measure(self, evidence: Evidence) -> xr.Dataset:
        """Measure one target of one system, as :class:`Metric` does; an empty dataset where nothing is needed."""

    def across(self, study: StudyEvidence, resampling: Resampling) -> xr.Dataset:
        """Summarise all systems, with intervals, as ``Metric.summarise`` does for one.

        Raises
        ------
        spikeproof.errors.NotEnoughData
            If there are too few systems.
        """

    def describe(self, summary: xr.Dataset) -> Iterable[str]:
        """Say what was found, in plain sentences."""
