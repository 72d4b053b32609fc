"""Settings come from the environment, wrong ones are named, unknown ones refused."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from service.cli import main
from service.commands.serve import check_host
from service.settings import Settings, SettingsInvalid, read_settings


def test_environment_and_flags(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMBLANCE_PORT", "9999")
    monkeypatch.setenv("SEMBLANCE_SAMPLES", "0")
    assert read_settings().port == 9999
    assert read_settings().samples is False
    assert read_settings(port="7777").port == 7777


def test_a_typo_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMBLANCE_DATADIR", "/tmp")
    with pytest.raises(SettingsInvalid, match="SEMBLANCE_DATADIR"):
        read_settings()


def test_a_wrong_value_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEMBLANCE_PORT", "eighty")
    with pytest.raises(SettingsInvalid, match="SEMBLANCE_PORT"):
        read_settings()


def test_every_setting_is_a_flag_that_help_explains() -> None:
    shown = CliRunner().invoke(main, ["serve", "--help"]).output
    for name, field in Settings.model_fields.items():
        assert f"--{name.replace('_', '-')}" in shown
        assert field.description


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.8.8.8"])
def test_loopback_needs_no_keys(host: str) -> None:
    check_host(Settings(host=host))


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org"])
def test_beyond_loopback_needs_keys(host: str) -> None:
    with pytest.raises(SettingsInvalid, match="key"):
        check_host(Settings(host=host))
    check_host(Settings(host=host, keys_file=Path("keys.json")))
