"""Networks to open with ``torch:``, well-behaved ones and others."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import torch
from torch import nn


class Small(nn.Module):
    """Two convolutions and a linear head on 1 x 6 x 6 images; in-place ReLUs follow the layers that are read."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(1, 3, 3)
        self.relu = nn.ReLU(inplace=True)
        self.hidden = nn.Linear(48, 5)
        self.head = nn.Linear(5, 4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.conv(x)).flatten(1)
        return self.head(self.hidden(x).relu_())


def small() -> nn.Module:
    return Small().eval()


def wide(width: int, *, name: str = "a") -> nn.Module:
    net = nn.Sequential(nn.Flatten(), nn.Linear(36, width)).eval()
    net.called = name
    return net


def double() -> nn.Module:
    return small().double()


def tiny_conv() -> nn.Module:
    """One channel that passes pixels through, another that doubles them: responses are known."""
    conv = nn.Conv2d(1, 2, 1, bias=False)
    conv.weight.data = torch.tensor([1.0, 2.0]).view(2, 1, 1, 1)
    return nn.Sequential(conv)


class Tokens(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.rows = nn.Flatten(1, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rows(x)  # (image, y, x): the rows of the image as tokens


class NoWeights(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum((2, 3))


class One(nn.Module):
    """One number an image, without a second dimension."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum((1, 2, 3))


class Squeezed(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1)[:, :4].squeeze(0)


def dropout() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.5))


def batch_norm() -> nn.Module:
    return nn.Sequential(nn.BatchNorm2d(1), nn.Flatten())


def harmless_training() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Dropout(0.0), nn.Linear(36, 2)).train()


class FunctionalDropout(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.dropout(x.flatten(1), 0.5, training=self.training)


class Noisy(nn.Module):
    """Draws from three generators, which must be as they were found."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1) + torch.randn(1) + float(np.random.rand()) + random.random()  # noqa: S311


class Draws(nn.Module):
    """Draws, but answers the same; fails on images with a pixel above 1."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.randn(3)
        np.random.rand()
        random.random()  # noqa: S311
        if float(x.max()) > 1:
            raise RuntimeError("a pixel above 1")
        return x.flatten(1)


class Counting(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("calls", torch.zeros(()))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.calls += 1
        return x.flatten(1) * self.calls


class BatchNormalised(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x - x.mean(0)).flatten(1)


class Nan(nn.Module):
    """One column is NaN where the first pixel is above one half."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.flatten(1)
        bad = torch.where(x[:, :1] > 0.5, torch.nan, 0.0)
        return torch.cat([x[:, :3], bad], 1)


class AlwaysNan(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.flatten(1) * torch.nan


class Shared(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.used_twice = nn.Linear(36, 36)
        self.never = nn.Linear(36, 36)
        self.pair = Pair()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x, _ = self.pair(x.flatten(1))
        return self.used_twice(self.used_twice(x))


class Pair(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x, x


class Positions(nn.Module):
    """An output with too many dimensions, whole numbers, and one without the image."""

    def __init__(self) -> None:
        super().__init__()
        self.five = nn.Unflatten(1, (1, 1))
        self.whole = Whole()
        self.mean = Mean()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.five(x)
        self.whole(x)
        self.mean(x)
        return x.flatten(1)


class Whole(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return (x.flatten(1) > 0.5).long()


class Mean(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.mean()


class Swallows(nn.Module):
    """Catches every exception of its layers and tries again."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Flatten()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        try:
            return self.layer(x)
        except Exception:  # noqa: BLE001
            return self.layer(x) * 0


class BrokenHead(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Flatten()
        self.head = nn.Linear(7, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.body(x))


class Uncopyable(nn.Module):
    """Keeps a tensor with history, which cannot be copied deeply."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(36, 2)
        self.scale = self.fc.weight.sum() * 0 + 1

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.fc(x.flatten(1)) * self.scale.detach()


def patched() -> nn.Module:
    """A module whose forward closes over the module itself."""
    net = Small().eval()
    net.forward = lambda x: net.head(net.hidden(net.conv(x).flatten(1)))  # type: ignore[method-assign]
    return net


class MaxNorm(nn.Module):
    """Constrains its weights in every pass, as EEGNet does; the first pass settles them."""

    def __init__(self) -> None:
        super().__init__()
        self.fc = nn.Linear(36, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.fc.weight.data = torch.renorm(self.fc.weight.data, p=2, dim=0, maxnorm=0.1)
        return self.fc(x.flatten(1))


def lazy() -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.LazyLinear(3))


def random_weights() -> nn.Module:
    net = nn.Sequential(nn.Flatten(), nn.Linear(36, 3))
    net.register_buffer("numpy", torch.tensor(np.random.rand(2)))
    net.register_buffer("python", torch.tensor(random.random()))  # noqa: S311
    return net


def raises() -> nn.Module:
    raise FileNotFoundError("no weights at weights.pt")


def no_module() -> Any:
    return {"weight": torch.zeros(2)}


def prints() -> nn.Module:
    print("loading the weights")  # noqa: T201
    torch.set_grad_enabled(False)
    return small()


BUILT = Small().eval()
NUMBER = 3
