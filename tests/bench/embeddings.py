"""Two callers of 128 texts each, beside ONNX Runtime alone on the same texts, sorted."""

import base64
import random
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import numpy as np
import onnxruntime as ort
from tokenizers import Tokenizer

from models.onnx_session import cores
from service.samples.python import rows
from tests.bench.callers import WORDS
from tests.bench.figures import Figure, in_turn
from tests.server import Server

BUNDLE = Path("models/bundles/minilm")
TEXTS = 256
CALLERS = 2
BATCH = 32
ROUNDS = 7


def figures() -> list[Figure]:
    """Measure texts a second, for texts of mixed lengths and of one length."""
    docstrings = random.Random(0).sample([row["item"]["text"] for row in rows()], TEXTS)
    rng = random.Random(1)
    mixed = [" ".join(rng.choices(WORDS, k=rng.randint(4, 64))) for _ in range(TEXTS)]
    even = [" ".join(rng.choices(WORDS, k=32)) for _ in range(TEXTS)]
    with (
        tempfile.TemporaryDirectory() as folder,
        Server(Path(folder), "--cache-bytes-max", "0") as server,
        httpx.Client(base_url=server.url, timeout=120) as http,
    ):
        return [
            compared(http, "128 texts x 2 callers: docstrings", docstrings),
            compared(http, "128 texts x 2 callers: 4 to 64 words", mixed),
            compared(http, "128 texts x 2 callers: 32 words each", even),
        ]


def compared(http: httpx.Client, what: str, texts: list[str]) -> Figure:
    """Send the texts by halves, side by side, and embed them without the service, in turn."""
    bare = bare_runtime()
    halves = [texts[at::CALLERS] for at in range(CALLERS)]
    back = np.argsort([i for at in range(CALLERS) for i in range(at, TEXTS, CALLERS)])
    with ThreadPoolExecutor(CALLERS) as callers:

        def ours() -> np.ndarray:
            return np.concatenate(list(callers.map(lambda half: embedded(http, half), halves)))

        cosine = np.sum(ours()[back] * bare(texts), axis=1)
        assert cosine.min() > 0.9999, "not the same embeddings"
        mine, alone, ratio = in_turn(ours, lambda: bare(texts), ROUNDS)
    beside = f"bare ORT {TEXTS / alone:.0f}/s"
    return Figure(what, f"{TEXTS / mine:.0f}/s", beside, 1 / ratio, ">= 0.95", 1 / ratio >= 0.95)


def embedded(http: httpx.Client, texts: list[str]) -> np.ndarray:
    """Embed as the openai client asks by default: base64."""
    body = {"model": "minilm", "input": texts, "encoding_format": "base64"}
    reply = http.post("/v1/embeddings", json=body).raise_for_status().json()
    blobs = [base64.b64decode(row["embedding"]) for row in reply["data"]]
    return np.frombuffer(b"".join(blobs), "<f4").reshape(len(texts), -1)


def bare_runtime() -> Callable[[list[str]], np.ndarray]:
    """Make the least that gives the same rows: tokenizer, sorted batches, session as it comes."""
    tokenizer = Tokenizer.from_file(str(BUNDLE / "tokenizer.json"))
    tokenizer.enable_truncation(256)
    tokenizer.no_padding()
    options = ort.SessionOptions()
    options.intra_op_num_threads = cores()
    session = ort.InferenceSession(
        str(BUNDLE / "model.onnx"), options, providers=["CPUExecutionProvider"]
    )

    def embed(texts: list[str]) -> np.ndarray:
        tokens = [encoding.ids for encoding in tokenizer.encode_batch(texts)]
        order = np.argsort([len(ids) for ids in tokens], kind="stable")
        out = np.empty((len(texts), 384), np.float32)
        for at in range(0, len(texts), BATCH):
            some = order[at : at + BATCH]
            padded = np.zeros((len(some), len(tokens[some[-1]])), np.int64)
            mask = np.zeros_like(padded)
            for row, i in enumerate(some):
                padded[row, : len(tokens[i])] = tokens[i]
                mask[row, : len(tokens[i])] = 1
            feeds = {
                "input_ids": padded,
                "attention_mask": mask,
                "token_type_ids": np.zeros_like(padded),
            }
            out[some] = session.run(["embedding"], feeds)[0]
        return out

    return embed
