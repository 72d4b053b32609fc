"""Which files of a folder, an archive or a repository are read, and that none outside it is."""

import gzip
import io
import os
import random
import shutil
import subprocess
import tarfile
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from service.repository import unpacking
from service.repository.files import FILE_BYTES_MAX, Unreadable
from service.repository.ignores import walked
from service.repository.tree import open_tree
from service.repository.trees import archive
from service.source import SourceInvalid

needs_git = pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed")
WHO = ("-c", "user.name=a", "-c", "user.email=a@example.org")
SHOP = {
    "shop/cart.py": "def total(): pass\n",
    "shop/pay.js": "function pay() {}\n",
    "notes.txt": "",
}


def write(folder: Path, content: Mapping[str, str]) -> Path:
    for name, text in content.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def git(folder: Path, *words: str) -> str:
    done = subprocess.run(
        ["git", *WHO, "-C", str(folder), *words], capture_output=True, text=True, check=True
    )
    return done.stdout.strip()


def committed(folder: Path) -> str:
    git(folder, "init", "--quiet")
    git(folder, "add", "--all")
    git(folder, "commit", "--quiet", "--message", "all")
    return git(folder, "rev-parse", "HEAD")


def look(place: object) -> tuple[list[str], list[str], str | None]:
    """Tell the paths that are found, the places that are complained of, and the commit."""
    with open_tree(str(place)) as tree:
        return [f.path for f in tree.files], [where for where, _ in tree.unread], tree.commit


def test_a_folder_is_its_source_files(tmp_path: Path) -> None:
    folder = write(tmp_path / "shop", SHOP | {"big.py": "#" * (FILE_BYTES_MAX + 1)})
    with open_tree(str(folder)) as tree:
        assert (tree.name, tree.commit, tree.is_whole) == ("shop", None, True)
        assert [(f.path, f.read().decode()) for f in tree.files] == [
            (name, SHOP[name]) for name in ("shop/cart.py", "shop/pay.js")
        ]
        ((where, why),) = tree.unread
        assert where == "big.py" and str(FILE_BYTES_MAX) in why
    with pytest.raises(SourceInvalid, match="does not exist"):
        open_tree(str(tmp_path / "none"))
    with pytest.raises(SourceInvalid, match="of no kind"):
        open_tree(str(folder / "notes.txt"))
    with pytest.raises(SourceInvalid, match="clone it first"):
        open_tree("https://example.org/shop.git")


IGNORED = {
    ".gitignore": "*.log.py\n/build/\n!keep.log.py\nvendor/*\n!vendor/ours/\n# no.py\n",
    "a.log.py": "", "keep.log.py": "", "no.py": "",
    "build/made.py": "", "src/build/written.py": "",
    "vendor/theirs/x.py": "", "vendor/ours/y.py": "",
    "src/.gitignore": "!a.log.py\n*.gen.py\n**/tmp/**\nsp\\ ace.py\n[ab].py\n",
    "src/a.log.py": "", "src/deep/b.gen.py": "", "src/tmp/t.py": "", "src/x/tmp/t.py": "",
    "src/sp ace.py": "", "src/a.py": "", "src/deep/b.py": "", "src/c.py": "",
}  # fmt: skip
KEPT = [
    "keep.log.py", "no.py", "src/a.log.py", "src/build/written.py", "src/c.py", "vendor/ours/y.py",
]  # fmt: skip


def test_what_gitignore_names_is_left_out_at_all_levels(tmp_path: Path) -> None:
    paths = [path for path in walked(write(tmp_path, IGNORED), []) if path.endswith(".py")]
    assert sorted(paths) == KEPT


@needs_git
@pytest.mark.parametrize("seed", range(6))
def test_the_walk_without_git_finds_what_git_lists(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    names = ["a", "b", "c.py", "d.py", "build", "ab"]
    lines = [
        "*.py",
        "a/",
        "/b",
        "!c.py",
        "b/*",
        "**/a",
        "a/**/d.py",
        "build",
        "!a/",
        "?.py",
        "/*/c.py",
    ]
    folders = [draw.choices(["a", "b", "build", "ab"], k=draw.randint(0, 3)) for _ in range(40)]
    content = {"/".join([*folder, f"{draw.choice(names)}.py"]): "" for folder in folders}
    for folder in ("", "a/", "a/b/", "build/"):
        content[f"{folder}.gitignore"] = "\n".join(draw.choices(lines, k=3))
    write(tmp_path, content)
    mine = sorted(walked(tmp_path, []))
    git(tmp_path, "init", "--quiet")
    theirs = git(tmp_path, "ls-files", "--others", "--exclude-standard", "-z").split("\0")
    assert mine == sorted(filter(None, theirs))


@needs_git
def test_a_work_tree_is_what_git_lists(tmp_path: Path) -> None:
    folder = write(tmp_path / "shop", IGNORED)
    commit = committed(folder)
    write(folder, {"new.py": "", "src/tracked.gen.py": "", ".git/info/exclude": "private.py\n"})
    write(folder, {"private.py": ""})
    git(folder, "add", "--force", "src/tracked.gen.py")
    (folder / "no.py").unlink()
    paths, unread, at = look(folder)
    assert paths == sorted({*KEPT, "new.py", "src/tracked.gen.py"} - {"no.py"})
    assert (unread, at) == ([], commit)
    assert look(folder / "src")[0] == ["a.log.py", "build/written.py", "c.py", "tracked.gen.py"]
    # A folder that is ignored is read where it is named itself.
    assert look(folder / "build") == (["made.py"], [], None)
    inner = write(folder / "inner", {"own.py": "", ".gitignore": "not.py", "not.py": ""})
    committed(inner)
    assert {p for p in look(folder)[0] if p.startswith("inner")} == {"inner/own.py"}


@needs_git
def test_nothing_that_a_repository_names_is_run(tmp_path: Path) -> None:
    folder = write(tmp_path / "shop", SHOP)
    committed(folder)
    trap = write(tmp_path, {"trap.sh": f"#!/bin/sh\ntouch {tmp_path}/sprung\n"}) / "trap.sh"
    trap.chmod(0o755)
    for name in ("core.fsmonitor", "core.sshCommand", "core.editor", "core.pager"):
        git(folder, "config", name, str(trap))
    (folder / ".git/hooks").mkdir(exist_ok=True)
    shutil.copy(trap, folder / ".git/hooks/post-index-change")
    assert look(folder)[0] == ["shop/cart.py", "shop/pay.js"]
    assert not (tmp_path / "sprung").exists()


@needs_git
def test_a_bare_repository_is_the_commit_of_its_head(tmp_path: Path) -> None:
    folder = write(tmp_path / "shop", SHOP | {"big.py": "#" * (FILE_BYTES_MAX + 1)})
    (folder / "link.py").symlink_to("/etc/passwd")
    commit = committed(folder)
    bare = tmp_path / "shop.git"
    git(tmp_path, "clone", "--quiet", "--bare", str(folder), str(bare))
    for place in (bare, f"file://{bare}"):
        with open_tree(str(place)) as tree:
            assert (tree.name, tree.commit) == ("shop", commit)
            assert {f.path: f.read().decode() for f in tree.files} == {
                name: SHOP[name] for name in ("shop/cart.py", "shop/pay.js")
            }
            assert [where for where, _ in tree.unread] == ["big.py"]
    git(tmp_path, "init", "--quiet", "--bare", str(tmp_path / "empty.git"))
    with pytest.raises(SourceInvalid, match=r"empty\.git"), open_tree(str(tmp_path / "empty.git")):
        pass


def test_no_link_is_followed(tmp_path: Path) -> None:
    outside = write(tmp_path / "outside", {"secret.py": "", "in/more.py": ""})
    folder = write(tmp_path / "shop", SHOP)
    (folder / "out.py").symlink_to(outside / "secret.py")
    (folder / "folder").symlink_to(outside)
    (folder / "round").symlink_to(folder)
    os.mkfifo(folder / "pipe.py")
    assert look(folder) == (["shop/cart.py", "shop/pay.js"], [], None)
    # One that is put there after the look is not followed either.
    with open_tree(str(folder)) as tree:
        cart, pay = tree.files
        (folder / "shop/cart.py").unlink()
        (folder / "shop/cart.py").symlink_to(outside / "secret.py")
        with pytest.raises(OSError, match=r"cart\.py"):
            cart.read()
        (folder / "shop").rename(folder / "was")
        (folder / "shop").symlink_to(folder / "was")
        with pytest.raises(Unreadable, match="link"):
            pay.read()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_what_may_not_be_read_is_told(tmp_path: Path) -> None:
    folder = write(tmp_path / "shop", SHOP)
    (folder / "shop").chmod(0)
    try:
        assert look(folder) == ([], ["shop/"], None)
    finally:
        (folder / "shop").chmod(0o755)


COMMIT = "0123456789" * 4


def as_zip(path: Path, content: Mapping[str, str]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as out:
        out.comment = COMMIT.encode()
        for name, text in content.items():
            out.writestr(name, text)
    return path


def as_tar(path: Path, content: Mapping[str, str]) -> Path:
    headers = {"comment": COMMIT}
    with tarfile.open(path, f"w:{path.suffix[1:]}", pax_headers=headers) as out:  # type: ignore[call-overload]
        for name, text in content.items():
            info = tarfile.TarInfo(name)
            info.size = len(text.encode())
            out.addfile(info, io.BytesIO(text.encode()))
    return path


@pytest.mark.parametrize("name", ["shop.zip", "shop.tar.gz", "shop.tar.bz2", "shop.tar.xz"])
def test_an_archive_is_read_as_its_folder_would_be(tmp_path: Path, name: str) -> None:
    content = {f"shop-1.0/{n}": t for n, t in (IGNORED | SHOP).items()}
    hostile = {"../../escaped.py": "", "/absolute.py": "", "shop-1.0/.git/hook.py": ""}
    make = as_zip if name.endswith("zip") else as_tar
    place = make(tmp_path / name, content | hostile)
    paths, unread, commit = look(place)
    assert paths == sorted([*KEPT, "shop/cart.py", "shop/pay.js"])
    assert (unread, commit) == (["../../escaped.py", "/absolute.py"], COMMIT)
    assert not (tmp_path.parent / "escaped.py").exists()
    place.write_bytes(place.read_bytes()[:-200] if name != "shop.zip" else b"PK")
    with pytest.raises(SourceInvalid, match="no archive that can be read"):
        look(place)


def test_links_in_archives_are_not_made(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "shop.tar", "w") as out:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE):
            info = tarfile.TarInfo(f"link{kind.decode()}.py")
            info.type, info.linkname = kind, "/etc/passwd"
            out.addfile(info)
    assert look(tmp_path / "shop.tar") == ([], [], None)
    with zipfile.ZipFile(tmp_path / "shop.zip", "w") as made:
        one = zipfile.ZipInfo("link.py")
        one.external_attr = 0o120777 << 16
        made.writestr(one, "/etc/passwd")
    assert look(tmp_path / "shop.zip") == ([], [], None)


def test_archives_that_unpack_to_very_much_are_read_within_bounds(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    bomb = "#" * (FILE_BYTES_MAX + 1)
    assert look(as_zip(tmp_path / "a.zip", {"bomb.py": bomb, "a.py": ""}))[:2] == (
        ["a.py"],
        ["bomb.py"],
    )
    # A header that says how long the next one is, and lies.
    head = tarfile.TarInfo("pax")
    head.type, head.size = tarfile.XHDTYPE, 7 << 30
    with gzip.open(tmp_path / "b.tar.gz", "wb") as out:
        out.write(head.tobuf(tarfile.USTAR_FORMAT) + bytes(1 << 20))
    with pytest.raises(SourceInvalid, match="at once"):
        look(tmp_path / "b.tar.gz")
    monkeypatch.setattr(unpacking, "UNPACKED_BYTES_MAX", 1 << 20)
    skipped = as_tar(tmp_path / "c.tar.gz", {"a.py": "", "x.bin": bomb, "b.py": ""})
    monkeypatch.setattr(archive, "MEMBERS_MAX", 2)
    many = as_zip(tmp_path / "d.zip", {f"{n}.py": "" for n in range(3)})
    for place, found in ((skipped, ["a.py"]), (many, ["0.py", "1.py"])):
        with open_tree(str(place)) as tree:
            assert [f.path for f in tree.files] == found
            assert not tree.is_whole
            ((where, why),) = tree.unread
            assert where == place.name and "the rest was not read" in why


def test_paths_too_long_or_of_no_encoding_are_told(tmp_path: Path) -> None:
    write(tmp_path, {f"{'a' * 200}/{'b' * 200}.py": ""})
    Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.py")).touch()
    paths, unread, _ = look(tmp_path)
    assert paths == []
    assert unread == [f"{'a' * 200}/{'b' * 200}.py", "caf\\udce9.py"]
