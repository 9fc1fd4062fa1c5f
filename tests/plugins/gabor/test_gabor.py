"""The model ``gabor:``: what cells prefer, their tuning, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from spikeproof.errors import BadParameter, ModelError
from spikeproof_gabor.kernels import scale_of
from spikeproof_gabor.model import Gabor, GaborCells

SIZE = 64


def cells(layer: str = "complex", *, shape: tuple[int, int, int] = (1, SIZE, SIZE), **parameters: object) -> GaborCells:
    return Gabor(**parameters).load(seed=0, device="cpu").read(layer, image_shape=shape)  # type: ignore[arg-type]


def grating(frequency: float, angle: float, phase: float = 0.0, contrast: float = 1.0) -> torch.Tensor:
    """A grating of that many cycles per image (1, 1, y, x); at angle 0 its stripes stand upright."""
    y, x = torch.meshgrid(torch.arange(SIZE), torch.arange(SIZE), indexing="ij")
    across = (x * np.cos(np.deg2rad(angle)) + y * np.sin(np.deg2rad(angle))) / SIZE
    return 0.5 + 0.5 * contrast * torch.cos(2 * np.pi * frequency * across - phase)[None, None].float()


def middle(model: GaborCells, responses: torch.Tensor, start: str) -> torch.Tensor:
    """Responses (image,) of the cell in the middle whose name begins like this."""
    grid = int(np.sqrt(len([name for name in model.units if name.startswith(start)])))
    return responses[:, model.units.index(f"{start} y{grid // 2} x{grid // 2}")]


@pytest.mark.parametrize("angle", [0.0, 45.0, 112.5])
@pytest.mark.parametrize("frequency", [4.0, 8.0])
def test_a_grating_drives_the_cells_of_its_frequency_and_orientation_most(frequency: float, angle: float) -> None:
    model = cells()
    responses = model.responses(grating(frequency, angle))[0]
    inner = [name for name in model.units if "y2 x2" in name]  # there at every frequency from 4 on
    best = max(inner, key=lambda name: float(responses[model.units.index(name)]))
    assert best == f"f{frequency:g} o{angle:g} y2 x2"


def test_complex_cells_do_not_mind_the_phase_and_simple_cells_do() -> None:
    phases = np.linspace(0, 2 * np.pi, 12, endpoint=False)
    images = torch.cat([grating(8, 45, phase) for phase in phases])
    model = cells()
    amplitude = middle(model, model.responses(images), "f8 o45")
    assert float(amplitude.max() / amplitude.min()) < 1.01
    simple = cells("simple")
    names = [simple.units.index(f"f8 o45 y4 x4 {kind}") for kind in ("even+", "even-", "odd+", "odd-")]
    responses = simple.responses(images)[:, names]
    assert (responses.min(dim=0).values == 0).all()
    assert ((responses > 0).sum(dim=0) <= 7).all(), "a rectified cell is silent for half of the phases"
    squares = responses.square().sum(dim=1).sqrt()
    torch.testing.assert_close(squares, amplitude, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("bandwidth", [0.8, 1.0, 1.5])
def test_the_tuning_to_frequency_is_as_wide_as_it_says(bandwidth: float) -> None:
    share = (2**bandwidth - 1) / (2**bandwidth + 1)  # half height at f (1 -+ share): 2^b apart
    model = cells(bandwidth=bandwidth, frequencies=(8.0,))
    frequencies = [8.0, 8 * (1 - share), 8 * (1 + share)]
    images = torch.cat([grating(frequency, 0) for frequency in frequencies])
    peak, low, high = middle(model, model.responses(images), "f8 o0").tolist()
    assert low / peak == pytest.approx(0.5, abs=0.02)
    assert high / peak == pytest.approx(0.5, abs=0.02)


def test_what_is_as_grey_as_its_surround_drives_no_cell() -> None:
    for layer in ("simple", "complex"):
        assert float(cells(layer).responses(torch.full((1, 1, SIZE, SIZE), 0.5)).abs().max()) == 0


@pytest.mark.parametrize("size", [(32, 32), (33, 48), (64, 40)])
@pytest.mark.parametrize("frequency", [1.0, 3.0, 8.0])
def test_kernels_are_balanced_of_norm_one_and_stand_where_they_are_said_to(
    frequency: float, size: tuple[int, int]
) -> None:
    scale = scale_of(frequency, size, orientations=6, bandwidth=1.0)
    flat = scale.kernels.flatten(1)
    torch.testing.assert_close(flat.norm(dim=1), torch.ones(12))
    assert float(flat.sum(dim=1).abs().max()) < 1e-5
    before, after = scale.padding[::2], scale.padding[1::2]
    reach = scale.kernels.shape[-1] // 2
    for side, count, first, last in zip(size[::-1], scale.grid[::-1], before, after, strict=True):
        assert (side + first + last - scale.kernels.shape[-1]) // scale.stride + 1 == count
        assert abs((reach - first) - (reach - last)) <= 1, "as much is left before the first as behind the last"


def test_normalized_responses_saturate_with_contrast_as_the_formula_says() -> None:
    images = torch.cat([grating(8, 0, contrast=contrast) for contrast in (0.05, 0.1, 1.0)])
    plain, normalized = cells(), cells(normalize=True, constant=0.7)
    amplitude = middle(plain, plain.responses(images), "f8 o0")
    divided = middle(normalized, normalized.responses(images), "f8 o0")
    at = [plain.units.index(f"f8 o{22.5 * k:g} y4 x4") for k in range(8)]
    pool = plain.responses(images)[:, at].square().mean(dim=1)
    torch.testing.assert_close(divided, amplitude / (0.7**2 + pool).sqrt(), rtol=2e-3, atol=1e-4)
    assert float(amplitude[2] / amplitude[1]) == pytest.approx(10, rel=0.01)
    assert float(divided[2] / divided[1]) < 5


def test_colour_images_are_seen_by_their_luminance() -> None:
    images = torch.rand(2, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(0))
    grey = (0.299 * images[:, 0] + 0.587 * images[:, 1] + 0.114 * images[:, 2])[:, None]
    torch.testing.assert_close(
        cells(shape=(3, SIZE, SIZE)).responses(images), cells().responses(grey), rtol=1e-4, atol=1e-4
    )


def test_a_layer_of_one_frequency_is_a_map_of_those_cells() -> None:
    model, all_cells = cells("complex-f8"), cells()
    assert model.map_shape == (8, 8, 8)
    image = torch.rand(1, 1, SIZE, SIZE, generator=torch.Generator().manual_seed(1))
    columns = [all_cells.units.index(name) for name in model.units]
    torch.testing.assert_close(model.responses(image), all_cells.select(columns).responses(image))
    assert model.select([3]).map_shape is None


def test_parameters_decide_the_digest() -> None:
    one, two = (Gabor(bandwidth=b).load(seed=0, device="cpu").identity["weights"] for b in (1.0, 1.5))
    assert one != two
    assert one == Gabor().load(seed=7, device="cpu").identity["weights"]


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"frequencies": ()}, "frequencies must be positive and ascend"),
        ({"frequencies": (4.0, 2.0)}, "frequencies must be positive and ascend"),
        ({"frequencies": (0.0, 2.0)}, "frequencies must be positive and ascend"),
        ({"orientations": 0}, "orientations must be at least 1, got 0"),
        ({"bandwidth": 0.0}, "bandwidth must be above 0 octaves, got 0"),
        ({"constant": float("nan")}, "constant must be above 0, got nan"),
    ],
)
def test_bad_parameters_are_refused(parameters: dict[str, object], message: str) -> None:
    with pytest.raises(BadParameter, match=message):
        Gabor(**parameters)  # type: ignore[arg-type]


def test_what_it_cannot_read_is_refused() -> None:
    network = Gabor().load(seed=0, device="cpu")
    with pytest.raises(ModelError, match=r"there is no layer 'v1': choose from simple, complex, complex-f1"):
        network.read("v1", image_shape=(1, SIZE, SIZE))
    with pytest.raises(ModelError, match="images have 4 channels: it takes 1"):
        network.read("simple", image_shape=(4, SIZE, SIZE))
    with pytest.raises(ModelError, match="16 cycles do not fit into 28 pixels, which show 14 at most: set frequencies"):
        network.read("complex", image_shape=(1, 28, 28))
    model = cells()
    with pytest.raises(ModelError, match=r"opened for images of shape \(1, 64, 64\)"):
        model.responses(torch.rand(1, 1, 32, 32))
    with pytest.raises(ModelError, match="has no class scores: use a fitted readout"):
        model.logits(torch.rand(1, 1, SIZE, SIZE))
    with pytest.raises(ModelError, match="there is no column 99999"):
        model.select([99999])
