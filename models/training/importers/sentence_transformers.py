"""Sentence-transformers directories: Transformer, Pooling, then any Dense and Normalize."""

import json
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from huggingface_hub import metadata_load
from numpy.typing import NDArray
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer
from transformers.utils import logging

from models.errors import BundleUnsupported
from models.modality import Role
from models.training.importer import Source

TOKENIZER_NAME = "tokenizer.json"
INPUTS = ("input_ids", "attention_mask", "token_type_ids")
MODULES = {"Transformer", "Pooling", "Dense", "Normalize"}
POOLING_KEYS = {
    "word_embedding_dimension",
    "embedding_dimension",
    "pooling_mode",
    "pooling_mode_cls_token",
    "pooling_mode_max_tokens",
    "pooling_mode_mean_tokens",
    "pooling_mode_mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens",
    "pooling_mode_lasttoken",
    "include_prompt",
}
TOKENS_MAX = 1 << 20


class Graph(torch.nn.Module):
    """The model as a function of its tensors alone, ending in L2 normalisation."""

    def __init__(self, model: torch.nn.Module, inputs: tuple[str, ...]) -> None:
        super().__init__()
        self.model = model
        self.inputs = inputs

    def forward(self, *tensors: torch.Tensor) -> torch.Tensor:
        """Embed a batch: int64 (n, t) each, to unit rows (n, dim)."""
        features = self.model(dict(zip(self.inputs, tensors, strict=True)))
        return torch.nn.functional.normalize(features["sentence_embedding"], p=2, dim=1)


def recognises(folder: Path) -> bool:
    """Tell by `modules.json` that a folder is of this format."""
    return (folder / "modules.json").is_file()


def load(folder: Path) -> Source:
    """Load a model from a local folder, without the network and without code of the folder."""
    _check_modules(folder)
    logging.disable_progress_bar()
    model = SentenceTransformer(
        str(folder),
        device="cpu",
        local_files_only=True,
        trust_remote_code=False,
        # Written out, attention is the pattern that ONNX Runtime fuses.
        model_kwargs={"attn_implementation": "eager", "dtype": torch.float32},
    ).eval()
    encoded = model.preprocess(["a few words to trace with", "one more"])
    tensors = {name: value for name, value in encoded.items() if isinstance(value, torch.Tensor)}
    if model.modalities != ["text"] or not set(tensors) <= set(INPUTS):
        raise BundleUnsupported(
            f"{folder}: reads {model.modalities} by the inputs {sorted(tensors)}; only text by "
            f"{', '.join(INPUTS)} is known here"
        )
    inputs = tuple(name for name in INPUTS if name in tensors)
    tokens_max = model.max_seq_length
    if tokens_max is None or tokens_max > TOKENS_MAX:
        raise BundleUnsupported(f"{folder}: no max_seq_length; set it in sentence_bert_config.json")
    card = _card(folder)
    return Source(
        graph=Graph(model, inputs).eval(),
        inputs=inputs,
        example=tuple(tensors[name] for name in inputs),
        modality="text",
        preprocessing=_preprocessing(model, inputs, int(tokens_max)),
        files={TOKENIZER_NAME: _tokenizer(model, folder)},
        dim=int(model.get_embedding_dimension()),
        reference=lambda texts, role: _reference(model, texts, role),
        reference_name=(
            f"sentence-transformers {version('sentence-transformers')} "
            f"(torch {version('torch')}, float32, CPU)"
        ),
        licence=str(card.get("license", "not stated by the source")),
        training_data=", ".join(map(str, card.get("datasets") or ["not stated by the source"])),
        notes=_notes(model),
    )


def _check_modules(folder: Path) -> None:
    """Refuse, by name, a chain of modules or a pooling that is not known here."""
    modules = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    types = [str(module["type"]) for module in modules]
    names = [
        kind.rpartition(".")[2] if kind.startswith("sentence_transformers.") else kind
        for kind in types
    ]
    unknown = [name for name in names if name not in MODULES]
    if unknown or names[:2] != ["Transformer", "Pooling"] or "Pooling" in names[2:]:
        raise BundleUnsupported(
            f"{folder / 'modules.json'}: {', '.join(unknown or names)}; known here is Transformer, "
            "Pooling, then any of Dense and Normalize"
        )
    path = folder / modules[1]["path"] / "config.json"
    pooling = json.loads(path.read_text(encoding="utf-8"))
    strange = sorted(set(pooling) - POOLING_KEYS)
    if strange:
        raise BundleUnsupported(f"{path}: {', '.join(strange)} is not known here")
    if not pooling.get("include_prompt", True):
        raise BundleUnsupported(
            f"{path}: include_prompt false (the prompt is left out of pooling) is not known here"
        )


def _preprocessing(model: Any, inputs: tuple[str, ...], tokens_max: int) -> dict[str, object]:
    """Carry the prompts as texts, found as the library finds them for each role."""
    prompts = {role: model.prompts.get(role) or "" for role in ("query", "document")}
    return {
        "tokenizer": TOKENIZER_NAME,
        "tokens_max": tokens_max,
        "inputs": list(inputs),
        "pad_id": int(model.tokenizer.pad_token_id or 0),
        "prompts": {role: prompt for role, prompt in prompts.items() if prompt},
        "default_prompt": model.prompts.get(model.default_prompt_name) or "",
    }


def _notes(model: Any) -> tuple[str, ...]:
    carried = {"query", "document", model.default_prompt_name}
    left = sorted(name for name, prompt in model.prompts.items() if prompt and name not in carried)
    return (f"prompts not carried into the bundle: {', '.join(left)}",) if left else ()


def _tokenizer(model: Any, folder: Path) -> bytes:
    """Take the tokenizer as loaded: files beside it may be stale, and the library adapts it."""
    backend = getattr(model.tokenizer, "backend_tokenizer", None)
    if backend is None:
        raise BundleUnsupported(
            f"{folder}: {type(model.tokenizer).__name__} cannot be written as a tokenizer.json"
        )
    tokenizer = Tokenizer.from_str(backend.to_str())
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return str(tokenizer.to_str()).encode()


def _reference(model: Any, texts: Sequence[str], role: Role | None) -> NDArray[np.float32]:
    encode = {None: model.encode, "query": model.encode_query, "document": model.encode_document}
    rows = encode[role](
        list(texts), normalize_embeddings=True, convert_to_numpy=True, show_progress_bar=False
    )
    return np.asarray(rows, np.float32)


def _card(folder: Path) -> dict[str, Any]:
    """Read the front matter of the model's README, if it has one."""
    path = folder / "README.md"
    return dict(metadata_load(path) or {}) if path.is_file() else {}
