"""The sample galleries: built once for a data folder, remembered in a small file beside them."""

import asyncio
import hashlib
import importlib
import json
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from models.manifest import MANIFEST_NAME
from service import samples
from service.builder import Rejects, Tally, build, sending_rows
from service.client import CallFailed, Client
from service.settings import Settings
from service.source import SourceRow

FALSE_ACCEPT_RATE = 0.05  # of the samples that are asked with photos (their PHOTOS says how many)
PENDING = "pending"  # stands for the moment at which the gallery is made, until that is known


def found_samples() -> list[ModuleType]:
    """Import every file of ``service/samples``."""
    names = sorted(module.name for module in pkgutil.iter_modules(samples.__path__))
    return [importlib.import_module(f"{samples.__name__}.{name}") for name in names]


def left_out(settings: Settings) -> list[ModuleType]:
    """Find the samples whose encoder is not among the bundles."""
    return [s for s in found_samples() if not _manifest(s, settings).is_file()]


def missing(settings: Settings) -> list[ModuleType]:
    """Find the samples that this folder has not, or has for another encoder or version.

    One that its user has deleted since stays deleted: it was built, and that is remembered.
    """
    built = _remembered(settings)
    wanted = (s for s in found_samples() if _manifest(s, settings).is_file())
    return [
        sample
        for sample in wanted
        if built.get(sample.NAME, {}).get("version") != _version(sample, settings)
    ]


async def build_sample(
    client: Client,
    sample: ModuleType,
    settings: Settings,
    on_progress: Callable[[Tally], None],
) -> Tally | None:
    """Build one sample gallery and remember it; a half-built one is completed.

    Returns:
        What was done; None where the user has a gallery of that name, which is left as it is.

    Raises:
        CallFailed: the service refused.
        OSError, subprocess.SubprocessError: the sample's rows cannot be made here.
    """
    made_at = await _created(client, sample, settings)
    if made_at is None:
        _remember(settings, sample, _version(sample, settings), None)
        return None
    _remember(settings, sample, None, made_at)
    exemplars = await asyncio.to_thread(list, sample.rows())
    sent = sending_rows(lambda: _numbered(exemplars))
    rejects = Rejects(settings.data_dir / f"sample-{sample.NAME}.rejected.jsonl")
    tally = await build(client, sample.NAME, sent, rejects, on_progress)
    if photos := getattr(sample, "PHOTOS", 0):
        body = {"false_accept_rate": FALSE_ACCEPT_RATE, "photos": photos}
        await client.gallery("POST", sample.NAME, "/calibrate", body)
    _remember(settings, sample, _version(sample, settings), made_at)
    return tally


async def _created(client: Client, sample: ModuleType, settings: Settings) -> str | None:
    """Make the gallery, or find the one made earlier; tell when it was made, None if not by us."""
    try:
        standing = await client.gallery("GET", sample.NAME)
    except CallFailed as error:
        if error.code != "gallery_unknown":
            raise
    else:
        ours = _remembered(settings).get(sample.NAME, {}).get("made_at")
        half_made = ours == PENDING and standing["count"] == 0
        if standing["created_at"] != ours and not half_made:
            return None
        model = await client.call("GET", f"/v1/models/{sample.MODEL}")
        if standing["space"] == model["space"]:
            return str(standing["created_at"])
        await client.gallery("DELETE", sample.NAME)  # ours, and of another encoder
    _remember(settings, sample, None, PENDING)
    made = await client.gallery("PUT", sample.NAME, "", {"model": sample.MODEL})
    return str(made["created_at"])


def _numbered(exemplars: list[dict[str, Any]]) -> Iterator[SourceRow]:
    for number, exemplar in enumerate(exemplars, start=1):
        yield SourceRow(f"row {number}", number, exemplar)


def _manifest(sample: ModuleType, settings: Settings) -> Path:
    return Path(settings.bundles_dir / sample.MODEL / MANIFEST_NAME)


def _version(sample: ModuleType, settings: Settings) -> str:
    manifest = _manifest(sample, settings).read_bytes()
    return f"{sample.VERSION} {hashlib.sha256(manifest).hexdigest()[:16]}"


def _memory(settings: Settings) -> Path:
    return settings.data_dir / "samples.json"


def _remembered(settings: Settings) -> dict[str, dict[str, str | None]]:
    try:
        built = json.loads(_memory(settings).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    if not isinstance(built, dict):
        return {}
    return {name: one for name, one in built.items() if isinstance(one, dict)}


def _remember(
    settings: Settings, sample: ModuleType, version: str | None, made_at: str | None
) -> None:
    """Note which version stands (None: not whole yet), in the gallery that was made when."""
    built = _remembered(settings) | {sample.NAME: {"version": version, "made_at": made_at}}
    aside = _memory(settings).with_suffix(".new")
    aside.write_text(json.dumps(built, indent=2), "utf-8")
    aside.replace(_memory(settings))
