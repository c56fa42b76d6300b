"""Finds policies by the beginning of their digest, and makes the first champion of a new home."""

from data_contracts.errors import Malformed, NotFound
from data_contracts.identifiers import PolicyDigest
from flows.learning.promotion import Promoted, promote
from flows.learning.training import open_registry, retrain
from infra.database.audit import audit_log
from infra.database.policies import policies
from models.policies import artifact
from oo.runtime import Runtime
from oo.ui.output import note


def resolve(runtime: Runtime, beginning: str) -> PolicyDigest:
    """Return the one digest that begins like this; raises `NotFound`, or `Malformed` when several do."""
    with runtime.database.read() as session:
        found = [row.digest for row in policies.list_all(session) if row.digest.startswith(beginning)]
    if not found:
        raise NotFound(f"there is no policy {beginning!r}; `oo policies` lists them")
    if len(found) > 1:
        raise Malformed(f"{len(found)} policies begin with {beginning!r}; give more of the digest")
    return PolicyDigest(found[0])


def trust(runtime: Runtime, digest: PolicyDigest, reason: str) -> PolicyDigest:
    """Sign a policy of this home that holds everything but its signature; raises `ArtifactRefused`."""
    folder = artifact.folder_of(runtime.settings.policies, digest)
    artifact.sign_again(folder, digest, sign=runtime.stores.seal.sign)
    with runtime.database.unit_of_work() as uow:
        detail = {"digest": digest, "reason": reason}
        audit_log.append(uow, at_us=runtime.now_us(), actor="cli", action="policy_signed", detail=detail)
        uow.commit()
    return digest


def ensure_champion(runtime: Runtime) -> Promoted | None:
    """Train and promote the very first champion where there is none; return it, or None."""
    with runtime.database.read() as session:
        if policies.champion(session).digest is not None:
            return None
    note("Training the first policy on simulated people; this takes about half a minute, once.")
    registry = open_registry(runtime.stores)
    made = retrain(runtime.stores, registry, runtime.clock())
    return promote(runtime.stores, registry, made.digest, actor="first start", bootstrap=True)
