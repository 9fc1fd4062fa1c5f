"""Three rounds of an experiment on a simulated animal, against what is true of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import spikeproof
import torch
from spikeproof.closed_loop import Manifest, make_stimuli, manifest_images, read_manifest
from spikeproof.demo.animal import STIMULI, Animal, main
from spikeproof.demo.digits import TRAINED, digits
from spikeproof.demo.networks import robust

ROUNDS, EPSILON = 3, 1.0


def study(folder: Path, day: int) -> dict[str, Any]:
    """What is known before this day, and the attack on a model of it; on day 0 nothing was perturbed yet."""
    days = [
        {"use": f"nwb:{folder / f'day-{number}.nwb'}", "table": "trials", "stimulus": "stimulus_id"}
        for number in range(day)
    ]
    rounds = {"join": "rounds", "manifest": [str(folder / f"round-{number}") for number in range(1, day)]}
    return {
        "seed": 0,
        **(rounds if day > 1 else {}),
        "source": [*days, {"use": f"images:{folder / 'digits.npz'}"}],
        "model": [
            {"use": "torch:spikeproof.demo.networks:standard", "layers": ["conv2"], "spatial": "positions"},
        ],
        "encoder": [{"use": "ridge", "units": 4}],
        "threat": {
            "epsilons": [EPSILON],
            "aims": ["unit"],
            "stimuli": 24,
            "controls": ["random"],
        },
        "attack": [{"use": "pgd", "steps": 20}],
        "metric": [{"use": "measured-sensitivity"}, {"use": "encoder-fit"}],
        "engine": {"longer_items": 0},
    }


def true_changes(manifest: Manifest) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noiseless change of each attacked image in its direction, in sd; its unit and its digit."""
    animal, rows = Animal(), [row for row in manifest.rows if row["kind"] == "attack"]
    clean = animal.rates(digits()[0][TRAINED : TRAINED + STIMULI])
    perturbed = animal.rates(manifest_images(manifest, [row["image"] for row in rows]).images())
    unit = np.array([int(row["target_unit"]) for row in rows])
    digit = np.array([int(row["clean_stimulus_id"].removeprefix("digit-")) for row in rows])
    each = np.arange(len(rows))
    change = (perturbed[each, unit] - clean[digit, unit]) / clean.std(axis=0, ddof=1)[unit]
    return change * np.where([row["direction"] == "up" for row in rows], 1, -1), unit, digit


def largest_change(unit: np.ndarray, digit: np.ndarray) -> np.ndarray:
    """The largest change of these neurons in the ball, in sd, found on the animal's own network."""
    animal, images = Animal(), digits()[0][TRAINED : TRAINED + STIMULI]
    rates = animal.rates(images)
    network, captured = robust(), []
    network.hidden.register_forward_hook(lambda _module, _inputs, output: captured.append(output))
    with torch.no_grad():
        network(torch.from_numpy(images))
    usual = captured.pop().clamp_min(0).numpy()
    driven = torch.from_numpy(np.flatnonzero((usual > 0).mean(axis=0) >= 0.1)[unit])
    clean, best = torch.from_numpy(images[digit]), np.zeros(len(unit))
    for sign in (1, -1):
        moved = torch.zeros_like(clean)
        for _ in range(60):
            moved.requires_grad_()
            network(clean + moved)
            response = captured.pop().gather(1, driven[:, None]).sum()
            (gradient,) = torch.autograd.grad(sign * response, moved)
            with torch.no_grad():
                length = gradient.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, 1, 1, 1)
                moved = moved + EPSILON / 8 * gradient / length
                norm = moved.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, 1, 1, 1)
                moved = (clean + moved * (EPSILON / norm).clamp_max(1)).clamp(0, 1) - clean
        found = animal.rates((clean + moved.detach()).numpy())
        change = np.abs(found[np.arange(len(unit)), unit] - rates[digit, unit]) / rates.std(axis=0, ddof=1)[unit]
        best = np.maximum(best, change)
    return best


@pytest.mark.slow
def test_three_rounds_come_nearer_to_the_true_sensitivity_and_never_pass_it(tmp_path: Path) -> None:
    images = digits()[0][TRAINED : TRAINED + STIMULI]
    np.savez(tmp_path / "digits.npz", x=images, ids=np.array([f"digit-{number:03d}" for number in range(STIMULI)]))
    main([str(tmp_path / "day-0.nwb")])
    true, ceiling = [], []
    for day in range(1, ROUNDS + 1):
        make_stimuli(
            study(tmp_path, day), where=f"round {day}", out=tmp_path / f"round-{day}", repeats=4, round_name=str(day)
        )
        main([str(tmp_path / f"day-{day}.nwb"), str(tmp_path / f"round-{day}")])
        changes, unit, digit = true_changes(read_manifest(tmp_path / f"round-{day}"))
        true.append(changes.mean())
        ceiling.append(largest_change(unit, digit).mean())
        assert (changes > 0).mean() > 0.9, "the model of the neurons knows which way they go"
    assert true[0] < true[1] < true[2] < min(ceiling)
    assert true[2] > true[0] + 0.2 * (ceiling[0] - true[0]), "later rounds close a good part of the gap"

    result = spikeproof.run(study(tmp_path, ROUNDS + 1), out=tmp_path / "result")
    summary = result.summary("measured-sensitivity", "recording").isel(epsilon=0)
    for day in range(1, ROUNDS + 1):
        line = summary.sel(perturbation=f"pgd (round {day})")
        low, high = (float(line["signed"].sel(statistic=bound)) for bound in ("low", "high"))
        assert low <= true[day - 1] <= high
        assert low < ceiling[day - 1], "a lower bound of what an attack could do"
        assert float(line["naive"].sel(statistic="estimate")) > float(line["floor"].sel(statistic="estimate"))
        control = summary.sel(perturbation=f"random of pgd (round {day})")["signed"]
        assert float(control.sel(statistic="estimate")) < 0.25 * low
