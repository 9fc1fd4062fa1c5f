"""The encoder ``average``."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from simulated_recordings import folds_of, responses_of
from spikeproof.errors import BadParameter
from spikeproof_encoders import PLS, Average, Ridge


def test_it_is_the_mean_of_its_members() -> None:
    random = np.random.default_rng(0)
    maps = random.normal(size=(80, 3, 4, 4)).astype(np.float32) * np.array([1, 5, 2], dtype=np.float32)[:, None, None]
    responses, folds = responses_of(maps[:, 0, :2, :2].sum((1, 2))[:, None] + random.normal(size=(80, 2))), folds_of(80)
    members = [Ridge(scale_channels=True), PLS(scale_channels=True)]
    fits = [one.fit(maps, responses, repeats=None, folds=folds, seed=0) for one in members]
    encoder = Average(members=("ridge", "pls"), scale_channels=True)
    mean = encoder.fit(maps, responses, repeats=None, folds=folds, seed=0)
    np.testing.assert_allclose(mean.held_out, (fits[0].held_out + fits[1].held_out) / 2)
    assert mean.held_out["unit"].values.tolist() == ["n0", "n1"]
    rows = torch.from_numpy(maps)
    torch.testing.assert_close(mean.predict(rows), (fits[0].predict(rows) + fits[1].predict(rows)) / 2)
    assert set(mean.hyperparameters) == {"ridge_penalty", "pls_components"}
    assert torch.equal(encoder.restore(mean.state).predict(rows), mean.predict(rows))


@pytest.mark.parametrize("members", [("ridge",), ("pls", "pls"), ()])
def test_fewer_than_two_different_members_are_refused(members: tuple[str, ...]) -> None:
    with pytest.raises(BadParameter, match=r"encoder average: members must be two or more different encoders, got"):
        Average(members=members)  # type: ignore[arg-type]
