"""What is wrong with a body that was read, in words a caller understands."""

from collections.abc import Sequence
from typing import Any

_WORDS = {
    "extra_forbidden": "unknown field",
    "missing": "required field is missing",
    "model_type": "this is not a JSON object",
    "model_attributes_type": "this is not a JSON object",
}


def first_complaint(errors: Sequence[Any], whole: str = "body") -> tuple[str | None, str]:
    """Word the first of a validation's complaints, and count the rest.

    >>> first_complaint([{"loc": ("body", "k"), "type": "int_type", "msg": "Input should be ..."}])
    ('k', 'k: Input should be ...')
    """
    first = errors[0]
    param = path_of(first["loc"])
    message = _WORDS.get(first["type"], first["msg"]).removeprefix("Value error, ")
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    return param or None, f"{param or whole}: {message}{more}"


def path_of(loc: Sequence[int | str]) -> str:
    """Write a location as a caller would.

    >>> path_of(("body", "queries", 3, "label"))
    'queries[3].label'
    """
    path = ""
    for part in loc[1:] if loc and loc[0] in ("body", "query", "path", "header") else loc:
        path += f"[{part}]" if isinstance(part, int) else f".{part}" if path else part
    return path
