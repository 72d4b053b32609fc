"""The assembly: what was opened is closed again where the rest cannot be."""

import asyncio
import threading
import time
from pathlib import Path

import pytest

from index.errors import FolderLocked
from index.galleries import Galleries
from models.errors import BundleCorrupt
from service import assembly
from service.settings import Settings
from service.shelf import Model

NAMES = [f"m{number}" for number in range(200)]


def settings_of(folder: Path) -> Settings:
    return Settings(data_dir=folder, models=",".join(NAMES))


def test_an_encoder_that_cannot_be_served_leaves_the_folder_to_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(name: str, **_: object) -> None:
        raise BundleCorrupt(name)

    monkeypatch.setattr(assembly, "open_lane", broken)
    with pytest.raises(BundleCorrupt, match="m0"):
        assembly.assemble(settings_of(tmp_path))
    Galleries.open(tmp_path).close()


def test_a_folder_in_use_is_told_before_the_next_encoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = []
    told = threading.Event()
    open_galleries = assembly.open_galleries

    def galleries(*given: object) -> Galleries:
        try:
            return open_galleries(*given)  # type: ignore[arg-type]
        finally:
            told.set()

    class Lane:
        """Takes as long to open as the galleries take to be refused."""

        encoder = None

        def __init__(self, name: str, **_: object) -> None:
            opened.append(name)
            told.wait(60)
            time.sleep(0.01)

    monkeypatch.setattr(assembly, "open_lane", Lane)
    monkeypatch.setattr(assembly, "open_galleries", galleries)
    monkeypatch.setattr(assembly.Shelf, "add", lambda shelf, lane: None)
    holder = Galleries.open(tmp_path)
    try:
        with pytest.raises(FolderLocked):
            assembly.assemble(settings_of(tmp_path))
    finally:
        holder.close()
    assert len(opened) < len(NAMES)


def test_an_encoder_is_described_asleep_as_it_is_awake(tmp_path: Path) -> None:
    told = Settings(data_dir=tmp_path, models="names")
    parts = assembly.assemble(told, asleep=True)
    try:
        model = parts.embedder.shelf.model("names")
        assert model.lane is None
        lane = asyncio.run(parts.embedder.shelf.lane(model))
        awake = Model.of(lane)
    finally:
        parts.close()
    for field in ("name", "space", "dim", "modality", "cost_max", "call_items_max", "manifest"):
        assert getattr(model, field) == getattr(awake, field), field
