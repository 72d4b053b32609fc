"""Scores in MusicXML to notes, notes to MIDI, and MIDI to sound by FluidSynth."""

import random
import struct
import subprocess
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import soundfile

from models.training.sounds.clips import RATE, Samples

STEPS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
TICKS = 96  # of a quarter
# Programs of General MIDI that sound by themselves; effects (from 96 on) are left out.
PROGRAMS = range(96)
FLUIDSYNTH_SECONDS_MAX = 120


@dataclass(frozen=True, slots=True)
class Note:
    """One note of one part; times in quarters, pitch as MIDI numbers it."""

    part: int
    start: float
    length: float
    pitch: int


def scores_in(package: Path) -> Iterator[bytes]:
    """Read the scores of the package `music21` (a wheel), in MusicXML, by name."""
    with zipfile.ZipFile(package) as wheel:
        for name in sorted(wheel.namelist()):
            if "/corpus/" not in name:
                continue
            if name.endswith(".mxl"):
                with zipfile.ZipFile(wheel.open(name)) as inner:
                    for part in inner.namelist():
                        if part.endswith((".xml", ".musicxml")) and "META-INF" not in part:
                            yield inner.read(part)
            elif name.endswith(".xml"):
                yield wheel.read(name)


def notes_of(score: bytes) -> list[Note]:
    """Read the notes of a score that is written part by part; grace notes are left out.

    Source: MusicXML 4.0, `score-partwise`: a note that has `chord` begins with the one before;
    `backup` and `forward` move the time.
    """
    root = ElementTree.fromstring(score)  # noqa: S314 - scores of a package that was chosen
    found = []
    for part, line in enumerate(root.iter("part")):
        at, before, divisions = 0.0, 0.0, 1.0
        for element in line.iter():
            if element.tag == "divisions":
                divisions = float(element.text or 1)
            length = float(element.findtext("duration") or 0) / divisions
            if element.tag == "backup":
                at -= length
            elif element.tag == "forward":
                at += length
            elif element.tag == "note" and length:
                start = before if element.find("chord") is not None else at
                before, at = start, start + length
                if (pitch := element.find("pitch")) is not None:
                    found.append(Note(part, start, length, _number(pitch)))
    return found


def _number(pitch: ElementTree.Element) -> int:
    step, octave = pitch.findtext("step") or "C", int(pitch.findtext("octave") or 4)
    return 12 * (octave + 1) + STEPS[step] + round(float(pitch.findtext("alter") or 0))


def midi_of(
    notes: Sequence[Note], programs: Sequence[int], *, quarters_per_minute: float, shift: int
) -> bytes:
    """Write notes as a MIDI file of one track, each part on a channel of its own.

    Source: Standard MIDI Files 1.0.
    """
    events = []
    for part in sorted({note.part for note in notes}):
        channel = part % 9  # the tenth channel is of drums
        events.append((0, 0, bytes([0xC0 | channel, programs[part % len(programs)]])))
    for note in notes:
        key, channel = min(127, max(0, note.pitch + shift)), note.part % 9
        start, end = (round(TICKS * t) for t in (note.start, note.start + note.length))
        events.append((start, 2, bytes([0x90 | channel, key, 64 + (key * 7) % 48])))
        events.append((max(end, start + 1), 1, bytes([0x80 | channel, key, 0])))
    tempo = round(60e6 / quarters_per_minute)
    track = b"\0\xff\x51\x03" + tempo.to_bytes(3, "big")
    at = 0
    for time, _, event in sorted(events):
        track += _variable(time - at) + event
        at = time
    track += b"\0\xff\x2f\0"
    return b"MThd" + struct.pack(">IHHH", 6, 0, 1, TICKS) + b"MTrk" + struct.pack(
        ">I", len(track)
    ) + track  # fmt: skip


def _variable(number: int) -> bytes:
    """Write a number in groups of seven bits, as MIDI's times are."""
    out = [number & 0x7F]
    while number := number >> 7:
        out.insert(0, number & 0x7F | 0x80)
    return bytes(out)


def played(notes: Sequence[Note], soundfont: Path, seed: int, seconds: float) -> Samples:
    """Play an excerpt of a score on instruments, at a tempo and in a key that are drawn."""
    draw = random.Random(seed)  # noqa: S311 - draws of music guard nothing
    last = max(note.start for note in notes)
    first = draw.uniform(0, max(0.0, last - 40))
    quarters_per_minute = draw.uniform(60, 170)
    some = [
        Note(note.part, note.start - first, note.length, note.pitch)
        for note in notes
        if 0 <= note.start - first < seconds * quarters_per_minute / 60
    ]
    programs = [draw.choice(PROGRAMS) for _ in range(9)]
    midi = midi_of(
        some, programs, quarters_per_minute=quarters_per_minute, shift=draw.randint(-5, 5)
    )
    with tempfile.TemporaryDirectory() as folder:
        score, sound = Path(folder) / "score.mid", Path(folder) / "sound.wav"
        score.write_bytes(midi)
        command = ["fluidsynth", "-q", "-ni", "-g", "0.8", "-r", str(RATE), "-F", str(sound)]
        subprocess.run(  # noqa: S603 - a fixed command, and paths made here
            [*command, str(soundfont), str(score)],
            check=True,
            capture_output=True,
            timeout=FLUIDSYNTH_SECONDS_MAX,
        )
        samples, _ = soundfile.read(sound, dtype="int16", always_2d=True)
    mono: Samples = (samples.astype(np.int32).sum(1) // 2).astype(np.int16)
    return mono[: round(seconds * RATE)]
