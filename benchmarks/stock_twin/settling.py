"""Brings the benchmark's people into the twin's home: the same lives, sessions, pools and posteriors as in ours."""

from hashlib import sha256
from pathlib import Path

from sqlalchemy.orm import Session

from benchmarks.lives import NOW_US
from benchmarks.stock_twin import feature_store, policy_model
from benchmarks.stock_twin.candidates import to_json
from benchmarks.stock_twin.tables import Base, Login, Person, Pool, Posterior, open_engine
from benchmarks.tip_home import Settled
from benchmarks.tip_people import QUIET, ZONE, Resident
from data_contracts.tips import Condition
from feature_repo.vector.kernel import ALL_CONSENTS
from infra.database.people.access_tokens import SESSION_US
from models.rewards.person_posterior import pack
from serving.candidates.catalogue import DEFAULT_LASTS_MIN, catalogue
from serving.candidates.phrasing import SLOT_NEEDS, slots


def settle(home: Path, settled: Settled) -> None:
    """Fill the twin's stores."""
    engine = open_engine(home)
    Base.metadata.create_all(engine)
    pools = {id(each.situation): _pool(each) for each in settled.people}
    with Session(engine) as session:
        for each, sid in zip(settled.people, settled.sids, strict=True):
            session.add(_person(each))
            session.flush()
            session.add(Posterior(person_id=each.person, payload=pack(each.part)))
            session.add(Pool(person_id=each.person, built_us=NOW_US, candidates=pools[id(each.situation)]))
            hashed = sha256(sid.encode()).hexdigest()
            session.add(Login(token_hash=hashed, person_id=each.person, epoch=0, expires_us=NOW_US + SESSION_US))
        session.commit()
    engine.dispose()
    rows = ((each.person, each.situation.row, each.situation.event_us) for each in settled.people)
    feature_store.fill(home, rows)
    policy_model.save(settled.policy, home)


def _person(each: Resident) -> Person:
    return Person(
        id=each.person,
        zone=ZONE.key,
        quiet_start_min=QUIET[0],
        quiet_end_min=QUIET[1],
        budget=3,
        silence_price=0.45,
        consent_mask=ALL_CONSENTS,
        session_epoch=0,
    )


def _pool(each: Resident) -> list[dict[str, object]]:
    stored = []
    for candidate in each.situation.pool.candidates:
        template = catalogue().get(candidate.template)
        why, lasts_min = (template.why, template.lasts_min) if template else ("", DEFAULT_LASTS_MIN)
        needs = [Condition(*SLOT_NEEDS[slot]) for slot in slots(candidate.text) & SLOT_NEEDS.keys()]
        stored.append(to_json(candidate, [*candidate.conditions, *needs], why, lasts_min))
    return stored
