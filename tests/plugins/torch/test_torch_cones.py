"""A unit at one position is computed from the part of the image that it depends on, exactly, borders included."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from spikeproof.errors import ModelError
from spikeproof.types import Cone
from spikeproof_torch import cone as cones
from spikeproof_torch.accelerated import AcceleratedModel
from spikeproof_torch.layer import LayerModel
from spikeproof_torch.model import TorchModel

FILE = Path(__file__).with_name("fast_nets.py")

LOCAL = ["strided", "dilated", "grouped", "even_same", "valid", "max_pool", "max_pool_ceil", "max_pool_dilated"]
LOCAL += ["average_pool", "batch_norm", "pointwise", "rectifiers", "dropout", "split", "cut", "padded", "masked"]
LOCAL += ["channel_softmax"]
INSIDE = [("reflected", 24, (0, 0)), ("average_pool_inside", 24, (0, 0)), ("average_pool_ceil", 24, (-1, -1))]
INSIDE += [("far_padded", 24, (-1, 0))]
GLOBAL = ["flipped", "mixed", "resized", "rows_softmax", "outer", "group_norm"]


def opened(target: str, part: str, size: int, spatial: str = "positions") -> tuple[LayerModel, AcceleratedModel]:
    network = TorchModel(target=f"{FILE}:{target}", spatial=spatial).load(seed=0, device="cpu")
    model = network.read(part, image_shape=(2, size, size))
    return model, model.accelerate(precision="float32", compile=False)


def side(model: LayerModel) -> tuple[int, int]:
    last = model.units[-1].split("@")[1].split(",")
    return int(last[0]) + 1, int(last[1]) + 1


def check(model: LayerModel, other: AcceleratedModel, columns: list[int], tolerance: float) -> list[Cone]:
    """Every cone gives its unit's responses and gradients, and nothing outside of it has a gradient."""
    dtype = next(model.module.parameters()).dtype
    x = torch.rand(2, *model.image_shape, generator=torch.Generator().manual_seed(5), dtype=dtype).requires_grad_()
    responses = model.responses(x)
    found = []
    for column in columns:
        cone = other.cone(column)
        assert cone is not None, model.units[column]
        y0, y1, x0, x1 = cone.window
        gradient = torch.autograd.grad(responses[:, column].sum(), x, retain_graph=True)[0]
        crop = x.detach()[:, :, y0:y1, x0:x1].clone().requires_grad_()
        its = cone.model.responses(crop)[:, cone.unit]
        scale = responses.detach().abs().max()
        assert (its - responses[:, column]).abs().max() <= tolerance * scale, model.units[column]
        mine = torch.zeros_like(gradient)
        mine[:, :, y0:y1, x0:x1] = torch.autograd.grad(its.sum(), crop)[0]
        assert (mine - gradient).abs().max() <= 10 * tolerance * gradient.abs().max(), model.units[column]
        found.append(cone)
    return found


@pytest.mark.filterwarnings("ignore:Using padding=.same.")  # torch, of even kernels
@pytest.mark.parametrize("name", LOCAL)
def test_local_operations_are_exact_at_every_border_and_inside(name: str) -> None:
    model, other = opened(f"local('{name}')", "last", 24)
    rows, columns = side(model)
    places = [(y, x) for y in {0, 1, 2, rows // 2, rows - 2, rows - 1} for x in (0, 1, columns // 2, columns - 1)]
    check(model, other, [rows * columns + y * columns + x for y, x in places], 1e-12)


@pytest.mark.parametrize(("name", "size", "border"), INSIDE)
def test_borders_that_depend_on_more_than_constants_leave_the_whole_image(
    name: str, size: int, border: tuple[int, int]
) -> None:
    model, other = opened(f"local('{name}')", "last", size)
    rows, columns = side(model)
    check(model, other, [(rows // 2) * columns + columns // 2], 1e-12)
    assert other.cone(border[0] % rows * columns + border[1] % columns) is None


@pytest.mark.parametrize("name", GLOBAL)
def test_operations_that_mix_positions_leave_the_whole_image(name: str) -> None:
    model, other = opened(f"local('{name}')", "last", 24)
    assert other.cone(len(model.units) // 2) is None


def test_residual_networks_are_exact_at_every_position() -> None:
    model, other = opened("residual", "layer2", 40)
    found = check(model, other, list(range(0, len(model.units), 7)), 1e-5)
    # stem 1, layer1 1 + 1, layer2 at stride 2: 1 + 2 -> 3 + 2 * 3 = 9 to each side, and 1 for the strided window
    assert max(y1 - y0 for y0, y1, _, _ in (cone.window for cone in found)) == 13


def test_a_window_is_what_the_gradient_of_all_channels_reaches() -> None:
    torch.manual_seed(0)
    model, other = opened("residual", "layer2", 40)
    rows, columns = side(model)
    x = torch.rand(4, 2, 40, 40).requires_grad_()
    at = (rows // 2) * columns + columns // 2
    value = model.responses(x)[:, at :: rows * columns].sum()
    touched = torch.autograd.grad(value, x)[0].abs().sum((0, 1)) > 0
    inside = touched.nonzero()
    (y0, x0), (y1, x1) = inside.amin(0).tolist(), inside.amax(0).tolist()
    cone = other.cone(at)
    assert cone is not None
    assert cone.window == (y0, y1 + 1, x0, x1 + 1)


def test_units_inside_share_a_model_and_those_at_the_border_do_not() -> None:
    model, other = opened("residual", "layer2", 40)
    rows, columns = side(model)
    inside = [other.cone(c * rows * columns + y * columns + x) for c, y, x in ((0, 9, 9), (4, 9, 9), (2, 10, 12))]
    border = other.cone(0)
    assert all(one is not None for one in [*inside, border])
    one, same_place, elsewhere = inside
    assert one.signature == same_place.signature == elsewhere.signature != border.signature
    assert one.model is same_place.model is elsewhere.model
    assert [cone.unit for cone in inside] == [0, 4, 2]
    assert one.window == same_place.window
    assert len(one.model.units) == 6
    crop = torch.rand(3, 2, 13, 13)
    assert torch.equal(one.model.select([4, 1]).responses(crop), one.model.responses(crop)[:, [4, 1]])
    assert torch.equal(one.model.select([4, 1]).select([1]).responses(crop), one.model.responses(crop)[:, [1]])


def test_masks_over_the_map_give_each_position_a_model_of_its_own() -> None:
    _, other = opened("local('masked')", "last", 24)
    one, two = other.cone(12 * 24 + 12), other.cone(12 * 24 + 13)
    assert one is not None
    assert two is not None
    assert one.signature != two.signature


def test_selections_and_single_positions_have_the_cones_of_their_own_units() -> None:
    whole, fast = opened("residual", "layer2", 40)
    columns = [3 * 400 + 9 * 20 + 9, 7]
    chosen = fast.select(columns)
    assert chosen.cone(0).window == fast.cone(columns[0]).window
    assert chosen.cone(0).unit == 3
    assert chosen.cone(2) is None
    one, at = opened("residual", "layer2", 40, "9,9")
    assert at.cone(3).window == chosen.cone(0).window
    check(one, at, [0, 5], 1e-5)
    assert whole.select(columns).accelerate(precision="float32", compile=False).cone(0).unit == 3


def test_means_vectors_and_heads_have_none() -> None:
    assert opened("residual", "layer2", 40, "mean")[1].cone(0) is None
    assert opened("residual", "head", 40, "mean")[1].cone(0) is None
    assert opened("tokens", "norm", 20)[1].cone(0) is None
    assert opened("Looks", "output", 20)[1].cone(0) is None


def test_a_cone_that_is_most_of_the_image_is_not_offered() -> None:
    model, other = opened("wide_field", "2", 24)
    assert len(model.units) == 3 * 9
    assert other.cone(4) is None
    assert opened("wide_field", "1", 24)[1].cone(0) is not None


def test_a_crop_that_differs_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    right = cones.crop_graph

    def wrong(*arguments: object) -> object:
        made = right(*arguments)  # type: ignore[arg-type]
        name = next(name for name, _ in made.named_buffers())
        setattr(made, name, getattr(made, name) * 1.01)
        return made

    monkeypatch.setattr(cones, "crop_graph", wrong)
    assert opened("residual", "layer2", 40)[1].cone(9 * 20 + 9) is None


def test_what_a_crop_cannot_give_is_refused() -> None:
    cone = opened("residual", "layer2", 40)[1].cone(9 * 20 + 9)
    assert cone is not None
    assert cone.model.classes is None
    with pytest.raises(ModelError, match="no class scores: they depend on the whole image"):
        cone.model.logits(torch.rand(1, 2, 13, 13))
    with pytest.raises(ModelError, match=r"takes crops of shape \(2, 13, 13\), got \(1, 2, 12, 13\)"):
        cone.model.responses(torch.rand(1, 2, 12, 13))
    with pytest.raises(ModelError, match="has 6 units, there is no column 6"):
        cone.model.select([6])


def test_bfloat16_cones_are_near(tmp_path: Path) -> None:  # noqa: ARG001
    network = TorchModel(target=f"{FILE}:residual", spatial="positions").load(seed=0, device="cpu")
    model = network.read("layer2", image_shape=(2, 40, 40))
    try:
        other = model.accelerate(precision="bf16", compile=False)
    except ModelError as error:
        pytest.skip(str(error))
    cone = other.cone(9 * 20 + 9)
    assert cone is not None
    y0, y1, x0, x1 = cone.window
    x = torch.rand(3, 2, 40, 40, generator=torch.Generator().manual_seed(0))
    mine, its = model.responses(x)[:, 9 * 20 + 9 :: 400], cone.model.responses(x[:, :, y0:y1, x0:x1])
    assert its.dtype == torch.float32
    assert 1e-5 < (its - mine).abs().max() / mine.abs().max() < 0.05
