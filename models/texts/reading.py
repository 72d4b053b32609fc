"""A text as it came, or a reason why it cannot be read; any characters or bytes may come."""

from models.errors import ItemEmpty, ItemTooLarge, ItemUndecodable


def read_text(content: str | bytes, bytes_max: int) -> str:
    """Read the content as text within the byte limit, valid Unicode, and not blank.

    Raises:
        ItemTooLarge: it has more bytes of UTF-8.
        ItemUndecodable: it is not Unicode.
        ItemEmpty: it is blank.
    """
    try:
        # There are never more characters than bytes, so a giant is refused before it is copied.
        size = len(content)
        if size <= bytes_max:
            text = content if isinstance(content, str) else content.decode()
            size = len(text.encode())
        if size > bytes_max:
            raise ItemTooLarge(
                f"the text has at least {size} bytes and the limit is {bytes_max}; split it"
            )
    except UnicodeEncodeError as error:
        raise ItemUndecodable(
            f"the text has a lone surrogate at character {error.start}, which no Unicode text "
            "can hold; send well-formed UTF-16 or UTF-8"
        ) from None
    except UnicodeDecodeError as error:
        raise ItemUndecodable(
            f"the bytes are not UTF-8: {error.reason} at byte {error.start}; "
            "send the text encoded as UTF-8"
        ) from None
    if not text or text.isspace():
        raise ItemEmpty("the text is empty or only white space; send at least one word")
    return text
