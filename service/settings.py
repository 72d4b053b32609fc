"""Every setting of the service, in one frozen model, read from ``SEMBLANCE_*``."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

import models
from index.exemplar import PAYLOAD_BYTES_MAX

PREFIX = "SEMBLANCE_"
ALL = "*"
CALLER_KEY = "SEMBLANCE_KEY"  # with which the command line calls a server; not a setting of one


class SettingsInvalid(ValueError):
    """A setting is unknown or has a value that it cannot have."""


class Settings(BaseSettings):
    """What can be set; each is also a flag of ``semblance serve``."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    data_dir: Path = Field(Path(".data"), description="Folder that holds the galleries.")
    bundles_dir: Path = Field(
        Path(models.__path__[0]) / "bundles", description="Folder whose sub-folders are bundles."
    )
    host: str = Field("127.0.0.1", description="Address to listen on; beyond loopback needs keys.")
    port: int = Field(8080, ge=0, le=65535, description="Port to listen on; 0 takes a free one.")
    keys_file: Path | None = Field(None, description="Key file; calls then need a bearer key.")
    samples: bool = Field(True, description="Build the sample galleries at the first start.")
    log_level: Literal["debug", "info", "warning", "error"] = Field(
        "info", description="Least severe log line that is written."
    )
    provider: Literal["auto", "cpu", "cuda"] = Field(
        "auto", description="Where encoders run: the GPU when there is one, or as told."
    )
    threads: int = Field(0, ge=0, le=256, description="Threads of one forward pass; 0 = cores.")
    passes: int = Field(
        0, ge=0, le=256, description="Passes of one thread side by side; 0 = as many as threads."
    )

    read_marks: bool = Field(
        False, description='Whether pictures of `"reads": true` are read (OCR; extra `ocr`).'
    )
    models: str = Field(
        ALL, description="Bundles loaded at start, by commas; `*` is all, an empty text none."
    )
    model_idle_seconds: float = Field(
        0, ge=0, description="An encoder unused for so long is unloaded until asked for; 0 = never."
    )

    redis_url: str | None = Field(
        None, description="Redis for the shared cache and for rates per key; none = in process."
    )
    redis_timeout_seconds: float = Field(
        0.05, gt=0, le=10, description="Wait for Redis; beyond it the service goes on without."
    )
    cache_bytes_max: int = Field(
        64 << 20, ge=0, description="Bytes of embeddings kept in process; 0 turns caching off."
    )
    cache_seconds_max: int = Field(
        86_400, ge=1, description="Age at which Redis forgets an embedding."
    )
    otlp_url: str | None = Field(
        None, description="OpenTelemetry collector (OTLP over HTTP) that traces are sent to."
    )

    fetch_hosts: str = Field(
        "",
        description="Hosts whose https URLs are fetched as items, by commas; `*` any, none: off.",
    )
    fetch_seconds_max: float = Field(
        10.0, gt=0, le=300, description="Time to fetch one item that is named by a URL."
    )
    fetch_at_once: int = Field(8, ge=1, le=256, description="Items that are fetched side by side.")

    body_bytes_max: int = Field(64 << 20, ge=1024, description="Bytes of a request's body.")
    bodies_bytes_max: int = Field(
        512 << 20, ge=1024, description="Bytes of all bodies held at once; beyond it 503."
    )
    json_values_max: int = Field(
        5_000_000, ge=1000, description="Values of a JSON body, by its commas, colons and brackets."
    )
    items_max: int = Field(2048, ge=1, description="Items of one embeddings or search call.")
    item_bytes_max: int = Field(
        16 << 20, ge=1, description="Bytes of one item; an encoder may take less."
    )
    call_cost_max: int | None = Field(
        None, ge=1, description="Tokens (pixels) of one call. None: 4 million (32 million)."
    )
    exemplars_max: int = Field(10_000, ge=1, description="Exemplars of one enrolment.")
    payload_bytes_max: int = Field(
        64 << 10, ge=2, le=PAYLOAD_BYTES_MAX, description="Bytes of one payload as JSON."
    )
    hits_max: int = Field(1000, ge=1, description="Hits of one query (k).")
    reply_hits_max: int = Field(100_000, ge=1, description="Hits of one call: its queries times k.")
    reply_numbers_max: int = Field(
        4_000_000, ge=1, description="Numbers of the vectors in one reply: hits times dimension."
    )
    scan_regions_max: int = Field(
        64, ge=1, description="Regions of one item that a scan may look at."
    )
    sound_seconds_max: float = Field(
        3600.0, gt=0, le=86_400, description="Length of a sound that is cut into windows."
    )
    windows_max: int = Field(
        100_000, ge=1, description="Windows of one sound that is enrolled whole, or scanned."
    )
    page_rows_max: int = Field(1000, ge=1, description="Exemplars on one page of a list.")
    filter_depth_max: int = Field(
        16, ge=1, le=64, description="Levels of `and`, `or` and `not` in one filter."
    )
    galleries_max: int = Field(
        1000, ge=1, description="Galleries in the data folder, and as many aliases."
    )
    gallery_rows_max: int = Field(10_000_000, ge=1, description="Exemplars of one gallery.")
    index_rows_min: int = Field(
        20_000, ge=2000, description="Exemplars from which on an index is built and measured."
    )
    index_memory_share: float = Field(
        0.5, ge=0, description="Memory that an index may take, as a share of its vectors'."
    )
    import_bytes_max: int = Field(
        8 << 30, ge=1024, description="Bytes of a file that is sent to be imported."
    )
    jobs_max: int = Field(
        100, ge=1, description="Imports that wait, run, or are remembered; one runs at a time."
    )
    job_failures_max: int = Field(
        10_000, ge=1, description="Failed rows of one import that are listed; all are counted."
    )

    link_records_max: int = Field(
        10_000, ge=1, description="Records of one side of a link or dedupe call."
    )
    table_bytes_max: int = Field(
        4 << 30, ge=1024, description="Bytes of a table that a command reads, unpacked."
    )
    table_cells_max: int = Field(
        50_000_000, ge=1, description="Cells of a table that a command reads: rows times columns."
    )
    cell_characters_max: int = Field(
        100_000, ge=1, description="Characters of one cell of a table; else its row is refused."
    )

    snapshot_bytes_max: int = Field(
        8 << 30, ge=1, description="Bytes of one snapshot, taken or restored."
    )

    connections_max: int = Field(
        4096, ge=1, description="Open connections; one more is told 503 and closed."
    )
    header_seconds_max: float = Field(
        10.0, gt=0, description="Time for a request's head to arrive; then 408."
    )
    body_seconds_max: float = Field(
        60.0, gt=0, description="Time for a request's body to arrive; then 408."
    )
    upload_seconds_max: float = Field(
        3600.0, gt=0, description="Time for a file to import or to restore to arrive; then 408."
    )
    idle_seconds_max: float = Field(
        60.0, gt=0, description="Time a connection may stay open between requests."
    )
    request_seconds_max: float = Field(
        300.0, gt=0, description="Time any request may take; `x-deadline-ms` asks for less."
    )
    drain_seconds_max: float = Field(
        20.0, gt=0, description="Time that open requests get to end when the service stops."
    )
    key_requests_per_minute: int = Field(
        0, ge=0, description="Requests a minute of a key that states no other; 0 = any number."
    )
    key_requests_at_once: int = Field(
        0, ge=0, description="Requests at once of a key that states no other; 0 = any number."
    )

    batch_items_max: int = Field(32, ge=1, description="Items of one forward pass.")
    batch_cost_max: int | None = Field(
        None,
        ge=1,
        description="Padded cost of one pass; one item fits. None: 512, or 8 pictures, on a CPU.",
    )
    pass_cost: int | None = Field(
        None, ge=0, description="Padding that one more pass is worth. None: 16 on a CPU."
    )
    interactive_items_max: int = Field(
        32, ge=0, description="A call of more items, and any enrolment, is bulk: it goes second."
    )
    bulk_handicap_seconds: float = Field(
        2.0, ge=0, description="Bulk goes before what arrived so much later than it; never starved."
    )
    queue_seconds_max: float = Field(
        0.75, gt=0, description="Predicted wait beyond which an interactive call is refused."
    )
    bulk_queue_seconds_max: float = Field(
        30.0, gt=0, description="Predicted wait beyond which a bulk call is refused."
    )
    caller_share: float = Field(
        0.5, gt=0, le=1, description="Share of that wait that the work of one key may fill."
    )


def read_settings(**given: Any) -> Settings:
    """Read the settings from the environment, the given ones first.

    Raises:
        SettingsInvalid: naming each unknown or wrong setting.
    """
    refuse_unknown(os.environ)
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        lines = [f"{PREFIX}{_loc(e['loc'])}: {e['msg']}" for e in error.errors()]
        raise SettingsInvalid("; ".join(lines)) from error


def refuse_unknown(environment: Mapping[str, str]) -> None:
    """Refuse a ``SEMBLANCE_`` name that no setting has: a typo must not pass in silence."""
    known = {PREFIX + name.upper() for name in Settings.model_fields} | {CALLER_KEY}
    unknown = sorted(name for name in environment if name.startswith(PREFIX) and name not in known)
    if unknown:
        raise SettingsInvalid(
            f"unknown setting {', '.join(unknown)}: `semblance serve --help` lists all"
        )


def _loc(loc: tuple[int | str, ...]) -> str:
    return ".".join(str(part).upper() for part in loc)
