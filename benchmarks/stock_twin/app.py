"""`python -m benchmarks.stock_twin.app HOME`: the twin's FastAPI app, one session and one transaction a request."""

import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import lru_cache
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from fastapi import Cookie, Depends, FastAPI, HTTPException
from feast import FeatureService, FeatureStore
from mlflow.pyfunc import PyFuncModel
from pydantic import BaseModel
from sqlalchemy import func, select
from sqlalchemy.orm import Session, sessionmaker

from benchmarks.hand_clock import HandClock
from benchmarks.pinned_server import serve
from benchmarks.stock_twin import policy_model, rules
from benchmarks.stock_twin.candidates import prepared
from benchmarks.stock_twin.decision_maker import Known, decide
from benchmarks.stock_twin.feature_store import open_store
from benchmarks.stock_twin.tables import ClusterBlock, Decision, Login, Person, Pool, Posterior, open_engine, sessions
from data_contracts.features import FEATURE_SERVICE
from data_contracts.served import ServedRow
from feature_repo.feast_store.training_sets import served_row_of
from models.rewards.action_features import Prepared
from models.rewards.person_posterior import unpack

POOLS = 4_096  # as many opened pools as ours remembers


class RecommendIn(BaseModel):
    """Who began."""

    trigger: str = "open"


class TipOut(BaseModel):
    """One tip."""

    id: str
    text: str
    kind: str
    topic: str
    effort_min: int
    expires_at: datetime
    why: str
    why_now: str


class RecommendOut(BaseModel):
    """One answer."""

    tip: TipOut | None
    decision_id: str | None
    reason: str
    repeated: bool = False
    fallback: str | None = None


def create_app(
    maker: sessionmaker[Session],
    store: FeatureStore,
    model: PyFuncModel,
    clock: HandClock,
    new_seed: Callable[[], int],
) -> FastAPI:
    """Return the app over its parts."""
    app = FastAPI()
    service = store.get_feature_service(FEATURE_SERVICE)

    def get_session() -> Iterator[Session]:
        with maker() as session:
            yield session

    pool_of = remembered_pools(maker)

    @app.post("/api/recommend")
    def recommend(
        body: RecommendIn, session: Annotated[Session, Depends(get_session)], sid: Annotated[str, Cookie()]
    ) -> RecommendOut:
        now_us = clock.now_us()
        person = signed_in(session, sid, now_us)
        zone = ZoneInfo(person.zone)
        row = served_row(store, service, person)
        closed = rules.closed_now(row, person, now_us, zone)
        if closed is not None:
            return RecommendOut(tip=None, decision_id=None, reason=closed)
        newest = newest_decision(session, person)
        if newest is not None and not newest.silent and newest.closed_us is None and newest.expires_us > now_us:
            return answer(newest, "open_tip", repeated=True)
        interruptions = spent(session, person, now_us, zone)
        held = rules.no_new_tip(newest, body.trigger, interruptions, person.budget, now_us)
        if held is not None:
            return RecommendOut(tip=None, decision_id=None, reason=held)
        built_us, blocked = pool_age_and_blocks(session, person, now_us)
        posterior = session.get(Posterior, person.id)
        candidates, arrays = pool_of(person.id, built_us)
        known = Known(
            person, row, candidates, arrays, blocked,
            unpack(posterior.payload) if posterior is not None else None, now_us, zone, body.trigger, interruptions,
        )  # fmt: skip
        decision = decide(known, model, new_seed())
        session.add(decision)
        session.commit()
        return answer(decision, decision.reason)

    return app


def remembered_pools(maker: sessionmaker[Session]) -> Callable[[str, int], tuple[list[dict[str, Any]], Prepared]]:
    """Return a reader of opened pools that keeps the newest of each person."""

    @lru_cache(POOLS)
    def pool_of(person: str, _built_us: int) -> tuple[list[dict[str, Any]], Prepared]:
        with maker() as session:
            return open_pool(session.scalars(select(Pool).where(Pool.person_id == person)).one())

    return pool_of


def signed_in(session: Session, sid: str, now_us: int) -> Person:
    """Return whose session this is."""
    found = session.execute(
        select(Person, Login)
        .join(Login, Login.person_id == Person.id)
        .where(Login.token_hash == sha256(sid.encode()).hexdigest())
    ).first()
    if found is None or found.Login.expires_us <= now_us or found.Login.epoch != found.Person.session_epoch:
        raise HTTPException(401)
    person: Person = found.Person
    return person


def served_row(store: FeatureStore, service: FeatureService, person: Person) -> ServedRow:
    """Return a person's features."""
    asked = store.get_online_features(service, [{"person": person.id}], full_feature_names=True).to_dict()
    return served_row_of({name: values[0] for name, values in asked.items()})


def newest_decision(session: Session, person: Person) -> Decision | None:
    """Return a person's last decision."""
    statement = select(Decision).where(Decision.person_id == person.id).order_by(Decision.at_us.desc()).limit(1)
    found: Decision | None = session.scalars(statement).first()
    return found


def pool_age_and_blocks(session: Session, person: Person, now_us: int) -> tuple[int, set[str]]:
    """Return when a person's pool was built, and the meanings that stay away."""
    built_us = session.scalars(select(Pool.built_us).where(Pool.person_id == person.id)).one()
    blocks = select(ClusterBlock.cluster).where(ClusterBlock.person_id == person.id, ClusterBlock.until_us > now_us)
    return built_us, set(session.scalars(blocks))


def spent(session: Session, person: Person, now_us: int, zone: ZoneInfo) -> int:
    """Return how many interruptions were spent today."""
    counted = select(func.count()).where(
        Decision.person_id == person.id,
        Decision.at_us >= rules.day_start_us(now_us, zone),
        Decision.trigger == "unsolicited",
        ~Decision.silent,
    )
    return session.scalar(counted) or 0


def answer(row: Decision, reason: str, *, repeated: bool = False) -> RecommendOut:
    """Return a decision as it is answered."""
    tip = None
    if row.tip is not None:
        tip = TipOut(**row.tip, expires_at=datetime.fromtimestamp(row.expires_us // 1_000_000, UTC))
    return RecommendOut(tip=tip, decision_id=row.id, reason=reason, repeated=repeated)


def open_pool(pool: Pool) -> tuple[list[dict[str, Any]], Prepared]:
    """Return the candidates of a pool, and their arrays for the policy."""
    return pool.candidates, prepared(pool.candidates)


def main(home: Path) -> None:
    """Serve until killed."""
    seeds = count(1)
    app = create_app(
        sessions(open_engine(home)),
        open_store(home),
        policy_model.load(home),
        HandClock(home / "clock"),
        lambda: next(seeds),
    )
    serve(app)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
