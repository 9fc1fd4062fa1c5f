"""Trains the demo's two digit networks: ``python -m spikeproof.demo.train [FOLDER]``, under two minutes on two cores.

The first 1,200 digits of scikit-learn's set train; the other 597 are what the demo shows, and tell the accuracy.
"""

from __future__ import annotations

import logging
import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch.nn import functional

from .digits import TRAINED, digits
from .networks import DigitNetwork

__all__ = ["accuracy", "attack", "train"]

NORM, STEPS, EPOCHS, BATCH = 1.0, 7, 40, 100
log = logging.getLogger(__name__)


def attack(network: DigitNetwork, images: torch.Tensor, labels: torch.Tensor, *, norm: float) -> torch.Tensor:
    """Images (image, 1, 8, 8) moved by at most ``norm`` (L2) to raise the cross-entropy: seven steps of ascent."""
    delta = torch.zeros_like(images)
    for _ in range(STEPS):
        delta.requires_grad_()
        loss = functional.cross_entropy(network(images + delta), labels, reduction="sum")
        (gradient,) = torch.autograd.grad(loss, delta)
        with torch.no_grad():
            length = gradient.flatten(1).norm(dim=1).clamp_min(1e-12).view(-1, 1, 1, 1)
            delta = delta + 2.5 * norm / STEPS * gradient / length
            delta = delta * (norm / delta.flatten(1).norm(dim=1).clamp_min(1e-12)).clamp_max(1).view(-1, 1, 1, 1)
            delta = (images + delta).clamp(0, 1) - images
    return images + delta.detach()


def train(*, adversarial: bool, seed: int = 0) -> DigitNetwork:
    """Train one network."""
    torch.manual_seed(seed)
    images, labels = (torch.from_numpy(part[:TRAINED]) for part in digits())
    network = DigitNetwork()
    optimiser = torch.optim.Adam(network.parameters(), lr=2e-3, weight_decay=1e-4)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, EPOCHS)
    for _ in range(EPOCHS):
        for rows in torch.randperm(TRAINED).view(-1, BATCH):
            shown = attack(network, images[rows], labels[rows], norm=NORM) if adversarial else images[rows]
            optimiser.zero_grad()
            torch.autograd.backward(functional.cross_entropy(network(shown), labels[rows]))
            optimiser.step()
        schedule.step()
    return network.eval()


def accuracy(network: DigitNetwork, *, norm: float = 0.0) -> float:
    """Share of the digits that were not trained on that are read rightly, after an attack of ``norm`` (L2)."""
    images, labels = (torch.from_numpy(part[TRAINED:]) for part in digits())
    shown = attack(network, images, labels, norm=norm) if norm else images
    return float((network(shown).argmax(dim=1) == labels).float().mean())


def main() -> None:
    """Train both and write their weights."""
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    for name, adversarial in (("standard", False), ("robust", True)):
        network = train(adversarial=adversarial)
        save_file(network.state_dict(), folder / f"digits_{name}.safetensors")
        log.info("%s: accuracy %.3f clean, %.3f at L2 norm 1", name, accuracy(network), accuracy(network, norm=1.0))


if __name__ == "__main__":
    main()
