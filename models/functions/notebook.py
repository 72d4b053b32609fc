"""Jupyter notebooks to their cells of code, each with the text before it as its docstring."""

import json
import re
from collections.abc import Mapping
from typing import Any

from models.functions.extraction import DOCSTRING_CHARACTERS_MAX, Found, Function

_WORDS = "it is no notebook as Jupyter writes them"
_NAME = re.compile(r"[a-z0-9+#.-]{1,32}")
_SPELLED = {"c++": "cpp", "c#": "csharp", "node": "javascript", "ipython": "python"}


class NotebookInvalid(ValueError):
    """It is none that can be read; the message says why."""


def cells_of(source: bytes) -> tuple[str, Found]:
    """Return the language of a notebook, empty where it has no usual name, and its cells of code.

    A cell is called by its number among all cells, from 1 on; its lines are those within it.

    Raises:
        NotebookInvalid: it cannot be read.
    """
    try:
        notebook = json.loads(source)
        cells, metadata = notebook["cells"], notebook.get("metadata", {})
        found = _functions(cells)
        return _language(metadata), Found(found)
    except (ValueError, RecursionError, KeyError, TypeError, AttributeError) as error:
        raise NotebookInvalid(f"{_WORDS}: {type(error).__name__} {error}"[:200]) from None


def _functions(cells: list[Mapping[str, Any]]) -> list[Function]:
    found = []
    told = ""
    for number, cell in enumerate(cells, start=1):
        text = _text(cell["source"])
        if cell["cell_type"] == "markdown":
            told = text
        elif cell["cell_type"] == "code" and text:
            said = told[:DOCSTRING_CHARACTERS_MAX].strip()
            before = "".join(f"# {line}\n" for line in said.splitlines() if line.strip())
            last = text.count("\n") + 1
            found.append(Function(f"cell {number}", "cell", 1, last, before + text, said))
            told = ""
    return found


def _text(source: str | list[str]) -> str:
    """Join a cell's lines, which are a list or one string."""
    return (source if isinstance(source, str) else "".join(source)).strip()


def _language(metadata: Mapping[str, Any]) -> str:
    told = metadata.get("kernelspec", {}).get("language") or metadata.get("language_info", {}).get(
        "name"
    )
    name = str(told or "python").lower()
    name = _SPELLED.get(name, name)
    return name if _NAME.fullmatch(name) else ""
