"""Master keys, which wrap the people's keys: the current one, and older ones until a rotation is complete.

`keys/master.key` is the current one; `keys/masters/<id>.key` are older ones, until nothing is wrapped by them. A
wrapped key names the one that wrapped it, so a process that does not know it yet reads the folder again. Whoever adds,
wraps again or destroys a person's key, or changes the master key, holds a lock on the folder of the people's keys.
"""

import os
import secrets
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from data_contracts.errors import Malformed
from infra.fault_injection import crash_point
from infra.keys.key_files import FILES, KEY_BYTES, MASTER, fingerprint, read_key
from infra.storage import files
from infra.storage.locks import locked

__all__ = ["MasterKeys", "Wrapped", "new_key"]

UNNAMED, NAMED = b"\x01", b"\x02"  # forms of a wrapped key: without and with the id of the master key
ID_BYTES = 8
NONCE_BYTES = 12


class Wrapped(NamedTuple):
    """How many people's keys there are, and how many of them by each older master key; "" where no id is named."""

    total: int
    older: dict[str, int]


class MasterKeys:
    """Wraps and unwraps the keys of people."""

    def __init__(self, keys: Path) -> None:
        """Read the keys of a folder; raises `DamagedStore` for a missing or damaged one."""
        self._path = keys / FILES[MASTER]
        self._older = keys / "masters"
        self._people = keys / "people"
        self._ciphers: dict[str, AESGCM] = {}
        self.current = ""
        self.refresh()

    def refresh(self) -> None:
        """Read the folder again: another process may have changed the master key."""
        found = {path.stem: read_key(path) for path in self._older.glob("*.key")}
        key = read_key(self._path)
        self.current = key_id(key)
        self._ciphers = {name: AESGCM(older) for name, older in found.items()} | {self.current: AESGCM(key)}

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the current key."""
        return fingerprint(MASTER, read_key(self._path))

    @property
    def interrupted(self) -> bool:
        """Whether an older key is still here: a rotation has not come to its end."""
        return bool(self.older())

    def ping(self) -> None:
        """Prove that the current key opens what it sealed."""
        nonce = secrets.token_bytes(NONCE_BYTES)
        cipher = self._ciphers[self.current]
        cipher.decrypt(nonce, cipher.encrypt(nonce, b"ping", None), None)

    def wrap(self, person: str, key: bytes) -> bytes:
        """Return a person's key, wrapped by the current master key."""
        head, nonce = NAMED + bytes.fromhex(self.current), secrets.token_bytes(NONCE_BYTES)
        return head + nonce + self._ciphers[self.current].encrypt(nonce, key, head + _bound_to(person))

    def unwrap(self, person: str, stored: bytes) -> bytes:
        """Return a person's key; raises `Malformed` when it is damaged, or wrapped by a key that is not here."""
        try:
            return self._open(person, stored)
        except (InvalidTag, KeyError, ValueError):
            self.refresh()
        try:
            return self._open(person, stored)
        except KeyError as error:
            raise Malformed(
                f"a person's key is wrapped by the master key {wrapped_by(stored)}, which is not here"
            ) from error
        except (InvalidTag, ValueError) as error:
            raise Malformed("a person's key file is damaged or belongs to another installation") from error

    def is_current(self, stored: bytes) -> bool:
        """Whether a wrapped key names the current master key."""
        return wrapped_by(stored) == self.current

    def locked(self) -> AbstractContextManager[object]:
        """Let nobody else add, wrap again or destroy a person's key, or change the master key."""
        return locked(self._people)

    def keep_current(self) -> str:
        """Keep the current key among the older ones, before it is replaced, and return its id."""
        files.make_private_folder(self._older)
        files.create_once(self._older / f"{self.current}.key", read_key(self._path))
        return self.current

    def replace(self, key: bytes) -> None:
        """Make a key the current one; the one before it must have been kept."""
        with self.locked():
            files.replace(self._path, key)
            self.refresh()

    def wrap_again(self, person: str) -> bool:
        """Wrap one person's key by the current master key; return whether it was wrapped by another one."""
        path = self._people / f"{person}.key"
        with self.locked():
            self.refresh()
            try:
                descriptor = os.open(path, os.O_RDWR)
            except FileNotFoundError:
                return False  # erased meanwhile
            try:
                stored = os.pread(descriptor, 1 << 12, 0)
                if self.is_current(stored):
                    return False
                files.replace(path, self.wrap(person, self.unwrap(person, stored)))
                os.pwrite(descriptor, secrets.token_bytes(len(stored)), 0)  # the old bytes don't outlive the old key
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        crash_point("person_key_wrapped")
        return True

    def wrap_all_again(self) -> int:
        """Wrap everybody's key by the current master key; return how many were wrapped by another one."""
        return sum(self.wrap_again(path.stem) for path in sorted(self._people.glob("*.key")))

    def wrapped(self) -> Wrapped:
        """Return how many keys of people each master key wraps."""
        with self.locked():
            return self._wrapped()

    def _wrapped(self) -> Wrapped:
        older: dict[str, int] = {}
        total = 0
        for path in self._people.glob("*.key"):
            name = wrapped_by(path.read_bytes())
            total += 1
            if name != self.current:
                older[name] = older.get(name, 0) + 1
        return Wrapped(total, older)

    def older(self) -> list[str]:
        """Return the ids of older keys that are still here."""
        return sorted(path.stem for path in self._older.glob("*.key") if path.stem != self.current)

    def remove_older(self) -> list[str]:
        """Destroy the older keys by which nothing is wrapped any more, and return their ids."""
        with self.locked():
            self.refresh()
            used = self._wrapped().older
            gone = [name for name in self.older() if name not in used and "" not in used]
            for name in gone:
                files.shred(self._older / f"{name}.key")
            files.shred(self._older / f"{self.current}.key")  # of a rotation that was interrupted at its start
            self.refresh()
        return gone

    def _open(self, person: str, stored: bytes) -> bytes:
        if stored[:1] == NAMED:
            head, rest = stored[: 1 + ID_BYTES], stored[1 + ID_BYTES :]
            cipher = self._ciphers[head[1:].hex()]
            return cipher.decrypt(rest[:NONCE_BYTES], rest[NONCE_BYTES:], head + _bound_to(person))
        nonce, box = stored[1 : 1 + NONCE_BYTES], stored[1 + NONCE_BYTES :]
        for cipher in self._ciphers.values():
            try:
                return cipher.decrypt(nonce, box, _bound_to(person))
            except InvalidTag:
                continue
        raise InvalidTag


def key_id(key: bytes) -> str:
    """Return the id of a master key, 16 hex characters of its fingerprint."""
    return fingerprint(MASTER, key)[: 2 * ID_BYTES]


def new_key() -> bytes:
    """Return a new key."""
    return secrets.token_bytes(KEY_BYTES)


def wrapped_by(stored: bytes) -> str:
    """Return the id that a wrapped key names, or nothing for one of before there were ids."""
    return stored[1 : 1 + ID_BYTES].hex() if stored[:1] == NAMED else ""


def _bound_to(person: str) -> bytes:
    return f"{person}|key".encode()
