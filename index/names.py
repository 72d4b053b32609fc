"""The rule for names of galleries and aliases."""

import re

from index.errors import NameInvalid

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


def check_name(name: str, what: str) -> None:
    """Refuse a name that breaks the rule.

    Raises: NameInvalid.
    """
    if not _NAME.fullmatch(name):
        raise NameInvalid(
            f"{what} name {name!r}: use 1 to 63 letters, digits, dots, dashes and "
            "underscores, a letter or digit first"
        )
