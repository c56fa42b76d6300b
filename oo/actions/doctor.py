"""`oo doctor`: checks every part of a home, and says what is wrong and what to do."""

import shutil
import sqlite3
import sys
from collections.abc import Callable, Iterator
from typing import NamedTuple

from data_contracts.errors import OOError
from data_contracts.features import CONSENT_SIGNALS, SOURCES, Source
from data_contracts.identifiers import PersonId
from data_contracts.served import ServedRow
from flows.upkeep.expiry import anchor_audit
from infra.database.all_tables import PersonRow
from infra.database.policies import policies
from infra.home.contents import home_problems
from oo.actions.erasure import mark_of
from oo.runtime import Runtime
from oo.ui.cli_errors import refusal_of
from serving.explain.staleness import age_words

FIXED_SQLITE = (3, 51, 3)
FREE_BYTES = 1 << 30


Look = tuple[str, Callable[[], str]]


class Finding(NamedTuple):
    """What one look found."""

    part: str
    ok: bool
    detail: str


def examine(runtime: Runtime, name: str) -> list[Finding]:
    """Return one finding per part; a part that fails is a finding, not an end.

    In a home that does not belong together nothing but that is looked at.
    """
    machine: tuple[Look, ...] = (("python", _python), ("disk", lambda: _disk(runtime)), ("sqlite", _sqlite))
    findings = [_look(part, look) for part, look in machine]
    broken = [Finding("home", ok=False, detail=problem) for problem in home_problems(runtime.settings)]
    if broken:
        return [*findings, *broken]
    looks: tuple[Look, ...] = (
        ("database", runtime_ping(runtime)),
        ("keys", lambda: _keys(runtime)),
        ("erasure", lambda: _erasure(runtime)),
        ("audit", lambda: _audit(runtime)),
        ("champion", lambda: _champion(runtime)),
    )
    findings += [_look(part, look) for part, look in looks]
    try:
        return [*findings, *_sources(runtime, runtime.people.named(name))]
    except Exception as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        return [*findings, Finding("person", ok=False, detail=refusal.sentence)]


def runtime_ping(runtime: Runtime) -> Callable[[], str]:
    """Return a look at the database."""
    return lambda: f"{runtime.database.ping()} at {runtime.settings.home}"


def _look(part: str, look: Callable[[], str]) -> Finding:
    try:
        return Finding(part, ok=True, detail=look())
    except Exception as error:
        refusal = refusal_of(error)
        if refusal is None:
            raise
        return Finding(part, ok=False, detail=refusal.sentence)


def _python() -> str:
    return ".".join(map(str, sys.version_info[:3]))


def _disk(runtime: Runtime) -> str:
    home = runtime.settings.home
    free = shutil.disk_usage(home if home.exists() else home.anchor).free
    if free < FREE_BYTES:
        raise OSError(f"only {free >> 20} MiB are free at {home}; make room")
    return f"{free >> 30} GiB free"


def _sqlite() -> str:
    text = sqlite3.sqlite_version
    if sqlite3.sqlite_version_info >= FIXED_SQLITE:
        return text
    return f"{text}; before 3.51.3 two checkpointers can damage a log, so oO lets one process checkpoint"


def _keys(runtime: Runtime) -> str:
    return runtime.vault.ping()


def _erasure(runtime: Runtime) -> str:
    if mark_of(runtime).exists():
        raise OOError("an erasure was interrupted; `oo forget` finishes it")
    return "none is unfinished"


def _audit(runtime: Runtime) -> str:
    report = anchor_audit(runtime.stores)
    return f"{report.entries} entries as they were written, anchored up to entry {report.anchored}"


def _champion(runtime: Runtime) -> str:
    with runtime.database.read() as session:
        slot = policies.champion(session)
    if slot.digest is None:
        raise OOError("no policy was promoted yet; `oo train`, then `oo promote --bootstrap`")
    held = runtime.learning.champion.follow(slot.digest)
    if held.refused:
        raise OOError(f"the artifact of the champion was refused: {held.reason}")
    override = f"; overridden: {slot.override_reason}" if slot.override_reason else ""
    return f"{runtime.learning.champion.ping()}, revision {slot.revision}{override}"


def _sources(runtime: Runtime, row: PersonRow) -> Iterator[Finding]:
    served: ServedRow = runtime.stores.online.read(PersonId(row.person)).row
    now_us = runtime.now_us()
    for source in CONSENT_SIGNALS:
        last_us: int = getattr(served, source.value).last_us
        granted = bool(row.consent_mask >> tuple(Source).index(source) & 1)
        age_s = max(now_us - last_us, 0) // 1_000_000
        if not granted:
            yield Finding(source.value, ok=True, detail="not granted, masked")
        elif last_us == 0:
            yield Finding(source.value, ok=True, detail="nothing yet, masked")
        elif age_s > SOURCES[source].fresh_s:
            yield Finding(
                source.value, ok=False, detail=f"{age_words(age_s)} old, masked; send or import something newer"
            )
        else:
            yield Finding(source.value, ok=True, detail=f"{age_words(age_s)} old")
