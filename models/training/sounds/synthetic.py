"""Sounds of no kind in particular: tones that glide and ring, noises, clicks, and what repeats."""

import math

import torch

from models.training.sounds.altering import coloured, power, uniform
from models.training.sounds.clips import RATE, Clips
from models.training.sounds.shelf import generator, learner

LAYERS = 3
AT_ONCE = 64


def _log(like: torch.Tensor, low: float, high: float, draw: torch.Generator) -> torch.Tensor:
    return torch.exp(uniform(like, math.log(low), math.log(high), draw))


def _envelope(time: torch.Tensor, like: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Draw when it sounds: it may begin late, end early, die away, and begin again."""
    length = float(time[-1])
    onset = uniform(like, -0.5 * length, 0.5 * length, draw).clamp(min=0)
    until = onset + _log(like, 0.2, 2 * length, draw)
    period = _log(like, 0.06, 3 * length, draw)
    since = (time - onset).remainder(period)
    decay, attack = _log(like, 0.015, 4.0, draw), _log(like, 0.001, 0.2, draw)
    beat = torch.exp(-since / decay) * (since / attack).clamp(max=1)
    return beat * (time >= onset) * (time < until)


def _tone(time: torch.Tensor, like: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Draw a tone by frequency modulation (Chowning, 1973) that glides and trembles."""
    pitch = _log(like, 50, 3500, draw)
    glide = uniform(like, -1, 1, draw) ** 3 * 1.5
    tremble = uniform(like, 0, 1, draw) ** 4 * 0.3
    octaves = glide * time / time[-1] + tremble * torch.sin(
        2 * math.pi * _log(like, 2, 15, draw) * time
    )
    phase = 2 * math.pi * torch.cumsum(pitch * 2**octaves / RATE, 1)
    ratio = torch.where(
        uniform(like, 0, 1, draw) < 0.7,
        torch.ceil(uniform(like, 0, 5, draw)),
        uniform(like, 0.3, 5, draw),
    )
    depth = uniform(like, 0, 1, draw) ** 2 * 6
    fading = torch.exp(-uniform(like, 0, 2, draw) * time)
    inside: torch.Tensor = depth * fading * torch.sin(ratio * phase)
    return torch.sin(phase + inside)


def _noise(time: torch.Tensor, like: torch.Tensor, draw: torch.Generator) -> torch.Tensor:
    """Draw noise in one band, of any colour."""
    noise = coloured(torch.zeros(len(like), len(time), device=like.device), draw)
    spectrum = torch.fft.rfft(noise)
    frequency = torch.fft.rfftfreq(len(time), 1 / RATE, device=like.device)
    middle, width = _log(like, 100, 7000, draw), uniform(like, 0.05, 4, draw)
    away = (frequency.clamp(min=1) / middle).log2() / width
    banded: torch.Tensor = torch.fft.irfft(spectrum * torch.exp(-away.square()), n=len(time))
    return banded


def synthetic(count: int, seconds: float, seed: int) -> Clips:
    """Draw sounds, each of some layers; the same seed draws the same on one device."""
    device = learner()
    parts = []
    for start in range(0, count, AT_ONCE):
        draw = generator(device, seed, start)
        like = torch.zeros(min(AT_ONCE, count - start), device=device)
        time = torch.arange(round(seconds * RATE), device=device) / RATE
        whole = torch.zeros(len(like), len(time), device=device)
        for _ in range(LAYERS):
            tone, noise = _tone(time, like, draw), _noise(time, like, draw)
            tonal = uniform(like, 0, 1, draw) < 0.6
            made = torch.where(tonal, tone, noise) * _envelope(time, like, draw)
            made = made / power(made).sqrt() * 10 ** (uniform(like, -25, 0, draw) / 20)
            whole = whole + made
        scaled = whole / (whole.abs().amax(1, keepdim=True) + 1e-9) * 16_000
        parts.append(scaled.to(torch.int16).cpu())
    samples = torch.cat(parts)
    starts = torch.arange(count + 1) * samples.shape[1]
    return Clips(samples.flatten().numpy(), starts.numpy(), torch.arange(count).numpy())
