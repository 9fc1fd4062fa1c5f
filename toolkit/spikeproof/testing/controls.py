"""What a control of an attack on images holds."""

from __future__ import annotations

import torch

from spikeproof.plugin import AttackEntry, Norm

from .attacks import ITEMS, RADII
from .registry import check, require
from .subject import Subject
from .toys import images, noise, norms


def controlled(subject: Subject, norm: Norm, *, items: tuple[int, ...] = ITEMS) -> tuple[torch.Tensor, torch.Tensor]:
    """Make controls of toy perturbations of both radii; return the controls and the perturbed images."""
    clean = images(items)
    shift = torch.stack(
        [torch.randn(clean.shape[1:], generator=torch.Generator().manual_seed(50 + item)) for item in items]
    )
    shift = shift / norms(shift[None], norm)[0].view(-1, 1, 1, 1)
    perturbed = clean + torch.tensor(RADII[norm]).view(-1, 1, 1, 1, 1) * shift
    return subject.build()(perturbed.clone(), clean, norm, noise(items)), perturbed


def _control(entry: AttackEntry) -> bool:
    return entry.domain == "stimulus" and entry.control


@check("attack", when=_control)
def check_a_control_has_the_norm_of_the_attack(subject: Subject) -> None:
    """Each control image is as far from the clean one as the attacked image that it is made of."""
    for norm in subject.norms:
        control, perturbed = controlled(subject, norm)
        expected, got = tuple(perturbed.shape), tuple(control.shape)
        require(got == expected, f"expected shape {expected}, got {got}")
        ratio = norms(control - images(ITEMS), norm) / norms(perturbed - images(ITEMS), norm)
        require((ratio - 1).abs().max() <= 1e-3, f"{norm}: norms are {ratio.flatten().tolist()} of the attack's")


@check("attack", when=_control)
def check_a_control_is_not_the_attack(subject: Subject) -> None:
    """It does not give back the perturbation that it controls for."""
    for norm in subject.norms:
        control, perturbed = controlled(subject, norm)
        require(not torch.allclose(control, perturbed, atol=1e-4), f"{norm}: it gives back the attacked images")


@check("attack", when=_control)
def check_a_control_alone_is_as_in_a_batch(subject: Subject) -> None:
    """What an item's control becomes depends on no other item."""
    for norm in subject.norms:
        batch, _ = controlled(subject, norm)
        for row, item in enumerate(ITEMS):
            moved = float((controlled(subject, norm, items=(item,))[0][:, 0] - batch[:, row]).abs().max())
            require(moved <= 1e-5, f"{norm}: item {item} alone differs from itself in a batch by {moved:.3g}")
