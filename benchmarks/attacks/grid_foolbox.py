"""The loop that a foolbox user writes for units: a two-class wrapper, unit by unit, epsilon by epsilon."""

from __future__ import annotations

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
# The very torch that the other side uses; everything else is this environment's own.
sys.path.append(os.environ["BENCHMARK_TORCH"])


def loop(
    size: int, layer: str, where: str, units: list[int], epsilons: list[float], steps: int, images: int
) -> list[list[list[float]]]:
    """Attack each unit at each epsilon; return what was reached, (unit, epsilon, image)."""
    import foolbox
    import torch
    from nets import resnet18, stimuli

    class UnitLogits(torch.nn.Module):
        """Two classes, 0 and the unit's response: cross-entropy against class 0 grows with the response."""

        def __init__(self, net: torch.nn.Module, unit: int) -> None:
            super().__init__()
            self.net, self.unit = net, unit
            self.seen: torch.Tensor | None = None
            self.hook = getattr(net, layer).register_forward_hook(self.keep)

        def keep(self, part: object, inputs: object, output: torch.Tensor) -> None:  # noqa: ARG002
            middle = output.shape[2] // 2, output.shape[3] // 2
            rows = output.mean((2, 3)) if where == "mean" else output[:, :, middle[0], middle[1]]
            self.seen = rows[:, self.unit]

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            self.net(x)
            assert self.seen is not None
            return torch.stack([torch.zeros_like(self.seen), self.seen], 1)

    net, x = resnet18(size), stimuli(images, size)
    labels = torch.zeros(len(x), dtype=torch.long)
    reached = []
    for unit in units:
        wrapped = UnitLogits(net, unit).eval()
        attack = foolbox.attacks.L2ProjectedGradientDescentAttack(steps=steps, rel_stepsize=0.1, random_start=False)
        model = foolbox.PyTorchModel(wrapped, bounds=(0, 1))
        of_unit = []
        for epsilon in epsilons:
            _, found, _ = attack(model, x, labels, epsilons=epsilon)
            with torch.no_grad():
                of_unit.append(wrapped(found)[:, 1].tolist())
        reached.append(of_unit)
        wrapped.hook.remove()
    return reached


if __name__ == "__main__":
    from rounds import serve

    serve({"loop": loop})
