"""`python -m models.training.sounds.again`: the same recording again, beside what was before it."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from models.modality import Item
from models.onnx_encoder import OnnxEncoder
from models.training.publishing import bundle_embed
from models.training.sounds.chromaprint import fingerprint, likeness
from models.training.sounds.material import music_clips, speech_clips
from models.training.sounds.mfcc import of_clip, statistics
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


@click.command()
@click.option("--data", type=FOLDER, required=True, help="Holds speech/ and the wheel of music21.")
@click.option("--bundle", type=FOLDER, default=Path("models/bundles/sounds"), show_default=True)
@click.option("--work", type=FOLDER, help="Where the recordings are kept.")
def main(data: Path, bundle: Path, work: Path | None) -> None:
    """Ask for 250 spoilt recordings among 1000, by the encoder, chromaprint and MFCC."""
    encoder = OnnxEncoder.open(bundle, provider="cpu", threads=1)
    embed = bundle_embed(encoder)
    with tempfile.TemporaryDirectory() as scratch:
        place = work or Path(scratch)
        music = music_clips(place, music_package(data), SOUNDFONT, unheard=True)
        _, speech = speech_clips(data / "speech", place)
        asked = asked_for([*music], [*speech])
    held = references_of(asked)
    back = spoilt(asked[::SPOILT_STEP], ASKED_SEED)

    def means(files: Sequence[bytes]) -> NDArray[np.float32]:
        heard = [encoder.decode(Item("audio", file)).arrays["samples"] for file in files]
        return np.stack([statistics(of_clip(one)) for one in heard])

    rows, held_means = embed(held), means(held)
    prints = [fingerprint(file) for file in held]
    ways = {
        f"{encoder.name} {encoder.manifest.version}": {
            name: embed(files) @ rows.T for name, files in back.items()
        },
        "chromaprint": {
            name: likeness([fingerprint(file) for file in files], prints)
            for name, files in back.items()
        },
        "MFCC, statistics": {name: means(files) @ held_means.T for name, files in back.items()},
    }
    click.echo(f"{len(asked)} recordings, {len(asked[::SPOILT_STEP])} asked for in each way")
    for name, scores in ways.items():
        found = told(scores, SPOILT_STEP)
        line = "  ".join(f"{k} {v:.3f}" for k, v in found.items() if k.endswith("_r1"))
        click.echo(f"{name:20} {line}")


if __name__ == "__main__":
    main()
