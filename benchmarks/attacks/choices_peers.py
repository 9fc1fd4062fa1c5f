"""The other side of ``choices.py`` and ``smallest.py``: torchattacks and foolbox on the class scores.

Attacks of a radius run one epsilon after the other.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
# The very torch that the other side uses; everything else is this environment's own.
sys.path.append(os.environ["BENCHMARK_TORCH"])


def torchattacks_pgd(epsilons: list[float], steps: int, images: int) -> list[list[float]]:
    """PGDL2 as its user calls it: steps of a tenth of epsilon, from the clean image; cross-entropy reached."""
    import torchattacks
    from nets import opened, reached

    net, x, labels = opened(images)
    found = [
        torchattacks.PGDL2(net, eps=epsilon, alpha=0.1 * epsilon, steps=steps, random_start=False)(x, labels)
        for epsilon in epsilons
    ]
    return [reached(net, one, labels, "cross-entropy") for one in found]


def foolbox_pgd(epsilons: list[float], steps: int, images: int) -> list[list[float]]:
    """L2PGD as its user calls it, on the network as it was loaded: parameters require gradients."""
    import foolbox
    from nets import opened, reached

    net, x, labels = opened(images)
    attack = foolbox.attacks.L2PGD(steps=steps, rel_stepsize=0.1, random_start=False)
    model = foolbox.PyTorchModel(net, bounds=(0, 1))
    found = attack(model, x, labels, epsilons=epsilons)[1]
    return [reached(net, one, labels, "cross-entropy") for one in found]


def torchattacks_square(norm: str, epsilons: list[float], queries: int, images: int) -> list[list[float]]:
    """Square with the margin loss; it leaves an image alone once its choice has changed."""
    import torchattacks
    from nets import opened, reached

    net, x, labels = opened(images)
    found = [
        torchattacks.Square(net, norm={"l2": "L2", "linf": "Linf"}[norm], eps=epsilon, n_queries=queries)(x, labels)
        for epsilon in epsilons
    ]
    return [reached(net, one, labels, "margin") for one in found]


def foolbox_smallest(attack: str, norm: str, images: int) -> list[float]:
    """FMN or DeepFool as its user calls it, on the network as it was loaded; smallest norms."""
    import foolbox
    from nets import changed_within, opened

    net, x, labels = opened(images)
    known = foolbox.attacks
    factory = {
        ("fmn", "l1"): known.L1FMNAttack,
        ("fmn", "l2"): known.L2FMNAttack,
        ("fmn", "linf"): known.LInfFMNAttack,
        ("deepfool", "l2"): known.L2DeepFoolAttack,
        ("deepfool", "linf"): known.LinfDeepFoolAttack,
    }[attack, norm]
    found = factory()(foolbox.PyTorchModel(net, bounds=(0, 1)), x, labels, epsilons=None)[1]
    return changed_within(net, x, found.detach(), labels, norm)


if __name__ == "__main__":
    from rounds import serve

    serve({task.__name__: task for task in (torchattacks_pgd, foolbox_pgd, foolbox_smallest, torchattacks_square)})
