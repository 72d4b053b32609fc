"""The encoders that can be asked: loaded and unloaded at run time, asleep when unused."""

import asyncio
import gc
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from time import monotonic

from anyio.to_thread import run_sync

from index.errors import SpaceMismatch
from models.manifest import Manifest
from service.errors import ModelUnknown
from service.lane import Lane
from service.metrics import Metrics

log = logging.getLogger("semblance.shelf")
LOOKS_PER_IDLE = 4  # how often, in the time after which it sleeps, an encoder is looked at


@dataclass(slots=True)
class Model:
    """One encoder that can be asked: what it is, and its lane while it is in memory."""

    name: str
    space: str
    dim: int
    modality: str
    cost_max: int
    manifest: Manifest
    lane: Lane | None
    used_at: float = field(default_factory=monotonic)

    @classmethod
    def of(cls, lane: Lane) -> "Model":
        """Describe a lane's encoder."""
        encoder = lane.encoder
        return cls(
            name=encoder.name,
            space=encoder.space,
            dim=encoder.dim,
            modality=encoder.modality,
            cost_max=encoder.cost_max,
            manifest=encoder.manifest,
            lane=lane,
        )


class Shelf:
    """The models by name, each with its lane.

    Args:
        open_lane: opens a bundle of that name and starts its lane; it blocks, and raises
            `BundleError`, or `ModelUnknown` where there is no such bundle.
        idle_seconds: an encoder unused for so long is put out of memory until it is asked for
            again; 0 keeps it.
    """

    def __init__(
        self, open_lane: Callable[[str], Lane], metrics: Metrics, *, idle_seconds: float = 0
    ) -> None:
        self._open_lane = open_lane
        self._metrics = metrics
        self._idle_seconds = idle_seconds
        self._models: dict[str, Model] = {}
        self._loading: dict[str, asyncio.Lock] = {}

    @property
    def models(self) -> Mapping[str, Model]:
        """What can be asked, by name."""
        return self._models

    def add(self, lane: Lane) -> Model:
        """Take a lane that runs already."""
        model = Model.of(lane)
        self._models[model.name] = model
        self._metrics.model(model.name, loaded=True)
        return model

    def model(self, name: str) -> Model:
        """Return a model by its name.

        Raises:
            ModelUnknown: no loaded encoder has the name.
        """
        try:
            return self._models[name]
        except KeyError:
            loaded = ", ".join(sorted(self._models)) or "none"
            raise ModelUnknown(f"no model {name!r} is loaded; loaded: {loaded}") from None

    def in_space(self, space: str) -> Model | None:
        """Return the model whose rows lie in a space, or None where no loaded one makes them."""
        return next((model for model in self._models.values() if model.space == space), None)

    def of_gallery(self, space: str, *, gallery: str) -> Model:
        """Return the model whose rows lie in a gallery's space.

        Raises:
            SpaceMismatch: no loaded encoder makes rows of that space.
        """
        model = self.in_space(space)
        if model is not None:
            return model
        loaded = ", ".join(sorted(model.space for model in self._models.values())) or "none"
        raise SpaceMismatch(
            f"gallery {gallery!r} holds rows of space {space!r}, which no loaded encoder makes "
            f'(loaded spaces: {loaded}); send {{"vector": ...}} or load its encoder'
        )

    async def lane(self, model: Model) -> Lane:
        """Return a model's lane, waking it where it sleeps.

        Raises:
            ModelUnknown: it was unloaded, or changed for another, since it was looked up.
            BundleError: it slept, and its bundle cannot be opened any more.
        """
        standing = self.model(model.name)
        if standing.space != model.space:
            raise ModelUnknown(
                f"model {model.name!r} was changed for one of another space meanwhile: ask again"
            )
        return await self._awake(standing)

    async def _awake(self, model: Model) -> Lane:
        model.used_at = monotonic()
        if model.lane is not None:
            return model.lane
        async with self._lock(model.name):
            if model.lane is None:
                model.lane = await run_sync(self._open_lane, model.name)
                self._metrics.model(model.name, loaded=True)
            return model.lane

    async def load(self, name: str) -> Model:
        """Load a bundle of the folder; one that is loaded is opened anew, and changed over.

        Raises:
            ModelUnknown: the folder has no such bundle.
            BundleError: it cannot be served.
        """
        async with self._lock(name):
            standing = self._models.get(name)
            model = self.add(await run_sync(self._open_lane, name))
            log.info("loaded encoder %s", name)
        if standing is not None and standing.lane is not None:
            await run_sync(_end, standing)
        return model

    async def unload(self, name: str) -> None:
        """Take a model off the shelf; what waits for it is finished.

        Raises:
            ModelUnknown: it is not loaded.
        """
        async with self._lock(name):
            model = self.model(name)
            del self._models[name]
            self._metrics.model(name, loaded=False)
        await run_sync(_end, model)
        log.info("unloaded encoder %s", name)

    async def watch(self) -> None:
        """Put to sleep what nobody uses, for as long as the service runs."""
        while self._idle_seconds:
            await asyncio.sleep(self._idle_seconds / LOOKS_PER_IDLE)
            for model in list(self._models.values()):
                if monotonic() - model.used_at < self._idle_seconds or model.lane is None:
                    continue
                if model.lane.idle:
                    self._metrics.model(model.name, loaded=False)
                    await run_sync(_end, model)
                    log.info("encoder %s sleeps until it is asked for", model.name)

    def close(self, wait_seconds: float = 10.0) -> None:
        """End every lane."""
        for model in self._models.values():
            if model.lane is not None:
                model.lane.close(wait_seconds)

    def _lock(self, name: str) -> asyncio.Lock:
        return self._loading.setdefault(name, asyncio.Lock())


def _end(model: Model) -> None:
    """End a model's lane, and let its memory go."""
    lane, model.lane = model.lane, None
    if lane is not None:
        lane.close()
    del lane
    gc.collect()  # the session's memory is freed with its last reference, cycles included
