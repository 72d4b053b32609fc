"""The pages say what the code does: settings, links, errors, commands."""

import re
from pathlib import Path

import pytest
from click import Command, Context, Group

from service.cli import main
from service.problems import TABLE
from service.settings import PREFIX, Settings
from service.table_commands import Usual

ROOT = Path(__file__).parents[2]
PAGES = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("deploy/*.md")]


def row_of(name: str) -> str:
    """Write a setting as docs/settings.md has it."""
    field = Settings.model_fields[name]
    default = "" if field.default is None else str(field.default)
    default = "the shipped ones" if name == "bundles_dir" else default
    return f"| `{PREFIX}{name.upper()}` | {default} | {field.description} |"


def test_every_setting_is_on_its_page() -> None:
    lines = (ROOT / "docs/settings.md").read_text("utf-8").splitlines()
    rows = [line for line in lines if line.startswith(f"| `{PREFIX}")]
    assert rows == [row_of(name) for name in Settings.model_fields]


def test_every_error_code_is_on_its_page() -> None:
    text = (ROOT / "docs/errors.md").read_text("utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\d+) \|", text, re.MULTILINE)
    assert sorted(rows) == sorted((row.code, str(row.status)) for row in TABLE.values())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text("utf-8")):
        if not target.startswith("http"):
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_make_targets_exist(page: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)", page.read_text("utf-8"))) <= targets


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_and_their_options_exist(page: Path) -> None:
    for line in re.findall(r"(?:bin/|`|^)semblance ([^`\n#]+)", page.read_text("utf-8"), re.M):
        words = line.replace("|", " ").split()
        command: Command = main
        while isinstance(command, Group) and words and words[0] in command.list_commands(CONTEXT):
            found = command.get_command(CONTEXT, words.pop(0))
            assert found is not None
            command = found
        command = command.commands[command.usual] if isinstance(command, Usual) else command
        known = {name for parameter in command.params for name in parameter.opts}
        assert {w for w in words if w.startswith("--")} <= known | {"--help"}, line


def test_a_setting_named_on_a_page_is_one() -> None:
    for page in PAGES:
        for name in re.findall(rf"{PREFIX}([A-Z_]+[A-Z])", page.read_text("utf-8")):
            assert name.lower() in Settings.model_fields or name == "KEY", (page.name, name)


CONTEXT = Context(main)
