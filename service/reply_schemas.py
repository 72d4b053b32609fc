"""The wire outward: what replies look like, for the OpenAPI document and its tests."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Problem(BaseModel):
    """What went wrong, in the shape that OpenAI clients read."""

    message: str
    type: Literal["invalid_request_error", "not_found", "conflict", "overloaded", "internal"]
    code: str
    param: str | None
    request_id: str


class ProblemReply(BaseModel):
    """The one error shape."""

    error: Problem


class Usage(BaseModel):
    """What was embedded: tokens; of pictures pixels, of sounds samples, and no tokens."""

    prompt_tokens: int
    total_tokens: int
    pixels: int | None = None
    samples: int | None = None


class EmbeddingOut(BaseModel):
    """One embedding: numbers, or base64 of little-endian bytes."""

    object: Literal["embedding"]
    index: int
    embedding: list[float] | str


class EmbeddingsReply(BaseModel):
    """Embeddings in the order of the input; ``truncated`` names the inputs that were cut."""

    object: Literal["list"]
    data: list[EmbeddingOut]
    model: str
    usage: Usage
    truncated: list[int]


class ModelOut(BaseModel):
    """A loaded model."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str
    modalities: list[str]
    dim: int
    space: str
    precision: str
    max_cost: int
    cost_unit: str
    licence: str
    description: str
    version: str
    state: Literal["loaded", "asleep"]


class UnloadedReply(BaseModel):
    """A model that can be asked no more."""

    id: str
    unloaded: bool


class ModelsReply(BaseModel):
    """The loaded models."""

    object: Literal["list"]
    data: list[ModelOut]


class CalibrationOut(BaseModel):
    """A threshold and what it rests on."""

    model_config = ConfigDict(extra="allow")
    threshold: float
    false_accept_rate: float


class AlarmsOut(BaseModel):
    """The threshold of scans, and the background that it was found on."""

    space: str
    threshold: float
    false_alarms_per_hour: float
    upper_per_hour: float = Field(description="The 95 % bound on the true rate.")
    hours: float
    seconds: list[float]
    hop_seconds: float
    label_score: Literal["nearest", "mean"]
    seq: int
    count: int


class LexicalOut(BaseModel):
    """That words count in a gallery, and what they weigh."""

    weight: float


class GalleryOut(BaseModel):
    """A gallery's state."""

    name: str
    model: str | None
    space: str
    dim: int
    index: str
    index_in_use: str
    recall_target: float
    recall: float
    count: int
    labels: int
    seq: int
    index_why: str | None = Field(
        description="What was measured when the index in use was chosen; null before that."
    )
    created_at: str
    calibration: CalibrationOut | None
    calibration_stale: bool
    lexical: LexicalOut | None = Field(description="Null where no words are kept.")
    label_score: Literal["nearest", "mean"]
    parts: int = Field(description="How many of `count` are windows of long exemplars.")
    alarms: AlarmsOut | None = Field(description="The threshold of scans, if there is one.")


class GalleriesReply(BaseModel):
    """All galleries."""

    galleries: list[GalleryOut]


class DeletedReply(BaseModel):
    """A gallery that is gone."""

    name: str
    deleted: bool


class AliasOut(BaseModel):
    """A name, the gallery it points at, and the one before, while that stands."""

    alias: str
    gallery: str
    previous: str | None


class AliasesReply(BaseModel):
    """All aliases."""

    aliases: list[AliasOut]


class AliasDeletedReply(BaseModel):
    """An alias that is gone; its gallery stays."""

    alias: str
    deleted: bool


class FailedOut(BaseModel):
    """An exemplar that was not enrolled, and why."""

    position: int
    id: str | None
    code: str
    message: str


class EnrolReply(BaseModel):
    """How many stand now, how many of them stood already, and which could not be enrolled."""

    seq: int
    enrolled: int
    unchanged: int
    truncated: list[int]
    parts: int = Field(description="Windows of long exemplars, which stand beside them.")
    failed: list[FailedOut]


class JobFailureOut(BaseModel):
    """A row that was not enrolled: its position from 0 on, where it stands in the file, and why."""

    position: int
    place: str
    id: str | None
    code: str
    message: str


class JobOut(BaseModel):
    """An import, and how far it is: `done` of `total` are bytes, or rows of a Parquet file."""

    job: int
    gallery: str
    state: Literal["waiting", "running", "paused", "done", "failed", "cancelled"]
    reason: str | None = Field(description="Why it failed, or what holds it up while it runs.")
    rows: int
    enrolled: int
    unchanged: int
    truncated: int
    failed: int
    done: int
    total: int
    rows_per_second: float | None
    seconds_left: float | None
    created_at: str
    ended_at: str | None
    failures: list[JobFailureOut] = Field([], description="The first ones, of one job alone.")


class JobsReply(BaseModel):
    """All jobs that are remembered, the oldest first."""

    jobs: list[JobOut]


class JobFailuresReply(BaseModel):
    """One page; ``next`` is the `after` of the one after it."""

    failures: list[JobFailureOut]
    next: int | None


class JobDeletedReply(BaseModel):
    """A job that was cancelled, or one that had ended and is forgotten."""

    job: int
    state: Literal["done", "failed", "cancelled"]
    forgotten: bool


class ExemplarOut(BaseModel):
    """A stored exemplar."""

    id: str
    label: str | None
    payload: dict[str, Any] | None
    item: Any
    seq: int
    digest: str
    vector: list[float] | None = None


class ExemplarsReply(BaseModel):
    """One page; ``next`` is the cursor of the one after it."""

    exemplars: list[ExemplarOut]
    next: str | None


class RemovedReply(BaseModel):
    """How many exemplars went, and the gallery's sequence number since."""

    seq: int
    removed: int


class ScoresOut(BaseModel):
    """What a score is made of: the inner product, and the share of the query's words."""

    dense: float
    lexical: float | None = Field(description="Null where words did not count.")


class HitOut(BaseModel):
    """A neighbour; higher scores are closer."""

    id: str
    label: str | None
    score: float
    payload: dict[str, Any] | None = None
    vector: list[float] | None = None
    scores: ScoresOut | None = None
    seconds: list[float] | None = Field(
        None, description="From and to, where a window of a long exemplar was found."
    )


class HitsOut(BaseModel):
    """One query's neighbours, closest first."""

    hits: list[HitOut]


class SearchReply(BaseModel):
    """Neighbours, query by query."""

    results: list[HitsOut]
    seq: int
    truncated: list[int]


class VerdictOut(BaseModel):
    """One query's open-set answer."""

    verdict: Literal["match", "ambiguous", "unknown"]
    label: str | None
    score: float | None
    probability: float | None
    threshold: float
    hits: list[HitOut]


class IdentifyReply(BaseModel):
    """Open-set answers; ``threshold_from`` says where the threshold came from."""

    results: list[VerdictOut]
    seq: int
    threshold_from: Literal["request", "calibration", "gallery", "encoder"]
    truncated: list[int]


class FoundOut(VerdictOut):
    """What was found in a whole item, and where: one of the two."""

    box: list[float] | None = Field(
        None, description="x0, y0, x1, y1 in pixels of the upright picture."
    )
    seconds: list[float] | None = Field(None, description="From and to, in a sound.")
    likelihood: float | None = Field(
        None, description="That a region of a picture is something at all; 0 for the whole."
    )


class ScoreOut(BaseModel):
    """One window of a sound, and the label that is nearest to it."""

    seconds: list[float]
    label: str
    score: float


class ScanReply(BaseModel):
    """What was found, the surest first, and how many regions, or windows, were looked at."""

    found: list[FoundOut]
    regions: int
    seq: int
    threshold_from: Literal["request", "background", "calibration", "gallery", "encoder"]
    false_alarms_per_hour: float | None = Field(
        None, description="That the threshold keeps, where it was found on a background."
    )
    scores: list[ScoreOut] | None = Field(None, description="Of every window, where asked for.")


class PairOut(BaseModel):
    """One pair's score, and whether it reaches the threshold (null without one)."""

    score: float
    same: bool | None


class VerifyReply(BaseModel):
    """Pairs in the order given."""

    results: list[PairOut]
    threshold: float | None
    threshold_from: Literal["request", "calibration", "encoder"] | None
