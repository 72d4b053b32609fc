"""One file's bytes to what stands in it, and what there is to be said about it."""

from dataclasses import asdict, dataclass
from typing import Any

from models.functions.extraction import Found, Function, functions_of
from models.functions.language import language_of
from models.functions.notebook import NotebookInvalid, cells_of
from service.repository.files import NOTEBOOK, Unreadable
from service.repository.refusing import admitted

WITH_MACROS = ("c", "cpp")  # few files of theirs are understood to the last line


@dataclass(frozen=True, slots=True)
class Read:
    """What stands in a file, in which language; and a complaint about some of it, or all."""

    language: str
    functions: list[Function]
    complaint: str | None = None


def read(path: str, content: bytes) -> Read:
    """Find what stands in a file; what cannot be read at all holds nothing, and says why."""
    try:
        source = admitted(path, content)
        if path.lower().endswith(NOTEBOOK):
            language, found = cells_of(source)
        else:
            language = language_of(path, source) or ""
            found = functions_of(source, language, path)
    except (Unreadable, NotebookInvalid) as error:
        return Read("", [], str(error))
    return Read(language, found.functions, _complaint(language, found))


def _complaint(language: str, found: Found) -> str | None:
    if found.broken_line is None or (language in WITH_MACROS and found.functions):
        return None
    what = f"{len(found.functions)} functions were found nevertheless"
    return f"line {found.broken_line} is no {language} as it is known here; {what}"


def written(one: Read) -> dict[str, Any]:
    """Write it as JSON has it."""
    return asdict(one)


def unwritten(told: dict[str, Any]) -> Read:
    """Read what was :func:`written`."""
    functions = [Function(**one) for one in told["functions"]]
    return Read(told["language"], functions, told["complaint"])
