"""What `semblance gallery search | identify` asks with: a text, or a file and what it reads."""

import base64
from pathlib import Path

import click
import pytest

from service.commands.questions import item_of


def test_a_text_or_a_file_and_what_it_reads(tmp_path: Path) -> None:
    photo = tmp_path / "photo.jpg"
    photo.write_bytes(b"x")
    image = {"image": base64.b64encode(b"x").decode()}
    assert item_of("a", None, None, read=False) == {"text": "a"}
    assert item_of(None, photo, None, read=False) == image
    assert item_of(None, photo, "ACME", read=False) == image | {"reads": "ACME"}
    assert item_of(None, photo, None, read=True) == image | {"reads": True}


def test_what_cannot_be_asked_is_wrong_usage(tmp_path: Path) -> None:
    photo, notes = tmp_path / "photo.jpg", tmp_path / "notes.pdf"
    for path in (photo, notes):
        path.write_bytes(b"x")
    for question, file, reads, read, words in (
        (None, None, None, False, "one of the two"),
        ("a", photo, None, False, "one of the two"),
        ("a", None, "ACME", False, "--file"),
        ("a", None, None, True, "--file"),
        (None, photo, "ACME", True, "give one"),
        (None, notes, None, False, "of no kind"),
    ):
        with pytest.raises(click.UsageError, match=words):
            item_of(question, file, reads, read=read)
