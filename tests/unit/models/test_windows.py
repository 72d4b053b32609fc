"""Long sounds cut into windows: the same samples as of the whole, all of it, and within bounds."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import soxr
from numpy.typing import NDArray

from models.errors import InputError, ItemEmpty, ItemTooLarge, ItemUndecodable, ModalityUnsupported
from models.modalities.audio import item_of
from models.modality import Cut, Item
from models.sounds import reading
from models.sounds.reading import Bounds, read
from models.window import Window, open_windows
from models.windows.audio import SoundWindows, build
from tests.sounds import KINDS, RATE, encoded, wav

CONFIG = {"sample_rate": RATE, "samples": RATE}
WHOLE = Cut()
MOST = Bounds(600, 600 * RATE)


@pytest.fixture
def windows() -> SoundWindows:
    return build(CONFIG)


def noise(seconds: float, rate: int = RATE) -> NDArray[np.float32]:
    made = 0.1 * np.random.default_rng(0).standard_normal(round(seconds * rate))
    return made.clip(-1, 1).astype(np.float32)


def cut(
    windows: SoundWindows, content: bytes, how: Cut = WHOLE, most: int = 999
) -> Iterator[Window]:
    return windows.of(Item("audio", content), how, seconds_max=600.0, windows_max=most)


def heard(one: Window) -> NDArray[np.float32]:
    """Return the samples of a window, of a peak of 1."""
    assert isinstance(one.item.content, bytes)
    return read(one.item.content, MOST)[0]


@pytest.mark.parametrize("block", [1000, 1 << 16])
@pytest.mark.parametrize("seconds", [0.3, 1.0, 1.2, 7.77])
@pytest.mark.parametrize("how", [Cut(), Cut((0.5,), 0.2), Cut((1.0, 0.4), 0.3), Cut((0.2,), 0.5)])
def test_windows_are_the_samples_between_their_seconds(
    windows: SoundWindows, how: Cut, seconds: float, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "BLOCK", block)
    whole = read(encoded(noise(seconds)), MOST)[0]
    found = list(cut(windows, encoded(noise(seconds)), how))
    assert len(found) <= windows.count(seconds, how)
    for one in found:
        part = whole[round(one.start * RATE) : round(one.end * RATE)]
        np.testing.assert_allclose(heard(one), part / np.abs(part).max(), atol=1e-4)
        assert one.weight == pytest.approx(np.sqrt(np.mean(part.astype(np.float64) ** 2)), rel=1e-4)
    for length in how.seconds or (1.0,):
        own = [one for one in found if one.end - one.start == pytest.approx(min(length, seconds))]
        assert (own[0].start, own[-1].end) == (0.0, pytest.approx(seconds, abs=1e-4))
        hop = how.hop_seconds or 0.5 * length
        steps = [later.start - one.start for one, later in pairwise(own)]
        assert all(step <= hop + 1e-4 for step in steps)
        assert all(step == pytest.approx(hop, abs=1e-4) for step in steps[:-1])


@pytest.mark.parametrize(("kind", "subtype", "rate", "channels"), KINDS)
def test_every_kind_is_resampled_as_it_would_be_whole(
    windows: SoundWindows, kind: str, subtype: str, rate: int, channels: int
) -> None:
    content = encoded(noise(2.5, rate), kind, subtype, rate, channels)
    whole = soxr.resample(read(content, MOST)[0], rate, RATE) if rate != RATE else None
    whole = read(content, MOST)[0] if whole is None else whole
    found = list(cut(windows, content))
    assert found[-1].end == pytest.approx(len(whole) / RATE, abs=0.01)
    for one in found[:-1]:
        part = whole[round(one.start * RATE) : round(one.end * RATE)]
        close = heard(one) * np.abs(part).max() - part
        assert np.sqrt(np.mean(close**2)) < 0.02 * np.sqrt(np.mean(part**2))


def test_what_is_silent_has_no_window(windows: SoundWindows) -> None:
    gap = np.concatenate([noise(1.0), np.zeros(3 * RATE, np.float32), noise(1.0)])
    assert [one.start for one in cut(windows, encoded(gap))] == [0.0, 0.5, 3.5, 4.0]
    assert list(cut(windows, encoded(np.zeros(9 * RATE, np.float32)))) == []


def test_a_sound_is_bounded_before_it_is_decoded(windows: SoundWindows) -> None:
    hour = wav(3600 * RATE, body=b"\x01\x00" * RATE)
    with pytest.raises(ItemTooLarge, match="17 windows at a hop of 0\\.5 s, and the limit is 10"):
        cut(windows, encoded(noise(9.0)), most=10)
    # Of what a header promises, only what is there counts.
    assert len(list(cut(windows, hour))) == 1
    with pytest.raises(ItemTooLarge, match="601\\.0 seconds and the limit is 600"):
        cut(windows, encoded(np.zeros(601 * 2000, np.float32), rate=2000))
    with pytest.raises(ItemEmpty):
        cut(windows, b"")
    with pytest.raises(ModalityUnsupported):
        windows.of(Item("text", "a"), Cut(), seconds_max=1, windows_max=1)
    for junk in (b"RIFF", b"no sound", encoded(noise(1.0))[:30], encoded(noise(1.0), "FLAC")[:900]):
        with pytest.raises(InputError):
            list(cut(windows, junk))


def test_items_say_how_they_are_cut() -> None:
    def how(windows: object) -> Cut | None:
        return item_of({"audio": "UklGRg==", "windows": windows}).cut

    assert (how(None), how(False), how(True)) == (None, None, Cut())
    assert how({"seconds": 2, "hop_seconds": 0.5}) == Cut((2.0,), 0.5)
    assert how({"hop_seconds": 0.02}) == Cut((), 0.02)
    wrong: list[object] = [1, "yes", [], {"hop": 1}, {"seconds": 0}, {"seconds": True}]
    for one in [*wrong, {"hop_seconds": 0.01}, {"seconds": "2"}, {"seconds": 1e9}]:
        with pytest.raises(ItemUndecodable, match="'windows' is true, or"):
            how(one)


def test_other_modalities_are_not_cut() -> None:
    assert open_windows("text", {}) is None
    assert open_windows("audio", CONFIG) is not None
    assert Path(build.__code__.co_filename).name == "audio.py"
