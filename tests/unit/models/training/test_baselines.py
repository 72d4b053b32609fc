"""The baselines, by what they are known for."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="the train extra is not installed")

from models.training.baselines import hog, phash


def picture(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(256, size=(3, 64, 64)).astype(np.uint8)


def test_histograms_of_gradients_do_not_tell_the_negative() -> None:
    one = picture(0)
    assert hog(one) @ hog(255 - one) == pytest.approx(1, abs=1e-5)
    assert hog(one) @ hog(picture(1)) < 0.95
    assert hog(one).shape == (7 * 7 * 36,)


def test_a_vertical_edge_falls_into_the_directions_around_zero() -> None:
    step = np.zeros((3, 64, 64), np.uint8)
    step[..., 20:] = 255
    blocks = hog(step).reshape(-1, 4, 9)
    by_direction = blocks.sum((0, 1))
    assert by_direction[[0, 8]].sum() == pytest.approx(by_direction.sum())


def test_a_perceptual_hash_outlasts_brightness_and_noise_and_tells_pictures_apart() -> None:
    coarse = np.random.default_rng(1).random((8, 8)) * 150 + 50
    one = np.repeat(np.kron(coarse, np.ones((8, 8)))[None], 3, 0)
    near = one * 0.8 + np.random.default_rng(0).normal(0, 3, one.shape)
    first, second, other = (phash(p.clip(0, 255).astype(np.uint8)) for p in (one, near, 255 - one))
    assert first @ first == pytest.approx(1)
    assert first @ second > 0.5
    assert first @ other < 0
