"""The training loop: seeded, resumable, with averaged weights, and a log that can be read.

It learns where the model is: on the processor, or on a GPU, where the batches follow.
"""

import copy
import itertools
import json
import math
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol, TypeVar

import torch
from torch import nn
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from models.training.objective import Objective
from models.training.recipe import Pair, Pairs
from models.training.schedule import Schedule

CHECKPOINT, LOG = "checkpoint.pt", "log.jsonl"
SAVE_MINUTES = 10.0  # what a training that is killed loses at most, where evaluations are rare


Batch = TypeVar("Batch")
Batch_co = TypeVar("Batch_co", covariant=True)
Evaluate = Callable[[nn.Module], Mapping[str, float]]


class Draws(Protocol[Batch_co]):
    """Draws batches; the same step gives the same batch."""

    def draw(self, step: int, size: int) -> Batch_co:
        """Draw the batch of a step, of about `size` items."""
        ...


def train(
    tower: nn.Module,
    pairs: Pairs,
    objective: Objective,
    schedule: Schedule,
    folder: Path,
    *,
    evaluate: Evaluate,
    minutes: float = math.inf,
    stop: float = math.inf,
    resume: bool = False,
    workers: int = 1,
) -> nn.Module:
    """Train a tower on pairs by an objective; see `fit`."""
    return fit(
        tower,
        pairs,
        paired(objective),
        schedule,
        folder,
        evaluate=evaluate,
        minutes=minutes,
        stop=stop,
        resume=resume,
        workers=workers,
    )


def paired(objective: Objective) -> Callable[[nn.Module, Pair], torch.Tensor]:
    """Make the loss of a tower on two views, which are embedded in one pass."""

    def lose(tower: nn.Module, pair: Pair) -> torch.Tensor:
        device = device_of(tower)
        with torch.autocast(device.type, torch.bfloat16):
            rows = tower(torch.cat([pair.first, pair.second]).to(device, non_blocking=True))
        first, second = rows.float().chunk(2)
        return objective(first, second, pair.labels.to(device, non_blocking=True))

    return lose


def device_of(model: nn.Module) -> torch.device:
    """Tell where a model is, by the first of its weights."""
    return next(model.parameters()).device


def fit(
    model: nn.Module,
    draws: Draws[Batch],
    lose: Callable[[nn.Module, Batch], torch.Tensor],
    schedule: Schedule,
    folder: Path,
    *,
    evaluate: Evaluate,
    minutes: float = math.inf,
    stop: float = math.inf,
    resume: bool = False,
    workers: int = 1,
) -> nn.Module:
    """Train a model by its loss on batches, and return it with its averaged weights.

    Args:
        model: learns on the device on which it is; what is returned is on the processor.
        lose: the loss of a batch, which it moves to the model's device.
        folder: gets the checkpoint and the log; with `resume`, training goes on from what is
            there, if anything is.
        evaluate: figures of the averaged model, on the processor, for the log.
        minutes: when to stop even if steps are left.
        stop: the step to stop at, if it comes first.
        workers: processes that draw batches, in turn; with 0 they are drawn here, between steps:
            for what is drawn on a GPU.
    """
    folder.mkdir(parents=True, exist_ok=True)
    mean = copy.deepcopy(model).eval().requires_grad_(False)
    optimiser = torch.optim.AdamW(_groups(model, schedule.decay), lr=schedule.rate)
    there = resume and (folder / CHECKPOINT).exists()
    start = _restore(folder / CHECKPOINT, model, mean, optimiser) if there else 0
    if start >= schedule.steps or minutes <= 0:
        return mean.cpu()
    began, pace, saved = time.monotonic(), _Pace(), 0.0
    batches = _batches(draws, start, schedule.size, workers)
    for step in range(start, schedule.steps):
        batch = next(batches)
        spent = (time.monotonic() - began) / 60
        for group in optimiser.param_groups:
            group["lr"] = schedule.rate_at(step, spent)
        pace.tell(_learn(model, lose, batch, optimiser), schedule.size)
        _average(mean, model, min(schedule.averaged, (step + 1) / (step + 10)))
        if (step + 1) % schedule.report_steps == 0:
            _log(folder, {"step": step + 1, **pace.told()})
        last = spent > min(minutes, schedule.minutes) or step + 1 >= min(stop, schedule.steps)
        due = last or (step + 1) % schedule.check_steps == 0
        if due or spent > saved + SAVE_MINUTES:
            _save(folder / CHECKPOINT, step + 1, model, mean, optimiser)
            saved = spent
        if due:
            _log(folder, {"step": step + 1, **evaluate(copy.deepcopy(mean).cpu())})
        if last:
            break
    return mean.cpu()


class _Pace:
    """The mean loss and the speed since they were last told."""

    def __init__(self) -> None:
        self.began, self.pairs, self.losses = time.monotonic(), 0, list[float]()

    def tell(self, loss: float, pairs: int) -> None:
        self.losses.append(loss)
        self.pairs += pairs

    def told(self) -> dict[str, float]:
        spent = time.monotonic() - self.began
        told = {"loss": sum(self.losses) / len(self.losses), "pairs_per_second": self.pairs / spent}
        self.__init__()  # type: ignore[misc]
        return told


def _learn(
    model: nn.Module,
    lose: Callable[[nn.Module, Batch], torch.Tensor],
    batch: Batch,
    optimiser: torch.optim.Optimizer,
) -> float:
    model.train()
    loss = lose(model, batch)
    optimiser.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()
    return loss.item()


@torch.no_grad()
def _average(mean: nn.Module, tower: nn.Module, momentum: float) -> None:
    for old, new in zip(mean.state_dict().values(), tower.state_dict().values(), strict=True):
        if old.is_floating_point():
            old.lerp_(new, 1 - momentum)
        else:
            old.copy_(new)


def _groups(tower: nn.Module, decay: float) -> list[dict[str, object]]:
    """Part the weights that decay from gains and offsets, which do not."""
    flat = [p for p in tower.parameters() if p.ndim <= 1]
    deep = [p for p in tower.parameters() if p.ndim > 1]
    return [{"params": deep, "weight_decay": decay}, {"params": flat, "weight_decay": 0.0}]


class _Stream(IterableDataset[Batch]):
    """The batches from a step on; of several workers, each draws every so many-th."""

    def __init__(self, draws: Draws[Batch], start: int, size: int) -> None:
        self.draws, self.start, self.size = draws, start, size

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        if worker is not None:
            torch.set_num_threads(1)
        first, stride = (worker.id, worker.num_workers) if worker else (0, 1)
        for step in itertools.count(self.start + first, stride):
            yield self.draws.draw(step, self.size)


def _batches(draws: Draws[Batch], start: int, size: int, workers: int) -> Iterator[Batch]:
    """Draw batches ahead, in their order: a loader asks its workers in turn."""
    stream = _Stream(draws, start, size)
    ahead = 4 if workers else None
    return iter(DataLoader(stream, batch_size=None, num_workers=workers, prefetch_factor=ahead))


def _save(
    path: Path, step: int, tower: nn.Module, mean: nn.Module, optimiser: torch.optim.Optimizer
) -> None:
    state = {
        "step": step,
        "tower": tower.state_dict(),
        "mean": mean.state_dict(),
        "optimiser": optimiser.state_dict(),
    }
    aside = path.with_suffix(".part")
    torch.save(state, aside)
    aside.replace(path)


def _restore(
    path: Path, tower: nn.Module, mean: nn.Module, optimiser: torch.optim.Optimizer
) -> int:
    state = torch.load(path, weights_only=True, map_location=device_of(tower))
    tower.load_state_dict(state["tower"])
    mean.load_state_dict(state["mean"])
    if "optimiser" in state:  # left out of one that has travelled
        optimiser.load_state_dict(state["optimiser"])
    return int(state["step"])


def _log(folder: Path, line: Mapping[str, float]) -> None:
    text = json.dumps({name: round(value, 5) for name, value in line.items()})
    with (folder / LOG).open("a", encoding="utf-8") as file:
        file.write(text + "\n")
