"""How code is read as words."""

import pytest

from models.spelling import content_of, spelled, words


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("parseHTTPHeaders", "parse HTTP Headers"),
        ("__init__", "init"),
        ("MAX_TOKENS", "MAX TOKENS"),
        ("getElementById2", "get Element By Id 2"),
        ("x1 = md5(b64)", "x1 md 5 b64"),
        ("np.asarray(rows, np.float32)", "np asarray rows np float 32"),
        ("a += b * -1  # why", "a + b * -1 # why"),
        ("if not a != b: return {'key': \"value\"}", "if not a ! b return key value"),
        ("(x) => x -> y", "x x y"),
        ("naïve_café", "naïve café"),
        ("", ""),
        ("{};\n\t()", ""),
    ],
)
def test_identifiers_are_parted_and_brackets_dropped(code: str, expected: str) -> None:
    assert words(code) == expected


def test_what_is_parted_stays_parted() -> None:
    code = "def readHTTPLine(self, raw_line): return self.lines[raw_line].strip()"
    assert words(words(code)) == words(code)


def test_layout_says_nothing() -> None:
    assert words("f(\n    a,\n    b,\n)") == words("f(a, b)")


@pytest.mark.parametrize("language", ["", "python", "c++"])
def test_the_language_is_read_first(language: str) -> None:
    assert spelled(content_of("readAll()", language)) == f"{language} read All".strip()


def test_code_of_many_lines_keeps_them_all() -> None:
    assert spelled(content_of("a\nb\nc", "go")) == "go a b c"
    assert spelled(content_of("a\nb\nc")) == "a b c"
