"""Code, and the questions that are asked of it: two kinds of items in one space.

A question is read as the text modality reads it; code is parted into words before (see
:mod:`models.spelling`).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from models.errors import BundleUnsupported, ItemEmpty, ItemUndecodable, ModalityUnsupported
from models.modality import Array, Features, Item, Modality, Role, open_modality
from models.spelling import content_of, spelled

COST_UNIT = "tokens"
MEDIA_TYPES = ("text/x-code",)
LANGUAGE = re.compile(r"[a-z0-9+#.-]{1,32}")
SCHEMA = {
    "type": "object",
    "description": "A piece of source code, such as a function; its comments belong to it.",
    "properties": {
        "code": {"type": "string", "minLength": 1},
        "language": {
            "description": "What it is written in, in small letters: python, javascript, go ...",
            "anyOf": [{"type": "string", "pattern": f"^{LANGUAGE.pattern}$"}, {"type": "null"}],
        },
    },
    "required": ["code"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class Code:
    """The code modality of one bundle.

    Args:
        text: reads questions, and code once it is parted into words.
        split: whether code is parted into words, its language first; otherwise it is read as it
            stands, and its language is for people.
    """

    text: Modality
    split: bool

    @property
    def cost_min(self) -> int:
        """One token between the special ones."""
        return self.text.cost_min

    @property
    def cost_max(self) -> int:
        """The longest sequence in tokens."""
        return self.text.cost_max

    @property
    def inputs(self) -> tuple[str, ...]:
        """The names of the graph's inputs."""
        return self.text.inputs

    @property
    def is_lettered(self) -> bool:
        """Code says all that it says in its characters."""
        return False

    def decode(self, item: Item, *, role: Role | None = None, truncate: bool = True) -> Features:
        """Tokenize a question (an item of modality `text`), or a piece of code."""
        if item.modality == "text":
            return self.text.decode(item, role=role, truncate=truncate)
        if item.modality != "code":
            raise ModalityUnsupported(
                f"this encoder reads items of modality 'code' and 'text', not {item.modality!r}; "
                "send code or a question, or choose a model that lists that modality"
            )
        text = self._spelled(item.content)
        return self.text.decode(Item("text", text), role=role, truncate=truncate)

    def collate(self, batch: Sequence[Features]) -> dict[str, Array]:
        """Pad the sequences of a batch to its longest one, on the right."""
        return self.text.collate(batch)

    def _spelled(self, content: str | bytes | tuple[int, ...]) -> str:
        """Read the content as text, its language first; a file's bytes are code of no language."""
        if isinstance(content, tuple):
            raise ItemUndecodable("code is a text, not token ids; send the code itself")
        if isinstance(content, bytes):
            try:
                content = content_of(content.decode())
            except UnicodeDecodeError as error:
                raise ItemUndecodable(
                    f"the bytes are not UTF-8: {error.reason} at byte {error.start}; "
                    "send the code encoded as UTF-8"
                ) from None
        code = content.partition("\n")[2]
        if not code or code.isspace():
            raise ItemEmpty("the code is empty or only white space; send at least one word")
        return spelled(content) if self.split else code


def item_of(item: Mapping[str, object]) -> Item:
    """Read the wire's item object `{"code": ..., "language": ...}`.

    Raises:
        ItemUndecodable: it holds something else, or something more.
        ItemEmpty: the code is empty.
    """
    code, language = item.get("code"), item.get("language")
    if not isinstance(code, str):
        raise ItemUndecodable('\'code\' is not a string; send {"code": "...", "language": "..."}')
    if language is not None and not (isinstance(language, str) and LANGUAGE.fullmatch(language)):
        raise ItemUndecodable(
            "'language' is not the name of a language in small letters; send python, javascript, "
            "java, go ..., or leave it out"
        )
    extra = sorted(set(item) - {"code", "language"})
    if extra:
        raise ItemUndecodable(f"a code item has no field {', '.join(map(repr, extra))}")
    return Item("code", content_of(code, language or ""))


def build(config: Mapping[str, object], folder: Path) -> Code:
    """Open the code modality of a bundle: a text's configuration, and `split_identifiers`."""
    rest = dict(config)
    split = rest.pop("split_identifiers", None)
    if not isinstance(split, bool):
        raise BundleUnsupported(
            "preprocessing of modality 'code': split_identifiers must be true or false"
        )
    return Code(text=open_modality("text", rest, folder), split=split)
