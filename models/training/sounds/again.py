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
    with tempfile.TemporaryDirectory() as scratch:
        place = work or Path(scratch)
        music = music_clips(place, music_package(data), SOUNDFONT, unheard=True)
        _, speech = speech_clips(data / "speech", place)
        asked = asked_for([*music], [*speech])
    held = references_of(asked)
    back = spoilt(asked[::SPOILT_STEP], ASKED_SEED)

    def heard(files: Sequence[bytes]) -> list[Cepstra]:
        decoded = [encoders[0].decode(Item("audio", file)).arrays["samples"] for file in files]
        return [of_clip(one) for one in decoded]

    ways: Ways = {}
    for encoder in encoders:
        embed = bundle_embed(encoder)
        rows = embed(held)
        ways[f"{encoder.name} {encoder.manifest.version}"] = {
            name: embed(files) @ rows.T for name, files in back.items()
        }
    prints = [fingerprint(file) for file in held]
    ways["chromaprint"] = {
        name: likeness([fingerprint(file) for file in files], prints)
        for name, files in back.items()
    }
    theirs = {name: heard(files) for name, files in back.items()}
    ours = heard(held)
    means = _means(ours)
    ways["MFCC, statistics"] = {name: _means(some) @ means.T for name, some in theirs.items()}
    _tell(ways, len(asked), SPOILT_STEP)
    if step is None:
        return
    fewer: Ways = {
        name: {spoil: scores[:, ::step] for spoil, scores in by_spoil.items()}
        for name, by_spoil in ways.items()
    }
    pool = [one[::FRAMES_APART] for one in ours[::step]]
    fewer["MFCC, aligned (DTW)"] = {
        name: np.stack([aligned(one[::FRAMES_APART], pool) for one in some])
        for name, some in theirs.items()
    }
    _tell(fewer, len(pool), SPOILT_STEP // step)


def _means(some: Sequence[Cepstra]) -> NDArray[np.float32]:
    return np.stack([statistics(one) for one in some])


def _tell(ways: Ways, pool: int, step: int) -> None:
    click.echo(f"{pool} recordings, one in {step} asked for in each of five ways")
    for name, scores in ways.items():
        found = told(scores, step)
        line = "  ".join(f"{k} {v:.3f}" for k, v in found.items() if k.endswith("_r1"))
        click.echo(f"{name:20} {line}")


if __name__ == "__main__":
    main()
