"""A text as the characters of a name, for encoders that need no tokenizer."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from models.errors import ItemEmpty, ItemTooLarge, ModalityUnsupported
from models.modality import Array, Features, Item, Role
from models.texts.characters import numbered, romanised
from models.texts.reading import read_text

INPUT = "characters"
EDGES = 2  # a blank at both ends counts as a character


class CharactersConfig(BaseModel):
    """How a text becomes characters: the `preprocessing` of a text bundle without a tokenizer.

    The graph takes `characters`, int64 (n, length): ids of small Latin letters, digits and blanks,
    into which any script is transliterated; 0 fills up.

    Args:
        characters_max: of a text so written, with the edge at either end; what is beyond is cut.
        item_bytes_max: the longest text in bytes of UTF-8; a longer one is refused unread.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    characters_max: int = Field(gt=EDGES, le=1 << 16)
    item_bytes_max: int = Field(default=1 << 16, gt=0)


@dataclass(frozen=True, slots=True)
class Name:
    """The text modality of a bundle that reads characters."""

    config: CharactersConfig

    @property
    def cost_min(self) -> int:
        """One character between the edges."""
        return 1 + EDGES

    @property
    def cost_max(self) -> int:
        """The longest name in characters."""
        return self.config.characters_max

    @property
    def inputs(self) -> tuple[str, ...]:
        """The name of the graph's input."""
        return (INPUT,)

    @property
    def is_lettered(self) -> bool:
        """A name says all that it says in its letters."""
        return False

    def decode(self, item: Item, *, role: Role | None = None, truncate: bool = True) -> Features:
        """Number the characters of one name; roles mean nothing to it.

        Raises:
            InputError: it is no text, nothing is left of it, or it is too long.
        """
        if item.modality != "text" or isinstance(item.content, tuple):
            raise ModalityUnsupported(
                "this encoder reads names as texts, not token ids, nor items of modality "
                f"{item.modality!r}; send text, or choose another model"
            )
        text = read_text(item.content, self.config.item_bytes_max)
        row = numbered(romanised(text))
        limit = self.config.characters_max
        if len(row) == EDGES:
            raise ItemEmpty(
                "the text has no letter and no digit, of which names are told; send at least one"
            )
        if len(row) > limit and not truncate:
            raise ItemTooLarge(
                f"the text has {len(row) - EDGES} letters, digits and blanks, and the limit is "
                f"{limit - EDGES}; shorten it, or allow truncation"
            )
        kept = row[:limit]
        return Features(arrays={INPUT: kept}, cost=len(kept), truncated=len(row) > limit)

    def collate(self, batch: Sequence[Features]) -> dict[str, Array]:
        """Fill the names of a batch up to its longest, on the right."""
        length = max((features.cost for features in batch), default=0)
        characters = np.zeros((len(batch), length), np.int64)
        for row, features in enumerate(batch):
            characters[row, : features.cost] = features.arrays[INPUT]
        return {INPUT: characters}
