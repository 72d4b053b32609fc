"""JPEG by tensor operations, against the codec."""

import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")

from torch.nn.functional import interpolate  # noqa: E402

from models.training.views.jpeg import rounded, saved  # noqa: E402


def pictures(count: int) -> "torch.Tensor":
    """Draw soft colours with some edges, as photos have."""
    generator = torch.Generator().manual_seed(4)
    coarse = torch.rand(count, 3, 6, 6, generator=generator)
    soft = interpolate(coarse, (48, 48), mode="bicubic", align_corners=False)
    soft[:, :, 10:30, 20:40] = torch.rand(count, 3, 1, 1, generator=generator)
    return (soft.clamp(0, 1) * 255).round().to(torch.uint8)


@pytest.mark.parametrize("quality", [20, 49, 50, 84])
def test_what_is_rounded_is_what_the_codec_leaves(quality: int) -> None:
    shown, qualities = pictures(12), torch.full((12,), quality)
    coded = saved(shown, qualities).float()
    apart = (rounded(shown, qualities).float() - coded).abs().mean()
    lost = (coded - shown.float()).abs().mean()
    assert apart < 0.25 * lost


def test_each_picture_has_its_own_quality() -> None:
    shown = pictures(2)
    mixed = rounded(shown, torch.tensor([20, 80]))
    for row, quality in enumerate((20, 80)):
        alone = rounded(shown[row : row + 1], torch.tensor([quality]))
        assert torch.equal(mixed[row], alone[0])


def test_grey_stays_grey() -> None:
    grey = torch.full((1, 3, 16, 16), 77, dtype=torch.uint8)
    assert torch.equal(rounded(grey, torch.tensor([30])), grey)
