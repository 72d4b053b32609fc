"""Settings to parts: the only file that names concrete classes."""

from pathlib import Path

from index.galleries import Galleries
from models.bundle import check_folder, list_bundles
from models.errors import BundleError
from models.onnx_encoder import OnnxEncoder, cores
from service.embedder import Embedder
from service.enroller import Enroller
from service.keys import Keys
from service.lane import Lane
from service.metrics import Metrics
from service.parts import Parts
from service.ports import Encoder
from service.searcher import Searcher
from service.settings import Settings
from service.traces import Traces


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


def assemble(settings: Settings) -> Parts:
    """Open everything that the service stands on.

    Raises:
        BundleError: an encoder cannot be served.
        GalleryError: the data folder cannot be used.
        KeysInvalid: the key file cannot be used.
        SettingsInvalid: traces are asked for, and OpenTelemetry is not installed.
    """
    keys = None if settings.keys_file is None else Keys(settings.keys_file)
    metrics = Metrics()
    traces = None if settings.otlp_url is None else Traces(settings.otlp_url)
    galleries = Galleries.open(
        settings.data_dir,
        galleries_max=settings.galleries_max,
        rows_max=settings.gallery_rows_max,
        filter_depth_max=settings.filter_depth_max,
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

    def close() -> None:
        for lane in lanes.values():
            lane.close()
        galleries.close()
        if traces is not None:
            traces.close()

    return Parts(
        settings=settings,
        galleries=galleries,
        embedder=embedder,
        enroller=Enroller(
            embedder,
            item_bytes_max=settings.item_bytes_max,
            payload_bytes_max=settings.payload_bytes_max,
        ),
        searcher=Searcher(embedder, item_bytes_max=settings.item_bytes_max, bulk_at_once=cores()),
        metrics=metrics,
        keys=keys,
        close=close,
        traces=traces,
    )
