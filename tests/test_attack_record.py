"""What SECURITY.md says of the attack is what the committed result file says."""

from dataclasses import replace

from tests.attack.results import PAGE, RESULTS, load, machine, shown, table
from tests.test_catalogues import attacks


def test_the_page_shows_the_recorded_attack() -> None:
    """SECURITY.md has the table that the committed result file makes."""
    assert shown(PAGE.read_text(encoding="utf-8")) == table(load())


def test_the_record_has_every_attack_and_only_those() -> None:
    """An attack that is new or has gone needs a new run."""
    assert {result.name for result in load().results} == attacks()
    assert RESULTS.is_file()


def test_another_result_makes_another_table() -> None:
    """The comparison can fail."""
    run = load()
    first = run.results[0]
    changed = replace(first, held=not first.held)
    assert table(run.put(changed)) != table(run)
    assert table(run.put(first)) == table(replace(run, machine=machine()))
