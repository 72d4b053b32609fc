"""What stands before a function about it, with the marks of comments taken away."""

import inspect
import re
from typing import TYPE_CHECKING

from models.functions.language import Language
from models.functions.naming import text_of

if TYPE_CHECKING:
    from tree_sitter import Node

_OPENING = re.compile(r"^\s*(?:/\*[*!]*|//[/!]*|#+!?|\*(?!/)|=begin\b|=end\b)[ \t]?", re.MULTILINE)
_CLOSING = re.compile(r"\s*\*/\s*$", re.MULTILINE)
_TAGS = re.compile(r"</?[A-Za-z][^<>\n]{0,200}>")  # `<summary>` of C#, `<p>` of Java


def first_line(node: "Node") -> int:
    """Tell the line, from 0 on, that a node begins in."""
    return int(node.start_point[0])


def last_line(node: "Node") -> int:
    """Tell the line, from 0 on, that a node ends in; one that takes its newline ends before it."""
    row, column = node.end_point
    return max(first_line(node), row - (column == 0))


def comments_before(node: "Node", of: Language) -> list["Node"]:
    """Find the comments right before a node, with no empty line between, in their order."""
    if not of.COMMENTS:
        return []
    while (parent := node.parent) is not None and node.prev_named_sibling is None:
        if parent.parent is None:
            break
        node = parent  # the first in its body: a comment may stand before that, as Ruby's do
        if node.prev_named_sibling is not None and node.prev_named_sibling.type in of.COMMENTS:
            break
        if first_line(parent) != first_line(node):
            break
    found: list[Node] = []
    line = first_line(node)
    before = node.prev_named_sibling
    while before is not None and last_line(before) in (line - 1, line):
        if before.type in of.COMMENTS:
            if _trails(before) or before.child_by_field_name("inner") is not None:
                break
            found.append(before)
        elif before.type not in of.SKIPPED:
            break
        line, before = first_line(before), before.prev_named_sibling
    return found[::-1]


def spoken(comments: list["Node"]) -> str:
    """Read comments as text.

    >>> cleaned("/** Adds.\\n  * @param a one\\n  */"), cleaned("/// <summary>Adds.</summary>")
    ('Adds.\\n@param a one', 'Adds.')
    """
    return cleaned("\n".join((text_of(one) or "").rstrip() for one in comments))


def cleaned(text: str) -> str:
    """Take the marks of comments, and tags, away."""
    return inspect.cleandoc(_TAGS.sub("", _CLOSING.sub("", _OPENING.sub("", text)))).strip()


def _trails(comment: "Node") -> bool:
    """Tell whether a comment stands behind something in its line, of which it tells."""
    before = comment.prev_sibling
    return before is not None and last_line(before) == first_line(comment)
