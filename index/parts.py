"""Parts of one exemplar: a long sound stands in a gallery once as a whole and once by each window.

A part is a row like any other, under the id of its whole and `#t=START,END` in seconds. Source:
W3C, Media Fragments URI 1.0, section 4.2.1 (normal play time).
"""

import re
from typing import Final

MARK: Final = "#t="
_SECONDS: Final = r"(\d{1,7}(?:\.\d{1,3})?)"
_PART: Final = re.compile(rf"(.+){MARK}{_SECONDS},{_SECONDS}", re.DOTALL)


def part_id(whole: str, start: float, end: float) -> str:
    """Return the id of what stands of an exemplar between two seconds.

    >>> part_id("lecture", 2.0, 3.25)
    'lecture#t=2,3.25'
    """
    return f"{whole}{MARK}{_told(start)},{_told(end)}"


def split_id(one: str) -> tuple[str, tuple[float, float] | None]:
    """Return the id of the whole, and where in it a part stands; None for a whole.

    >>> split_id("lecture#t=2,3.25"), split_id("lecture#t=late")
    (('lecture', (2.0, 3.25)), ('lecture#t=late', None))
    """
    if MARK not in one:  # as most often
        return one, None
    found = _PART.fullmatch(one)
    if found is None:
        return one, None
    return found[1], (float(found[2]), float(found[3]))


def whole_of(one: str) -> str:
    """Return the id of the whole that an id is of, or is."""
    return split_id(one)[0]


def span(whole: str) -> tuple[str, str]:
    """Return ids between which every part of a whole stands, in the order of their bytes."""
    return whole + MARK, whole + "#t>"


def _told(seconds: float) -> str:
    return f"{seconds:.3f}".rstrip("0").rstrip(".")
