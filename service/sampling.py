"""The sample galleries: built once for a data folder, remembered in a small file beside them."""

import hashlib
import importlib
import json
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from service import samples
from service.builder import Rejects, Tally, build
from service.client import CallFailed, Client
from service.settings import Settings
from service.sources import Source, SourceRow

CONFLICT = 409


def found_samples() -> list[ModuleType]:
    """Import every file of ``service/samples``."""
    names = sorted(module.name for module in pkgutil.iter_modules(samples.__path__))
    return [importlib.import_module(f"{samples.__name__}.{name}") for name in names]


def missing(settings: Settings) -> list[ModuleType]:
    """Find the samples that this folder has not, or has for another encoder or version.

    One that its user has deleted since stays deleted: it was built, and that is remembered.
    """
    built = _remembered(settings)
    wanted = (s for s in found_samples() if (settings.bundles_dir / s.MODEL).is_dir())
    return [sample for sample in wanted if built.get(sample.NAME) != _version(sample, settings)]


async def build_sample(
    client: Client,
    sample: ModuleType,
    settings: Settings,
    on_progress: Callable[[Tally, int], None],
    *,
    calls_at_once: int = 2,
) -> Tally:
    """Build one sample gallery and remember it; a half-built one is completed.

    Raises:
        CallFailed: the service refused.
    """
    body = {"model": sample.MODEL}
    try:
        await client.gallery("PUT", sample.NAME, "", body)
    except CallFailed as error:
        if error.status != CONFLICT:
            raise
        # It is ours and only a sample, and it was made by another encoder: make it anew.
        await client.gallery("DELETE", sample.NAME)
        await client.gallery("PUT", sample.NAME, "", body)
    exemplars = list(sample.rows())
    source = Source(_numbered(exemplars), len(exemplars))
    rejects = Rejects(settings.data_dir / f"sample-{sample.NAME}.rejected.jsonl")
    tally = await build(
        client,
        sample.NAME,
        source,
        rejects,
        lambda so_far: on_progress(so_far, len(exemplars)),
        calls_at_once=calls_at_once,
    )
    _remember(settings, sample)
    return tally


def _numbered(exemplars: list[dict[str, Any]]) -> Iterator[SourceRow]:
    for number, exemplar in enumerate(exemplars, start=1):
        yield SourceRow(f"row {number}", number, exemplar)


def _version(sample: ModuleType, settings: Settings) -> str:
    manifest = (settings.bundles_dir / sample.MODEL / "manifest.json").read_bytes()
    return f"{sample.VERSION} {hashlib.sha256(manifest).hexdigest()[:16]}"


def _memory(settings: Settings) -> Path:
    return settings.data_dir / "samples.json"


def _remembered(settings: Settings) -> dict[str, str]:
    try:
        built = json.loads(_memory(settings).read_text("utf-8"))
    except (OSError, ValueError):
        return {}
    return built if isinstance(built, dict) else {}


def _remember(settings: Settings, sample: ModuleType) -> None:
    built = _remembered(settings) | {sample.NAME: _version(sample, settings)}
    aside = _memory(settings).with_suffix(".new")
    aside.write_text(json.dumps(built, indent=2), "utf-8")
    aside.replace(_memory(settings))
