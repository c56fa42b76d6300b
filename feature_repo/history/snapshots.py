"""Snapshots of the event log: a day's events as Parquet, from which all derived state can be rebuilt.

`<root>/<day>/bucket=xx/<rows>-<sha256>.parquet` and `<root>/<day>/manifest.json`. A snapshot is what its manifest
names, and the manifest is replaced in one step after its parts are durable: a crash before that leaves the snapshot
before it, and the next writer removes what no manifest names. Writers take turns; buckets divide the people, so
forgetting one of them rewrites their bucket alone.
"""

import json
import logging
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import polars as pl

from data_contracts.errors import Malformed
from data_contracts.events.codec import StoredEvent
from feature_repo.history import parquet_parts
from feature_repo.history.served_rows import bucket
from infra.storage import files

__all__ = ["Manifest", "Snapshots"]

MANIFEST = "manifest.json"
logger = logging.getLogger(__name__)


SCHEMA = {
    "person": pl.String(),
    "sequence": pl.Int64(),
    "id": pl.String(),
    "kind": pl.String(),
    "at_us": pl.Int64(),
    "received_us": pl.Int64(),
    "source": pl.String(),
    "payload": pl.Binary(),
}


class Manifest(NamedTuple):
    """A whole snapshot: its parts below the day's folder, the rows in them, and the last sequence that it holds."""

    parts: tuple[str, ...]
    rows: int
    last_sequence: int


class Snapshots:
    """The snapshots below one folder."""

    def __init__(self, root: Path) -> None:
        self.root = root

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Hold the folder for one writer, tidied of what a killed one left."""
        with parquet_parts.locked(self.root):
            for folder in self._folders():
                self._tidy(folder)
            yield

    def days(self) -> dict[str, Manifest]:
        """Return every snapshot by its day, oldest first; raises `Malformed` for a manifest that is none."""
        found = ((folder.name, _manifest(folder)) for folder in self._folders())
        return {day: manifest for day, manifest in found if manifest is not None}

    def write(self, day: str, pages: Iterable[list[StoredEvent]]) -> Manifest:
        """Put a day's snapshot in place of an older one; call it while `writing`."""
        folder = self.root / day
        names: list[str] = []
        rows = last = 0
        for page in pages:
            by_bucket: dict[int, list[StoredEvent]] = {}
            for event in page:
                by_bucket.setdefault(bucket(event.person), []).append(event)
            for number, events in by_bucket.items():
                names.append(_write(folder, number, pl.DataFrame(events, schema=SCHEMA, orient="row")))
            rows += len(page)
            last = max(last, *(event.sequence for event in page))
        return self._replace(folder, Manifest(tuple(sorted(names)), rows, last))

    def read(self, day: str, person: str | None = None) -> list[StoredEvent]:
        """Return a day's events, or one person's, by sequence; raises `Malformed` when a part is damaged or missing."""
        with parquet_parts.locked(self.root, shared=True):
            return self.rows(day, person)

    def rows(self, day: str, person: str | None = None) -> list[StoredEvent]:
        """Return what `read` does, for a caller that holds the folder already."""
        folder = self.root / day
        manifest = _manifest(folder)
        mine = None if person is None else _bucket_name(bucket(person))
        names = [name for name in manifest.parts if mine in (None, Path(name).parent.name)] if manifest else []
        rows = (StoredEvent(*row) for name in names for row in _read(folder / name).iter_rows())
        return sorted((row for row in rows if person in (None, row.person)), key=lambda row: row.sequence)

    def forget(self, person: str) -> None:
        """Write the person's bucket of every day again without them; what is damaged there cannot be, and goes."""
        with self.writing():
            for folder in self._folders():
                try:
                    manifest = _manifest(folder)
                except Malformed as error:
                    logger.warning("a snapshot was removed by an erasure: %s", error)
                    shutil.rmtree(folder)
                    continue
                if manifest is not None:
                    kept = [left for name in manifest.parts if (left := _without(folder, name, person)) is not None]
                    if kept != list(manifest.parts):
                        rows = sum(map(_rows_of, kept))
                        self._replace(folder, Manifest(tuple(sorted(kept)), rows, manifest.last_sequence))

    def expire(self, before: str) -> int:
        """Remove the snapshots of days before that one, and return how many there were."""
        with self.writing():
            old = [day for day in self.days() if day < before]
            for day in old:
                (self.root / day / MANIFEST).unlink()
                shutil.rmtree(self.root / day)
            return len(old)

    def _folders(self) -> list[Path]:
        return sorted(folder for folder in self.root.glob("*") if folder.is_dir())

    def _replace(self, folder: Path, manifest: Manifest) -> Manifest:
        finished = parquet_parts.temporary(folder)
        finished.write_text(json.dumps(manifest._asdict()), encoding="utf-8")
        files.adopt(finished, folder / MANIFEST)
        files.sync(self.root)
        self._tidy(folder)
        return manifest

    def _tidy(self, folder: Path) -> None:
        """Remove what the folder's manifest does not name; a folder without one is of a writer that was killed."""
        try:
            manifest = _manifest(folder)
        except Malformed:
            return  # who reads it is told
        if manifest is None:
            shutil.rmtree(folder)
            return
        named = {folder / name for name in manifest.parts} | {folder / MANIFEST}
        for path in [path for path in folder.rglob("*") if path.is_file() and path not in named]:
            path.unlink()


def _bucket_name(number: int) -> str:
    return f"bucket={number:02x}"


def _rows_of(name: str) -> int:
    return int(Path(name).stem.partition("-")[0])


def _without(folder: Path, name: str, person: str) -> str | None:
    """Return the name of a part without a person, the same one when they are not in it; None when nothing is left."""
    if Path(name).parent.name != _bucket_name(bucket(person)):
        return name
    try:
        table = _read(folder / name)
    except Malformed as error:
        logger.warning("a part of a snapshot was removed by an erasure: %s", error)
        return None
    others = table.filter(pl.col("person") != person)
    if others.height == table.height:
        return name
    return _write(folder, bucket(person), others) if others.height else None


def _manifest(folder: Path) -> Manifest | None:
    try:
        text = (folder / MANIFEST).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    try:
        said = json.loads(text)
        manifest = Manifest(tuple(map(str, said["parts"])), int(said["rows"]), int(said["last_sequence"]))
    except (ValueError, KeyError, TypeError) as error:
        raise Malformed(f"the manifest {folder / MANIFEST} is damaged") from error
    if sum(map(_rows_of, manifest.parts)) != manifest.rows:
        raise Malformed(f"the manifest {folder / MANIFEST} does not add up")
    return manifest


def _write(folder: Path, number: int, table: pl.DataFrame) -> str:
    target = folder / _bucket_name(number)
    finished = parquet_parts.temporary(target)
    try:
        table.sort("sequence").write_parquet(finished, compression="zstd")
        part = parquet_parts.adopt(target, finished, table.height)
    finally:
        finished.unlink(missing_ok=True)
    files.sync(folder)
    return f"{target.name}/{part.name}"


def _read(part: Path) -> pl.DataFrame:
    if not part.exists():
        raise Malformed(f"the history file {part} is missing; its manifest names it")
    parquet_parts.verify(part)
    return pl.read_parquet(part, hive_partitioning=False)
