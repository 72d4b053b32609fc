"""What encoders of sounds learn from and how: front end, alterations, pairs, scores, trials."""

import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from tests.sounds import RATE, tone

torch = pytest.importorskip("torch", reason="the train extra is not installed")
pytest.importorskip("onnx", reason="the train extra is not installed")

from models.training.export import export_onnx, store_fp16  # noqa: E402
from models.training.objectives.cab_kws import build, reference  # noqa: E402
from models.training.objectives.direct_pred import build as direct  # noqa: E402
from models.training.sounds.altering import Chances, altered, as_samples  # noqa: E402
from models.training.sounds.clips import Clips, gathered, load_clips, save_clips  # noqa: E402
from models.training.sounds.digits import Digits, across_speakers  # noqa: E402
from models.training.sounds.espeak import EspeakMissing, Speaker  # noqa: E402
from models.training.sounds.front import FLOOR, LogMel, mel  # noqa: E402
from models.training.sounds.recordings import RecordingPairs  # noqa: E402
from models.training.sounds.scores import Note, midi_of, notes_of  # noqa: E402
from models.training.sounds.spoiling import SPOILS, references_of, spoilt  # noqa: E402
from models.training.sounds.synthetic import synthetic  # noqa: E402
from models.training.sounds.towers import (  # noqa: E402
    Kept,
    KeywordTower,
    SampleCnn,
    SoundTower,
    Telling,
)
from models.training.sounds.words import SNIPPET_LABELS, WordPairs  # noqa: E402

UNALTERED = Chances(0, 0, 0.1, 0, 0.0, 0, 0, 0, (0.0, 0.0), 0, 0, 0)


def sounds(count: int = 6, seconds: float = 0.5) -> Clips:
    """Tones of several pitches, two of each label."""
    made = [(at // 2, (tone(seconds, 200.0 + 150 * at) * 2**15)) for at in range(count)]
    return gathered((label, one.astype(np.int16)) for label, one in made)


def test_the_front_end_is_the_textbook_log_mel() -> None:
    samples = (tone(1.0, 700) * 2**14 + np.random.default_rng(0).normal(0, 300, RATE)).astype("<i2")
    front = LogMel().eval()
    found = front(torch.from_numpy(samples)[None])[0].numpy()
    # By definition: frames, Hann's window, power spectrum, triangles of equal width in mel.
    frames = np.lib.stride_tricks.sliding_window_view(samples / 32_768, 400)[::160]
    shape = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(400) / 400)
    power = np.abs(np.fft.rfft(frames * shape / 400, 512)) ** 2
    edges = np.interp(
        np.linspace(mel(60), mel(7600), 42), [mel(f) for f in range(8001)], np.arange(8001)
    )
    bins = np.arange(257) * RATE / 512
    energy = np.stack(
        [
            power @ np.clip(np.minimum((bins - a) / (b - a), (c - bins) / (c - b)), 0, None)
            for (a, b), (_, c) in pairwise(pairwise(edges))
        ]
    )
    level = np.log10(energy / energy.max() + FLOOR) / 3 + 1
    assert found.shape == (2, 40, 98)
    np.testing.assert_allclose(found[0], level, atol=2e-3)
    loud = np.sqrt(energy.sum(0))
    np.testing.assert_allclose(found[1], level - (level @ loud / loud.sum())[:, None], atol=2e-3)


@pytest.mark.parametrize(
    ("tower", "samples", "megabytes"),
    [(KeywordTower, 16_000, 5), (SoundTower, 64_000, 6), (SampleCnn, 59_049, 16)],
)
def test_what_is_exported_computes_what_was_trained(
    tower: type["torch.nn.Module"], samples: int, megabytes: int, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    made = tower().eval()
    graph = Kept(made).eval() if isinstance(made, SampleCnn) else made
    batch = torch.randint(-9000, 9000, (2, samples), dtype=torch.int16)
    path = tmp_path / "model.onnx"
    export_onnx(graph, ("samples",), (batch,), path, free=("batch",))
    store_fp16(path)
    with torch.no_grad():
        expected = graph(batch).numpy()
    session = onnxruntime.InferenceSession(path.read_bytes())
    (rows,) = session.run(None, {"samples": batch.numpy()})
    assert ((rows * expected).sum(1) > 0.9999).all()
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)
    assert path.stat().st_size < megabytes << 20


def test_clips_are_kept_as_they_are(tmp_path: Path) -> None:
    clips = sounds()
    save_clips(tmp_path / "some", clips)
    found = load_clips(tmp_path / "some")
    np.testing.assert_array_equal(found.samples, clips.samples)
    assert (found.starts.tolist(), found.labels.tolist()) == (
        clips.starts.tolist(),
        clips.labels.tolist(),
    )


def test_nothing_is_altered_where_nothing_may_be() -> None:
    batch = torch.from_numpy(np.stack([tone(0.25, 300), tone(0.25, 800)]))
    draw = torch.Generator().manual_seed(0)
    found = altered(batch, batch.flip(0), UNALTERED, draw)
    cosine = torch.nn.functional.cosine_similarity(found, batch)
    assert (cosine > 0.9999).all()
    plain = as_samples(batch).float()
    torch.testing.assert_close(plain.square().mean(1).sqrt() / 32_767, torch.full((2,), 10**-1.15),
                               rtol=1e-3, atol=0)  # fmt: skip


def test_every_alteration_leaves_finite_samples_that_differ() -> None:
    batch = torch.from_numpy(np.stack([tone(0.25, 300 + 20 * n) for n in range(8)]))
    found = altered(batch, batch.flip(0), Chances(), torch.Generator().manual_seed(1))
    assert torch.isfinite(found).all()
    # Chance leaves some as they were, or nearly.
    assert (torch.nn.functional.cosine_similarity(found, batch).abs() < 0.99).sum() >= 3


def test_word_pairs_are_of_one_word_and_the_same_each_time() -> None:
    pairs = WordPairs(sounds(), sounds(2, 2.0), RATE, 1, snippets=0.5)
    first, again, other = pairs.draw(3, 16), pairs.draw(3, 16), pairs.draw(4, 16)
    torch.testing.assert_close(first.first, again.first)
    assert not torch.equal(first.first, other.first)
    assert (first.first.shape, first.first.dtype) == ((16, RATE), torch.int16)
    assert set(first.labels[:8].tolist()) <= {0, 1, 2}
    assert first.labels[8:].tolist() == [SNIPPET_LABELS + n for n in range(8)]


def test_recording_pairs_are_crops_of_one_recording() -> None:
    pairs = RecordingPairs(sounds(4, 1.0), 8_000, 2, resampled=11_025)
    made = pairs.draw(0, 5)
    assert made.first.shape == made.second.shape == (5, 11_025)
    assert set(made.labels.tolist()) <= {0, 1, 2, 3}


def test_synthetic_sounds_are_drawn_by_their_seed() -> None:
    one, again, other = (synthetic(3, 0.5, seed).samples for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
    assert np.abs(one.reshape(3, -1)).max(1).min() > 10_000


def test_notes_are_read_and_written() -> None:
    score = b"""<score-partwise><part><measure><attributes><divisions>2</divisions></attributes>
      <note><pitch><step>C</step><octave>4</octave></pitch><duration>2</duration></note>
      <note><chord/><pitch><step>F</step><alter>1</alter><octave>4</octave></pitch>
        <duration>2</duration></note>
      <note><rest/><duration>1</duration></note><backup><duration>1</duration></backup>
      <note><pitch><step>B</step><octave>3</octave></pitch><duration>4</duration></note>
    </measure></part></score-partwise>"""
    notes = notes_of(score)
    assert notes == [Note(0, 0, 1, 60), Note(0, 0, 1, 66), Note(0, 1, 2, 59)]
    midi = midi_of(notes, [7], quarters_per_minute=120, shift=2)
    assert midi[:4] == b"MThd"
    assert struct.unpack(">I", midi[18:22])[0] == len(midi) - 22
    assert midi.endswith(b"\0\xff\x2f\0")
    assert b"\xc0\x07" in midi
    assert [bytes([0x90, key]) in midi for key in (62, 68, 61, 60)] == [True, True, True, False]


def test_digits_are_asked_across_speakers() -> None:
    """Of two digits, three speakers and one turn, by scores that are written down."""
    digits = np.repeat([0, 1], 3)
    asked = Digits([], digits, np.tile([0, 1, 2], 2), np.zeros(6, np.int64))
    same = (digits[:, None] == digits[None]).astype(np.float32)
    assert set(across_speakers(same, asked).values()) == {1.0}
    assert across_speakers(np.zeros((6, 6), np.float32), asked)["1-shot"] == 0  # ties
    # Speaker 0 knows digit 1 of nobody else, but through the nearest of two.
    scores = same.copy()
    scores[3, 4] = 0
    found = across_speakers(scores, asked)
    assert found["1-shot"] == pytest.approx(11 / 12)
    assert found["5-shot"] == found["5-shot-mean"] == 1.0


def test_recordings_come_back_spoilt_and_recognisable() -> None:
    drawn = [*synthetic(2, 0.4, 3)]
    plain = references_of(drawn)
    found = spoilt(drawn, 1)
    assert list(found) == list(SPOILS)
    assert all(len(files) == 2 and files != plain for files in found.values())
    again = spoilt(drawn, 1)
    # An Ogg file has a number of its own, drawn by libsndfile.
    assert all(again[name] == files for name, files in found.items() if name != "codec")


def test_what_is_reconstructed_counts() -> None:
    draw = torch.Generator().manual_seed(0)
    a, b = (torch.randn(4, 9, dtype=torch.float64, generator=draw) for _ in range(2))
    expected = reference(a.tolist(), b.tolist(), told=3, weight=0.5)
    assert build(told=3, weight=0.5)(a, b).item() == pytest.approx(expected, rel=1e-12)
    rows = Telling(SoundTower()).eval()(torch.randint(-99, 99, (1, 64_000), dtype=torch.int16))
    assert rows.shape == (1, 256 + 2 * Telling.BANDS)


def test_the_computed_predictor_remembers_earlier_batches() -> None:
    draw = torch.Generator().manual_seed(0)
    a, b, c = (
        torch.nn.functional.normalize(torch.randn(6, 4, generator=draw), dim=1) for _ in range(3)
    )
    fresh, used = direct(momentum=0.9), direct(momentum=0.9)
    used(c, c)
    assert used(a, b).item() != pytest.approx(fresh(a, b).item(), rel=1e-6)
    for wrong in ({"momentum": 1.0}, {"eps": -1.0}):
        with pytest.raises(ValueError, match="paper's"):
            direct(**wrong)


def test_espeak_speaks_and_tells_how() -> None:
    try:
        speaker = Speaker()
    except EspeakMissing:
        pytest.skip("espeak-ng is not installed")
    spoken = speaker.say("window", "en-us+f2", speed=160, pitch=60, spread=50)
    assert spoken.dtype == np.int16
    assert 0.2 < len(spoken) / RATE < 1.5
    assert speaker.phonemes("two", "en-us") == speaker.phonemes("too", "en-us")
    with pytest.raises(EspeakMissing, match="no voice"):
        speaker.say("window", "nowhere", speed=160, pitch=60, spread=50)
