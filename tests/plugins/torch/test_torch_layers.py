"""What a layer's responses are: shapes, names, selections, gradients, one pass for both."""

from __future__ import annotations

import pytest
import torch
from spikeproof.errors import BadParameter, ModelError
from spikeproof_torch.model import TorchModel

from .torch_cases import SHAPE, images, layer, opened


def test_layers_are_the_named_modules_and_the_output() -> None:
    assert opened("small").layers == ("conv", "relu", "hidden", "head", "output")


def test_a_vector_layer_is_read_as_it_is() -> None:
    model = layer("small", "hidden")
    assert model.units == ("u0", "u1", "u2", "u3", "u4")
    assert model.classes == ("0", "1", "2", "3")
    net, x = model.module, images()
    torch.testing.assert_close(model.responses(x), net.hidden(net.conv(x).relu().flatten(1)))


def test_the_output_is_a_layer_of_a_module_without_parts() -> None:
    model = TorchModel(target="torch.nn:Linear(6, 3)").load(seed=0, device="cpu").read("output", image_shape=SHAPE)
    assert model.units == ("c0",)  # Linear acts on the last dimension of (image, channel, y, x)
    assert model.classes is None


@pytest.mark.parametrize(
    ("spatial", "units", "expected"),
    [
        ("mean", ("c0", "c1"), lambda x: x.mean((2, 3)) * torch.tensor([1.0, 2.0])),
        ("center", ("c0@3,3", "c1@3,3"), lambda x: x[:, :, 3, 3] * torch.tensor([1.0, 2.0])),
        ("1,4", ("c0@1,4", "c1@1,4"), lambda x: x[:, :, 1, 4] * torch.tensor([1.0, 2.0])),
        (" 1 , 4 ", ("c0@1,4", "c1@1,4"), lambda x: x[:, :, 1, 4] * torch.tensor([1.0, 2.0])),
    ],
)
def test_a_convolution_is_read_as_its_mean_or_at_one_position(spatial: str, units: object, expected: object) -> None:
    model = layer("tiny_conv", "0", spatial=spatial)
    assert model.units == units
    torch.testing.assert_close(model.responses(images()), expected(images()))  # type: ignore[operator]


def test_every_position_of_a_convolution_is_a_unit_named_by_channel_row_and_column() -> None:
    model = layer("tiny_conv", "0", spatial="positions")
    column = model.units.index("c1@2,5")
    assert len(model.units) == 2 * 36
    torch.testing.assert_close(model.responses(images())[:, column], 2 * images()[:, 0, 2, 5])


def test_tokens_are_read_as_their_mean_or_each() -> None:
    mean = layer("Tokens", "rows")
    assert mean.units == ("f0", "f1", "f2", "f3", "f4", "f5")
    torch.testing.assert_close(mean.responses(images()), images()[:, 0].mean(1))
    each = layer("Tokens", "rows", spatial="positions")
    column = each.units.index("f2@4")  # feature 2 of token 4
    torch.testing.assert_close(each.responses(images())[:, column], images()[:, 0, 4, 2])


def test_tokens_have_no_row_and_column() -> None:
    with pytest.raises(ModelError, match="6 tokens of 6 features, which have no row and column: spatial must be mean"):
        layer("Tokens", "rows", spatial="1,2")


def test_one_number_an_image_is_one_unit() -> None:
    model = layer("One")
    assert model.units == ("u0",)
    torch.testing.assert_close(model.responses(images()), images().sum((1, 2, 3))[:, None])


def test_a_position_outside_the_map_is_refused() -> None:
    with pytest.raises(ModelError, match=r"layer '0' is 6 x 6 positions \(y, x\), so there is no position 6,0"):
        layer("tiny_conv", "0", spatial="6,0")


@pytest.mark.parametrize("spatial", ["max", "1", "1,2,3", "-1,2", ""])
def test_an_unknown_spatial_rule_is_refused(spatial: str) -> None:
    with pytest.raises(BadParameter, match="spatial must be mean, center, positions or a position Y,X"):
        TorchModel(target="nets.py:f", spatial=spatial)


@pytest.mark.parametrize(("name", "spatial"), [("hidden", "mean"), ("conv", "positions"), ("conv", "2,2")])
def test_a_selection_has_those_columns_in_that_order(name: str, spatial: str) -> None:
    whole = layer("small", name, spatial=spatial)
    chosen = whole.select([2, 0])
    assert chosen.units == (whole.units[2], whole.units[0])
    assert chosen.classes == whole.classes
    torch.testing.assert_close(chosen.responses(images()), whole.responses(images())[:, [2, 0]])
    again = chosen.select([1])
    assert again.units == (whole.units[0],)
    torch.testing.assert_close(again.both(images())[0], whole.responses(images())[:, [0]])


def test_a_column_that_is_not_there_is_refused() -> None:
    model = layer("small", "hidden")
    for column in (5, -1):
        with pytest.raises(ModelError, match=f"layer 'hidden' has 5 units, there is no column {column}"):
            model.select([0, column])


@pytest.mark.parametrize("name", ["conv", "relu", "hidden", "head", "output"])
@pytest.mark.parametrize("spatial", ["mean", "center", "positions"])
def test_both_equals_each_alone_though_later_layers_overwrite_it(name: str, spatial: str) -> None:
    model = layer("small", name, spatial=spatial)
    responses, scores = model.both(images())
    assert torch.equal(responses, model.responses(images()))
    assert torch.equal(scores, model.logits(images()))
    if name in ("conv", "hidden"):
        assert (responses < 0).any()  # a later in-place ReLU would have left none


@pytest.mark.parametrize(("name", "spatial"), [("conv", "positions"), ("conv", "mean"), ("hidden", "mean")])
@pytest.mark.parametrize("how", ["responses", "both"])
def test_gradients_reach_the_images_and_agree_with_finite_differences(name: str, spatial: str, how: str) -> None:
    model = layer("double", name, spatial=spatial)

    def value(x: torch.Tensor) -> torch.Tensor:
        return model.responses(x) if how == "responses" else torch.cat(model.both(x), 1)

    assert torch.autograd.gradcheck(value, images(2, dtype=torch.float64).requires_grad_())


def test_no_graph_is_kept_unless_the_images_require_gradients() -> None:
    model = layer("small", "hidden")
    assert not model.responses(images()).requires_grad
    assert model.responses(images().requires_grad_()).requires_grad


def test_responses_take_the_type_of_the_module() -> None:
    assert layer("double", "hidden").responses(images()).dtype == torch.float64
    assert layer("NoWeights").responses(images(dtype=torch.float64)).dtype == torch.float64


def test_an_image_has_the_responses_alone_that_it_has_in_a_batch() -> None:
    model = layer("small", "conv", spatial="positions")
    alone = torch.cat([model.responses(image[None]) for image in images()])
    torch.testing.assert_close(alone, model.responses(images()))


def test_images_in_another_memory_format_have_the_same_responses() -> None:
    model, x = layer("small", "conv"), images()
    torch.testing.assert_close(model.responses(x.to(memory_format=torch.channels_last)), model.responses(x))
    wide = torch.rand(4, 1, 6, 12)[..., ::2]
    torch.testing.assert_close(model.responses(wide), model.responses(wide.contiguous()))


def test_a_module_that_catches_everything_still_stops_at_the_layer() -> None:
    assert torch.equal(layer("Swallows", "layer").responses(images()), images().flatten(1))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("NoWeights", r"its output has shape \(3, 1\) for 3 images, expected \(image, class\) with 2 or more"),
        ("Tokens", r"its output has shape \(3, 6, 6\) for 3 images"),
    ],
)
def test_an_output_that_is_no_row_of_scores_gives_no_classes(name: str, reason: str) -> None:
    model = layer(name)
    assert model.classes is None
    for read in (model.logits, model.both):
        with pytest.raises(ModelError, match=f"{name} has no class scores: {reason}"):
            read(images())


def test_a_head_that_cannot_take_the_images_leaves_the_layers_before_it() -> None:
    model = layer("BrokenHead", "body")
    assert torch.equal(model.responses(images()), images().flatten(1))
    with pytest.raises(ModelError, match="has no class scores: its forward pass fails after the layer: RuntimeError"):
        model.logits(images())
