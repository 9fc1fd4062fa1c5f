"""Networks to accelerate: residual ones, ones without convolutions, ones that cannot be folded or recorded."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F  # noqa: N812


def _calibrated(net: nn.Module, shape: tuple[int, ...] = (2, 20, 20)) -> nn.Module:
    """BatchNorm with statistics and weights that do something."""
    net.train()
    for part in net.modules():
        if isinstance(part, nn.modules.batchnorm._BatchNorm):
            part.momentum = None
            if part.weight is not None:
                nn.init.uniform_(part.weight, 0.5, 1.5)
                nn.init.normal_(part.bias, 0, 0.3)
    with torch.no_grad():
        net(torch.rand(8, *shape))
    return net.eval()


class Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.down = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.bn2(self.conv2(self.relu(self.bn1(self.conv1(x)))))
        y += self.down(x)
        return self.relu(y)


class Residual(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(2, 4, 3, 1, 1, bias=False), nn.BatchNorm2d(4), nn.ReLU(inplace=True))
        self.layer1 = Block(4, 4, 1)
        self.layer2 = Block(4, 6, 2)
        self.head = nn.Linear(6, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.layer2(self.layer1(self.stem(x)))
        return self.head(F.adaptive_avg_pool2d(x, 1).view(x.size(0), -1))


def residual() -> nn.Module:
    return _calibrated(Residual())


def dense() -> nn.Module:
    """No convolution; BatchNorm after a linear layer."""
    return _calibrated(
        nn.Sequential(nn.Flatten(), nn.Linear(800, 12), nn.BatchNorm1d(12), nn.ReLU(inplace=True), nn.Linear(12, 3))
    )


class Functional(nn.Module):
    """BatchNorm as a function; its statistics are buffers of the network."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 4, 3)
        self.register_buffer("mean", torch.randn(4))
        self.register_buffer("var", torch.rand(4) + 0.5)
        self.head = nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = F.relu(F.batch_norm(self.conv(x), self.mean, self.var))
        return self.head(x.mean((2, 3)))


class Between(nn.Module):
    """The convolution's output is read by a second path, so that its BatchNorm must stay."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.bn, self.head = nn.Conv2d(2, 4, 3), nn.BatchNorm2d(4), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        z = self.conv(x)
        return self.head((self.bn(z).relu() + z).mean((2, 3)))


def between() -> nn.Module:
    return _calibrated(Between())


class SharedParts(nn.Module):
    """One convolution with two BatchNorms, one BatchNorm after two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.two = nn.Conv2d(2, 2, 3, padding=1), nn.Conv2d(2, 2, 3, padding=1)
        self.a, self.b = nn.BatchNorm2d(2), nn.BatchNorm2d(2)
        self.last, self.head = nn.Identity(), nn.Linear(2, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.b(self.one(self.a(self.one(x)).relu()))
        return self.head(self.last(self.b(self.two(x)).relu_()).mean((2, 3)))


def shared_parts() -> nn.Module:
    return _calibrated(SharedParts())


class Tokens(nn.Module):
    """Patches, attention, sizes that depend on the number of images."""

    def __init__(self) -> None:
        super().__init__()
        self.patch = nn.Conv2d(2, 8, 4, 4)
        self.place = nn.Parameter(torch.randn(1, 26, 8))
        self.start = nn.Parameter(torch.randn(1, 1, 8))
        self.mix = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.norm, self.head = nn.LayerNorm(8), nn.Linear(8, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.start.expand(len(x), -1, -1), x], 1) + self.place
        return self.head(self.norm(self.mix(x))[:, 0])


def tokens() -> nn.Module:
    return Tokens().eval()


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.cell, self.head = nn.GRUCell(40, 5), nn.Linear(5, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        state = torch.zeros(x.shape[0], 5)
        for row in range(x.shape[2]):
            state = self.cell(x[:, :, row].flatten(1), state)
        return self.head(state)


class Looks(nn.Module):
    """What it does depends on pixels: this cannot be recorded."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(2, 4, 3), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x).relu()
        if float(x.detach().max()) > 1e6:
            x = x / 2
        return self.head(x.mean((2, 3)))


class Leaves(nn.Module):
    """A number leaves torch and comes back: a recording would keep it for ever."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(2, 4, 3), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        gain = torch.as_tensor(x.detach().cpu().numpy().mean((1, 2, 3), keepdims=True))
        return self.head((self.conv(x).relu() * gain).mean((2, 3)))


class Straight(torch.autograd.Function):
    @staticmethod
    def forward(ctx: object, x: torch.Tensor) -> torch.Tensor:  # noqa: ARG004
        return (x * 8).round() / 8

    @staticmethod
    def backward(ctx: object, gradient: torch.Tensor) -> torch.Tensor:  # noqa: ARG004
        return gradient


class StraightThrough(nn.Module):
    """A gradient of its own making, which operations alone do not have."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(2, 4, 3), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(Straight.apply(self.conv(x)).relu().mean((2, 3)))


class Frozen(nn.Module):
    """Half of its path is computed without gradients."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(2, 4, 3), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        with torch.no_grad():
            gate = torch.sigmoid(self.conv(x))
        return self.head((self.conv(x) * gate).mean((2, 3)))


class Writes(nn.Module):
    """A view is written to, and a slice of the input's copy."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(2, 4, 3), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        x[:, :2].relu_()
        return self.head(x.mean((2, 3)))


class Rereads(nn.Module):
    """What was written over is read again, under its old name."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(2, 4, 3), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        y = x.clone().relu_()
        x.mul_(2).add_(1)
        return self.head((x * y).mean((2, 3)))


class DrawsOnly(nn.Module):
    """Draws random numbers and does not use them."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.head = nn.Conv2d(2, 4, 3), nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.randn(3)
        return self.head(self.conv(x).relu().mean((2, 3)))


def patched() -> nn.Module:
    """A forward that closes over the original."""
    net = residual()
    body = net.layer2
    net.forward = lambda x: net.head(body(net.layer1(net.stem(x))).mean((2, 3)))  # type: ignore[method-assign]
    return net


class Local(nn.Module):
    """One operation on maps between two convolutions."""

    def __init__(self, between: nn.Module, channels: int = 4) -> None:
        super().__init__()
        self.first = nn.Conv2d(2, 4, 3, padding=1)
        self.between = between
        self.last = nn.Conv2d(channels, 3, 3, padding=1)
        self.head = nn.Flatten()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.last(self.between(self.first(x))))


class Does(nn.Module):
    def __init__(self, what: object) -> None:
        super().__init__()
        self.what = what

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.what(x)  # type: ignore[operator]


def _split(x: torch.Tensor) -> torch.Tensor:
    one, two = x.chunk(2, 1)
    return torch.cat([F.conv2d(one, torch.ones(2, 1, 3, 3).to(x) / 9, padding=1, groups=2), two], 1)


def _mask(x: torch.Tensor) -> torch.Tensor:
    return x * torch.linspace(0.5, 2, x.shape[2] * x.shape[3]).reshape(x.shape[2:]) + torch.arange(x.shape[3]) / 7


BETWEEN = {
    "strided": lambda: Does(nn.Conv2d(4, 4, 3, 2, 1)),
    "dilated": lambda: Does(nn.Conv2d(4, 4, 3, padding=2, dilation=2)),
    "grouped": lambda: Does(nn.Conv2d(4, 4, (3, 1), padding=(1, 0), groups=2)),
    "even_same": lambda: Does(nn.Conv2d(4, 4, (4, 2), padding="same")),
    "valid": lambda: Does(nn.Conv2d(4, 4, 3, padding="valid")),
    "reflected": lambda: Does(nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect")),
    "max_pool": lambda: Does(nn.MaxPool2d(3, 2, 1)),
    "max_pool_ceil": lambda: Does(nn.MaxPool2d(3, 2, ceil_mode=True)),
    "max_pool_dilated": lambda: Does(nn.MaxPool2d(2, 1, dilation=2)),
    "average_pool": lambda: Does(nn.AvgPool2d(3, 2, 1)),
    "average_pool_inside": lambda: Does(nn.AvgPool2d(3, 2, 1, count_include_pad=False)),
    "average_pool_ceil": lambda: Does(nn.AvgPool2d(3, 2, ceil_mode=True)),
    "batch_norm": lambda: nn.Sequential(nn.ReLU(), nn.BatchNorm2d(4)),
    "pointwise": lambda: Does(lambda x: F.gelu(x) + F.silu(x) * torch.tanh(x) - F.hardswish(x) / 3),
    "rectifiers": lambda: nn.Sequential(nn.PReLU(4), nn.ReLU6(), nn.LeakyReLU(0.2, inplace=True), nn.ELU()),
    "dropout": lambda: nn.Sequential(nn.Dropout(0.5), nn.Dropout2d(0.5), nn.Identity(), nn.ReLU(inplace=True)),
    "split": lambda: Does(_split),
    "cut": lambda: Does(lambda x: F.pad(x[:, :2, ::2, 1::2], (0, 0, 0, 0, 1, 1))),
    "padded": lambda: Does(lambda x: F.pad(x, (1, -1, 0, 1), value=0.7)),
    "far_padded": lambda: Does(lambda x: F.pad(x, (0, 0, 0, 4))),
    "masked": lambda: Does(_mask),
    "channel_softmax": lambda: Does(lambda x: x.softmax(1) - x.mean(1, keepdim=True)),
    "flipped": lambda: Does(lambda x: x.flip(3)),
    "mixed": lambda: Does(lambda x: x * x.mean((2, 3), keepdim=True)),
    "resized": lambda: Does(lambda x: F.interpolate(x, scale_factor=2)),
    "rows_softmax": lambda: Does(lambda x: x.softmax(2)),
    "outer": lambda: Does(lambda x: x * x[:, :, :1]),
    "group_norm": lambda: nn.GroupNorm(2, 4),
}


def local(name: str) -> nn.Module:
    torch.manual_seed(3)
    net = Local(BETWEEN[name]())
    return _calibrated(net, (2, 24, 24)).double()


def wide_field() -> nn.Module:
    """Its units depend on nearly the whole image."""
    return nn.Sequential(*(nn.Conv2d(inputs, 3, 5, 2, 2) for inputs in (2, 3, 3))).eval()
