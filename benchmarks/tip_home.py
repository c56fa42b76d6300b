"""A whole home for the tip benchmark: people, sessions, served rows, sealed pools, person posteriors and a champion."""

from pathlib import Path
from typing import NamedTuple

from benchmarks.lives import NOW_US
from benchmarks.tip_people import QUIET, ZONE, Resident, residents
from data_contracts.identifiers import PolicyDigest
from data_contracts.served import VIEWS
from feature_repo.online import OnlineFile
from feature_repo.vector.kernel import ALL_CONSENTS
from infra.database.all_tables import PersonRow
from infra.database.decisions import person_posteriors
from infra.database.decisions.person_posteriors import StoredPosterior
from infra.database.engine.database import Database, open_database
from infra.database.people import access_tokens
from infra.database.policies import policies
from infra.settings import Settings
from infra.signing import PolicySeal
from infra.vault import Vault
from models.policies import artifact
from models.policies.linear_thompson import LinearThompson
from models.rewards.person_posterior import pack
from models.rewards.training import data_digest, fit, gather
from models.simulation.warm_start import warm_start
from serving.candidates.pool_codec import seal_pool

WARM_START_SEED = 1


class Settled(NamedTuple):
    """Who lives in a home, their cookies in the same order, and the policy that decides."""

    people: list[Resident]
    sids: list[str]
    policy: LinearThompson
    digest: PolicyDigest


def settle(home: Path, count: int) -> Settled:
    """Fill an empty home with `count` people at `NOW_US`."""
    settings = Settings(home=home)
    rows = warm_start(WARM_START_SEED)
    policy = LinearThompson.from_arrays(fit(gather(rows)).arrays)
    folder = artifact.save(
        policy,
        settings.policies,
        sign=PolicySeal(settings.keys).sign,
        data_digest=data_digest(rows),
        origins=rows.origins(),
        metrics={},
    )
    digest = PolicyDigest(folder.name)
    people = list(residents(count, policy.model.person_prior))
    database = open_database(settings.database, audit_key=Vault(settings.keys).audit_key)
    database.migrate()
    _promote(database, digest)
    sids = [sid for first in range(0, count, 100) for sid in _move_in(database, people[first : first + 100], digest)]
    database.checkpoint()
    database.close()
    _fill_online(settings, people)
    return Settled(people, sids, policy, digest)


def _promote(database: Database, digest: PolicyDigest) -> None:
    with database.unit_of_work() as uow:
        policies.register(
            uow,
            digest=digest,
            name=LinearThompson.NAME,
            registry_version=None,
            manifest={},
            metrics={},
            created_us=NOW_US,
        )
        revision = policies.champion(uow.session).revision
        policies.swap_champion(uow, digest=digest, expected_revision=revision, at_us=NOW_US, actor="benchmark")
        uow.commit()


def _move_in(database: Database, people: list[Resident], digest: PolicyDigest) -> list[str]:
    sids = []
    with database.unit_of_work() as uow:
        uow.session.add_all([_person_row(each) for each in people])
        uow.session.flush()
        for each in people:
            sids.append(access_tokens.open_session(uow, person=each.person, now_us=NOW_US, random_bytes=each.secret))
            part = each.part
            stored = StoredPosterior(part.version, part.latest_us, part.latest_id, pack(part))
            person_posteriors.save(uow, person=each.person, digest=digest, part=stored, updated_us=NOW_US)
        uow.commit()
    return sids


def _person_row(each: Resident) -> PersonRow:
    return PersonRow(
        person=each.person,
        name=f"person {each.number}",
        zone=ZONE.key,
        role="member",
        quiet_start_min=QUIET[0],
        quiet_end_min=QUIET[1],
        budget=3,
        silence_price=0.45,
        consent_mask=ALL_CONSENTS,
        consent_epoch=1,
        session_epoch=0,
        created_us=NOW_US,
        erasing=False,
    )


def _fill_online(settings: Settings, people: list[Resident]) -> None:
    vault = Vault(settings.keys)
    online = OnlineFile(settings.online_db)
    for each in people:
        situation = each.situation
        online.write(each.person, dict(zip(VIEWS, situation.row, strict=True)), situation.event_us, 1)
        online.write_pool(each.person, NOW_US, seal_pool(vault, each.person, situation.pool))
    online.checkpoint()
    online.close()
