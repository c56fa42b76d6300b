"""Laws of the settings."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from data_contracts.errors import Malformed
from infra.settings import Settings


def test_home_lies_in_the_xdg_data_folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a word, or with an empty one, everything lies in one folder of the person's own data."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.setenv("OO_HOME", "")
    settings = Settings()
    assert settings.home == tmp_path / "oo"
    assert settings.database == settings.app_db == tmp_path / "oo" / "app.db"


def test_a_home_that_nobody_knows_is_one_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    """It names the setting that helps."""
    monkeypatch.setenv("OO_HOME", "~nobody-of-that-name/oo")
    with pytest.raises(Malformed, match="set OO_HOME"):
        Settings()


def test_every_path_lies_in_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`OO_HOME` holds everything."""
    monkeypatch.setenv("OO_HOME", str(tmp_path))
    settings = Settings()
    data = (settings.app_db, settings.online_db, settings.history, settings.keys)
    vendors = (settings.feast, settings.mlflow, settings.prefect)
    assert {path.parent for path in data + vendors} == {tmp_path}


def test_the_admin_token_is_long_and_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    """A short token is refused, a long one is never printed, an empty one is none."""
    monkeypatch.setenv("ADMIN_TOKEN", "x" * 31)
    with pytest.raises(ValidationError, match="32 bytes"):
        Settings()
    monkeypatch.setenv("ADMIN_TOKEN", "geheim" * 6)
    assert "geheim" not in repr(Settings())
    monkeypatch.setenv("ADMIN_TOKEN", "")
    assert Settings().admin_token is None


def test_settings_are_frozen() -> None:
    """What a process was told stays."""
    settings = Settings()
    with pytest.raises(ValidationError):
        settings.port = 1  # type: ignore[misc] # this is the law


def test_an_unreadable_clock_is_refused_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong clock stops the process before anything is written under a wrong time."""
    monkeypatch.setenv("OO_CLOCK", "soon")
    with pytest.raises(Exception, match="OO_CLOCK"):
        Settings()
