"""Does the bundle, by the path that serves, compute what its source computes?"""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

from models.errors import ProbeMismatch
from models.manifest import Parity
from models.modality import Item, Role
from models.onnx_encoder import OnnxEncoder
from models.training.texts import SENTENCES, varied_texts

COSINE_FLOOR = 0.9999
BATCH = 32
ROLE_STEP = 8  # a role differs by its prompt alone, so that a part of the texts is enough

Rows = NDArray[np.float32]


def embed_texts(encoder: OnnxEncoder, texts: Sequence[str], role: Role | None = None) -> Rows:
    """Embed texts as the service does: decoded one by one, in batches of similar length."""
    features = [encoder.decode(Item("text", text), role=role) for text in texts]
    order = sorted(range(len(texts)), key=lambda place: features[place].cost)
    rows = np.empty((len(texts), encoder.dim), np.float32)
    for start in range(0, len(order), BATCH):
        places = order[start : start + BATCH]
        rows[places] = encoder.forward([features[place] for place in places])
    return rows


def measure_parity(
    encoder: OnnxEncoder,
    reference: Callable[[Sequence[str], Role | None], Rows],
    reference_name: str,
    command: str,
) -> Parity:
    """Compare the encoder with its reference on varied texts, some of them in each role.

    Raises:
        ProbeMismatch: a cosine is below the floor, where the precision promises one.
    """
    texts = varied_texts(encoder.cost_max)
    cosines: list[NDArray[np.float32]] = []
    roles: tuple[Role | None, ...] = (None, "query", "document")
    for role in roles:
        chosen = texts if role is None else texts[::ROLE_STEP]
        rows, expected = embed_texts(encoder, chosen, role), reference(chosen, role)
        cosine = np.clip((rows * expected).sum(axis=1), -1.0, 1.0)
        worst = int(cosine.argmin())
        if encoder.manifest.precision != "int8" and not cosine[worst] >= COSINE_FLOOR:
            raise ProbeMismatch(
                f"cosine {cosine[worst]:.6f} to {reference_name}, below the floor {COSINE_FLOOR}, "
                f"in role {role} on the text {chosen[worst][:80]!r}; the model is not exported "
                "faithfully, so it is not published"
            )
        cosines.append(cosine)
    every = np.concatenate(cosines)
    return Parity(
        cosine_min=round(float(every.min()), 7),
        cosine_mean=round(float(every.mean(dtype=np.float64)), 7),
        items=len(every),
        reference=reference_name,
        command=command,
    )


def measure_unrelated(encoder: OnnxEncoder) -> float:
    """Measure the 99 % quantile of the scores of all pairs of sentences that share no subject."""
    rows = embed_texts(encoder, SENTENCES)
    scores = (rows @ rows.T)[np.triu_indices(len(rows), k=1)]
    return round(float(np.quantile(scores, 0.99)), 4)
