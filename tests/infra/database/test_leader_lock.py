"""One at a time, whichever process or thread asks."""

from infra.database.engine.database import Database
from infra.database.engine.leader_lock import turn


def test_a_turn_is_one_holders_until_it_ends(database: Database) -> None:
    """Who comes second is told so and does not wait; another name is another turn."""
    with turn(database, "relay") as first:
        with turn(database, "relay") as second, turn(database, "other") as other:
            assert (first, second, other) == (True, False, True)
        with turn(database, "relay") as still:
            assert not still
    with turn(database, "relay") as next_one:
        assert next_one
