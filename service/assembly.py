"""Settings to parts: the only file that names concrete classes."""

from pathlib import Path

from index.galleries import Galleries
from models.bundle import check_folder, list_bundles
from models.errors import BundleError
from models.onnx_encoder import OnnxEncoder, cores
from service.allowance import Allowance, Bounds, LocalAllowance
from service.embedder import Embedder
from service.enroller import Enroller
from service.keys import Keys
from service.lane import Lane
from service.metrics import Metrics
from service.parts import Parts
from service.ports import Encoder
from service.redis_door import RedisDoor
from service.searcher import Searcher
from service.settings import Settings, SettingsInvalid
from service.shared_allowance import SharedAllowance


class NoBundles(BundleError):
    """The bundles folder holds no bundle: there would be nothing to serve."""


def open_encoders(settings: Settings) -> list[Encoder]:
    """Open every bundle of the folder.

    Raises:
        BundleError: one is damaged, foreign, too new or answers its probe wrongly.
        NoBundles: there is none.
    """
    folders = list_bundles(settings.bundles_dir)
    if not folders:
        raise NoBundles(
            f"{settings.bundles_dir} holds no bundle; `semblance models import` makes one, or set "
            "SEMBLANCE_BUNDLES_DIR"
        )
    return [_opened(folder, settings) for folder in folders]


def _opened(folder: Path, settings: Settings) -> Encoder:
    encoder = OnnxEncoder.open(folder, threads=settings.threads, provider=settings.provider)
    check_folder(folder, encoder.name)
    return encoder


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


def open_allowance(settings: Settings, redis: RedisDoor | None) -> Allowance:
    """Count the requests of each key here, or with the other servers of one Redis."""
    usual = Bounds(settings.key_requests_per_minute, settings.key_requests_at_once)
    local = LocalAllowance(usual)
    return local if redis is None else SharedAllowance(local, redis)


def assemble(settings: Settings) -> Parts:
    """Open everything that the service stands on.

    Raises:
        BundleError: an encoder cannot be served.
        GalleryError: the data folder cannot be used.
        KeysInvalid: the key file cannot be used.
        SettingsInvalid: the address of Redis is none.
    """
    keys = None if settings.keys_file is None else Keys(settings.keys_file)
    metrics = Metrics()
    redis = open_redis(settings, metrics)
    allowance = open_allowance(settings, redis)
    galleries = Galleries.open(
        settings.data_dir,
        galleries_max=settings.galleries_max,
        rows_max=settings.gallery_rows_max,
    )
    try:
        encoders = open_encoders(settings)
    except BaseException:
        galleries.close()
        raise
    lanes = {
        encoder.name: Lane(
            encoder,
            metrics,
            batch_items_max=settings.batch_items_max,
            batch_cost_max=settings.batch_cost_max,
            pass_cost=settings.pass_cost,
            queue_seconds_max=settings.queue_seconds_max,
            decoders=cores(),
        )
        for encoder in encoders
    }
    embedder = Embedder(lanes)

    async def leave() -> None:
        await allowance.close()
        if redis is not None:
            await redis.close()

    def close() -> None:
        for lane in lanes.values():
            lane.close()
        galleries.close()

    return Parts(
        settings=settings,
        galleries=galleries,
        embedder=embedder,
        enroller=Enroller(embedder, payload_bytes_max=settings.payload_bytes_max),
        searcher=Searcher(embedder, bulk_at_once=cores()),
        metrics=metrics,
        keys=keys,
        close=close,
        leave=leave,
        allowance=allowance,
    )
