"""What every recipe keeps, over every file of `models/training/recipes/`."""

import inspect
from pathlib import Path

import pytest

import models.training.recipes

pytest.importorskip("torch", reason="the train extra is not installed")

import torch

from models.training.recipe import Pair, drawn_on, open_recipe, recipe_names

NAMES = recipe_names()


def test_every_file_is_found() -> None:
    folder = Path(models.training.recipes.__path__[0])
    assert sorted(path.stem for path in folder.glob("[!_]*.py")) == NAMES != []


@pytest.mark.parametrize("name", NAMES)
def test_it_is_built_of_data_and_a_folder_to_work_in(name: str) -> None:
    assert list(inspect.signature(open_recipe(name).build).parameters) == ["data", "work"]


def test_an_unknown_recipe_is_named() -> None:
    with pytest.raises(ValueError, match="'cats' is not one of"):
        open_recipe("cats")


class Still:
    """Pairs that are drawn where they are drawn."""

    def draw(self, step: int, size: int) -> Pair:
        raise AssertionError


class Moving(Still):
    """Pairs that can be drawn elsewhere, and say where."""

    where = torch.device("cpu")

    def to(self, device: torch.device) -> "Moving":
        moved = Moving()
        moved.where = device
        return moved


def test_pairs_are_drawn_on_a_gpu_where_they_can_be() -> None:
    gpu, still, moving = torch.device("cuda"), Still(), Moving()
    assert drawn_on(still, gpu) is still
    assert drawn_on(moving, torch.device("cpu")) is moving
    moved = drawn_on(moving, gpu)
    assert isinstance(moved, Moving)
    assert moved.where == gpu
