"""`python -m models.training.sounds.again`: the same recording again, beside what was before it."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from models.modality import Item
from models.onnx_encoder import OnnxEncoder
from models.training.publishing import bundle_embed
from models.training.sounds.chromaprint import fingerprint, likeness
from models.training.sounds.clips import Samples
from models.training.sounds.material import music_clips, speech_clips
from models.training.sounds.mfcc import Cepstra, aligned, of_clip, statistics
from models.training.sounds.same import (
    ASKED_SEED,
    SOUNDFONT,
    SPOILT_STEP,
    asked_for,
    music_package,
    told,
)
from models.training.sounds.spoiling import references_of, spoilt

FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)
ENCODERS = Path("models/bundles/sounds")
FRAMES_APART = 2  # of those that are aligned: 20 ms of four seconds, which costs a quarter
STATISTICS, CHROMAPRINT = "MFCC, statistics", "chromaprint"
Ways = dict[str, Mapping[str, NDArray[np.float32]]]


@click.command()
@click.option("--data", type=FOLDER, required=True, help="Holds speech/ and the wheel of music21.")
@click.option(
    "--bundle",
    "bundles",
    type=FOLDER,
    multiple=True,
    default=[ENCODERS],
    show_default=True,
    help="Encoders; the baselines hear what the first one does.",
)
@click.option("--work", type=FOLDER, help="Where the recordings are kept.")
@click.option(
    "--aligned",
    "step",
    type=click.IntRange(min=1),
    help="Ask once more among one in so many, by MFCC aligned in time (DTW) as well.",
)
def main(data: Path, bundles: tuple[Path, ...], work: Path | None, step: int | None) -> None:
    """Ask for 250 spoilt recordings among 1000, by encoders, chromaprint and MFCC."""
    if step and SPOILT_STEP % step:
        raise click.UsageError(f"--aligned divides {SPOILT_STEP}, so that those asked for are kept")
    encoders = [OnnxEncoder.open(bundle, provider="cpu", threads=1) for bundle in bundles]
    asked = _asked(data, work)
    held = references_of(asked)
    back = spoilt(asked[::SPOILT_STEP], ASKED_SEED)
    click.echo(f"{len(asked)} recordings, {len(back['noise'])} asked for in each of five ways")
    ways: Ways = {}
    for encoder in encoders:
        embed = bundle_embed(encoder)
        rows = embed(held)
        name = f"{encoder.name} {encoder.manifest.version}"
        ways[name] = {spoil: embed(files) @ rows.T for spoil, files in back.items()}
        _tell(name, ways[name], SPOILT_STEP)

    def heard(files: Sequence[bytes]) -> list[Cepstra]:
        decoded = [encoders[0].decode(Item("audio", file)).arrays["samples"] for file in files]
        return [of_clip(one) for one in decoded]

    ours, theirs = heard(held), {name: heard(files) for name, files in back.items()}
    means = _means(ours)
    ways[STATISTICS] = {name: _means(some) @ means.T for name, some in theirs.items()}
    _tell(STATISTICS, ways[STATISTICS], SPOILT_STEP)
    prints = [fingerprint(file) for file in held]
    ways[CHROMAPRINT] = {
        name: likeness([fingerprint(file) for file in files], prints)
        for name, files in back.items()
    }
    _tell(CHROMAPRINT, ways[CHROMAPRINT], SPOILT_STEP)
    if step is None:
        return
    pool = [one[::FRAMES_APART] for one in ours[::step]]
    click.echo(f"the same, among {len(pool)}")
    for name, scores in ways.items():
        fewer = {spoil: some[:, ::step] for spoil, some in scores.items()}
        _tell(name, fewer, SPOILT_STEP // step)
    warped = {
        name: np.stack([aligned(one[::FRAMES_APART], pool) for one in some])
        for name, some in theirs.items()
    }
    _tell("MFCC, aligned (DTW)", warped, SPOILT_STEP // step)


def _asked(data: Path, work: Path | None) -> list[Samples]:
    """Read, or make, the recordings that are asked for."""
    with tempfile.TemporaryDirectory() as scratch:
        place = work or Path(scratch)
        music = music_clips(place, music_package(data), SOUNDFONT, unheard=True)
        _, speech = speech_clips(data / "speech", place)
        return asked_for([*music], [*speech])


def _tell(name: str, scores: Mapping[str, NDArray[np.float32]], step: int) -> None:
    """Print recall at 1 of one way to know a recording, as soon as it is there."""
    found = told(scores, step)
    line = "  ".join(f"{k} {v:.3f}" for k, v in found.items() if k.endswith("_r1"))
    click.echo(f"{name:20} {line}")


def _means(some: Sequence[Cepstra]) -> NDArray[np.float32]:
    return np.stack([statistics(one) for one in some])


if __name__ == "__main__":
    main()
