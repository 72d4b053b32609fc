"""Source code, as an encoder of words reads it.

A tokenizer of English cuts `parseHTTPHeaders` into syllables, and half of the tokens of code are
brackets and commas. Parted into words, and without the punctuation that no question has, a function
says as much in fewer tokens, so that more of it fits the encoder.
"""

import re

# Before a capital after a small letter or a digit, before the last capital of several, and between
# a word and a number: `parseHTTPHeaders2` is four words and a number.
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z]{2})(?=[0-9])")
_ARROWS = re.compile(r"[-=]>")
# Arithmetic, comparisons, and the marks of decorators, comments and formats stay.
_SILENT = str.maketrans(dict.fromkeys("_(){}[],;:.=\"'`\\|^~$", " "))


def words(code: str) -> str:
    """Part identifiers into their words, and drop the punctuation that no question has.

    >>> words("def parseHTTPHeaders2(raw_text: str) -> dict[str, int]: return {raw_text: -1}")
    'def parse HTTP Headers 2 raw text str dict str int return raw text -1'
    """
    parted = _HUMPS.sub(" ", _ARROWS.sub(" ", code))
    return " ".join(parted.translate(_SILENT).split())


def content_of(code: str, language: str = "") -> str:
    r"""Write code and the language that it is in as the content of an item.

    >>> content_of("x = 1", "python")
    'python\nx = 1'
    """
    return f"{language}\n{code}"


def spelled(content: str) -> str:
    r"""Read such a content as words, the language first; code without any word stays as it is.

    >>> spelled("go\nfunc readAll(r io.Reader)")
    'go func read All r io Reader'
    >>> spelled("\n{};")
    '{};'
    """
    language, _, code = content.partition("\n")
    parted = words(code)
    return f"{language} {parted}".lstrip() if parted else code
