"""The official client of OpenAI, sync and async, against a real server."""

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import openai
import pytest
from tokenizers import Tokenizer

import models
from service.key_file import add_key
from tests.server import Server

MODEL, DIM = "minilm", 384
TOKENIZER = Path(models.__path__[0]) / "bundles" / MODEL / "tokenizer.json"
TEXTS = ["whose logo is this?", "Ein Bäcker backt Brot — täglich 🥐", "def f(x): return x ** 2"]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with Server(tmp_path_factory.mktemp("data")) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{server.url}/v1", api_key="none", max_retries=0) as client:
        yield client


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    """The model's own tokenizer, whole texts."""
    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def rows_of(reply: openai.types.CreateEmbeddingResponse) -> np.ndarray:
    assert [row.index for row in reply.data] == list(range(len(reply.data)))
    return np.array([row.embedding for row in reply.data], np.float32)


def test_the_default_call_gives_the_numbers_that_floats_give(client: openai.OpenAI) -> None:
    """The client asks for base64 unless told, and decodes it itself."""
    packed = rows_of(client.embeddings.create(model=MODEL, input=TEXTS))
    plain = rows_of(client.embeddings.create(model=MODEL, input=TEXTS, encoding_format="float"))
    assert packed.shape == (len(TEXTS), DIM)
    np.testing.assert_array_equal(packed, plain)
    np.testing.assert_allclose(np.linalg.norm(packed, axis=1), 1.0, atol=1e-6)


def test_base64_that_is_asked_for_arrives_as_little_endian_float32(client: openai.OpenAI) -> None:
    asked = client.embeddings.create(model=MODEL, input=TEXTS[0], encoding_format="base64")
    assert isinstance(asked.data[0].embedding, str)
    row = np.frombuffer(base64.b64decode(asked.data[0].embedding), "<f4")
    default = rows_of(client.embeddings.create(model=MODEL, input=TEXTS[0]))[0]
    np.testing.assert_array_equal(row, default)


def test_dimensions_are_brought_back_to_unit_length(client: openai.OpenAI) -> None:
    whole = rows_of(client.embeddings.create(model=MODEL, input=TEXTS))
    short = rows_of(client.embeddings.create(model=MODEL, input=TEXTS, dimensions=100, user="me"))
    kept = whole[:, :100]
    np.testing.assert_allclose(short, kept / np.linalg.norm(kept, axis=1)[:, None], atol=1e-6)


def test_token_ids_are_the_text_they_stand_for(client: openai.OpenAI, tokenizer: Tokenizer) -> None:
    ids = [encoding.ids for encoding in tokenizer.encode_batch(TEXTS)]
    texts = rows_of(client.embeddings.create(model=MODEL, input=TEXTS))
    many = rows_of(client.embeddings.create(model=MODEL, input=ids))
    np.testing.assert_allclose(many, texts, atol=1e-5)
    one = rows_of(client.embeddings.create(model=MODEL, input=ids[1]))
    np.testing.assert_allclose(one[0], texts[1], atol=1e-5)


def test_usage_counts_real_tokens_and_truncation_is_declared(
    client: openai.OpenAI, tokenizer: Tokenizer
) -> None:
    texts = [*TEXTS, "many words " * 300]
    reply = client.embeddings.create(model=MODEL, input=texts)
    lengths = [len(encoding.ids) for encoding in tokenizer.encode_batch(texts)]
    assert lengths[3] > 256
    assert reply.usage.prompt_tokens == reply.usage.total_tokens == sum(lengths[:3]) + 256
    assert (reply.model_extra or {})["truncated"] == [3]
    with pytest.raises(openai.APIStatusError, match=rf"{lengths[3]} tokens|at least") as caught:
        client.embeddings.create(model=MODEL, input=texts, extra_body={"truncate": False})
    assert (caught.value.status_code, caught.value.param) == (413, "input[3]")


def test_the_additions_pass_through_the_client(client: openai.OpenAI) -> None:
    reply = client.embeddings.create(
        model=MODEL, input=TEXTS, encoding_format="float", extra_body={"dtype": "int8"}
    )
    whole = rows_of(client.embeddings.create(model=MODEL, input=TEXTS))
    np.testing.assert_array_equal(rows_of(reply), np.rint(whole * 127))


def test_models_are_listed_and_read(client: openai.OpenAI) -> None:
    listed = {model.id: model for model in client.models.list().data}
    one = client.models.retrieve(MODEL)
    assert listed[MODEL] == one
    assert {"logo", MODEL} <= set(listed)
    assert (one.id, one.object) == (MODEL, "model")
    extra = one.model_extra or {}
    assert (extra["modalities"], extra["dim"], extra["max_cost"]) == (["text"], DIM, 256)
    assert (extra["precision"], extra["licence"]) == ("fp16-stored", "Apache-2.0")


@pytest.mark.parametrize(
    ("asked", "error", "code", "param"),
    [
        ({"model": "gpt-9", "input": "a"}, openai.NotFoundError, "model_not_found", None),
        ({"model": MODEL, "input": ""}, openai.BadRequestError, "item_empty", "input"),
        ({"model": MODEL, "input": ["a", ""]}, openai.BadRequestError, "item_empty", "input[1]"),
        (
            {"model": MODEL, "input": "a", "dimensions": 385},
            openai.UnprocessableEntityError,
            "request_invalid",
            "dimensions",
        ),
        (
            {"model": MODEL, "input": [[1 << 20]]},
            openai.UnprocessableEntityError,
            "item_undecodable",
            "input[0]",
        ),
    ],
)
def test_refusals_arrive_as_its_exceptions(
    client: openai.OpenAI,
    asked: dict[str, object],
    error: type[openai.APIStatusError],
    code: str,
    param: str | None,
) -> None:
    with pytest.raises(error) as caught:
        client.embeddings.create(**asked)
    assert (caught.value.code, caught.value.param) == (code, param)
    assert caught.value.type in ("invalid_request_error", "not_found")
    assert caught.value.request_id == caught.value.body["request_id"]


def test_keys_are_its_api_keys(tmp_path: Path) -> None:
    keys = tmp_path / "keys.json"
    token = add_key(keys, "me")
    with Server(tmp_path / "data", "--keys-file", str(keys)) as server:
        base_url = f"{server.url}/v1"
        with openai.OpenAI(base_url=base_url, api_key=token, max_retries=0) as client:
            assert len(client.embeddings.create(model=MODEL, input="a").data) == 1
        with (
            openai.OpenAI(base_url=base_url, api_key="wrong", max_retries=0) as client,
            pytest.raises(openai.AuthenticationError) as caught,
        ):
            client.embeddings.create(model=MODEL, input="a")
        assert caught.value.code == "invalid_api_key"


def test_the_async_client_shares_batches_and_gets_its_own_rows(
    server: Server, client: openai.OpenAI
) -> None:
    texts = [f"{word} " * count for count, word in enumerate(("one", "two", "three") * 8, start=1)]
    expected = rows_of(client.embeddings.create(model=MODEL, input=texts))

    async def asked() -> list[np.ndarray]:
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="none") as caller:
            calls = (caller.embeddings.create(model=MODEL, input=text) for text in texts)
            replies = [rows_of(reply)[0] for reply in await asyncio.gather(*calls)]
            with pytest.raises(openai.NotFoundError):
                await caller.embeddings.create(model="gpt-9", input="a")
            return replies

    np.testing.assert_allclose(np.stack(asyncio.run(asked())), expected, atol=1e-5)
