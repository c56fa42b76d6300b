import pytest
from hypothesis import given

from data_contracts.errors import Malformed
from data_contracts.events.codec import Event
from data_contracts.features import CONSENT_SIGNALS, Source
from data_contracts.served import ServedTasks
from feature_repo.state.batch_fold import fold
from feature_repo.state.packed_view import pack_view, unpack_view
from feature_repo.state.served_row import served_view
from tests.feature_repo.lives import BASE_US, events


@given(life=events())
def test_packing_a_view_and_unpacking_it_is_exact(life: list[Event]) -> None:
    """Every part comes back equal."""
    state = fold(life)
    for source in CONSENT_SIGNALS:
        part = served_view(state, source, BASE_US)
        assert unpack_view(source, pack_view(part)) == part


@pytest.mark.parametrize("damage", [b"", b"\x01", b"\x09" + bytes(60), pack_view(ServedTasks())[:-3]])
def test_a_damaged_view_is_refused_by_name(damage: bytes) -> None:
    """No part of a damaged view is ever returned."""
    with pytest.raises(Malformed, match="tasks"):
        unpack_view(Source.TASKS, damage)


def test_a_key_with_a_newline_cannot_be_packed() -> None:
    """The separator is never data."""
    with pytest.raises(Malformed, match="newline"):
        pack_view(ServedTasks(due_keys=("a\nb",)))
