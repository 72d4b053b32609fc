"""What may happen to a sound on its way, in batches, on the device on which it is learnt.

Each step takes and gives float32 (n, t), and draws of its own for each row.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch

from models.training.sounds.clips import RATE

Steps = Callable[[torch.Tensor, torch.Generator], torch.Tensor]
TELEPHONE = (3000.0, 4000.0)  # Hz, where a telephone's band ends
ECHO_SAMPLES = RATE // 2


def uniform(
    like: torch.Tensor, low: float, high: float, draw: torch.Generator, width: int = 1
) -> torch.Tensor:
    """Draw for each row, (n, width)."""
    numbers = torch.rand(len(like), width, generator=draw, device=like.device)
    return low + (high - low) * numbers


def chosen(
    like: torch.Tensor, altered: torch.Tensor, chance: float, draw: torch.Generator
) -> torch.Tensor:
    """Take the altered rows by chance, and the others as they were."""
    return torch.where(uniform(like, 0, 1, draw) < chance, altered, like)


def power(sounds: torch.Tensor) -> torch.Tensor:
    """Tell the mean square of each row, (n, 1)."""
    return sounds.square().mean(1, keepdim=True) + 1e-10


def coloured(like: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Make noise whose power falls or rises by up to 9 dB an octave, of a mean square of 1."""
    noise = torch.randn(like.shape, generator=draw, device=like.device)
    spectrum = torch.fft.rfft(noise)
    octaves = torch.arange(spectrum.shape[1], device=like.device).clamp(min=1).log2()
    tilt = uniform(like, -9, 3, draw) * octaves
    tilt = tilt - tilt.amax(1, keepdim=True)
    made: torch.Tensor = torch.fft.irfft(spectrum * 10 ** (tilt / 20), n=like.shape[1])
    return made.div(power(made).sqrt())


def mixed(
    sounds: torch.Tensor, noise: torch.Tensor, low: float, high: float, draw: torch.Generator
) -> torch.Tensor:
    """Lay noise over sounds, at a signal-to-noise ratio of so many dB."""
    ratio = 10 ** (-uniform(sounds, low, high, draw) / 10)
    return sounds + noise * (power(sounds) * ratio / power(noise)).sqrt()


def transfers(
    sounds: torch.Tensor, size: int, chances: "Chances", draw: torch.Generator
) -> torch.Tensor:
    """Draw what rooms, microphones and lines do, as spectra (n, size // 2 + 1).

    A room is noise that dies away, behind the direct sound (Schroeder, "Natural Sounding Artificial
    Reverberation", 1962); a microphone raises and lowers five bands; a line cuts both ends.
    """
    device, count = sounds.device, len(sounds)
    frequency = torch.fft.rfftfreq(size, 1 / RATE, device=device)
    # Room.
    at = torch.arange(ECHO_SAMPLES, device=device) / RATE
    decay = uniform(sounds, 0.05, chances.echo_seconds, draw)
    tail = torch.randn(count, ECHO_SAMPLES, generator=draw, device=device)
    tail = tail * torch.exp(-6.9 * at / decay) * (at > uniform(sounds, 0.001, 0.02, draw))
    tail = tail / (tail.square().sum(1, keepdim=True).sqrt() + 1e-9)
    wet = 10 ** (uniform(sounds, -20, 3, draw) / 20)
    wet = wet * (uniform(sounds, 0, 1, draw) < chances.echo)
    spectrum = 1 + torch.fft.rfft(tail * wet, n=size)
    # Delay, as of a second loudspeaker.
    late = uniform(sounds, 0.2, 0.5, draw)
    half = 0.5 * (uniform(sounds, 0, 1, draw) < chances.delay)
    spectrum = spectrum * (1 + half * torch.exp(-2j * math.pi * frequency * late))
    # Microphone.
    gains = uniform(sounds, -chances.bands_db, chances.bands_db, draw, 6)
    place = (1 + frequency / 300).log2().clamp(max=4.99)
    below = place.floor().long()
    share = place - below
    curve = gains[:, below] * (1 - share) + gains[:, below + 1] * share
    # Line.
    lowest, highest = uniform(sounds, 20, 500, draw), uniform(sounds, 2500, 8000, draw)
    telephone = uniform(sounds, *TELEPHONE, draw)
    highest = torch.where(uniform(sounds, 0, 1, draw) < chances.telephone, telephone, highest)
    cut = uniform(sounds, 0, 1, draw) < chances.line
    over = (frequency / highest).clamp(min=1e-3) ** 16 + (lowest / frequency.clamp(min=1)) ** 6
    line = torch.where(cut, 1 / (1 + over).sqrt(), torch.ones_like(over))
    whole: torch.Tensor = spectrum * 10 ** (curve / 20) * line
    return whole


@dataclass(frozen=True, slots=True)
class Chances:
    """How likely, and how far, a sound is altered.

    Args:
        polarity: of being turned over.
        echo, echo_seconds: of a room, and the longest time in which it dies away by 60 dB.
        delay: of one echo after 0.2 to 0.5 s.
        bands_db: by how much a microphone raises or lowers a band.
        line, telephone: of a band that is cut, and of its being no wider than a telephone's.
        noise, noise_db: of noise, and the least and the largest ratio of signal to noise.
        babble: of other sounds in the background, at the same ratios and 5 dB more.
        clip: of clipped peaks.
        coarse: of samples of eight bits, by the mu-law of telephones (ITU-T G.711).
    """

    polarity: float = 0.5
    echo: float = 0.5
    echo_seconds: float = 0.7
    delay: float = 0.0
    bands_db: float = 6.0
    line: float = 0.6
    telephone: float = 0.5
    noise: float = 0.6
    noise_db: tuple[float, float] = (3.0, 35.0)
    babble: float = 0.2
    clip: float = 0.1
    coarse: float = 0.15


def altered(
    sounds: torch.Tensor, behind: torch.Tensor, chances: Chances, draw: torch.Generator
) -> torch.Tensor:
    """Alter a batch.

    Args:
        sounds: float32 (n, t).
        behind: float32 (n, t), other sounds, for the background.
    """
    length = sounds.shape[1]
    sounds = sounds / power(sounds).sqrt()
    # The end of a room's tail is let fall on the beginning, where it is no more than noise.
    size = _round(length + ECHO_SAMPLES // 2)
    spectrum = torch.fft.rfft(sounds, n=size) * transfers(sounds, size, chances, draw)
    sounds = torch.fft.irfft(spectrum, n=size)[:, :length].contiguous()
    low, high = chances.noise_db
    sounds = chosen(sounds, mixed(sounds, behind, low + 5, high + 5, draw), chances.babble, draw)
    noisy = mixed(sounds, coloured(sounds, draw), low, high, draw)
    sounds = chosen(sounds, noisy, chances.noise, draw)
    peak = sounds.abs().amax(1, keepdim=True) + 1e-9
    sounds = sounds / peak
    limit = uniform(sounds, 0.15, 0.8, draw)
    sounds = chosen(sounds, (sounds / limit).clamp(-1, 1), chances.clip, draw)
    law = 255.0
    squeezed = sounds.sign() * (1 + law * sounds.abs()).log() / math.log1p(law)
    squeezed = (squeezed * 127).round() / 127
    coarse = squeezed.sign() * ((1 + law) ** squeezed.abs() - 1) / law
    sounds = chosen(sounds, coarse, chances.coarse, draw)
    return sounds * torch.where(uniform(sounds, 0, 1, draw) < chances.polarity, -1.0, 1.0)


def _round(size: int) -> int:
    """Find a size that transforms fast: 2, 3 or 5 times a power of two."""
    powers = [base << shift for base in (1, 3, 5) for shift in range(4, 20)]
    return min(p for p in powers if p >= size)


def as_samples(sounds: torch.Tensor) -> torch.Tensor:
    """Turn a batch into int16 of the level that serving gives."""
    scaled = sounds * (10 ** (-23 / 20) / power(sounds).sqrt())
    return (scaled * 32_767).round().clamp(-32_767, 32_767).to(torch.int16)
