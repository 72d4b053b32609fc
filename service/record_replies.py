"""The shapes of what is answered about records: links, duplicates."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class FieldOut(BaseModel):
    """What one field has to do with a pair; contributions sum to the pair's score."""

    field: str
    left: Any
    right: Any
    score: float | None
    weight: float
    contribution: float


class LinkedOut(BaseModel):
    """A pair: positions of records, or ids of exemplars."""

    left: int | str
    right: int | str
    score: float
    probability: float | None = Field(description="That it is right; null where nothing tells.")
    shared: float = Field(description="The share of all weights that the score rests on.")
    reason: str
    fields: list[FieldOut]


class UnmatchedOut(BaseModel):
    """A left record without a pair, and what is nearest to it."""

    left: int | str
    nearest: int | str | None
    score: float | None
    reason: str


class ExpectedOut(BaseModel):
    """What may be expected of the threshold, with bounds."""

    model_config = ConfigDict(extra="allow")
    threshold: float
    f1: float
    precision: float
    recall: float


class FailedFieldOut(BaseModel):
    """What could not be read of a record, and counts as missing; of the whole one no field."""

    side: Literal["left", "right"]
    position: int
    field: str | None
    message: str


class LinkReply(BaseModel):
    """Pairs in the order of the left side."""

    pairs: list[LinkedOut]
    unmatched: list[UnmatchedOut]
    threshold: float | None
    expected: ExpectedOut | None
    uncut: str | None = Field(description="Why no threshold was found, where none was told.")
    notes: list[str]
    failed: list[FailedFieldOut]


class RecordPairOut(BaseModel):
    """Two records, by their positions, that are linked."""

    left: int
    right: int
    score: float
    probability: float | None = Field(description="That it is right; null where nothing tells.")
    reason: str
    fields: list[FieldOut]


class LinkOut(BaseModel):
    """Two records and their score."""

    left: int
    right: int
    score: float


class DiameterOut(LinkOut):
    """The two records of a cluster that are least alike."""

    is_exact: bool = Field(description="False of large clusters: two that are about so.")


class GoldenOut(BaseModel):
    """One field of a golden record, and the record that it is from."""

    model_config = ConfigDict(populate_by_name=True)
    value: Any
    from_: int | None = Field(alias="from")
    votes: int = Field(description="Members that have this value.")
    of: int = Field(description="Members that have any.")
    why: Literal["only", "most frequent", "longest", "medoid", "first", ""]


class ClusterOut(BaseModel):
    """Records that are taken for one."""

    members: list[int]
    medoid: int = Field(description="The member most alike to all of them.")
    weakest: LinkOut = Field(description="Of the links that hold it together, the weakest.")
    diameter: DiameterOut
    chain: list[LinkOut] = Field(description="The links that join those two.")
    golden: dict[str, GoldenOut] | None = None


class SizeOut(BaseModel):
    """How many clusters have so many members."""

    members: int
    clusters: int


class FailedRecordOut(BaseModel):
    """What could not be read of a record, and counts as missing; of the whole one no field."""

    position: int
    field: str | None
    message: str


class DedupeReply(BaseModel):
    """Pairs by their left record, and the clusters of two and more, the largest first."""

    pairs: list[RecordPairOut]
    clusters: list[ClusterOut]
    sizes: list[SizeOut]
    threshold: float
    expected: ExpectedOut | None
    notes: list[str]
    failed: list[FailedRecordOut]
