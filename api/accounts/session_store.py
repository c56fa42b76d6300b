"""Session cookies and their expiry: cached for the hot path, read from the database for all other requests."""

from hashlib import sha256
from threading import Lock
from typing import NamedTuple

from cachetools import FIFOCache
from starlette.types import Scope

from data_contracts.identifiers import PersonId, to_us
from infra.clock import Clock
from infra.database.engine.database import Database
from infra.database.people import access_tokens

SID_LENGTH = 64
MAX_REMEMBERED = 10_000
REREAD_US = access_tokens.TOUCH_US  # a remembered session is read again, and marked as in use, this often


class Session(NamedTuple):
    """A valid session; `person` is None for the admin token's, `epoch` is the person's session epoch."""

    person: PersonId | None
    role: str
    epoch: int
    ends_us: int
    read_us: int


class SessionStore:
    """Finds the session of a request. Only hashes of cookies are cached."""

    def __init__(self, database: Database, clock: Clock, *, secure: bool) -> None:
        self.database = database
        self.clock = clock
        self.secure = secure
        self.cookie = "__Host-sid" if secure else "sid"
        self._prefix = f"{self.cookie}=".encode()
        self._remembered: FIFOCache[bytes, Session] = FIFOCache(MAX_REMEMBERED)
        self._lock = Lock()

    def cookie_of(self, scope: Scope) -> str | None:
        """Return the `sid` that a request brings, when it has the form of one."""
        for name, value in scope["headers"]:
            if name == b"cookie":
                for part in value.split(b";"):
                    found = part.strip()
                    if found.startswith(self._prefix) and len(found) == len(self._prefix) + SID_LENGTH:
                        return str(found[len(self._prefix) :], "latin-1")
        return None

    def recall(self, sid: str) -> Session | None:
        """Return the cached session; None when the session must be read again."""
        try:
            caller = self._remembered[_key(sid)]  # of a FIFO this changes nothing, so it needs no lock
        except KeyError:
            return None
        now_us = to_us(self.clock())
        return caller if now_us < caller.ends_us and 0 <= now_us - caller.read_us < REREAD_US else None

    def load(self, sid: str) -> Session | None:
        """Return the session as the database has it now, and cache it."""
        now_us = to_us(self.clock())
        with self.database.read() as session:
            found = access_tokens.find_session(session, sid, now_us=now_us)
        if found is None:
            self.forget(sid)
            return None
        if now_us - found.seen_us >= access_tokens.TOUCH_US:
            with self.database.unit_of_work() as uow:
                access_tokens.touch_session(uow, sid, now_us=now_us)
                uow.commit()
        caller = Session(found.person, found.role, found.epoch, found.expires_us, now_us)
        with self._lock:
            self._remembered[_key(sid)] = caller
        return caller

    def forget(self, sid: str) -> None:
        """Forget one session."""
        with self._lock:
            self._remembered.pop(_key(sid), None)

    def remembered(self) -> set[PersonId]:
        """Return whose sessions are in memory."""
        with self._lock:
            return {caller.person for caller in self._remembered.values() if caller.person is not None}

    def drop(self, person: PersonId) -> None:
        """Forget every session of a person in this process; the database decides which of them are valid."""
        with self._lock:
            for key in [key for key, caller in self._remembered.items() if caller.person == person]:
                del self._remembered[key]

    def set_cookie(self, sid: str, max_age_s: int) -> str:
        """Return the Set-Cookie header that signs a browser in."""
        secure = "; Secure" if self.secure else ""
        return f"{self.cookie}={sid}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Lax{secure}"

    def clear_cookie(self) -> str:
        """Return the Set-Cookie header that signs a browser out."""
        return self.set_cookie("", 0)


def _key(sid: str) -> bytes:
    return sha256(sid.encode("latin-1")).digest()
