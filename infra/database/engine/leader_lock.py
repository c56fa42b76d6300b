"""Leader locks: one process of a database at a time does a piece of work; the lock ends with its process."""

from collections.abc import Iterator
from contextlib import contextmanager
from zlib import crc32

from sqlalchemy import func, select

from infra.database.engine.database import Database
from infra.storage.locks import RoleLock

__all__ = ["turn"]


@contextmanager
def turn(database: Database, name: str) -> Iterator[bool]:
    """Say whether it is our turn at what is named so, and keep it until the end of the block; never wait for it."""
    if database.path is None:
        with database.read() as session:  # the lock ends with the transaction
            yield bool(session.scalar(select(func.pg_try_advisory_xact_lock(crc32(name.encode())))))
        return
    lock = RoleLock(database.path.with_name(f"{database.path.name}-{name}"), name, named=False)
    try:
        yield lock.try_take()
    finally:
        lock.release()
