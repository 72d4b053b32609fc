"""A sentence encoder of the BERT kind, as MiniLM is, to be trained on from a shipped bundle.

Source: Devlin et al., arXiv:1810.04805; Wang et al., "MiniLM", arXiv:2002.10957; mean pooling and
normalisation as in Reimers and Gurevych, arXiv:1908.10084.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import onnx
import torch
from onnx import numpy_helper
from torch import nn
from torch.nn.functional import gelu, normalize, scaled_dot_product_attention

EPSILON = 1e-12


@dataclass(frozen=True, slots=True)
class Shape:
    """The sizes of an encoder; those of all-MiniLM-L6-v2."""

    vocabulary: int = 30_522
    positions: int = 512
    width: int = 384
    heads: int = 12
    inner: int = 1536
    layers: int = 6


class Layer(nn.Module):
    """Attention, then two dense layers; each added to what came in, and normalised."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        width = shape.width
        self.heads = shape.heads
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.mix = nn.Linear(width, width)
        self.mixed = nn.LayerNorm(width, eps=EPSILON)
        self.widen, self.narrow = nn.Linear(width, shape.inner), nn.Linear(shape.inner, width)
        self.passed = nn.LayerNorm(width, eps=EPSILON)

    def forward(self, rows: torch.Tensor, bias: torch.Tensor) -> torch.Tensor:
        """Map (n, t, width) to the same, with `bias` (n, 1, 1, t) added to the attention."""
        q, k, v = (self._parted(one(rows)) for one in (self.query, self.key, self.value))
        if torch.onnx.is_in_onnx_export():  # written out, it is the pattern that ONNX Runtime fuses
            scores = q @ k.transpose(-1, -2) / (q.shape[-1] ** 0.5) + bias
            seen = scores.softmax(-1) @ v
        else:
            seen = scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype))
        seen = seen.transpose(1, 2).flatten(2)  # (n, t, width)
        rows = self.mixed(rows + self.mix(seen))
        return self.passed(rows + self.narrow(gelu(self.widen(rows))))  # type: ignore[no-any-return]

    def _parted(self, rows: torch.Tensor) -> torch.Tensor:
        """Part the width among the heads: (n, heads, t, width / heads)."""
        count, length, width = rows.shape
        return rows.view(count, length, self.heads, width // self.heads).transpose(1, 2)


class SentenceTower(nn.Module):
    """Token ids and their mask to unit rows."""

    def __init__(self, shape: Shape | None = None) -> None:
        super().__init__()
        shape = shape or Shape()
        self.tokens = nn.Embedding(shape.vocabulary, shape.width)
        self.places = nn.Embedding(shape.positions, shape.width)
        self.embedded = nn.LayerNorm(shape.width, eps=EPSILON)
        self.layers = nn.ModuleList(Layer(shape) for _ in range(shape.layers))

    def forward(self, ids: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        """Embed a batch: int64 (n, t) each, to unit rows float32 (n, width)."""
        rows = self.tokens(ids) + self.places.weight[: ids.shape[1]]
        rows = self.embedded(rows)
        there = mask[:, :, None].to(rows.dtype)
        bias = (1.0 - mask[:, None, None, :].to(rows.dtype)) * -1e4  # in the range of float16
        for layer in self.layers:
            rows = layer(rows, bias)
        pooled = (rows.float() * there).sum(1) / there.sum(1)
        return normalize(pooled, dim=1)


def tower_of_bundle(folder: Path) -> SentenceTower:
    """Make a tower with the weights of a bundle that was imported from sentence-transformers.

    The tracer leaves biases, gains and embeddings under their names, and the matrices, transposed,
    without names but in order: query, key, value, output, and the two dense ones of each layer.

    Raises:
        ValueError: the graph is of another kind.
    """
    tower = SentenceTower()
    model = onnx.load(str(folder / "model.onnx"))
    weights = {
        tensor.name.removesuffix(".fp16"): torch.from_numpy(numpy_helper.to_array(tensor).copy())
        for tensor in model.graph.initializer
    }
    matrices = iter([one.T for name, one in weights.items() if name.startswith("onnx::MatMul")])
    state = {}
    for own, foreign in _names(len(tower.layers)):
        found = weights.get(foreign) if foreign else next(matrices, None)
        if found is None:
            raise ValueError(f"{folder}: its graph has no weight for {own}; name MiniLM's bundle")
        state[own] = found.float()
    types = weights["model.0.model.embeddings.token_type_embeddings.weight"].float()
    state["places.weight"] = state["places.weight"] + types[0]  # all tokens are of the first type
    tower.load_state_dict(state)
    return tower


def _names(layers: int) -> Iterator[tuple[str, str]]:
    """Pair the tower's names with the bundle's; an empty one is of the next matrix."""
    start = "model.0.model."
    yield "tokens.weight", f"{start}embeddings.word_embeddings.weight"
    yield "places.weight", f"{start}embeddings.position_embeddings.weight"
    for part in ("weight", "bias"):
        yield f"embedded.{part}", f"{start}embeddings.LayerNorm.{part}"
    parts = {
        "query": "attention.self.query",
        "key": "attention.self.key",
        "value": "attention.self.value",
        "mix": "attention.output.dense",
        "widen": "intermediate.dense",
        "narrow": "output.dense",
    }
    norms = {"mixed": "attention.output.LayerNorm", "passed": "output.LayerNorm"}
    for layer in range(layers):
        there = f"{start}encoder.layer.{layer}"
        for own, foreign in parts.items():
            yield f"layers.{layer}.{own}.weight", ""
            yield f"layers.{layer}.{own}.bias", f"{there}.{foreign}.bias"
        for own, foreign in norms.items():
            for part in ("weight", "bias"):
                yield f"layers.{layer}.{own}.{part}", f"{there}.{foreign}.{part}"
