from benchmarks.numbers_page import PAGE, SECTIONS, power_table, rendered
from benchmarks.result import RESULTS
from tests.source_tree import CHECKOUT


def test_the_page_says_what_is_recorded() -> None:
    """The page says what is recorded, and nothing else."""
    assert PAGE.read_text(encoding="utf-8") == rendered()


def test_the_walk_prints_the_power_table_of_the_code() -> None:
    """The walk prints the power table of the code."""
    assert "\n".join(power_table()) in (CHECKOUT / "docs" / "learning.md").read_text(encoding="utf-8")


def test_every_section_has_its_record() -> None:
    """No section waits for a benchmark that nobody ran."""
    assert {name for name in SECTIONS if not (RESULTS / f"{name}.json").exists()} == set()
