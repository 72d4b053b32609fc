"""How a sound becomes samples, as a manifest says it."""

from pydantic import BaseModel, ConfigDict, Field

from models.sounds.fitting import Fill


class AudioConfig(BaseModel):
    """How a sound becomes samples: the `preprocessing` of an audio bundle's manifest.

    The graph takes `samples`, int16 (n, samples), of one channel.

    Args:
        sample_rate: of what the encoder hears, in samples a second.
        samples: of its window.
        fill: a shorter sound stands in `silence`, or is heard again and again (`repeat`).
        trim_db: what is softer than the loudest 10 ms by more is cut off at both ends.
        item_bytes_max: the largest encoded sound; a larger one is refused unread.
        seconds_max: the longest sound by its header; a longer one is refused undecoded.
        samples_max: the most samples of all channels, likewise.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    sample_rate: int = Field(ge=4_000, le=96_000)
    samples: int = Field(ge=1_000, le=10_000_000)
    fill: Fill = "silence"
    trim_db: float = Field(default=40.0, gt=0, le=120)
    item_bytes_max: int = Field(default=16 << 20, gt=0)
    seconds_max: float = Field(default=300.0, gt=0, le=86_400)
    samples_max: int = Field(default=32_000_000, gt=0, le=1_000_000_000)
