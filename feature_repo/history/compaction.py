"""Compacts the history with DuckDB, out of core, and counts its rows.

A stream writes one small part per batch. Merging sorts more rows than should be in memory at once, which is what
DuckDB's external sort is for; the memory limit is a promise here, not a hope.
"""

from pathlib import Path

import duckdb

from data_contracts.served import VIEWS
from feature_repo.history import parquet_parts
from feature_repo.history.served_rows import EVENT_TIME, PERSON, SEQUENCE_TIME, History

MEMORY_LIMIT = "256MB"
MANY_PARTS = 8


def _connect(spill: Path) -> duckdb.DuckDBPyConnection:
    settings: dict[str, str | bool | int | float | list[str]] = {
        "memory_limit": MEMORY_LIMIT,
        "threads": 2,
        "temp_directory": str(spill),
        "autoinstall_known_extensions": False,  # nothing is fetched at run time
        "autoload_known_extensions": False,
    }
    return duckdb.connect(":memory:", config=settings)


def compact(history: History, many: int = MANY_PARTS) -> int:
    """Merge each bucket of at least `many` parts into one, without repeated rows; return how many parts were merged."""
    merged = 0
    with history.replacing(), _connect(history.root / ".spill") as connection:
        for view in VIEWS:
            for folder in sorted((history.root / view.value).glob("bucket=*")):
                parts = sorted(folder.glob("*.parquet"))
                if len(parts) >= many:
                    _merge(history, connection, folder, parts)
                    merged += len(parts)
    return merged


def _merge(history: History, connection: duckdb.DuckDBPyConnection, folder: Path, parts: list[Path]) -> None:
    for part in parts:
        history.verify(part)
    temporary = parquet_parts.temporary(folder)
    keys = f"{PERSON}, {EVENT_TIME}, {SEQUENCE_TIME}"
    try:
        rows = connection.execute(
            f"COPY (SELECT DISTINCT ON ({keys}) * FROM read_parquet($parts, hive_partitioning = false) "  # noqa: S608 - names of this module
            f"ORDER BY {keys}) TO '{temporary}' (FORMAT parquet, COMPRESSION zstd)",
            {"parts": [str(part) for part in parts]},
        ).fetchone()
        whole = parquet_parts.adopt(folder, temporary, int(rows[0]) if rows else 0)
    finally:
        temporary.unlink(missing_ok=True)
    for part in parts:
        if part != whole:
            part.unlink()
