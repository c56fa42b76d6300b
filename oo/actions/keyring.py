"""`oo keys`: shows and rotates the keys of a home."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from data_contracts.errors import ArtifactRefused, Conflict, DamagedStore
from data_contracts.identifiers import PersonId, from_us
from infra.database.audit import audit_log
from infra.database.keys import key_fingerprints
from infra.database.people import people
from infra.database.policies import policies
from infra.database.push_sources import push_sources
from infra.home import home_manifest
from infra.home.home_manifest import HomeManifest
from infra.keys import rotation
from infra.keys.key_files import FILES, MASTER, POLICY_SIGNING, TOMBSTONE, fingerprint, read_key
from infra.keys.rotation import Rotated
from infra.settings import Settings
from infra.signing import key_name, signer_of
from models.policies import artifact
from oo.runtime import Runtime

ID_CHARS = 16


class KeyStatus(NamedTuple):
    """One key: since when it is used, how much hangs on it, and how much still hangs on older ones."""

    name: str
    id: str
    since: datetime | None
    used_by: int
    by_older: int
    older: tuple[str, ...]
    note: str


class KeyFileState(NamedTuple):
    """One key file of a home that cannot be opened; `id` is that of what lies there."""

    name: str
    id: str
    state: str


def file_states(settings: Settings) -> list[KeyFileState]:
    """Return each installation key as its file is now, against what `home.json` expects."""
    try:
        manifest = home_manifest.load(settings.home)
    except DamagedStore:
        manifest = None
    return [_file_state(settings.keys / file, name, manifest) for name, file in FILES.items()]


def _file_state(path: Path, name: str, manifest: HomeManifest | None) -> KeyFileState:
    try:
        found = fingerprint(name, read_key(path))
    except DamagedStore:
        return KeyFileState(name, "", "damaged" if path.exists() else "missing")
    if manifest is None:
        return KeyFileState(name, found[:ID_CHARS], "not known here: home.json is missing or damaged")
    known = found in manifest.keys.get(name, ())
    return KeyFileState(name, found[:ID_CHARS], "as expected" if known else "of another home, or an older copy")


def status(runtime: Runtime) -> list[KeyStatus]:
    """Return the keys of a home, none of them shown."""
    keys, vault, seal = runtime.settings.keys, runtime.vault, runtime.stores.seal
    with runtime.database.read() as session:
        since = key_fingerprints.since(session)
        push, ending = push_sources.count_keys(session, now_us=runtime.now_us())
        chain = audit_log.chain(session)
    wrapped = vault.masters.wrapped()
    signed = [signer for _, _, signer in _signed(runtime.settings.policies)]
    current = key_name(seal.public)
    older = sum(signer != current for signer in signed)
    tombstone = fingerprint(TOMBSTONE, read_key(keys / FILES[TOMBSTONE]))[:ID_CHARS]
    began = None if chain is None else from_us(chain.began_us)
    return [
        KeyStatus(
            "master",
            vault.masters.current,
            since.get(MASTER),
            wrapped.total,
            sum(wrapped.older.values()),
            tuple(vault.masters.older()),
            "wraps the keys of people",
        ),
        KeyStatus(
            "policy", current, since.get(POLICY_SIGNING), len(signed), older, tuple(seal.older()), "signs policies"
        ),
        KeyStatus("push", "", None, push, ending, (), "secrets of sources; an older one works until it ends"),
        KeyStatus("tombstone", tombstone, since.get(TOMBSTONE), len(vault.tombstones()), 0, (), "is never rotated"),
        KeyStatus(
            "audit",
            vault.audit_key.id if vault.audit_key.exists else "",
            began,
            0 if chain is None else chain.sequence,
            0,
            (),
            "chains the audit log; is never rotated",
        ),
    ]


def rotate_master(runtime: Runtime) -> Rotated:
    """Make a new master key, or finish a rotation that was interrupted."""
    settings = runtime.settings
    return rotation.rotate_master(settings.home, runtime.database, runtime.vault.masters, now_us=runtime.now_us())


def rotate_policy(runtime: Runtime) -> Rotated:
    """Make a new pair that signs policies, and sign with it what the one before has signed."""
    seal = runtime.stores.seal
    made = rotation.rotate_policy(runtime.settings.home, runtime.database, seal, now_us=runtime.now_us())
    again = 0
    for folder, digest, signer in _signed(runtime.settings.policies):
        if signer == made.current or not seal.holds(digest, _signature(folder)):
            continue
        try:
            artifact.sign_again(folder, digest, sign=seal.sign)
        except ArtifactRefused:
            continue  # it is damaged in another way, and is refused with that reason when it is loaded
        again += 1
    return made._replace(again=again)


def distrust(runtime: Runtime, name: str) -> None:
    """Let an older signing key hold no more; raises `NotFound`, and `Conflict` while a policy in use needs it."""
    with runtime.database.read() as session:
        needed = {row.digest for stage in ("champion", "shadow") for row in policies.list_all(session, stage)}
    waiting = [digest for _, digest, signer in _signed(runtime.settings.policies) if signer == name]
    blocked = sorted(needed & set(waiting))
    if blocked:
        raise Conflict(f"{blocked[0][:12]} is in use and signed with that key; `oo sign {blocked[0][:12]}` first")
    runtime.stores.seal.distrust(name)
    with runtime.database.unit_of_work() as uow:
        detail = {"key": "policy", "id": name}
        audit_log.append(uow, at_us=runtime.now_us(), actor="cli", action="key_distrusted", detail=detail)
        uow.commit()


def rotate_push(runtime: Runtime) -> list[dict[str, Any]]:
    """Mint a new secret for each webhook; the one before works for a day more. Each secret is shown this once."""
    with runtime.database.read() as session:
        everybody = [(PersonId(row.person), row.name) for row in people.list_all(session)]
    minted: list[dict[str, Any]] = []
    for person, who in everybody:
        with runtime.database.unit_of_work() as uow:
            for source in push_sources.list_for(uow.session, runtime.vault, person):
                if source.form is not push_sources.Form.WEBHOOK:
                    continue
                made = push_sources.rotate(
                    uow, runtime.vault, person=person, name=source.name, actor="cli", now_us=runtime.now_us()
                )
                url = runtime.settings.url + push_sources.path_of(source)
                minted.append({"person": who, "name": source.name, "push_url": url, "credential": made.credential})
            uow.commit()
    return minted


def _signed(folder: Path) -> Iterator[tuple[Path, Any, str]]:
    """Yield each policy's folder, its digest and the key that its manifest names."""
    for manifest in sorted(folder.glob("*/manifest.json")):
        signature = _signature(manifest.parent)
        if signature:
            yield manifest.parent, manifest.parent.name, signer_of(signature)


def _signature(folder: Path) -> str:
    return str(json.loads((folder / "manifest.json").read_bytes()).get("signature") or "")
