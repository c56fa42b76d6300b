"""The generated pages are the tables."""

from pathlib import Path

import pytest

from data_contracts.documents import PAGES

DOCS = Path(__file__).parents[2] / "docs"


@pytest.mark.parametrize("name", sorted(PAGES))
def test_a_page_says_what_its_table_says(name: str) -> None:
    """Run `python -m data_contracts.documents` after a change of a table."""
    assert (DOCS / name).read_text(encoding="utf-8") == PAGES[name]()
