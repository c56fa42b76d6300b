"""Laws of the batch of features."""

from collections.abc import Callable

import pytest

from data_contracts.durations import HOUR_US
from data_contracts.identifiers import PersonId, to_us
from feature_repo.history.served_rows import History
from feature_repo.state.served_row import served_row
from flows.context import OpenedContext
from flows.upkeep import feature_refresh
from flows.upkeep.candidate_pools import Generated, generate_candidates
from flows.upkeep.feature_refresh import append_history, build_features
from infra.database.all_tables import PersonRow
from tests.flows import people
from tests.flows.test_stream import truth


def live(context: OpenedContext, person: PersonId) -> None:
    """Let three hours pass."""
    now_us = to_us(context.clock())
    for hour in range(3):
        people.append(context.database, [people.mood(person, now_us + hour * HOUR_US, hour + 1)])
    people.append(context.database, [people.task(person, n, now_us) for n in range(3)])


def test_history_is_complete_and_a_second_run_adds_nothing(context: OpenedContext, person: PersonId) -> None:
    """The batch is a function of the log, not of how often it ran."""
    live(context, person)
    first, second = build_features(context), build_features(context)
    assert (first.people, first.history_rows, second.history_rows) == (1, 4, 0)
    moods = History(context.settings.history).read("mood")
    assert sorted(moods["mood"].to_list()) == [[1], [2, 1], [3, 2, 1]]


def test_what_is_online_after_a_run_is_the_fold(context: OpenedContext, person: PersonId) -> None:
    """Even when the online store had been lost."""
    live(context, person)
    context.online.delete(person)
    build_features(context)
    packet = context.online.read(person)
    assert packet.row == served_row(truth(context.database, person), packet.event_us)
    assert packet.row.tasks.open_count == 3


def test_who_is_erased_meanwhile_is_taken_out_of_history_again(
    context: OpenedContext, person: PersonId, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An erasure between reading the log and writing the part leaves nothing."""
    live(context, person)
    history = History(context.settings.history)
    read_log: Callable[..., object] = feature_refresh._log

    def erased_after_reading(*arguments: object) -> object:
        log = list(read_log(*arguments))  # type: ignore[call-overload]  # an iterator of the module's own
        with context.database.unit_of_work() as uow:
            uow.session.get_one(PersonRow, person).erasing = True
            uow.commit()
        return log

    monkeypatch.setattr(feature_refresh, "_log", erased_after_reading)
    assert append_history(context, history, person) == 0
    assert history.read("mood").is_empty()


def test_a_pool_is_made_for_everybody_and_sealed(context: OpenedContext, person: PersonId) -> None:
    """Nobody who looks into the store reads a tip."""
    live(context, person)
    assert generate_candidates(context).people == 1
    pool = context.online.read_pool(person)
    assert pool is not None
    assert b"catalogue" not in pool.box
    assert b"catalogue" in context.vault.open(person, "pool", pool.box)


def test_a_person_whose_key_is_gone_gets_no_pool(context: OpenedContext, person: PersonId) -> None:
    """Who was forgotten is counted, and nothing is written."""
    live(context, person)
    context.vault.forget(person)
    assert generate_candidates(context) == Generated(people=1, gone=1)
    assert context.online.read_pool(person) is None


def test_feast_brings_history_online_behind_the_guard(context: OpenedContext, person: PersonId) -> None:
    """What the stream wrote is newer and stays; what was lost comes back."""
    now_us = to_us(context.clock())
    people.append(context.database, [people.mood(person, now_us - HOUR_US, 4)])
    build_features(context)
    before = context.online.read(person)
    feature_refresh.materialize(context)
    assert context.online.read(person) == before
    context.online.delete(person)
    feature_refresh.materialize(context)
    assert context.online.read(person).row.mood.mood == (4,)
