"""The wire inward: what requests must look like.

Items stay as they came (``Any`` with a schema): they are parsed where their position is known,
so that a bad one is named and, where the call allows it, fails alone.
"""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from index.alarms import ALARMS_PER_HOUR_MAX
from index.backend import AUTO, index_names
from index.fusion import WEIGHT
from index.label_scores import NEAREST, LabelScore
from index.vectors import DIM_MAX
from models.modality import HOP_MIN, SECONDS_MAX, SECONDS_MIN
from service.intake import schema_of_input, schema_of_item
from service.numbers import DType
from service.records.linking import RERANK, K
from service.records.schema import KINDS
from service.records.weighing import MISSING

AnyItem = Annotated[Any, WithJsonSchema(schema_of_item(vectors=True))]
AnyInput = Annotated[Any, WithJsonSchema(schema_of_input())]
FilterJson = Annotated[
    dict[str, Any] | None,
    Field(
        description='E.g. {"label": "Acme"}, {"payload.year": {"gte": 1950, "lt": 1960}}, '
        '{"and": [...]}, {"or": [...]}, {"not": {...}}, {"payload.tag": {"in": [...]}}.'
    ),
]
FIELDS_MAX = 32
PHOTOS_MAX = 2000  # drawn in one call, at some ten milliseconds each
LIST_MAX = 100_000  # objects that are made before the setting's own bound is looked at
Rate = Annotated[float, Field(ge=1e-6, lt=1)]
WindowSeconds = Annotated[
    list[Annotated[float, Field(ge=SECONDS_MIN, le=SECONDS_MAX)]],
    Field(min_length=1, max_length=4, description="Of a sound: lengths of the windows."),
]
HopSeconds = Annotated[
    float,
    Field(ge=HOP_MIN, le=SECONDS_MAX, description="Of a sound: from one window to the next."),
]
Positive = Annotated[int, Field(ge=1)]
Pair = Annotated[list[AnyItem], Field(min_length=2, max_length=2)]
Seq = Annotated[int, Field(ge=0, le=2**63 - 1)]
AskedScore = Annotated[
    LabelScore | None,
    Field(description="How a label is scored by its exemplars, in place of the gallery's way."),
]
Name = Annotated[str, StringConstraints(min_length=1, max_length=200)]
# Checked by the index, in its own words; the schema lists what there is.
IndexName = Annotated[Name, WithJsonSchema({"type": "string", "enum": index_names()})]


class Wire(BaseModel):
    """A request's body: unknown fields and wrong types are refused.

    Of what is wrong, one thing is told: a complaint for each of a million takes half a minute.
    """

    model_config = ConfigDict(extra="forbid", strict=True, protected_namespaces=())

    @model_validator(mode="before")
    @classmethod
    def _few_fields(cls, value: Any) -> Any:
        if isinstance(value, dict) and len(value) > FIELDS_MAX:
            raise ValueError(f"{len(value)} fields; no object here has more than {FIELDS_MAX}")
        return value


class EmbeddingsRequest(Wire):
    """OpenAI's embeddings call, and what this service adds to it."""

    input: AnyInput
    model: str
    encoding_format: Literal["float", "base64"] = "float"
    dimensions: Positive | None = None
    user: str | None = None
    dtype: DType = "float32"
    truncate: bool = True
    input_type: Annotated[
        Literal["query", "document"] | None,
        Field(description="Which of the model's prompts goes before a text."),
    ] = None


class LexicalIn(Wire):
    """How words count in a gallery."""

    weight: Annotated[float, Field(gt=0, le=1, description="1: words alone.")] = WEIGHT


class GalleryRequest(Wire):
    """A gallery for a loaded model, or for vectors made elsewhere."""

    model: str | None = None
    space: Name | None = Field(None, description="Their name for the space, without a model.")
    dim: Annotated[int, Field(ge=1, le=DIM_MAX)] | None = None
    index: IndexName = AUTO
    recall_target: Annotated[float, Field(gt=0, le=1)] = 0.99
    lexical: Annotated[
        bool | LexicalIn | None,
        Field(description="Keep the words of its exemplars: searches by text count them too."),
    ] = None

    label_score: Annotated[
        LabelScore,
        Field(description="A label counts by its nearest exemplar, or by the mean of all it has."),
    ] = NEAREST

    @property
    def weight(self) -> float | None:
        """What words weigh, where they are kept."""
        if isinstance(self.lexical, LexicalIn):
            return self.lexical.weight
        return WEIGHT if self.lexical else None


class AliasRequest(Wire):
    """Where a name shall point: at a gallery, or back at the one before."""

    gallery: Name | None = None
    rollback: bool = False


class ExemplarIn(Wire):
    """One exemplar."""

    id: str = Field(min_length=1)
    label: str | None = None
    item: AnyItem
    payload: dict[str, Any] | None = None


class EnrolRequest(Wire):
    """Exemplars to enrol or replace; each stands or falls by itself."""

    exemplars: list[Annotated[Any, WithJsonSchema(ExemplarIn.model_json_schema())]]  # parsed later
    space: str | None = Field(None, description="The space the caller believes it writes to.")


class RemoveRequest(Wire):
    """Exemplars to remove, by id or by filter."""

    ids: Annotated[list[str], Field(fail_fast=True)] | None = None
    filter: FilterJson = None


class QueryRequest(Wire):
    """One query or many."""

    query: AnyItem = None
    queries: list[AnyItem] | None = None
    filter: FilterJson = None
    threshold: Annotated[float, Field(ge=-1, le=1)] | None = None
    min_seq: Seq | None = None
    space: str | None = Field(None, description="The space the caller believes it asks.")
    lexical_weight: Annotated[
        float | None,
        Field(ge=0, le=1, description="What words weigh, in place of the gallery's own."),
    ] = None


class SearchRequest(QueryRequest):
    """A nearest-neighbour question."""

    k: Positive = 10
    group_by_label: bool = False
    label_score: AskedScore = None
    exact: bool = False
    include: Annotated[list[Literal["payload", "vector", "scores"]], Field(fail_fast=True)] = [
        "payload"
    ]


class IdentifyRequest(QueryRequest):
    """An open-set question: whose is this, or nobody's."""

    k: Positive = 5
    label_score: AskedScore = None
    margin: Annotated[float, Field(ge=0, le=2)] | None = Field(
        None, description="Two labels closer than this are too close to tell."
    )


class ScanRequest(Wire):
    """A whole item, in which the labels of a gallery are looked for."""

    item: AnyItem
    k: Annotated[int, Field(ge=1, description="Hits that are told of each.")] = 3
    regions_max: Positive | None = Field(None, description="Regions that are looked at.")
    window_seconds: WindowSeconds | None = None
    hop_seconds: HopSeconds | None = None
    scores: bool = Field(False, description="Whether the best of every window is told.")
    unknown: bool = Field(False, description="Whether what is nobody's is told too.")
    filter: FilterJson = None
    threshold: Annotated[float, Field(ge=-1, le=1)] | None = None
    margin: Annotated[float, Field(ge=0, le=2)] | None = None
    label_score: AskedScore = None
    min_seq: Seq | None = None


class ScanCalibrateRequest(Wire):
    """Where the threshold of scans shall lie."""

    background: Annotated[
        list[AnyItem],
        Field(min_length=1, description="Sounds in which nothing that is enrolled occurs."),
    ]
    false_alarms_per_hour: Annotated[float, Field(gt=0, le=ALARMS_PER_HOUR_MAX)] = 1.0
    window_seconds: WindowSeconds | None = None
    hop_seconds: HopSeconds | None = None
    label_score: AskedScore = None
    filter: FilterJson = None


class LabelledQuery(Wire):
    """A query whose answer is known; no label: it is nobody's."""

    query: AnyItem
    label: str | None = None


class CalibrateRequest(Wire):
    """Where the threshold shall lie."""

    false_accept_rate: Rate = 0.01
    queries: Annotated[list[LabelledQuery], Field(fail_fast=True, max_length=LIST_MAX)] | None = (
        None
    )
    label_score: AskedScore = None
    photos: Annotated[int, Field(ge=1, le=PHOTOS_MAX)] | None = None


class VerifyRequest(Wire):
    """Pairs of items: the same or not."""

    model: str | None = None
    pairs: Annotated[list[Pair], Field(fail_fast=True, max_length=LIST_MAX)]
    gallery: str | None = None
    threshold: Annotated[float, Field(ge=-1, le=1)] | None = None


Field01 = Annotated[float, Field(ge=0, le=1)]
RecordJson = Annotated[Any, WithJsonSchema({"type": "object", "additionalProperties": True})]
FieldJson = Annotated[
    Any,
    WithJsonSchema(
        {
            "type": "object",
            "properties": {
                "name": {"type": "string", "description": "Of the records' field."},
                "kind": {"type": "string", "enum": list(KINDS), "default": "name"},
                "weight": {"type": "number", "exclusiveMinimum": 0, "default": 1},
                "encoder": {"type": ["string", "null"], "description": "The model that embeds it."},
                "scale": {
                    "type": ["number", "null"],
                    "description": "So far apart, two numbers (days) score exp(-1/2).",
                },
                "of": {
                    "type": ["string", "null"],
                    "description": "The field whose thing it shows too: both are pooled.",
                },
            },
            "required": ["name"],
            "additionalProperties": False,
        }
    ),
]


class LinkRequest(Wire):
    """Two sides whose records are linked: lists of records, or the names of galleries."""

    left: Annotated[list[RecordJson] | str, Field(description="Records, or a gallery's name.")]
    right: Annotated[list[RecordJson] | str, Field(description="Records, or a gallery's name.")]
    model: str | None = Field(None, description="Embeds names and texts that name no encoder.")
    fields: Annotated[
        list[FieldJson] | None,
        Field(description="By what records are compared; else by all that both sides have."),
    ] = None
    one_to_one: bool = False
    one_to_many: bool = False
    threshold: Annotated[
        float | None, Field(ge=-1, le=1, description="The least score; else found from the scores.")
    ] = None
    k: Annotated[Positive | None, Field(description=f"Candidates of a record; else {K}.")] = None
    rerank: Annotated[
        Field01, Field(description="What the distance of strings weighs in names and texts.")
    ] = RERANK
    shared_min: Annotated[
        Field01, Field(description="The share of all weights that a pair must rest on.")
    ] = 0.0


class DedupeRequest(Wire):
    """Records of one table, of which some are of one thing."""

    records: list[RecordJson]
    model: str | None = Field(None, description="Embeds names and texts that name no encoder.")
    fields: Annotated[
        list[FieldJson] | None,
        Field(description="By what records are compared; else by all that they have."),
    ] = None
    threshold: Annotated[
        float | None, Field(ge=-1, le=1, description="The least score; else found from the scores.")
    ] = None
    false_match_rate: Annotated[
        float | None,
        Field(
            gt=0, lt=1, description="Of the pairs above a threshold that is found; else best F1."
        ),
    ] = None
    linkage: Literal["single", "average"] = "average"
    members_max: Annotated[
        Positive | None,
        Field(description="Single linkage: larger clusters are cut at their weakest links."),
    ] = None
    golden: Annotated[bool, Field(description="Tell a golden record of each cluster.")] = False
    k: Annotated[Positive, Field(description="Candidates of a record.")] = K
    rerank: Annotated[
        Field01, Field(description="What the distance of strings weighs in names and texts.")
    ] = RERANK
    missing: Annotated[
        float, Field(ge=-1, le=1, description="What a field counts that one of two lacks.")
    ] = MISSING
