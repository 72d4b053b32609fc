"""Which tests are slow: those that say so, and all that ask a process of their own."""

from pathlib import Path

import pytest

SLOW = {Path(__file__).parent / name for name in ("fault", "end_to_end")}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if SLOW & set(item.path.parents):
            item.add_marker(pytest.mark.slow)
