"""Functions and what is said of them, out of packages."""

import gzip
import json
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from models.training.code.functions import Function, functions
from models.training.code.mining import (
    Package,
    folder_package,
    lines_package,
    mine,
    open_package,
)
from models.training.code.pairs import (
    fingerprint,
    held_out,
    pair_of,
    read_pairs,
    sentence,
    summary,
    write_pairs,
)

PYTHON = '''
class Shelf:
    @property
    def books(self):
        """List the books that stand on the shelf.

        Returns:
            Their titles.
        """
        found = self.rows
        return [row.title for row in found]

    async def lend(self, book, to): """Lend a book to somebody for a month."""; book.to = to

def silent(x):
    return x
'''

OTHERS = {
    ".js": (
        "/**\n * Sort the rows by a column.\n * @param {Array} rows\n */\n"
        'function sortRows(rows, key) {\n  const brace = "}"; // }\n  return rows.sort((a) => {\n'
        "    return a[key];\n  });\n}\nother();",
        ("sortRows", "javascript", "Sort the rows by a column.", 'const brace = "}"', "});\n}"),
    ),
    ".ts": (
        "class A {\n  /** Counts what is in the box. */\n"
        "  count(box: Box): number {\n    return box.size;\n  }\n}\n",
        ("count", "typescript", "Counts what is in the box.", "box.size", "}"),
    ),
    ".go": (
        "// Max gives the larger of two numbers.\n// Ties give either.\n"
        "func Max(a, b int) int {\n\tif a > b {\n\t\treturn a\n\t}\n\treturn b\n}\n",
        ("Max", "go", "Max gives the larger of two numbers.", "return b", "}"),
    ),
    ".php": (
        "/**\n * Find a user by name.\n */\npublic static function find($name)\n{\n"
        "    return self::$users[$name];\n}\n",
        ("find", "php", "Find a user by name.", "self::$users", "}"),
    ),
    ".rs": (
        "/// Reads the file to its end.\n#[inline]\npub fn read_all(path: &Path) -> String {\n"
        "    fs::read_to_string(path).unwrap()\n}\n",
        ("read_all", "rust", "Reads the file to its end.", "unwrap", "}"),
    ),
    ".java": (
        "/** Closes the door behind you. */\n@Override\npublic void close(Door door) {\n"
        "    door.shut();\n}\n",
        ("close", "java", "Closes the door behind you.", "shut", "}"),
    ),
    ".rb": (
        "  # Counts the words of a text.\n  def count(text)\n    if text\n      text.split.size\n"
        "    end\n  end\n",
        ("count", "ruby", "Counts the words of a text.", "split.size", "end"),
    ),
}


def test_python_is_read_by_its_grammar() -> None:
    books, lend = functions(PYTHON, ".py")
    assert (books.name, books.language) == ("books", "python")
    assert books.code.startswith('def books(self):\n    """List the books')
    assert books.bare == (
        "def books(self):\n    found = self.rows\n    return [row.title for row in found]"
    )
    assert lend.name == "lend"


@pytest.mark.parametrize("suffix", OTHERS)
def test_others_are_read_by_their_comments(suffix: str) -> None:
    source, (name, language, told, inside, end) = OTHERS[suffix]
    (found,) = functions(source, suffix)
    assert (found.name, found.language) == (name, language)
    assert summary(found.told).startswith(told)
    assert inside in found.code
    assert found.code.endswith(end)
    assert told not in found.code


@pytest.mark.parametrize("source", ["def f(:\n  '''x'''", "\0", "def f():\n\t'''a'''\n  x\n"])
def test_a_broken_file_has_none(source: str) -> None:
    assert list(functions(source, ".py")) == []


def function(told: str, bare: str = "def f(x):\n    y = x.read()\n    return y") -> Function:
    return Function("fetch", "python", told, f"{bare}\n# {told}", bare)


def test_a_pair_says_what_the_docstring_says_first() -> None:
    pair = pair_of(function("Read :class:`Rows`\nfrom ``x``. Then stop.\n\n:param x: a file"), "p")
    assert pair is not None
    assert pair.told == "Read Rows from x. Then stop."
    assert sentence(pair.told) == "Read Rows from x"


@pytest.mark.parametrize(
    "told",
    ["Too short", "word " * 61, "Deprecated: use the other function instead", "读取文件 的 内容 和",
     "See the other function for more"],
)  # fmt: skip
def test_what_says_nothing_makes_no_pair(told: str) -> None:
    assert pair_of(function(told), "p") is None


@pytest.mark.parametrize(
    "bare", ["def f(x):\n    pass", "def f(x):\n    raise NotImplementedError"]
)
def test_what_does_nothing_makes_no_pair(bare: str) -> None:
    assert pair_of(function("Read the rows of a file", bare), "p") is None


def package(name: str, source: str, licence: str = "MIT", path: str = "a.py") -> Package:
    return Package(name, licence, [(path, source.encode)])


def source(name: str, told: str) -> str:
    return f'def {name}(path):\n    """{told}"""\n    rows = open(path)\n    return rows.{name}\n'


def found(*packages: Package, unwanted: frozenset[bytes] = frozenset()) -> list[str]:
    return [f"{pair.package}:{pair.name}" for pair in mine(packages, unwanted)]


def test_a_function_and_a_saying_come_once() -> None:
    one, same = source("read", "Read the rows of a file"), source("read", "Another word for it all")
    alike = source("load", "Read the rows of a file")
    assert found(package("a", one), package("b", same), package("c", alike)) == ["a:read"]


def test_what_is_kept_for_tests_is_left_out() -> None:
    text = source("read", "Read the rows of a file")
    bare = "def   read( path ):\n  rows = open(path)\n  return rows.read"
    assert found(package("a", text), unwanted=frozenset([fingerprint(bare)])) == []
    assert found(package("a", text), unwanted=frozenset([fingerprint("other")])) == ["a:read"]


@pytest.mark.parametrize(
    "licence", ["GPL-3.0-or-later", "LGPL", "", "Proprietary", "MPL-2.0 AND MIT"]
)
def test_a_licence_that_binds_is_passed_over(licence: str) -> None:
    assert found(package("a", source("read", "Read the rows of a file"), licence)) == []


@pytest.mark.parametrize("name", ["librosa", "PyLint", "tensorflow_probability", "qiskit"])
def test_repositories_of_tests_are_left_out(name: str) -> None:
    assert found(package(name, source("read", "Read the rows of a file"))) == []


@pytest.mark.parametrize(
    "path", ["tests/a.py", "a/test_b.py", "p/_vendor/a.py", "a.min.js", "a.md"]
)
def test_tests_copies_and_other_files_are_not_read(path: str) -> None:
    assert found(package("a", source("read", "Read the rows of a file"), path=path)) == []


def test_pairs_that_are_known_come_first_and_once() -> None:
    known = list(mine([package("a", source("read", "Read the rows of a file"))], frozenset()))
    again = [
        package("a", source("more", "Read more than the rows")),
        package("b", source("x", "Say x aloud twice")),
    ]
    assert [pair.package for pair in mine(again, frozenset(), known)] == ["a", "b"]


@pytest.fixture
def archives(tmp_path: Path) -> Iterator[list[Package]]:
    text = source("read", "Read the rows of a file")
    with zipfile.ZipFile(tmp_path / "p-1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("p/a.py", text)
        wheel.writestr(
            "p-1.dist-info/METADATA",
            "Name: P\nClassifier: License :: OSI Approved :: MIT License\n",
        )
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "package.json").write_text('{"name": "@q/r", "license": "ISC"}')
    (tmp_path / "package" / "a.js").write_text(OTHERS[".js"][0])
    with tarfile.open(tmp_path / "r.tgz", "w:gz") as tar:
        tar.add(tmp_path / "package", "package")
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree" / "b.go").write_text(OTHERS[".go"][0])
    with gzip.open(tmp_path / "l.jsonl.gz", "wt") as file:
        file.write(json.dumps({"path": "c.py", "code": source("lines", "Count the lines of it")}))
    yield [
        open_package(tmp_path / "p-1-py3-none-any.whl"),
        open_package(tmp_path / "r.tgz"),
        folder_package("tree", "BSD-3-Clause", tmp_path / "tree"),
        lines_package("lines", "MIT", tmp_path / "l.jsonl.gz"),
    ]


def test_packages_are_read_from_archives_and_folders(
    archives: list[Package], tmp_path: Path
) -> None:
    pairs = list(mine(archives, frozenset()))
    assert [(pair.package, pair.name) for pair in pairs] == [
        ("p", "read"), ("@q/r", "sortRows"), ("tree", "Max"), ("lines", "lines"),
    ]  # fmt: skip
    assert write_pairs(tmp_path / "pairs.jsonl.xz", pairs) == 4
    assert list(read_pairs(tmp_path / "pairs.jsonl.xz")) == pairs


def test_something_else_is_no_archive(tmp_path: Path) -> None:
    (tmp_path / "a.zip").touch()
    with pytest.raises(ValueError, match=r"name a \.whl, a \.tgz or a folder"):
        open_package(tmp_path / "a.zip")


def test_packages_are_parted_by_name_alone() -> None:
    names = [f"package-{number}" for number in range(2000)]
    share = sum(held_out(name) for name in names) / len(names)
    assert 0.05 < share < 0.1
    assert [held_out(name.upper()) for name in names] == [held_out(name) for name in names]
