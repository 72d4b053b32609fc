"""One training per objective, all else the same; a line of figures of each."""

import copy
import json
import statistics
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

from models.training.ablation.drawn_once import DrawnOnce
from models.training.loop import LOG, train
from models.training.objective import Objective, open_objective
from models.training.publishing import tower_embed
from models.training.recipe import Recipe
from models.training.schedule import Schedule

LINES, PAIRS = "ablation.jsonl", "pairs"
PARTS = 10  # of a training: the first warms up; after each, the log tells and a checkpoint is kept

Line = dict[str, str | int | float]


@dataclass(frozen=True, slots=True)
class Budget:
    """What every training of a table has.

    Args:
        stage: the place of the recipe's stage that is trained, from random weights.
        steps: batches of a training.
        size: pairs of a batch.
    """

    stage: int
    steps: int
    size: int

    def schedule(self, usual: Schedule) -> Schedule:
        """Fit a stage's schedule; its own warm-up is for longer trainings."""
        part = max(1, self.steps // PARTS)
        return replace(
            usual,
            steps=self.steps,
            size=self.size,
            warm=part,
            report_steps=part,
            check_steps=part,
        )


def objective_of(text: str) -> Objective:
    """Make an objective of `name`, with its defaults, or of `name:setting=value,setting=value`.

    Raises:
        ValueError: there is none of that name, or it does not take those settings.
    """
    name, _, rest = text.partition(":")
    try:
        settings = dict(setting.split("=", 1) for setting in rest.split(",") if setting)
        values = {key: json.loads(value) for key, value in settings.items()}
        made: Objective = open_objective(name).build(**values)
    except (TypeError, ValueError) as error:
        raise ValueError(f"objective {text!r}: {error}") from None
    return made


def ablate(
    recipe: Recipe,
    objectives: Sequence[str],
    seeds: Iterable[int],
    budget: Budget,
    folder: Path,
    *,
    on_line: Callable[[Line], None] = lambda _: None,
) -> list[Line]:
    """Train a tower by each objective and try it alone; what `folder` has is not done again.

    Of one seed all begin with the same weights, and all see the same batches in the same order.

    Args:
        recipe: whose stage is trained, and whose trials are made of the averaged tower.
        objectives: see `objective_of`.
        seeds: of the weights that a tower begins with.
        folder: gets the batches, the checkpoints and logs, and a JSON object a line for each
            training.

    Returns:
        all lines of the folder that are of this budget.

    Raises:
        ValueError: see `objective_of`; nothing was trained then.
    """
    made = {text: objective_of(text) for text in objectives}
    stage = recipe.stages[budget.stage]
    pairs = DrawnOnce(stage.pairs, folder / PAIRS)
    # Drawn before, so that no training is slowed down by it.
    for step in range(budget.steps):
        pairs.draw(step, budget.size)
    shown = copy.deepcopy(stage.tower).eval()
    embed = tower_embed(shown, recipe.modality, stage.preprocessing)
    for seed in seeds:
        for text, objective in made.items():
            one: Line = {"objective": text, "seed": seed, "steps": budget.steps}
            one["size"] = budget.size
            if any(one.items() <= line.items() for line in lines_of(folder)):
                continue
            own = folder / "-".join(map(str, one.values()))
            mean = train(
                begun(stage.tower, seed),
                pairs,
                objective,
                budget.schedule(stage.schedule),
                own,
                evaluate=lambda _: {},
                resume=True,
            )
            shown.load_state_dict(mean.state_dict())
            line = one | _told(own, budget.size) | dict(recipe.trials(embed))
            _keep(folder, line)
            on_line(line)
    sizes = {"steps": budget.steps, "size": budget.size}
    return [line for line in lines_of(folder) if sizes.items() <= line.items()]


def begun(tower: torch.nn.Module, seed: int) -> torch.nn.Module:
    """Copy a tower, with the first weights of a seed."""
    copied = copy.deepcopy(tower)
    torch.manual_seed(seed)
    for module in copied.modules():
        if callable(reset := getattr(module, "reset_parameters", None)):
            reset()
    return copied


def lines_of(folder: Path) -> list[Line]:
    """Read what a folder has of trainings."""
    kept = folder / LINES
    text = kept.read_text("utf-8") if kept.exists() else ""
    return [json.loads(line) for line in text.splitlines()]


def _keep(folder: Path, line: Line) -> None:
    text = {k: round(v, 5) if isinstance(v, float) else v for k, v in line.items()}
    with (folder / LINES).open("a", encoding="utf-8") as file:
        file.write(json.dumps(text) + "\n")


def _told(folder: Path, size: int) -> Line:
    """Read a training's log: the last mean loss, and the median of the seconds a step."""
    lines = [json.loads(line) for line in (folder / LOG).read_text("utf-8").splitlines()]
    # A part that was broken off and done again is told twice.
    told = {line["step"]: line for line in lines if "loss" in line}
    pace = statistics.median(line["pairs_per_second"] for line in told.values())
    return {"loss": told[max(told)]["loss"], "seconds_a_step": size / pace}
