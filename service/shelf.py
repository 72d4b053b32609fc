"""The encoders that can be asked: loaded and unloaded at run time, asleep when unused."""

import asyncio
import gc
import logging
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from time import monotonic

from anyio import CancelScope
from anyio.to_thread import run_sync

from index.errors import SpaceMismatch
from models.bundle import Bundle, identity_of
from models.errors import BundleError
from models.manifest import Manifest
from models.modality import Modality
from service.errors import LaneDead, ModelUnknown, RequestInvalid
from service.lane import Lane
from service.metrics import Metrics

log = logging.getLogger("semblance.shelf")
REOPEN_SECONDS = 5.0  # after which a bundle that could not be opened is tried again
LOOKS_PER_IDLE = 4  # how often, in the time after which it sleeps, an encoder is looked at


@dataclass(slots=True)
class Model:
    """One encoder that can be asked: what it is, and its lane while it is in memory.

    Args:
        space: in which its rows lie; another model's too, where the two were trained to meet.
        identity: what tells its rows from those of any other encoder.
        call_items_max: items of any cost that one call to its lane may have.
    """

    name: str
    space: str
    identity: str
    dim: int
    modality: str
    cost_max: int
    call_items_max: int
    manifest: Manifest
    lane: Lane | None
    used_at: float = field(default_factory=monotonic)
    asleep_until: float = 0.0  # it could not be opened, and is left alone for a moment

    @classmethod
    def of(cls, lane: Lane) -> "Model":
        """Describe a lane's encoder."""
        encoder = lane.encoder
        return cls(
            name=encoder.name,
            space=encoder.space,
            identity=encoder.space if owns(encoder.manifest) else identity_of(encoder.manifest),
            dim=encoder.dim,
            modality=encoder.modality,
            cost_max=encoder.cost_max,
            call_items_max=max(1, lane.call_cost_max // encoder.cost_max),
            manifest=encoder.manifest,
            lane=lane,
        )

    @classmethod
    def asleep(cls, bundle: Bundle, modality: Modality, call_cost_max: int) -> "Model":
        """Describe a bundle whose encoder is opened when it is asked for."""
        manifest = bundle.manifest
        return cls(
            name=manifest.name,
            space=bundle.space,
            identity=identity_of(manifest),
            dim=manifest.dim,
            modality=manifest.modality,
            cost_max=modality.cost_max,
            call_items_max=max(1, call_cost_max // modality.cost_max),
            manifest=manifest,
            lane=None,
        )


class Shelf:
    """The models by name, each with its lane.

    Args:
        open_lane: opens a bundle of that name and starts its lane; it blocks, and raises
            `BundleError`, or `ModelUnknown` where there is no such bundle.
        idle_seconds: an encoder unused for so long is put out of memory until it is asked for
            again; 0 keeps it.
        finish_seconds: that a lane gets to finish what waits for it when it is put away.
    """

    def __init__(
        self,
        open_lane: Callable[[str], Lane],
        metrics: Metrics,
        *,
        idle_seconds: float = 0,
        finish_seconds: float = 300,
    ) -> None:
        self._open_lane = open_lane
        self._metrics = metrics
        self._idle_seconds = idle_seconds
        self._models: dict[str, Model] = {}
        self._finish_seconds = finish_seconds
        self._loading: dict[str, asyncio.Lock] = {}
        self._retiring: set[asyncio.Task[None]] = set()

    @property
    def models(self) -> Mapping[str, Model]:
        """What can be asked, by name."""
        return self._models

    def add(self, lane: Lane) -> Model:
        """Take a lane that runs already."""
        return self.put(Model.of(lane))

    def put(self, model: Model) -> Model:
        """Take a model; one that is asleep is opened when it is asked for."""
        self._models[model.name] = model
        self._show(model.name)
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
        """Return the model whose rows lie in a space, or None where no loaded one makes them.

        Of several that were trained to meet, the one whose space it is.
        """
        there = [model for model in self._models.values() if model.space == space]
        return next((model for model in there if owns(model.manifest)), next(iter(there), None))

    def reader(self, model: Model, modality: str) -> Model:
        """Return the model that reads items of a modality, with rows in the space of another one.

        Where there is none, that other one, which says what it reads.
        """
        if model.modality == modality:
            return model
        for one in self._models.values():
            if (one.modality, one.space, one.dim) == (modality, model.space, model.dim):
                return one
        return model

    def check_dim(self, space: str, dim: int) -> None:
        """Refuse a gallery of a space in which the rows of a model lie, and of another dimension.

        Raises:
            RequestInvalid: naming both dimensions.
        """
        made_by = self.in_space(space)
        if made_by is not None and made_by.dim != dim:
            raise RequestInvalid(
                f"space {space!r} is that of model {made_by.name!r}, of dimension {made_by.dim}, "
                f"not {dim}; vectors made elsewhere need another name for their space",
                param="dim",
            )

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
            LaneDead: it slept, and its bundle cannot be opened any more.
        """
        standing = self._standing(model)
        standing.used_at = monotonic()
        return standing.lane or await self._wake(standing)

    async def load(self, name: str) -> Model:
        """Load a bundle of the folder; one that is loaded is opened anew, and changed over.

        Raises:
            ModelUnknown: the folder has no such bundle.
            BundleError: it cannot be served.
        """
        async with self._lock(name):
            with CancelScope(shield=True):  # what is opened is put on the shelf, or never closed
                lane = await run_sync(self._open_lane, name)
            standing = self._models.get(name)
            model = self.add(lane)
        if standing is not None:
            self._retire(standing)
        log.info("loaded encoder %s", name)
        return model

    async def unload(self, name: str) -> None:
        """Take a model off the shelf, and wait until what waits for it is finished.

        Raises:
            ModelUnknown: it is not loaded.
        """
        async with self._lock(name):
            retiring = self._retire(self._models.pop(self.model(name).name))
        log.info("unloaded encoder %s", name)
        if retiring is not None:
            await asyncio.shield(retiring)

    async def watch(self) -> None:
        """Put to sleep what nobody uses, for as long as the service runs."""
        while self._idle_seconds:
            await asyncio.sleep(self._idle_seconds / LOOKS_PER_IDLE)
            for model in list(self._models.values()):
                unused = monotonic() - model.used_at >= self._idle_seconds
                if unused and model.lane is not None and model.lane.idle:
                    self._retire(model)
                    log.info("encoder %s sleeps until it is asked for", model.name)

    def close(self, wait_seconds: float = 10.0) -> None:
        """End every lane."""
        with ExitStack() as each:  # one that fails to end does not keep the others
            for model in self._models.values():
                if model.lane is not None:
                    each.callback(model.lane.close, wait_seconds)

    def _standing(self, model: Model) -> Model:
        """Find what stands in a model's place now, if it makes rows of the same space."""
        standing = self.model(model.name)
        if standing.space != model.space:
            raise ModelUnknown(
                f"model {model.name!r} was changed for one of another space meanwhile: ask again"
            )
        return standing

    async def _wake(self, model: Model) -> Lane:
        async with self._lock(model.name):
            standing = self._standing(model)  # it may have been changed, or woken, meanwhile
            if standing.lane is not None:
                return standing.lane
            with CancelScope(shield=True):
                lane = standing.lane = await self._reopened(standing)
            self._show(standing.name)
            return lane

    async def _reopened(self, model: Model) -> Lane:
        if monotonic() < model.asleep_until:
            raise LaneDead(f"encoder {model.name!r} sleeps, and could not be opened a moment ago")
        try:
            lane = await run_sync(self._open_lane, model.name)
        except (BundleError, ModelUnknown) as error:
            log.exception("encoder %s sleeps, and cannot be opened any more", model.name)
            model.asleep_until = monotonic() + REOPEN_SECONDS
            raise LaneDead(
                f"encoder {model.name!r} sleeps, and its bundle cannot be opened any more"
            ) from error
        if (lane.encoder.space, lane.encoder.dim) != (model.space, model.dim):
            await run_sync(lane.close)
            raise LaneDead(
                f"the bundle of encoder {model.name!r} was changed for one of another space while "
                f"it slept: load it (POST /v1/models/{model.name}/load)"
            )
        return lane

    def _retire(self, model: Model) -> "asyncio.Task[None] | None":
        """End a model's lane behind the callers' backs, when what waits for it is finished."""
        lane, model.lane = model.lane, None
        self._show(model.name)
        if lane is None:
            return None
        task = asyncio.create_task(run_sync(_end, lane, self._finish_seconds))
        self._retiring.add(task)
        task.add_done_callback(self._retiring.discard)
        return task

    def _show(self, name: str) -> None:
        model = self._models.get(name)
        self._metrics.model(name, loaded=model is not None and model.lane is not None)

    def _lock(self, name: str) -> asyncio.Lock:
        return self._loading.setdefault(name, asyncio.Lock())


def owns(manifest: Manifest) -> bool:
    """Tell that an encoder's rows lie in a space of its own."""
    return manifest.space is None


def _end(lane: Lane, seconds: float) -> None:
    """End a lane, and let its memory go."""
    lane.close(seconds)
    del lane
    gc.collect()  # the session's memory is freed with its last reference, cycles included
