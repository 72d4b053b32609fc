"""Settings to parts: the only file that names concrete classes."""

from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from functools import partial
from pathlib import Path

from index.galleries import Galleries
from models.bundle import Bundle, check_folder, list_bundles
from models.errors import BundleUnsupported
from models.modality import Modality, open_modality
from models.onnx_encoder import OnnxEncoder, Read
from models.onnx_session import cores
from models.pictures.ocr import Reader
from service.allowance import Allowance, Bounds, LocalAllowance
from service.batching import Batching
from service.embedder import Embedder
from service.enroller import Enroller
from service.errors import ModelUnknown
from service.imports.files import Files
from service.imports.runner import Imports
from service.keys import Keys
from service.lane import Lane, measured_rate
from service.listener import Listener
from service.long_items import Lengths
from service.metrics import GalleryRows, Metrics
from service.parts import Parts
from service.recall import Recall
from service.redis_cache import RedisCache
from service.redis_door import RedisDoor
from service.remote import Remote
from service.scanner import Scanner
from service.searcher import Searcher
from service.settings import ALL, Settings, SettingsInvalid
from service.shared_allowance import SharedAllowance
from service.shelf import Model, Shelf
from service.traces import Traces


def wanted_bundles(settings: Settings) -> list[str]:
    """Name the bundles to load at start.

    Raises:
        BundleUnsupported: there is no such directory, or all in it are wanted and there is none.
    """
    if settings.models != ALL:
        return [name.strip() for name in settings.models.split(",") if name.strip()]
    names = [folder.name for folder in list_bundles(settings.bundles_dir)]
    if not names:
        raise BundleUnsupported(
            f"{settings.bundles_dir} holds no bundle; `semblance models import` makes one, or set "
            "SEMBLANCE_BUNDLES_DIR"
        )
    return names


def open_reader(settings: Settings) -> Read | None:
    """Make what reads pictures in letters, where it is wanted.

    Raises:
        SettingsInvalid: it is wanted, and not installed.
    """
    if not settings.read_marks:
        return None
    try:
        return Reader(threads=settings.threads or cores())
    except ImportError as error:
        raise SettingsInvalid(
            "SEMBLANCE_READ_MARKS is set, and RapidOCR is not installed: "
            "`pip install 'semblance[ocr]'`, or unset it"
        ) from error


def folder_of(name: str, settings: Settings) -> Path:
    """Find a bundle by its name.

    Raises:
        ModelUnknown: the folder holds none of that name.
    """
    folders = {folder.name: folder for folder in list_bundles(settings.bundles_dir)}
    if name not in folders:
        there = ", ".join(folders) or "none"
        raise ModelUnknown(f"the bundles folder holds no {name!r}; there are: {there}")
    return folders[name]


def open_lane(name: str, *, settings: Settings, metrics: Metrics, read: Read | None = None) -> Lane:
    """Open a bundle of the folder by its name, and start its lane.

    Args:
        read: reads pictures for those items that ask for it.

    Raises:
        ModelUnknown: the folder holds no bundle of that name.
        BundleError: it is damaged, foreign, too new or answers its probe wrongly.
    """
    folder = folder_of(name, settings)
    encoder = OnnxEncoder.open(
        folder, threads=settings.threads, provider=settings.provider, read=read
    )
    check_folder(folder, encoder.name)
    batching = batching_of(encoder, settings, on_gpu=encoder.provider == "cuda")
    rate = measured_rate(encoder, batching)
    return Lane(encoder, metrics, settings, rate=rate, batching=batching, decoders=cores())


def describe(name: str, settings: Settings) -> Model:
    """Verify a bundle's files, and describe it; its encoder stays asleep until it is asked for.

    Raises:
        ModelUnknown: the folder holds no bundle of that name.
        BundleError: it is damaged, foreign or too new.
    """
    bundle = Bundle.open(folder_of(name, settings))
    manifest = bundle.manifest
    check_folder(bundle.folder, manifest.name)
    modality = open_modality(manifest.modality, manifest.preprocessing, bundle.folder)
    batching = batching_of(modality, settings, on_gpu=False)
    return Model.asleep(bundle, modality, batching.call_cost_max)


def batching_of(costs: OnnxEncoder | Modality, settings: Settings, *, on_gpu: bool) -> Batching:
    """Choose how an encoder's items are batched, by what they cost."""
    even = costs.cost_max if costs.cost_min == costs.cost_max else None
    threads = settings.threads or cores()
    return Batching.of(settings, on_gpu=on_gpu, even_cost=even, threads=threads)


def open_galleries(settings: Settings, metrics: Metrics) -> Galleries:
    """Open the data folder, and show the size of what lies in it.

    Raises:
        GalleryError: it cannot be used.
    """
    galleries = Galleries.open(
        settings.data_dir,
        galleries_max=settings.galleries_max,
        rows_max=settings.gallery_rows_max,
        filter_depth_max=settings.filter_depth_max,
        index_rows_min=settings.index_rows_min,
        index_memory_share=settings.index_memory_share,
        jobs_max=settings.jobs_max,
        job_failures_max=settings.job_failures_max,
    )
    metrics.galleries(lambda: [GalleryRows(*counted) for counted in galleries.counts()])
    return galleries


def open_redis(settings: Settings, metrics: Metrics) -> RedisDoor | None:
    """Prepare to call Redis, where there is one; nothing is called yet.

    Raises:
        SettingsInvalid: its address is none.
    """
    if settings.redis_url is None:
        return None
    try:
        return RedisDoor(
            settings.redis_url,
            timeout_seconds=settings.redis_timeout_seconds,
            metrics=metrics,
        )
    except ValueError as error:
        raise SettingsInvalid(f"SEMBLANCE_REDIS_URL: {error}") from error


def open_recall(settings: Settings, metrics: Metrics, redis: RedisDoor | None) -> Recall | None:
    """Make what remembers embeddings, unless caching is off."""
    if not settings.cache_bytes_max:
        return None
    seconds = settings.cache_seconds_max
    return Recall(
        metrics,
        bytes_max=settings.cache_bytes_max,
        redis=None if redis is None else RedisCache(redis, metrics, seconds_max=seconds),
    )


def open_remote(settings: Settings) -> Remote | None:
    """Make what fetches items that are named by URLs, where some host is allowed."""
    hosts = [host.strip() for host in settings.fetch_hosts.split(",") if host.strip()]
    if not hosts:
        return None
    return Remote(
        hosts,
        bytes_max=settings.item_bytes_max * 3 // 4,  # as base64 it takes that much more
        seconds_max=settings.fetch_seconds_max,
        at_once=settings.fetch_at_once,
    )


def open_allowance(settings: Settings, redis: RedisDoor | None) -> Allowance:
    """Count the requests of each key here, or with the other servers of one Redis."""
    usual = Bounds(settings.key_requests_per_minute, settings.key_requests_at_once)
    local = LocalAllowance(usual)
    return local if redis is None else SharedAllowance(local, redis)


def open_shelf(
    settings: Settings, metrics: Metrics, meanwhile: Callable[[], None], *, asleep: bool
) -> Shelf:
    """Open the encoders that are wanted, or leave them asleep until they are asked.

    Args:
        meanwhile: is called before each of them is waited for; what it raises is raised.

    Raises:
        BundleError, ModelUnknown, SettingsInvalid: none is left open.
    """
    opener = partial(open_lane, settings=settings, metrics=metrics, read=open_reader(settings))
    shelf = Shelf(
        opener,
        metrics,
        idle_seconds=settings.model_idle_seconds,
        finish_seconds=settings.request_seconds_max,
    )

    def opened(name: str) -> Model:
        return describe(name, settings) if asleep else Model.of(opener(name))

    with ThreadPoolExecutor(cores(), "encoders") as threads:
        opening = [threads.submit(opened, name) for name in wanted_bundles(settings)]
        try:
            for one in opening:
                meanwhile()
                shelf.put(one.result())
        except BaseException:
            threads.shutdown(cancel_futures=True)
            for one in opening:  # what was opened is closed
                if not one.cancelled() and one.exception() is None:
                    shelf.put(one.result())
            shelf.close()
            raise
    return shelf


def open_both(
    settings: Settings, metrics: Metrics, closing: ExitStack, *, asleep: bool
) -> tuple[Galleries, Shelf]:
    """Open the galleries while the encoders are opened: each may take seconds.

    Args:
        closing: gets what closes them, the encoders first.

    Raises:
        BundleError, ModelUnknown, GalleryError, SettingsInvalid.
    """
    with ThreadPoolExecutor(1, "galleries") as aside:
        opening = aside.submit(open_galleries, settings, metrics)

        def close_galleries() -> None:
            if opening.exception() is None:
                opening.result().close()

        def told() -> None:  # what cannot be used is said before the next encoder
            if opening.done():
                opening.result()

        closing.callback(close_galleries)
        shelf = open_shelf(settings, metrics, told, asleep=asleep)
        closing.callback(shelf.close)
        return opening.result(), shelf


def leaving(
    *closed: Remote | Recall | Allowance | RedisDoor | None,
) -> Callable[[], Awaitable[None]]:
    """Make what closes, one after the other, what lives on the event loop."""

    async def leave() -> None:
        for one in closed:
            if one is not None:
                await one.close()

    return leave


def assemble(settings: Settings, *, asleep: bool = False) -> Parts:
    """Open everything that the service stands on.

    Args:
        asleep: whether encoders are opened when they are asked for: for one caller, who asks one.

    Raises:
        BundleError: an encoder cannot be served.
        ModelUnknown: a model is named that is not in the bundles folder.
        GalleryError: the data folder cannot be used.
        KeysInvalid: the key file cannot be used.
        SettingsInvalid: the address of Redis is none, or traces or a reader are asked for and what
            makes them is not installed.
    """
    keys = None if settings.keys_file is None else Keys(settings.keys_file)
    metrics = Metrics()
    redis = open_redis(settings, metrics)
    recall = open_recall(settings, metrics, redis)
    allowance = open_allowance(settings, redis)
    remote = open_remote(settings)
    # Closed in the opposite order; one that fails does not keep the others.
    with ExitStack() as closing:
        traces = None if settings.otlp_url is None else Traces(settings.otlp_url)
        if traces is not None:
            closing.callback(traces.close)
        galleries, shelf = open_both(settings, metrics, closing, asleep=asleep)
        close = closing.pop_all().close
    embedder = Embedder(
        shelf,
        interactive_items_max=settings.interactive_items_max,
        recall=recall,
        remote=remote,
        lengths=Lengths(settings.sound_seconds_max, settings.windows_max),
    )
    enroller = Enroller(
        embedder,
        item_bytes_max=settings.item_bytes_max,
        payload_bytes_max=settings.payload_bytes_max,
    )
    searcher = Searcher(embedder, item_bytes_max=settings.item_bytes_max, bulk_at_once=cores())
    return Parts(
        settings=settings,
        galleries=galleries,
        embedder=embedder,
        enroller=enroller,
        imports=Imports(galleries, enroller, Files(settings.data_dir, settings.import_bytes_max)),
        searcher=searcher,
        scanner=Scanner(searcher, embedder, queue_seconds_max=settings.queue_seconds_max),
        listener=Listener(searcher, embedder),
        metrics=metrics,
        keys=keys,
        close=close,
        leave=leaving(remote, recall, allowance, redis),
        allowance=allowance,
        traces=traces,
    )
