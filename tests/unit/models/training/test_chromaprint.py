"""Fingerprints compared: shifted against each other, and by bits."""

import numpy as np

from models.training.sounds.chromaprint import likeness


def test_a_fingerprint_is_like_itself_where_it_is_shifted() -> None:
    chance = np.random.default_rng(0)
    prints = [chance.integers(0, 1 << 32, 40, dtype=np.uint32) for _ in range(5)]
    prints.append(prints[0][:20])
    noisy = prints[2].copy()
    noisy[::4] ^= np.uint32(1)  # a bit in each fourth frame
    scores = likeness([prints[0][5:], noisy, prints[1][:3]], prints)
    assert scores.shape == (3, 6)
    assert scores[0].argmax() == 0
    assert scores[0, 0] == scores[0, 5] == 1.0
    np.testing.assert_allclose(scores[1, 2], 1 - 1 / 128)
    assert np.delete(scores[0], [0, 5]).max() < 0.75
    assert (scores[2] == 0).all()  # too short to tell
