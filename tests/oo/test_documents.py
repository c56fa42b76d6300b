"""The pages of the command line and of the settings are what the code says."""

from pathlib import Path

import pytest

from infra.settings import Settings
from oo.documents import PAGES, settings_page
from tests.source_tree import CHECKOUT

DOCS = Path(CHECKOUT) / "docs"


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_says_what_the_code_says(name: str) -> None:
    """Run `python -m oo.documents` after a change."""
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name]()


def test_every_setting_is_explained() -> None:
    """Each has a row with a sentence."""
    rows = [row for row in settings_page().splitlines() if row.startswith("| `")]
    assert len(rows) == len(Settings.model_fields)
    assert all(row.rsplit(" | ", 1)[1].removesuffix(" |").strip() not in {"", "None"} for row in rows)
