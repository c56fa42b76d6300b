"""Packs a home into an archive in which no place is named, and unpacks it at another place.

A home knows where it lies: in the paths of imported files, in MLflow's database and in Feast's registry. In the archive
`PLACE` stands for it. Texts of SQLite databases are replaced by SQL, strings of the registry in the parsed message, so
every length is right; a byte that is left of the place is an error.
"""

import io
import lzma
import sqlite3
import tarfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

COMMIT = "27b88ec"
ARCHIVE = Path(__file__).with_name(f"home-{COMMIT}.tar.xz")
PLACE = "@HOME@"
SQLITE = b"SQLite format 3\0"
FEAST = Path("feast/registry.db")
Replace = Callable[[str], str]


def pack(folder: Path, archive: Path) -> None:
    """Write a folder with a home in `home` into an archive; the place of the home is replaced in the folder, too.

    The same files give the same archive: members are sorted and have no owner and no time.
    """
    home = folder / "home"
    _replace_in(home, lambda text: text.replace(home.as_uri(), f"file://{PLACE}").replace(str(home), PLACE))
    left = [path for path in _files(home) if str(home).encode() in path.read_bytes()]
    if left:
        raise ValueError(f"{left[0]} still names the place of the home")
    with (
        lzma.open(archive, "wb", preset=9 | lzma.PRESET_EXTREME) as compressed,
        tarfile.open(fileobj=compressed, mode="w", format=tarfile.USTAR_FORMAT) as tar,
    ):
        for path in _files(folder):
            member = tarfile.TarInfo(path.relative_to(folder).as_posix())
            content = path.read_bytes()
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))


def unpack(archive: Path, folder: Path) -> Path:
    """Fill a new folder from an archive, readable by its owner only, and return the home in it."""
    folder.mkdir(mode=0o700)
    with tarfile.open(archive, "r:xz") as tar:
        tar.extractall(folder, filter="data")
    for path in folder.rglob("*"):
        path.chmod(0o700 if path.is_dir() else 0o600)
    home = folder / "home"
    _replace_in(home, lambda text: text.replace(f"file://{PLACE}", home.as_uri()).replace(PLACE, str(home)))
    return home


def contents(archive: Path) -> dict[str, bytes]:
    """Return the files of an archive by name."""
    with tarfile.open(archive, "r:xz") as tar:
        return {member.name: _content(tar, member) for member in tar.getmembers()}


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file = tar.extractfile(member)
    assert file is not None
    return file.read()


def _files(folder: Path) -> Iterator[Path]:
    return (path for path in sorted(folder.rglob("*")) if path.is_file())


def _replace_in(home: Path, replace: Replace) -> None:
    for path in _files(home):
        with path.open("rb") as file:
            database = file.read(len(SQLITE)) == SQLITE
        if database:
            _replace_in_database(path, replace)
    if (home / FEAST).exists():
        _replace_in_registry(home / FEAST, replace)


def _replace_in_database(path: Path, replace: Replace) -> None:
    """Replace in every text of a database; one that changed is written anew, so that no page keeps what was there."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.create_function("moved", 1, replace, deterministic=True)
        tables = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
        for (table,) in tables.fetchall():
            for (column,) in connection.execute("SELECT name FROM pragma_table_info(?)", [table]).fetchall():
                connection.execute(
                    f'UPDATE "{table}" SET "{column}" = moved("{column}") '  # noqa: S608 - names of the schema itself
                    f'WHERE typeof("{column}") = \'text\' AND moved("{column}") <> "{column}"'
                )
        if connection.total_changes:
            connection.execute("VACUUM")
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _replace_in_registry(path: Path, replace: Replace) -> None:
    from feast.protos.feast.core.FeatureView_pb2 import FeatureView  # noqa: PLC0415 - feast takes seven seconds
    from feast.protos.feast.core.Registry_pb2 import Registry  # noqa: PLC0415 - as above

    registry = Registry.FromString(path.read_bytes())
    _replace_in_message(registry, replace)
    for record in registry.feature_view_version_history.records:
        view = FeatureView.FromString(record.feature_view_proto)
        _replace_in_message(view, replace)
        record.feature_view_proto = view.SerializeToString(deterministic=True)
    path.write_bytes(registry.SerializeToString(deterministic=True))


def _replace_in_message(message: Any, replace: Replace) -> None:
    """Replace in every string of a protobuf message and of the messages in it; Feast's maps hold no paths."""
    for field, value in message.ListFields():
        if field.type == field.TYPE_STRING and isinstance(value, str):
            setattr(message, field.name, replace(value))
        elif field.type == field.TYPE_MESSAGE and not field.message_type.GetOptions().map_entry:
            for part in (value,) if hasattr(value, "ListFields") else value:
                _replace_in_message(part, replace)
