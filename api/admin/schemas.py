"""What an operator reads."""

from datetime import datetime

from pydantic import BaseModel


class CheckOut(BaseModel):
    """What one adapter said to its ping."""

    name: str
    ok: bool
    vital: bool
    detail: str
    took_ms: float


class OverrideOut(BaseModel):
    """A promotion that somebody forced, and why."""

    reason: str
    since: datetime


class HealthOut(BaseModel):
    """`ok`, `degraded` when a lesser adapter fails, `down` when a vital one does."""

    status: str
    checks: list[CheckOut]
    override: OverrideOut | None


class StatsOut(BaseModel):
    """Totals over all people, of decisions that were not simulated."""

    people: int
    events: int
    quarantined: int
    decisions: int
    shown: int
    silence_rate: float | None
    reactions: dict[str, int]
    fallbacks: dict[str, int]
    champion_digest: str | None
    posterior_versions: dict[str, int]
    overrides: int
