"""The vault: one key per person, wrapped by a master key; what it sealed is unreadable once it is destroyed.

`keys/master.key` wraps `keys/people/<pseudonym>.key`; `keys/tombstone.key` makes the keyed hash under which an erased
person is remembered in `keys/tombstones`. The folder lies apart from the data and from its backups. A key that is
missing beside data that it sealed is never replaced by a new one: the vault refuses with the remedy.
"""

import hmac
import os
import re
import secrets
from collections.abc import Callable, Iterable
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from data_contracts.errors import DamagedStore, ErasedPerson, Malformed
from data_contracts.identifiers import PersonId, SubjectKey
from infra.home import sealed_tombstones
from infra.keys.audit_key import AuditKey
from infra.keys.key_files import FILES, KEY_BYTES, MASTER, TOMBSTONE, fingerprint, read_key
from infra.keys.master_keys import MasterKeys
from infra.storage import files

__all__ = ["SUBJECT_CHARS", "Vault"]

VERSION = b"\x01"
NONCE_BYTES = 12
SUBJECT_CHARS = 32
TOMBSTONE_LINE = 65  # bytes: 64 hexadecimal digits and the end of the line
PSEUDONYM = re.compile(r"[A-Za-z0-9_-]{1,64}")  # nothing that could leave the folder
SUBJECT_USE = b"oO subject keys, version 1"


class _PersonKey(NamedTuple):
    """A person's unwrapped key, and the file that it came from."""

    cipher: AESGCM
    subjects: bytes
    path: Path
    inode: int


class Vault:
    """Seals and opens a person's words; knows erased people only by a keyed hash."""

    def __init__(
        self, keys: Path, *, new: bool = True, has_sealed_data: Callable[[PersonId], bool] = lambda _: False
    ) -> None:
        """Open the keys in a folder; in a `new` home they are made where they are missing.

        `has_sealed_data` says whether data exists that needs this person's key: then a missing one is not made anew.
        Raises `DamagedStore` for a missing or damaged key.
        """
        self._people = keys / "people"
        self._tombstones = keys / "tombstones"
        self._has_sealed_data = has_sealed_data
        files.make_private_folder(self._people)
        if new and not self._is_used():
            for name in (TOMBSTONE, MASTER):
                files.create_once(keys / FILES[name], secrets.token_bytes(KEY_BYTES))
        self.masters = MasterKeys(keys)
        self._tombstone_key = read_key(keys / FILES[TOMBSTONE])
        self._cache: dict[PersonId, _PersonKey] = {}
        self.audit_key = AuditKey(keys)

    def seal(self, person: PersonId, field: str, text: bytes) -> bytes:
        """Return the box of a text, bound to its owner and field; raises `ErasedPerson` for an erased person."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        return VERSION + nonce + self._key_of(person).cipher.encrypt(nonce, text, _bound_to(person, field))

    def open(self, person: PersonId, field: str, box: bytes) -> bytes:
        """Return the text of a box.

        Raises `Malformed` when the box was damaged or belongs to another person, field or key, and `ErasedPerson`
        for an erased person.
        """
        nonce = box[1 : 1 + NONCE_BYTES]
        if box[:1] != VERSION or len(nonce) != NONCE_BYTES:
            raise Malformed(f"a box of field {field!r} has an unknown form")
        try:
            return self._key_of(person).cipher.decrypt(nonce, box[1 + NONCE_BYTES :], _bound_to(person, field))
        except InvalidTag as error:
            raise Malformed(f"a box of field {field!r} was damaged or belongs elsewhere") from error

    def subject_key(self, person: PersonId, kind: str, native_id: str) -> SubjectKey:
        """Return the keyed hash of a source's own id, 32 hex characters; it cannot be computed without the key."""
        return self.hasher(person)(kind, native_id)

    def hasher(self, person: PersonId) -> Callable[[str, str], SubjectKey]:
        """Return `subject_key` of one person for a batch: whether their key still stands is asked once, here."""
        key = self._key_of(person).subjects

        def hashed(kind: str, native_id: str) -> SubjectKey:
            message = f"{len(kind)}:{kind}|{native_id}".encode("utf-8", "surrogatepass")  # JSON can spell half a letter
            return SubjectKey(hmac.digest(key, message, "sha256").hex()[:SUBJECT_CHARS])

        return hashed

    def forget(self, person: PersonId) -> None:
        """Remember the person as erased, then destroy their key; doing it again changes nothing."""
        path = self._path(person)
        with self.masters.locked():
            if not self.is_forgotten(person):
                files.append_line(self._tombstones, self.tombstone(person))
            self._cache.pop(person, None)
            files.shred(path)

    def remembered(self) -> set[PersonId]:
        """Return whose keys are in this process's memory."""
        return set(self._cache)

    def drop(self, person: PersonId) -> None:
        """Forget a person's key in this process only; the file decides what becomes of the key."""
        self._cache.pop(person, None)

    def tombstone(self, person: PersonId) -> str:
        """Return the keyed hash that stands for an erased person, 64 hex characters."""
        return hmac.new(self._tombstone_key, person.encode(), sha256).hexdigest()

    def tombstones(self) -> frozenset[str]:
        """Return the keyed hashes of everybody who was ever forgotten here; older backups don't bring them back."""
        try:
            lines = self._tombstones.read_text().split()
        except FileNotFoundError:
            return frozenset()
        return frozenset(lines)

    def count_tombstones(self) -> int:
        """Return how many lines of keyed hashes there are, at next to no cost."""
        try:
            return self._tombstones.stat().st_size // TOMBSTONE_LINE
        except FileNotFoundError:
            return 0

    def remember(self, tombstones: Iterable[str]) -> None:
        """Remember these keyed hashes too, and destroy the keys that an older copy of the folder brought back."""
        with self.masters.locked():
            for tombstone in sorted(set(tombstones) - self.tombstones()):
                files.append_line(self._tombstones, tombstone)
            for path in self._people.glob("*.key"):
                if self.is_forgotten(PersonId(path.stem)):
                    files.shred(path)

    def sealed_tombstones(self) -> bytes:
        """Return the sealed list of erased people that a backup takes along."""
        return sealed_tombstones.seal_list(self._tombstone_key, self.tombstones())

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the key under which erased people are remembered."""
        return fingerprint(TOMBSTONE, self._tombstone_key)

    def open_tombstones(self, sealed: bytes) -> frozenset[str] | None:
        """Return the erased people of a backup's list; None when it was made with another tombstone key.

        Raises `Malformed` for a list that was changed.
        """
        if sealed_tombstones.key_of(sealed) != self.fingerprint:
            return None
        return sealed_tombstones.open_list(self._tombstone_key, sealed)

    def is_forgotten(self, person: PersonId) -> bool:
        """Whether this person was forgotten."""
        return self.tombstone(person) in self.tombstones()

    def has_key(self, person: PersonId) -> bool:
        """Whether the person's key is here; asking makes none."""
        return self._path(person).exists()

    def has_keys(self) -> bool:
        """Whether anybody's key is here."""
        return next(self._people.glob("*.key"), None) is not None

    def damaged_keys(self) -> list[Path]:
        """Return the key files of people that do not open."""
        found = sorted(self._people.glob("*.key"))
        return [path for path in found if path.exists() and not self.opens_key(PersonId(path.stem))]

    def opens_key(self, person: PersonId) -> bool:
        """Whether the person's key is here and opens with the master key."""
        path = self._path(person)
        try:
            self._unwrap(person, path, path.read_bytes(), 0)
        except (FileNotFoundError, Malformed):
            return False
        return True

    def ping(self) -> str:
        """Prove that the keys open what they sealed; returns the number of people with a key."""
        self.masters.ping()
        return f"{sum(1 for _ in self._people.glob('*.key'))} keys"

    def _key_of(self, person: PersonId) -> _PersonKey:
        """Return the person's key, from memory while its file stands: another process may have destroyed it."""
        known = self._cache.get(person)
        path = self._path(person) if known is None else known.path
        try:
            inode = os.stat(path).st_ino  # noqa: PTH116 - on the hot path, and a third of the time of Path.stat
        except FileNotFoundError:
            self._cache.pop(person, None)
            return self._make_key(person, path)
        if known is None or known.inode != inode:
            known = self._cache[person] = self._read(person, path, inode)
        return known

    def _read(self, person: PersonId, path: Path, inode: int) -> _PersonKey:
        """Return the key in a file, which is wrapped again by the current master key where an older one wrapped it."""
        try:
            stored = path.read_bytes()
            known = self._unwrap(person, path, stored, inode)
        except (FileNotFoundError, Malformed):
            if path.exists() and path.stat().st_ino == inode:
                raise
            return self._key_of(person)  # while it was read, it was wrapped again or erased, its old bytes destroyed
        if self.masters.is_current(stored) or not os.access(path.parent, os.W_OK):
            return known
        self.masters.wrap_again(person)
        return self._key_of(person)

    def _is_used(self) -> bool:
        """Whether the installation keys have sealed or hashed anything that this folder knows of."""
        return self._tombstones.exists() or self.has_keys()

    def _make_key(self, person: PersonId, path: Path) -> _PersonKey:
        if self.is_forgotten(person):
            raise ErasedPerson("this person was erased, and their key with them")
        if self._has_sealed_data(person) and not path.exists():  # another process may have made it meanwhile
            raise DamagedStore(f"{path} is missing; put the keys folder back from your copy, or erase the person")
        with self.masters.locked():
            if self.is_forgotten(person):  # since the question above
                raise ErasedPerson("this person was erased, and their key with them")
            self.masters.refresh()
            stored = files.create_once(path, self.masters.wrap(person, secrets.token_bytes(KEY_BYTES)))
        known = self._cache[person] = self._unwrap(person, path, stored, path.stat().st_ino)
        return known

    def _unwrap(self, person: PersonId, path: Path, stored: bytes, inode: int) -> _PersonKey:
        key = self.masters.unwrap(person, stored)
        return _PersonKey(AESGCM(key), hmac.new(key, SUBJECT_USE, sha256).digest(), path, inode)

    def _path(self, person: PersonId) -> Path:
        if not PSEUDONYM.fullmatch(person):
            raise Malformed("this is not a pseudonym")
        return self._people / f"{person}.key"


def _bound_to(person: str, field: str) -> bytes:
    return f"{person}|{field}".encode()
