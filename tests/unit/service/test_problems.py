"""Every error that can reach the wire has its row; the shape is one."""

from collections.abc import Iterator

import pytest

import index.errors
import models.errors
import service.errors
from service.problems import TABLE, retry_after_seconds, row_of

ROOTS = (
    models.errors.BundleError,
    models.errors.InputError,
    index.errors.GalleryError,
    service.errors.ServiceError,
)


def leaves(cls: type[Exception]) -> Iterator[type[Exception]]:
    for sub in cls.__subclasses__():
        if sub.__module__.split(".")[0] in ("models", "index", "service"):
            yield sub
            yield from leaves(sub)


@pytest.mark.parametrize("error", sorted({e for r in ROOTS for e in leaves(r)}, key=str))
def test_each_error_stands_in_the_table(error: type[Exception]) -> None:
    assert error in TABLE


def test_the_table_names_nothing_else() -> None:
    assert set(TABLE) <= {e for r in ROOTS for e in leaves(r)}


def test_codes_are_told_apart() -> None:
    codes = [row.code for row in TABLE.values()]
    assert len(codes) == len(set(codes))


def test_unplanned_errors_tell_nothing() -> None:
    assert row_of(RuntimeError("secret")).status == 500


def test_overload_says_when_to_come_back() -> None:
    error = service.errors.Overloaded("full", retry_after_seconds=2.1)
    assert retry_after_seconds(error) == 3
    assert retry_after_seconds(index.errors.GalleryUnknown("x")) is None
