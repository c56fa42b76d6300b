"""Laws of the audit log's chain, on both databases."""

import json
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from sqlalchemy import text

from data_contracts.errors import DamagedStore
from infra.database.audit import audit_chain, audit_log, audit_verification
from infra.database.audit.audit_verification import Report
from infra.database.engine.database import Database
from infra.home.audit_anchors import Anchors
from infra.keys.audit_key import AuditKey

DETAIL = {"b": 0.1, "a": ["ä", None, 1e-12, 10**18], "nested": {"z": True, "y": ""}}


@pytest.fixture
def anchors(home: Path, database: Database) -> Anchors:
    """Return the file of anchors of this home."""
    return Anchors(home / "audit", _key(database))


def _key(database: Database) -> AuditKey:
    assert database.audit_key is not None
    return database.audit_key


def _write(database: Database, count: int, *, start: int = 0) -> None:
    with database.unit_of_work() as uow:
        for number in range(start, start + count):
            audit_log.append(uow, at_us=number, actor="a", action="did", detail=DETAIL, entry_id=f"e{number}")
        uow.commit()


def _execute(database: Database, *statements: str) -> None:
    with database.unit_of_work() as uow:
        for statement in statements:
            uow.session.execute(text(statement))
        uow.commit()


def _verify(database: Database, anchors: Anchors) -> Report:
    return audit_verification.verify(database, _key(database), anchors)


def _harms(database: Database, anchors: Anchors) -> list[tuple[str, str | None]]:
    return [(found.harm, found.entry) for found in _verify(database, anchors).findings]


def _anchor(database: Database, anchors: Anchors) -> Report:
    return audit_verification.anchor(database, _key(database), anchors, now_us=7)


def _expire(database: Database, before_us: int, limit: int = 100) -> int:
    with database.unit_of_work() as uow:
        gone = audit_chain.expire(uow, before_us=before_us, limit=limit, now_us=9)
        uow.commit()
    return gone


def test_what_was_written_verifies(database: Database, anchors: Anchors) -> None:
    """Whatever JSON an entry holds, it is read back as it was MACed, with and without anchors."""
    assert _verify(database, anchors).sound
    _write(database, 5)
    report = _anchor(database, anchors)
    assert (report.sound, report.entries, report.last, report.anchored) == (True, 5, 5, 5)
    _write(database, 2, start=5)
    assert _verify(database, anchors) == Report(entries=7, last=7, adopted=0, anchored=5)


def test_of_entries_under_one_id_the_first_stays(database: Database, anchors: Anchors) -> None:
    """The second one leaves neither a row nor a hole in the chain."""
    _write(database, 2)
    with database.unit_of_work() as uow:
        assert audit_log.append(uow, at_us=9, actor="b", action="did again", entry_id="e1") == "e1"
        uow.commit()
    _write(database, 1, start=2)
    with database.read() as session:
        assert [(row.id, row.actor, row.sequence) for row in audit_log.newest(session)] == [
            ("e2", "a", 3),
            ("e1", "a", 2),
            ("e0", "a", 1),
        ]
    assert _verify(database, anchors).sound


@pytest.mark.parametrize(
    "change",
    ["actor = 'x'", "action = 'x'", "at_us = 99", "detail = '{}'", "mac = 'x'", "previous = 'x'", "id = 'e2b'"],
)
def test_an_edited_row_is_named(database: Database, anchors: Anchors, change: str) -> None:
    """A change of any column of one row is found, and no other row is blamed."""
    _write(database, 5)
    _execute(database, f"UPDATE audit SET {change} WHERE id = 'e2'")  # noqa: S608 - constants of this test
    assert _harms(database, anchors) == [("edited", "e2b" if change.startswith("id") else "e2")]


def test_a_deleted_row_is_named(database: Database, anchors: Anchors) -> None:
    """Its number is missing, also when those behind it are moved up to hide that."""
    _write(database, 6)
    _execute(database, "DELETE FROM audit WHERE id = 'e2'")
    assert [(each.harm, each.sequence) for each in _verify(database, anchors).findings] == [("deleted", 3)]
    _execute(database, *(f"UPDATE audit SET sequence = {n} WHERE id = 'e{n}'" for n in (3, 4, 5)))  # noqa: S608 - constants of this test
    harms = _harms(database, anchors)
    assert harms[0] == ("deleted", None)
    assert harms[1:] == [("renumbered", f"e{n}") for n in (3, 4, 5)]


def test_an_inserted_row_is_named(database: Database, anchors: Anchors) -> None:
    """At the end, in the middle, or without a place: it is that row that nobody wrote."""
    _write(database, 4)
    columns = "(id, at_us, actor, action, detail, sequence, previous, mac)"
    _execute(
        database,
        "UPDATE audit SET sequence = 5 WHERE id = 'e3'",
        "UPDATE audit SET sequence = 4 WHERE id = 'e2'",
        f"INSERT INTO audit {columns} SELECT 'middle', at_us, actor, action, detail, 3, previous, mac FROM audit "  # noqa: S608 - constants of this test
        "WHERE id = 'e1'",
        f"INSERT INTO audit {columns} VALUES ('end', 1, 'a', 'did', '{{}}', 6, 'x', 'x')",  # noqa: S608 - constants of this test
        f"INSERT INTO audit {columns} VALUES ('nowhere', 1, 'a', 'did', '{{}}', NULL, NULL, NULL)",  # noqa: S608 - constants of this test
    )
    found = _harms(database, anchors)
    assert {entry for harm, entry in found if harm == "inserted"} == {"middle", "end", "nowhere"}
    assert {entry for harm, entry in found if harm == "renumbered"} == {"e2", "e3"}
    assert len(found) == 5


def test_a_cut_tail_is_named(database: Database, anchors: Anchors) -> None:
    """The state names the newest entry; where the whole database is an earlier one, the anchor does."""
    _write(database, 3)
    with database.read() as session:
        earlier = session.execute(text("SELECT sequence, mac, seal FROM audit_chain")).one()
    _write(database, 3, start=3)
    _anchor(database, anchors)
    _execute(database, "DELETE FROM audit WHERE sequence > 4")
    found = _verify(database, anchors).findings
    assert [(each.harm, each.sequence) for each in found] == [("cut_tail", 5), ("cut_tail", 6)]
    _execute(
        database,
        "DELETE FROM audit WHERE sequence > 3",
        f"UPDATE audit_chain SET sequence = {earlier[0]}, mac = '{earlier[1]}', seal = '{earlier[2]}', anchored = 0",  # noqa: S608 - constants of this test
    )
    assert [(each.harm, each.sequence) for each in _verify(database, anchors).findings] == [("cut_tail", 6)]


def test_the_state_cannot_be_written_without_the_key(database: Database, anchors: Anchors) -> None:
    """A changed state is named, and nothing is appended behind it."""
    _write(database, 3)
    _execute(database, "UPDATE audit_chain SET sequence = 2", "DELETE FROM audit WHERE sequence = 3")
    assert _harms(database, anchors) == [("state", None)]
    with pytest.raises(DamagedStore, match="changed by hand"):
        _write(database, 1, start=9)


def test_a_chain_that_was_begun_anew_is_named(database: Database, anchors: Anchors) -> None:
    """Whoever removes the state and lets oO begin again meets the anchors of the first chain."""
    _write(database, 3)
    _anchor(database, anchors)
    _execute(database, "DELETE FROM audit_chain", "DELETE FROM audit WHERE sequence > 1")
    assert _harms(database, anchors) == [("state", None)]
    _execute(database, "UPDATE audit SET sequence = NULL, previous = NULL, mac = NULL")
    _write(database, 1, start=3)
    assert _harms(database, anchors) == [("begun_anew", None)]


def _first_line_edited(lines: list[str]) -> list[str]:
    return [json.dumps({**json.loads(lines[0]), "sequence": 1}), *lines[1:]]


@pytest.mark.parametrize(
    ("change", "harms"),
    [(_first_line_edited, ["anchor"]), (lambda lines: lines[1:], ["anchor"]), (lambda _: [], ["anchor"])],
)
def test_a_changed_file_of_anchors_is_named(
    database: Database, anchors: Anchors, home: Path, change: Callable[[list[str]], list[str]], harms: list[str]
) -> None:
    """An edited line, a missing line, a missing file."""
    for start in (0, 2):
        _write(database, 2, start=start)
        _anchor(database, anchors)
    path = home / "audit" / "anchors.jsonl"
    path.write_text("".join(f"{line}\n" for line in change(path.read_text().splitlines())))
    assert [harm for harm, _ in _harms(database, anchors)] == harms


def test_what_a_power_cut_left_of_an_anchor_is_no_finding(database: Database, anchors: Anchors, home: Path) -> None:
    """Half a line is cut off before the next one is written."""
    _write(database, 2)
    _anchor(database, anchors)
    with (home / "audit" / "anchors.jsonl").open("a") as file:
        file.write('{"kind":"head","at')
    _write(database, 2, start=2)
    with pytest.raises(AssertionError):
        assert _verify(database, anchors).sound
    audit_verification._note(database, anchors, "head", 8)
    assert _verify(database, anchors).sound


def test_expiry_leaves_a_base(database: Database, anchors: Anchors) -> None:
    """What is left verifies, an anchor of an expired entry included; a deleted one is still found."""
    _write(database, 10)
    _anchor(database, anchors)
    assert [_expire(database, 6, limit=4), _expire(database, 6, limit=4), _expire(database, 6)] == [4, 2, 0]
    assert _verify(database, anchors) == Report(entries=4, last=10, adopted=0, anchored=10)
    assert _expire(database, 99) == 4
    assert _verify(database, anchors) == Report(entries=0, last=10, adopted=0, anchored=10)
    _write(database, 3, start=20)
    _execute(database, "DELETE FROM audit WHERE sequence = 11")
    assert _harms(database, anchors) == [("deleted", None)]


def test_expiry_does_not_remove_the_traces_of_a_change(database: Database, anchors: Anchors) -> None:
    """An old entry that was edited or deleted stays found: nothing expires over it."""
    _write(database, 6)
    _execute(database, "UPDATE audit SET actor = 'x' WHERE id = 'e1'")
    with pytest.raises(DamagedStore):
        _expire(database, 99)
    _execute(database, "DELETE FROM audit WHERE id = 'e1'")
    with pytest.raises(DamagedStore):
        _expire(database, 99)
    assert [harm for harm, _ in _harms(database, anchors)] == ["deleted"]


def test_writers_beside_each_other_make_one_chain(database: Database, anchors: Anchors) -> None:
    """Transactions that overlap append one behind the other, and one that is rolled back leaves no hole."""

    def write(name: int) -> None:
        for number in range(8):
            with database.unit_of_work() as uow:
                audit_log.append(uow, at_us=number, actor=f"writer {name}", action="did", entry_id=f"{name}-{number}")
                if number % 4 != 1:
                    uow.commit()

    threads = [threading.Thread(target=write, args=(name,)) for name in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert _verify(database, anchors) == Report(entries=24, last=24, adopted=0, anchored=0)


def test_entries_from_before_the_chain_are_protected_from_then_on(database: Database, anchors: Anchors) -> None:
    """The first append chains what is there; how many those are stays known."""
    _execute(
        database,
        *(
            f"INSERT INTO audit (id, at_us, actor, action, detail) VALUES ('o{n}', {n}, 'a', 'did', '{{}}')"  # noqa: S608 - constants of this test
            for n in "21"
        ),
    )
    _write(database, 1, start=5)
    assert _verify(database, anchors) == Report(entries=3, last=3, adopted=2, anchored=0)
    _execute(database, "UPDATE audit SET actor = 'x' WHERE id = 'o1'")
    assert _harms(database, anchors) == [("edited", "o1")]


def test_a_missing_key_is_not_replaced(database: Database, home: Path) -> None:
    """Neither appending nor verifying goes on with a new key; another key is refused as well."""
    _write(database, 2)
    path = home / "keys" / "audit.key"
    path.unlink()
    database.audit_key = AuditKey(home / "keys")
    with pytest.raises(DamagedStore, match="missing"):
        _write(database, 1, start=5)
    assert not path.exists()
    database.audit_key.make()
    with pytest.raises(DamagedStore, match="not the key"):
        _write(database, 1, start=5)
