"""The manifest of a bundle: what the encoder is, what it reads, and how far it was checked."""

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal, Never

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from models.errors import BundleCorrupt, BundleUnsupported

FORMAT = 1
MANIFEST_NAME = "manifest.json"
MANIFEST_BYTES_MAX = 1 << 20

Precision = Literal["fp32", "fp16-stored", "int8"]
FileName = Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$")]
"""A plain name inside the folder: no separator, and no leading dot."""
Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
SPACE = r"^[a-z0-9][a-z0-9._-]{0,63}-[0-9a-f]{12}$"
Cosine = Annotated[float, Field(ge=-1.0, le=1.0)]


class Frozen(BaseModel):
    """A value that is checked once, when it is read."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class Metric(Frozen):
    """One figure that was measured on the encoder, with what it takes to measure it again.

    Args:
        name: such as `recall@10`.
        value: what this encoder reaches.
        baseline: what the named simplest alternative reaches, if it was measured.
        command: the command that prints the figure.
    """

    name: str
    dataset: str
    split: str
    value: float
    baseline: float | None = None
    command: str


class Parity(Frozen):
    """How near the bundle's embeddings come to those of the model that it was made from.

    Args:
        cosine_min: the worst of the texts compared.
        cosine_mean: their mean.
        items: how many were compared.
        reference: the library that gave the reference embeddings, with its version.
        command: the command that measures it again.
    """

    cosine_min: Cosine
    cosine_mean: Cosine
    items: int = Field(gt=0)
    reference: str
    command: str


class Manifest(Frozen):
    """What a bundle says of itself.

    Args:
        format: layout of the bundle; a reader refuses one above its own.
        name: the model's id in the API.
        preprocessing: configuration of the modality, in full.
        dim: length of an embedding.
        space: the space of another bundle, as `semblance models show` names it, in which these
            embeddings lie, too: the two were trained to meet. None: a space of its own.
        unrelated_score_q99: 99 % quantile of the score of unrelated pairs, the default threshold of
            open-set answers; None when it was not measured.
        probe_floor: the least cosine between the probe's embeddings and those made at opening.
        files: SHA-256 of each file of the folder but the manifest.
    """

    format: int = FORMAT
    name: str = Field(pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    version: str = Field(min_length=1, max_length=64)
    description: str
    modality: str
    preprocessing: dict[str, object]
    dim: int = Field(gt=0, le=65_536)
    space: str | None = Field(default=None, pattern=SPACE)
    precision: Precision
    licence: str = Field(min_length=1)
    source: str
    training_data: str
    metrics: list[Metric] = []
    parity: Parity | None = None
    unrelated_score_q99: Cosine | None = None
    probe_floor: Cosine
    files: dict[FileName, Digest]


def seal(fields: dict[str, object]) -> str:
    """Hash the manifest's fields but the seal, so that damage to the manifest shows as well."""
    rest = {name: value for name, value in fields.items() if name != "seal"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def render(manifest: Manifest) -> str:
    """Write a manifest as the text of its file, with its seal."""
    fields = manifest.model_dump(mode="json")
    return json.dumps(fields | {"seal": seal(fields)}, indent=2, ensure_ascii=False) + "\n"


def read_manifest(folder: Path) -> Manifest:
    """Read and check the manifest of a bundle.

    Raises:
        BundleUnsupported: not a bundle, or one of a newer format.
        BundleCorrupt: the manifest is damaged or incomplete.
    """
    path = folder / MANIFEST_NAME
    fields = _fields(path)
    number = fields.get("format")
    if isinstance(number, int) and number > FORMAT:
        raise BundleUnsupported(
            f"{path}: format {number}, and this version of Semblance reads up to {FORMAT}; "
            "upgrade Semblance"
        )
    if fields.pop("seal", None) != seal(fields):
        raise BundleCorrupt(f"{path}: its seal does not fit its content; copy the bundle again")
    try:
        return Manifest.model_validate(fields)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise BundleCorrupt(f"{path}: {place}: {first['msg']}; import the model again") from None


def _fields(path: Path) -> dict[str, object]:
    try:
        with path.open("rb") as file:
            raw = file.read(MANIFEST_BYTES_MAX + 1)
    except OSError as error:
        raise BundleUnsupported(
            f"{path}: {error.strerror}; this folder is not a bundle (a bundle has a "
            f"{MANIFEST_NAME}; `semblance models import` makes one of a model)"
        ) from None
    if len(raw) > MANIFEST_BYTES_MAX:
        raise BundleCorrupt(f"{path}: larger than the limit of {MANIFEST_BYTES_MAX} bytes")
    try:
        fields = json.loads(raw, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise BundleCorrupt(f"{path}: not JSON ({error}); copy the bundle again") from None
    if not isinstance(fields, dict):
        raise BundleCorrupt(f"{path}: not a JSON object; copy the bundle again")
    return fields


def _no_constant(name: str) -> Never:
    raise ValueError(f"{name} is not a number of JSON")
