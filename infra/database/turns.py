"""Turns: of all processes on one database one at a time does a thing, and a turn ends with its process."""

from collections.abc import Iterator
from contextlib import contextmanager
from fcntl import LOCK_EX, LOCK_NB, flock
from zlib import crc32

from sqlalchemy import func, select

from infra.database.engine import Database

__all__ = ["turn"]


@contextmanager
def turn(database: Database, name: str) -> Iterator[bool]:
    """Say whether it is our turn at what is named so, and keep it until the end of the block; never wait for it."""
    if database.path is None:
        with database.read() as session:  # the lock ends with the transaction
            yield bool(session.scalar(select(func.pg_try_advisory_xact_lock(crc32(name.encode())))))
        return
    with database.path.with_name(f"{database.path.name}-{name}").open("a") as file:
        try:
            flock(file, LOCK_EX | LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
