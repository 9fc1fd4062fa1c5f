"""Networks that are no fixed, differentiable function of single images are refused, saying why and what to do."""

from __future__ import annotations

import pytest
import torch
from spikeproof.errors import BadParameter, ModelError
from spikeproof_torch.model import TorchModel, resolve_device

from .torch_cases import FILE, SHAPE, images, layer, opened


@pytest.mark.parametrize(("name", "part"), [("dropout", r"1 \(Dropout\)"), ("batch_norm", r"0 \(BatchNorm2d\)")])
def test_training_mode_that_matters_is_refused_saying_eval(name: str, part: str) -> None:
    with pytest.raises(ModelError, match=rf"{name} was left in training mode: .*{part}.* call \.eval\(\) on it"):
        opened(name)


def test_training_mode_that_changes_nothing_is_read() -> None:
    network = opened("harmless_training")
    network.read("output", image_shape=SHAPE).responses(images())
    assert network.module.training


@pytest.mark.parametrize("name", ["Noisy", "Counting", "FunctionalDropout"])
def test_other_responses_when_called_again_are_refused(name: str) -> None:
    with pytest.raises(ModelError, match=r"other responses to the same images when called again: .* random numbers or"):
        layer(name)


def test_functional_dropout_in_training_mode_is_told_to_call_eval() -> None:
    with pytest.raises(ModelError, match=r"no perturbation can be measured: call \.eval\(\)"):
        layer("FunctionalDropout")


def test_dependence_on_the_batch_is_refused() -> None:
    with pytest.raises(ModelError, match=r"an image other responses alone than in a batch .* normalise over the batch"):
        layer("BatchNormalised")


def test_an_output_that_loses_the_image_dimension_is_refused() -> None:
    with pytest.raises(ModelError, match=r"gives shape \(4,\) for 1 images: .* \(does the forward pass squeeze"):
        layer("Squeezed")
    with pytest.raises(ModelError, match=r"layer 'mean' gives shape \(\) for 3 images: the first dimension must be"):
        layer("Positions", "mean")


@pytest.mark.parametrize(
    ("name", "part", "message"),
    [
        ("Shared", "used_twice", "layer 'used_twice' is called 2 times in one forward pass: give each use its own"),
        ("Shared", "never", "layer 'never' is never called in the forward pass .* choose a layer that is"),
        ("Shared", "pair", "layer 'pair' gives a tuple, not a tensor: read a layer inside it or after it"),
        ("Positions", "five", r"layer 'five' gives \(1, 1, 6, 6\) per image; only \(unit\), \(token, feature\) and"),
        ("Positions", "whole", r"layer 'whole' gives torch.int64 numbers, which have no gradient"),
    ],
)
def test_a_layer_that_cannot_be_read_is_refused(name: str, part: str, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        layer(name, part)


def test_a_layer_that_does_not_exist_lists_near_names() -> None:
    with pytest.raises(ModelError, match=r"small has no layer 'hiden'; near names: hidden.*\(5 layers in all\)"):
        layer("small", "hiden")


def test_images_of_a_shape_that_the_network_cannot_take_are_named_with_its_own_words() -> None:
    with pytest.raises(
        ModelError, match=r"failed on 3 images of shape \(3, 6, 6\) \(channel, y, x\): RuntimeError: .*chan"
    ):
        opened("small").read("hidden", image_shape=(3, 6, 6))


def test_images_of_another_shape_or_type_than_announced_are_refused() -> None:
    model = layer("small", "conv")
    with pytest.raises(ModelError, match=r"opened for images of shape \(1, 6, 6\) .*, got \(2, 1, 7, 7\)"):
        model.responses(torch.rand(2, 1, 7, 7))
    with pytest.raises(ModelError, match=r"images must be floating-point numbers in \[0, 1\], got torch.uint8"):
        model.responses(torch.zeros(2, *SHAPE, dtype=torch.uint8))


def test_nan_responses_name_the_layer_and_count_units_and_images() -> None:
    with pytest.raises(
        ModelError, match=r"layer 'output': responses to uniform noise are NaN .* 36 of 36 columns, for 3 of 3 images"
    ):
        layer("AlwaysNan")


def test_nan_that_comes_later_is_refused_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("spikeproof_torch.probe.generator", lambda *_: _Dark())
    model = layer("Nan")
    x = torch.zeros(4, *SHAPE)
    x[1:3, 0, 0, 0] = 1
    for read in (model.responses, model.both, lambda x: model.select([3]).responses(x)):
        with pytest.raises(
            ModelError, match=r"NaN or infinite in 1 of [14] columns, for 2 of 4 images: check the weights"
        ):
            read(x)
    with pytest.raises(ModelError, match="class scores are NaN or infinite in 1 of 4 columns"):
        model.logits(x)
    assert torch.equal(model.select([0]).responses(x)[:, 0], x[:, 0, 0, 0])


def test_nan_images_are_blamed_on_the_images() -> None:
    with pytest.raises(ModelError, match="the images that it was given hold NaN or infinite pixels"):
        layer("small", "conv").responses(torch.full((2, *SHAPE), torch.nan))


def test_a_lazy_layer_without_values_is_refused() -> None:
    with pytest.raises(ModelError, match=r"1.bias has no values yet \(a lazy layer\): run the module once"):
        opened("lazy")


def test_running_out_of_memory_is_not_dressed_up(monkeypatch: pytest.MonkeyPatch) -> None:
    model = layer("small", "conv")

    def full(*_: object) -> None:
        raise torch.OutOfMemoryError("full")

    monkeypatch.setattr(model.module, "forward", full)
    with pytest.raises(torch.OutOfMemoryError):  # the caller may try again with fewer images
        model.responses(images())


def test_device_auto_is_cuda_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert resolve_device("auto") == torch.device("cuda")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert resolve_device("auto") == torch.device("cpu")


def test_an_unknown_or_absent_device_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    model = TorchModel(target=f"{FILE}:small")
    with pytest.raises(BadParameter, match="device 'gpu' is not known to torch: use auto, cpu, cuda or cuda:0"):
        model.load(seed=0, device="gpu")
    with pytest.raises(
        BadParameter, match=r"device 'cuda:0' is not on this machine \(\d+ CUDA devices\): use auto or cpu"
    ):
        model.load(seed=0, device="cuda:0")


class _Dark:
    """Noise images that are black, where this network is finite."""

    def random(self, shape: tuple[int, ...]) -> torch.Tensor:
        return torch.zeros(shape)
