"""What every modality keeps, over every file of `models/modalities/` and every shipped bundle."""

import importlib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest

from models.bundle import Bundle, list_bundles
from models.errors import (
    BundleError,
    BundleUnsupported,
    InputError,
    ModalityUnsupported,
    ReaderMissing,
)
from models.manifest import read_manifest
from models.modality import (
    Features,
    Item,
    Modality,
    cost_unit,
    item_schema,
    modality_names,
    modality_of_media_type,
    open_modality,
    read_item,
)
from service.reply_schemas import Usage
from tests.picture_bundle import write_picture_bundle
from tests.sound_bundle import write_sound_bundle

SHIPPED = {folder.name: folder for folder in list_bundles(Path("models/bundles").resolve())}
# By code, for modalities of which none ships, or not with all that they can take.
MADE = {
    "cells": write_picture_bundle,
    "lettered": partial(write_picture_bundle, name="lettered", reads=True),
    "loudness": write_sound_bundle,
}


@pytest.fixture(scope="module", params=[*SHIPPED, *MADE])
def bundle(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    name = request.param
    return Bundle.open(
        SHIPPED[name] if name in SHIPPED else MADE[name](tmp_path_factory.mktemp(name))
    )


def opened(bundle: Bundle) -> Modality:
    manifest = bundle.manifest
    return open_modality(manifest.modality, manifest.preprocessing, bundle.folder)


def samples(bundle: Bundle, modality: Modality) -> list[Features]:
    return [modality.decode(item, role=role) for item, role in bundle.probe().items]


def test_a_bundle_exercises_each(tmp_path: Path) -> None:
    made = [write(tmp_path) for write in MADE.values()]
    exercised = {read_manifest(folder).modality for folder in (*SHIPPED.values(), *made)}
    assert exercised == set(modality_names())


@pytest.mark.parametrize("modality", modality_names())
def test_a_configuration_that_means_nothing_to_it_is_refused(modality: str, tmp_path: Path) -> None:
    module = importlib.import_module(f"models.modalities.{modality}")
    with pytest.raises(BundleError):
        module.build({"meaning": "none"}, tmp_path)


def test_a_cost_is_above_zero_and_within_the_bound(bundle: Bundle) -> None:
    modality = opened(bundle)
    for features in samples(bundle, modality):
        assert 0 < modality.cost_min <= features.cost <= modality.cost_max


@pytest.mark.parametrize("modality", modality_names())
def test_its_unit_of_cost_has_a_place_in_the_usage_that_is_told(modality: str) -> None:
    unit = cost_unit(modality)
    assert unit == "tokens" or unit in Usage.model_fields


def test_a_batch_feeds_the_named_inputs_one_row_per_item_in_order(bundle: Bundle) -> None:
    modality = opened(bundle)
    batch = samples(bundle, modality)
    together = modality.collate(batch)
    assert sorted(together) == sorted(modality.inputs)
    for row, features in enumerate(batch):
        alone = modality.collate([features])
        for feed, array in alone.items():
            # Padding may only be added behind: what an item says alone, it says in a batch.
            corner = tuple(slice(length) for length in array.shape[1:])
            np.testing.assert_array_equal(together[feed][row][corner], array[0])
            assert together[feed].dtype == array.dtype
    assert {len(array) for array in together.values()} == {len(batch)}


def test_decoding_is_the_same_from_many_threads(bundle: Bundle) -> None:
    modality = opened(bundle)
    items = bundle.probe().items * 8
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda pair: modality.decode(pair[0], role=pair[1]), items))
    for features, (item, role) in zip(found, items, strict=True):
        expected = modality.decode(item, role=role)
        assert features.cost == expected.cost
        for feed, array in expected.arrays.items():
            np.testing.assert_array_equal(features.arrays[feed], array)


@pytest.mark.parametrize("content", ["", b"", (), b"\xff\xfe\x00"])
def test_rubbish_is_an_input_error_and_nothing_else(
    bundle: Bundle, content: str | bytes | tuple[int, ...]
) -> None:
    modality = opened(bundle)
    with pytest.raises(InputError):
        modality.decode(Item(bundle.manifest.modality, content))


def test_what_an_item_reads_is_fed_to_the_graph_or_refused(bundle: Bundle) -> None:
    modality = opened(bundle)
    item = replace(bundle.probe().items[0][0], reads="a word")
    if modality.is_lettered:
        (silent, told) = modality.decode(replace(item, reads=None)), modality.decode(item)
        assert any(not np.array_equal(silent.arrays[n], told.arrays[n]) for n in modality.inputs)
        with pytest.raises(ReaderMissing, match=r"semblance\[ocr\].*SEMBLANCE_READ_MARKS"):
            modality.decode(replace(item, reads=True))
    elif bundle.manifest.modality == "image":
        for reads in ("a word", True):
            with pytest.raises(ModalityUnsupported, match="leave 'reads' out"):
                modality.decode(replace(item, reads=reads))


def test_an_item_of_no_known_modality_is_refused(bundle: Bundle) -> None:
    with pytest.raises(ModalityUnsupported, match="smell"):
        opened(bundle).decode(Item("smell", b"roses"))


@pytest.mark.parametrize("foreign", ["smell", "__init__", "os", "", "../text", "text.build"])
def test_the_catalog_knows_only_its_folder(foreign: str, tmp_path: Path) -> None:
    with pytest.raises(BundleUnsupported, match="not known here"):
        open_modality(foreign, {}, tmp_path)


@pytest.mark.parametrize("modality", modality_names())
def test_its_item_object_has_a_schema_that_names_it(modality: str) -> None:
    schema = item_schema(modality)
    assert schema["type"] == "object"
    assert modality in schema["properties"]
    assert modality in schema["required"]


@pytest.mark.parametrize("modality", modality_names())
@pytest.mark.parametrize("rubbish", [None, 7, [], {}, True])
def test_an_item_object_of_the_wrong_shape_is_an_input_error(
    modality: str, rubbish: object
) -> None:
    with pytest.raises(InputError):
        read_item(modality, {modality: rubbish})


def test_a_media_type_belongs_to_one_modality() -> None:
    claims = [
        (kind, name)
        for name in modality_names()
        for kind in importlib.import_module(f"models.modalities.{name}").MEDIA_TYPES
    ]
    assert len({kind for kind, _ in claims}) == len(claims) > 0
    assert [modality_of_media_type(kind) for kind, _ in claims] == [name for _, name in claims]
    assert modality_of_media_type("application/x-unheard-of") is None
