"""`python -m models.training.sounds DIGITS`: a bundle and what was before it, in one run."""

from collections.abc import Mapping
from pathlib import Path

import click
import numpy as np
from numpy.typing import NDArray

from models.modality import Item
from models.onnx_encoder import OnnxEncoder
from models.training.publishing import bundle_embed
from models.training.sounds.digits import across_speakers, read_digits
from models.training.sounds.mfcc import aligned, of_clip, statistics

FOLDER = click.Path(path_type=Path, file_okay=False, exists=True)


@click.command()
@click.argument("digits", type=FOLDER)
@click.option("--bundle", type=FOLDER, default=Path("models/bundles/keywords"), show_default=True)
@click.option("--each", type=click.IntRange(min=1), default=10, show_default=True,
              help="Recordings of each digit and speaker.")  # fmt: skip
def main(digits: Path, bundle: Path, each: int) -> None:
    """Ask for the spoken DIGITS (a folder of DIGIT_SPEAKER_NUMBER.wav) across speakers."""
    asked = read_digits(digits, each)
    encoder = OnnxEncoder.open(bundle, provider="cpu")
    rows = bundle_embed(encoder)(asked.files)
    # The baselines hear the very samples that the encoder does, less the silence around.
    decoded = [encoder.decode(Item("audio", file)).arrays["samples"] for file in asked.files]
    heard = [one[slice(*np.flatnonzero(one)[[0, -1]])] for one in decoded]
    told = [of_clip(one) for one in heard]
    means = np.stack([statistics(one) for one in told])
    ways: Mapping[str, NDArray[np.float32]] = {
        f"{encoder.name} {encoder.manifest.version}": rows @ rows.T,
        "MFCC, aligned (DTW)": np.stack([aligned(one, told) for one in told]),
        "MFCC, statistics": means @ means.T,
    }
    click.echo(f"{len(asked.files)} recordings of {len(set(asked.speakers.tolist()))} speakers")
    for name, scores in ways.items():
        found = across_speakers(scores, asked)
        click.echo(f"{name:24} " + "  ".join(f"{k} {v:.3f}" for k, v in found.items()))


if __name__ == "__main__":
    main()
