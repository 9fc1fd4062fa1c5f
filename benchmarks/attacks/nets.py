"""Networks and images that both sides of a benchmark build alike: torch is all that they need."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["changed_within", "opened", "reached", "resnet18", "stimuli"]


class Block(nn.Module):
    """Two 3x3 convolutions around a shortcut (He et al. 2016)."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        shortcut = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))
        self.downsample = shortcut if stride != 1 or inputs != outputs else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        return self.relu(y + self.downsample(x))


class ResNet18(nn.Module):
    """ResNet-18 for small images (3x3 stem) or large ones (7x7 stem and pooling)."""

    def __init__(self, width: int, *, large: bool) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, width, 7 if large else 3, 2 if large else 1, 3 if large else 1, bias=False)
        self.bn1, self.relu = nn.BatchNorm2d(width), nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1) if large else nn.Identity()
        inputs = width
        for stage in range(4):
            outputs = width * 2**stage
            blocks = Block(inputs, outputs, 1 if stage == 0 else 2), Block(outputs, outputs, 1)
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
            inputs = outputs
        self.fc = nn.Linear(inputs, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(x.mean((2, 3)))


def stimuli(count: int, size: int, seed: int = 0) -> torch.Tensor:
    """Images (image, 3, size, size) in [0, 1] with structure at two scales."""
    random = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, 3, 6, 6, generator=random)
    smooth = nn.functional.interpolate(coarse, size=size, mode="bicubic", align_corners=False)
    return (0.8 * smooth + 0.2 * torch.rand(count, 3, size, size, generator=random)).clamp(0, 1)


def resnet18(size: int) -> ResNet18:
    """Width 32 for 32 pixels, width 64 and a 7x7 stem for more; random weights, BatchNorm calibrated on images."""
    state = torch.get_rng_state()
    torch.manual_seed(0)
    net = ResNet18(32 if size <= 32 else 64, large=size > 32).train()
    for part in net.modules():
        if isinstance(part, nn.BatchNorm2d):
            part.momentum = None  # the mean over what it sees
    with torch.no_grad():
        for batch in range(4):
            net(stimuli(16, size, seed=1 + batch))
    torch.set_rng_state(state)
    return net.eval()


def opened(images: int) -> tuple[ResNet18, torch.Tensor, torch.Tensor]:
    """The small network, images, and the choices that it makes on them."""
    net, x = resnet18(32), stimuli(images, 32)
    with torch.no_grad():
        return net, x, net(x).argmax(1)


def reached(net: ResNet18, images: torch.Tensor, labels: torch.Tensor, what: str) -> list[float]:
    """Cross-entropy of the clean choices, or the margin of the best other class over them, per image."""
    with torch.no_grad():
        scores = net(images)
        if what == "cross-entropy":
            return nn.functional.cross_entropy(scores, labels, reduction="none").tolist()
        own = scores.gather(1, labels[:, None])[:, 0]
        return (scores.scatter(1, labels[:, None], -torch.inf).amax(1) - own).tolist()


def changed_within(
    net: ResNet18, clean: torch.Tensor, images: torch.Tensor, labels: torch.Tensor, norm: str
) -> list[float]:
    """Norm of each perturbation under which the network chooses another class than its label; infinite elsewhere."""
    order = {"l1": 1.0, "l2": 2.0, "linf": float("inf")}[norm]
    size = torch.linalg.vector_norm((images.double() - clean.double()).flatten(1), ord=order, dim=1)
    with torch.no_grad():
        changed = net(images).argmax(1) != labels
    return torch.where(changed, size, torch.inf).tolist()
