"""Replaces the keys of a home step by step; after a crash at any step, a second run completes it.

What is sealed with a person's key stays as it is; a new master key wraps the people's keys again. The tombstone key is
never replaced: an erased person is a keyed hash under it, and who was erased is not there to be hashed again.
"""

from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from infra.database.audit import audit_log
from infra.database.engine.database import Database
from infra.database.keys import key_fingerprints
from infra.fault_injection import crash_point
from infra.home import home_manifest
from infra.keys.key_files import MASTER, POLICY_SIGNING, fingerprint
from infra.keys.master_keys import MasterKeys, new_key
from infra.signing import PolicySeal, key_name

__all__ = ["Rotated", "finish_master", "rotate_master", "rotate_policy"]


class Rotated(NamedTuple):
    """What a rotation did: the key that is current now, what was wrapped or signed again, older keys that are gone."""

    current: str
    again: int
    removed: tuple[str, ...] = ()
    finished: bool = False  # an interrupted rotation was finished, no new key was made


def rotate_master(home: Path, database: Database, masters: MasterKeys, *, now_us: int) -> Rotated:
    """Make a new master key, wrap everybody's key by it and destroy the old one; or finish what was interrupted.

    Other processes go on meanwhile: they find a key that they do not know by its id.
    """
    masters.refresh()
    if masters.interrupted:
        return finish_master(database, masters, now_us=now_us)._replace(finished=True)
    masters.keep_current()
    crash_point("master_key_kept")
    key = new_key()
    home_manifest.accept(home, MASTER, fingerprint(MASTER, key))
    crash_point("master_key_announced")
    masters.replace(key)
    crash_point("master_key_replaced")
    return finish_master(database, masters, now_us=now_us)


def finish_master(database: Database, masters: MasterKeys, *, now_us: int) -> Rotated:
    """Let the database name the current master key, wrap everybody's key by it, and destroy the older ones."""
    _record(database, MASTER, masters.fingerprint, masters.current, now_us)
    crash_point("master_key_recorded")
    again = masters.wrap_all_again()
    return Rotated(masters.current, again, tuple(masters.remove_older()))


def rotate_policy(home: Path, database: Database, seal: PolicySeal, *, now_us: int) -> Rotated:
    """Make a new pair to sign policies with; signatures of the old one hold until it is distrusted."""
    finished = seal.finish()
    if not finished:
        seal.keep_current()
        crash_point("policy_key_kept")
        private = Ed25519PrivateKey.generate()
        public = private.public_key().public_bytes_raw()
        home_manifest.accept(home, POLICY_SIGNING, fingerprint(POLICY_SIGNING, public))
        seal.replace(private)
    _record(database, POLICY_SIGNING, fingerprint(POLICY_SIGNING, seal.public), key_name(seal.public), now_us)
    crash_point("policy_key_recorded")
    return Rotated(key_name(seal.public), 0, finished=finished)


def _record(database: Database, name: str, value: str, key: str, now_us: int) -> None:
    """Put the fingerprint of the current key in place of the one that the database holds, with an audit entry."""
    with database.unit_of_work() as uow:
        before = key_fingerprints.read(uow.session).get(name)
        if before == value:
            return
        if before is None:
            key_fingerprints.record(uow, {name: value}, at_us=now_us)
        else:
            key_fingerprints.replace(uow, name, before, value, at_us=now_us)
        audit_log.append(uow, at_us=now_us, actor="cli", action="key_rotated", detail={"key": name, "id": key})
        uow.commit()
