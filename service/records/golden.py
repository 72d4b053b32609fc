"""Golden records: of each cluster one, put together of the best that its members say.

Per field, the value that most members have; of those that as many have, the longest when written
out; of those the medoid's; of those the first. Values count as the same whatever their case and
blanks, and are given in the spelling that most have.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from service.records.inference import is_empty


@dataclass(frozen=True, slots=True)
class Choice:
    """A value, and where it is from.

    Args:
        value: None where no member has one.
        row: the first record that has it so; None where there is none.
        votes: members that have it.
        of: members that have any value.
        why: `only`, `most frequent`, `longest`, `medoid` or `first`: the rule that chose it.
    """

    value: Any
    row: int | None
    votes: int
    of: int
    why: str


def chosen(cells: Sequence[Any], members: Sequence[int], medoid: int) -> Choice:
    """Choose among the cells of a column that members of a cluster have.

    >>> chosen(["Acme", "ACME Ltd", "acme ltd", None], [0, 1, 2, 3], medoid=0)
    Choice(value='ACME Ltd', row=1, votes=2, of=3, why='most frequent')
    >>> chosen(["Rob", "Robert"], [0, 1], medoid=0)
    Choice(value='Robert', row=1, votes=1, of=2, why='longest')
    """
    having = [row for row in members if not is_empty(cells[row])]
    if not having:
        return Choice(None, None, 0, 0, "")
    said: dict[str, list[int]] = {}
    for row in having:
        said.setdefault(_plain(cells[row]), []).append(row)
    most = max(map(len, said.values()))
    frequent = [value for value, rows in said.items() if len(rows) == most]
    longest = max(map(len, frequent))
    longer = [value for value in frequent if len(value) == longest]
    own = next((value for value in longer if medoid in said[value]), longer[0])
    if len(said) == 1:
        why = "only"
    elif len(frequent) == 1:
        why = "most frequent"
    elif len(longer) == 1:
        why = "longest"
    else:
        why = "medoid" if medoid in said[own] else "first"
    spelt = Counter(str(cells[row]) for row in said[own]).most_common(1)[0][0]
    row = next(row for row in said[own] if str(cells[row]) == spelt)
    return Choice(cells[row], row, most, len(having), why)


def _plain(cell: Any) -> str:
    return " ".join(str(cell).casefold().split())
