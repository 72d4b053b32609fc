"""Keypoints: a mark that is turned agrees with its own reference, and not with another."""

import io

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("cv2", reason="the train extra is not installed")

from models.training.evaluation import Trial
from models.training.keypoints import DETECTORS, Keypoints, Matcher, scores_by_keypoints

PREPROCESSING = {"size": 64, "fit": "stretch", "ground": [255, 255, 255]}


def mark(seed: int, turn: float = 0.0) -> bytes:
    """Draw a mark of random blocks, turned by degrees."""
    draw = np.random.default_rng(seed)
    blocks = draw.integers(256, size=(9, 9, 3)).astype(np.uint8)
    image = Image.fromarray(blocks).resize((180, 180), Image.Resampling.NEAREST)
    canvas = Image.new("RGB", (256, 256), (255, 255, 255))
    canvas.paste(image, (38, 38))
    buffer = io.BytesIO()
    canvas.rotate(turn, Image.Resampling.BICUBIC, fillcolor=(255, 255, 255)).save(buffer, "png")
    return buffer.getvalue()


@pytest.mark.parametrize("name", DETECTORS)
def test_a_turned_mark_agrees_with_its_own_reference(name: str) -> None:
    trial = Trial([mark(i) for i in range(4)], [mark(i, turn=20) for i in range(4)], range(4))
    scores = scores_by_keypoints(name, trial, PREPROCESSING)
    assert scores.shape == (4, 4)
    assert scores.argmax(1).tolist() == [0, 1, 2, 3]
    others = scores[~np.eye(4, dtype=bool)]
    assert np.diag(scores).min() > 2 * others.max()
    assert (scores_by_keypoints(name, trial, PREPROCESSING) == scores).all()


def test_points_that_one_homography_explains_are_counted() -> None:
    draw = np.random.default_rng(0)
    places = draw.uniform(20, 200, (40, 2)).astype(np.float32)
    looks = draw.integers(256, size=(40, 128)).astype(np.float32)
    moved = places @ np.array([[0.9, 0.1], [-0.1, 0.9]], np.float32) + 7
    moved[30:] = draw.uniform(20, 200, (10, 2))
    score = Matcher("sift", PREPROCESSING).score(Keypoints(places, looks), Keypoints(moved, looks))
    assert int(score) in (30, 31, 32)  # of those astray one may fall near by chance
    assert score % 1 == pytest.approx(40 / 301)


@pytest.mark.parametrize("name", DETECTORS)
def test_a_picture_without_keypoints_agrees_with_nothing(name: str) -> None:
    buffer = io.BytesIO()
    Image.new("RGB", (64, 64), (9, 9, 9)).save(buffer, "png")
    trial = Trial([mark(0)], [buffer.getvalue()], [0])
    assert scores_by_keypoints(name, trial, PREPROCESSING).tolist() == [[0.0]]
