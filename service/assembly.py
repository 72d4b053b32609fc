"""Settings to parts: the only file that names concrete classes."""

from functools import partial

from index.galleries import Galleries
from models.bundle import check_folder, list_bundles
from models.errors import BundleUnsupported
from models.onnx_encoder import OnnxEncoder, cores
from service.embedder import Embedder
from service.enroller import Enroller
from service.errors import ModelUnknown
from service.keys import Keys
from service.lane import Lane, measured_rate
from service.metrics import GalleryRows, Metrics
from service.parts import Parts
from service.searcher import Searcher
from service.settings import ALL, Settings
from service.shelf import Shelf


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


def open_lane(name: str, *, settings: Settings, metrics: Metrics) -> Lane:
    """Open a bundle of the folder by its name, and start its lane.

    Raises:
        ModelUnknown: the folder holds no bundle of that name.
        BundleError: it is damaged, foreign, too new or answers its probe wrongly.
    """
    folders = {folder.name: folder for folder in list_bundles(settings.bundles_dir)}
    if name not in folders:
        there = ", ".join(folders) or "none"
        raise ModelUnknown(f"the bundles folder holds no {name!r}; there are: {there}")
    encoder = OnnxEncoder.open(folders[name], threads=settings.threads, provider=settings.provider)
    check_folder(folders[name], encoder.name)
    rate = measured_rate(encoder, settings.batch_items_max)
    return Lane(encoder, metrics, settings, rate=rate, decoders=cores())


def assemble(settings: Settings) -> Parts:
    """Open everything that the service stands on.

    Raises:
        BundleError: an encoder cannot be served.
        ModelUnknown: a model is named that is not in the bundles folder.
        GalleryError: the data folder cannot be used.
        KeysInvalid: the key file cannot be used.
    """
    keys = None if settings.keys_file is None else Keys(settings.keys_file)
    metrics = Metrics()
    galleries = Galleries.open(
        settings.data_dir,
        galleries_max=settings.galleries_max,
        rows_max=settings.gallery_rows_max,
    )
    # Today's backends look at every row: none waits to be indexed.
    metrics.galleries(lambda: [GalleryRows(name, rows, 0) for name, rows in galleries.counts()])
    opener = partial(open_lane, settings=settings, metrics=metrics)
    shelf = Shelf(opener, metrics, idle_seconds=settings.model_idle_seconds)

    def close() -> None:
        shelf.close()
        galleries.close()

    try:
        for name in wanted_bundles(settings):
            shelf.add(opener(name))
    except BaseException:
        close()
        raise
    embedder = Embedder(shelf, interactive_items_max=settings.interactive_items_max)
    return Parts(
        settings=settings,
        galleries=galleries,
        embedder=embedder,
        enroller=Enroller(embedder, payload_bytes_max=settings.payload_bytes_max),
        searcher=Searcher(embedder, bulk_at_once=cores()),
        metrics=metrics,
        keys=keys,
        close=close,
    )
