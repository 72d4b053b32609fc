"""The source files of a tree to exemplars: one a function, method, class or cell."""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from index.exemplar import NAME_BYTES_MAX
from models.functions.extraction import Function
from service.repository.extractor import Extractor
from service.repository.files import SourceFile, Unreadable
from service.repository.tree import Tree

MakeItem = Callable[[str, str], dict[str, Any]]
"""What is embedded of a piece of code in a language."""


def code_item(code: str, language: str) -> dict[str, Any]:
    """Make the item of an encoder for code."""
    return {"code": code, "language": language} if language else {"code": code}


def text_item(code: str, _: str) -> dict[str, Any]:
    """Make the item of an encoder for texts."""
    return {"text": code}


@dataclass(frozen=True, slots=True)
class FileRows:
    """The exemplars of a file; and a complaint about it, if there is one."""

    file: SourceFile
    exemplars: list[dict[str, Any]]
    complaint: str | None
    is_read: bool = True


def file_rows(tree: Tree, make_item: MakeItem) -> Iterator[FileRows]:
    """Yield the files of a tree with the exemplars of each, as they are parsed."""
    with Extractor() as extractor:
        for file in tree.files:
            try:
                content = file.read()
            except (Unreadable, OSError) as error:
                yield FileRows(file, [], str(error), is_read=False)
                continue
            found = extractor.read(file.path, content)
            counts: Counter[str] = Counter()
            exemplars = []
            for one in found.functions:
                counts[one.symbol] += 1
                item = make_item(one.code, found.language)
                payload = _payload(tree, file.path, one, found.language)
                exemplars.append(
                    {
                        "id": id_of(tree.name, file.path, one.symbol, counts[one.symbol]),
                        "label": _label(one.symbol),
                        "item": item,
                        "payload": payload,
                    }
                )
            yield FileRows(file, exemplars, found.complaint)


def id_of(repository: str, path: str, symbol: str, ordinal: int) -> str:
    """Name an exemplar by its place; the second of the same name in a file by its number, too.

    >>> id_of("shop", "cart.py", "Cart.total", 1), id_of("shop", "cart.py", "Cart.total", 2)
    ('shop/cart.py#Cart.total', 'shop/cart.py#Cart.total~2')
    """
    name = f"{repository}/{path}#{symbol}" + (f"~{ordinal}" if ordinal > 1 else "")
    spoken = name.encode()
    if len(spoken) <= NAME_BYTES_MAX:
        return name
    digest = hashlib.blake2b(spoken, digest_size=16).hexdigest()
    return f"{spoken[: NAME_BYTES_MAX - 40].decode('utf-8', 'ignore')}~{digest}"


def _label(symbol: str) -> str:
    return symbol.encode()[:NAME_BYTES_MAX].decode("utf-8", "ignore")


def _payload(tree: Tree, path: str, one: Function, language: str) -> dict[str, Any]:
    return {
        "repository": tree.name,
        "path": path,
        "start_line": one.start_line,
        "end_line": one.end_line,
        "symbol": one.symbol,
        "kind": one.kind,
        "language": language,
        "docstring": one.docstring,
        "commit": tree.commit,
    }
