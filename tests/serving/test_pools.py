"""Candidate pools: sealed for one person, made again when their inputs change, with titles."""

import json
from pathlib import Path

import pytest

from data_contracts.errors import Malformed
from data_contracts.identifiers import PersonId, to_us
from data_contracts.tips import Candidate
from infra.database.people import source_files
from infra.database.people.source_files import SourceFile
from infra.vault import Vault
from serving.candidates.candidates import basis_of, build_pool
from serving.candidates.catalogue import Catalogue
from serving.candidates.pool_codec import PoolCache, open_pool, seal_pool
from serving.candidates.pool_maker import PoolMaker
from serving.candidates.titles import TitleReader
from tests.serving.conftest import afternoon
from tests.serving.world import World


def test_a_pool_opens_as_it_was_sealed_and_for_nobody_else(tmp_path: Path, person: PersonId) -> None:
    """The box hides its words, and for another person or of another version it is `Malformed`."""
    vault = Vault(tmp_path / "keys")
    pool = afternoon().pool()
    box = seal_pool(vault, person, pool)
    assert open_pool(vault, person, box) == pool
    assert b"quarterly" not in box
    with pytest.raises(Malformed):
        open_pool(vault, PersonId("ff" * 16), box)
    with pytest.raises(Malformed):
        open_pool(vault, person, vault.seal(person, "pool", b'{"version": 99}'))


def test_opened_pools_are_kept_within_bounds_and_forgotten_on_demand(tmp_path: Path, person: PersonId) -> None:
    """An opened pool is handed out again, a second one pushes it out of a cache of one, and forgetting empties it."""
    vault = Vault(tmp_path / "keys")
    cache = PoolCache(vault, size=1)
    pool = afternoon().pool()
    box = seal_pool(vault, person, pool)
    assert cache.open(person, box) is cache.get(person, pool.built_us)
    other = PersonId("ff" * 16)
    cache.open(other, seal_pool(vault, other, pool))
    assert cache.get(person, pool.built_us) is None
    assert len(cache._kept) == 1
    cache.forget(other)
    assert len(cache._kept) == 0


def test_a_pool_holds_for_an_hour_while_its_inputs_stay_the_same() -> None:
    """It holds neither before it was built nor an hour later, and a habit logged or a new day changes its basis."""
    life = afternoon()
    pool = life.pool()
    same = basis_of(life.row(), life.consent_mask, life.zone, life.now_us)
    assert pool.holds(same, life.now_us)
    assert not pool.holds(same, life.now_us + 3_600_000_000)
    assert not pool.holds(same, life.now_us - 1)
    life.habit("run", life.ago(1))
    assert not pool.holds(basis_of(life.row(), life.consent_mask, life.zone, life.now_us), life.now_us)
    tomorrow = life.clock(1, "00:01")
    assert basis_of(life.row(), life.consent_mask, life.zone, tomorrow) != pool.basis


def specificity(candidate: Candidate) -> tuple[bool, int]:
    """Return whether a tip is about a subject, and on how many things of this moment it depends."""
    return candidate.subject is not None, len(candidate.conditions) + candidate.text.count("{")


def test_the_most_specific_tip_of_each_cluster_comes_first() -> None:
    """Clusters take turns, and from turn to turn the tips of one cluster never become more specific."""
    pool = build_pool([Catalogue()], afternoon().surroundings())
    of_cluster: dict[str, list[Candidate]] = {}
    turns = []
    for candidate in pool.candidates:
        of_cluster.setdefault(candidate.cluster, []).append(candidate)
        turns.append(len(of_cluster[candidate.cluster]))
    assert turns == sorted(turns)
    ranks = [[specificity(each) for each in found] for found in of_cluster.values()]
    assert ranks == [sorted(found, reverse=True) for found in ranks]
    assert any(found[0][0] > found[-1][0] for found in ranks)
    assert any(found[0][0] == found[-1][0] and found[0][1] > found[-1][1] for found in ranks)


def test_titles_come_from_their_file_and_a_vanished_file_gives_none(living: World) -> None:
    """A title is read, clean, from its file; once the file is gone it is left out and counted as vanished."""
    path = living.home / "tasks.jsonl"
    subject = living.vault.subject_key(living.person, "task", "t-1")
    item = {
        "id": "e-1",
        "kind": "task_changed",
        "at": living.now.isoformat(),
        "source": "file",
        "data": {"task": "t-1", "title": "Water  the plants\u202e", "state": "open"},
    }
    path.write_text(json.dumps(item) + "\n")
    with living.database.unit_of_work() as uow:
        read = SourceFile(str(path), "jsonl", "", to_us(living.now))
        source_files.remember(uow, living.vault, person=living.person, file=read)
        uow.commit()
    row = living.life.row()
    row = row._replace(tasks=row.tasks._replace(undated_keys=(subject,)))
    title_reader = TitleReader(living.database, living.vault)
    ask = (living.person, row, living.life.consent_mask, living.life.zone, to_us(living.now))
    titles = title_reader.titles(*ask)
    assert titles.by_subject[subject] == "Water the plants"
    assert titles.vanished == 0
    path.unlink()
    gone = title_reader.titles(*ask)
    assert (subject in gone.by_subject, gone.vanished) == (False, 1)


def test_a_stored_pool_that_does_not_open_is_made_again(living: World) -> None:
    """A box that does not open is no pool, and the one made in its place opens for a maker that did not make it."""
    pools = PoolMaker(living.online, living.vault, TitleReader(living.database, living.vault))
    living.online.write_pool(living.person, to_us(living.now), b"no box at all")
    packet = living.online.read(living.person)
    mask, zone, now_us = living.life.consent_mask, living.life.zone, to_us(living.now)
    assert pools.ready(living.person, packet, mask, zone, now_us) is None
    pools.make(living.person, packet.row, mask, zone, now_us)
    again = PoolMaker(living.online, living.vault, TitleReader(living.database, living.vault))
    found = again.ready(living.person, living.online.read(living.person), mask, zone, now_us)
    assert found is not None
    assert any(each.subject for each in found.candidates)
