"""Settings come from the environment, wrong ones are named, unknown ones refused."""

import pytest
from click.testing import CliRunner

from service.cli import main
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
