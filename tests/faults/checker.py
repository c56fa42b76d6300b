"""Compares ledger, database, mirror and working state: what was acknowledged is there, once, in order, and folded."""

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from data_contracts.events.codec import decode
from data_contracts.identifiers import PersonId
from feature_repo.state.batch_fold import fold
from feature_repo.state.fold import StateRow
from feature_repo.state.served_row import served_row
from flows.context import OpenedContext, opened
from flows.stream.mirror_consumer import MirrorConsumer
from infra.clock import system_clock
from infra.database.all_tables import RewardChangeRow
from infra.database.engine.database import Session
from infra.database.events import dead_letters, events, mirror_log, working_state
from infra.mirror.jetstream.consumer import open_consumer
from infra.mirror.jetstream.mirror_comparison import compare
from infra.mirror.jetstream.publisher import publisher
from infra.mirror.jetstream.stream_config import message_id
from infra.mirror.relay import Relay
from tests.faults.system import PEOPLE, System, person, wait_until


@dataclass
class Report:
    """What was acknowledged, and what became of it."""

    acked: int = 0
    lost: int = 0  # acknowledged, and not in the database
    doubled: int = 0  # reactions whose reward was given more than once
    out_of_order: int = 0  # people whose acknowledged events stand in another order than they were acknowledged in
    not_mirrored: int = 0  # missing, waiting or different in the mirror
    foreign: int = 0  # in the mirror only
    wrong_state: int = 0  # people whose working state or served row is not that of their events
    repeated_in_mirror: int = 0  # delivered twice, which the inbox makes harmless
    dead_letters: int = 0
    per_fault: Counter[str] = field(default_factory=Counter)

    @property
    def sound(self) -> bool:
        """Whether every promise was kept."""
        return not any((self.lost, self.doubled, self.out_of_order, self.not_mirrored, self.foreign, self.wrong_state))

    def as_json(self) -> dict[str, Any]:
        """Return it in JSON's types."""
        return {**vars(self), "per_fault": dict(self.per_fault)}


def check(system: System, report: Report) -> Report:
    """Let what is left arrive, then compare everything with the ledger."""
    lines = system.ledger.read_text().splitlines()
    accepted = [line.removeprefix("event ").partition("/") for line in lines if line.startswith("event ")]
    answered = [line.partition("/")[2] for line in lines if line.startswith("reaction ")]
    with opened(system.settings) as context:
        told = [
            message_id(who, context.vault.subject_key(PersonId(who), "signal_id", name)) for who, _, name in accepted
        ]
        _drain(context, system.server.url)
        found = asyncio.run(compare(context.database, system.server.url, 0))
        with context.database.read() as session:
            table = [message_id(row.person, row.id) for row in mirror_log.mirrored(session, 0)]
            rewards = _rewards(session)
            report.dead_letters = dead_letters.total(session)
        report.acked = len(lines)
        report.lost = len(set(told) - set(table)) + sum(decision not in rewards for decision in answered)
        report.doubled = sum(times > 1 for times in rewards.values()) + len(table) - len(set(table))
        report.out_of_order = sum(_disordered(told, table, person(number)) for number in range(PEOPLE))
        report.not_mirrored = found.missing + found.waiting + found.different
        report.foreign = found.foreign
        report.repeated_in_mirror = found.doubled
        report.wrong_state = sum(_wrong(context, person(number)) for number in range(PEOPLE))
    return report


def _drain(context: OpenedContext, url: str) -> None:
    relay = Relay(context.database, system_clock, lambda: publisher(url))
    following = MirrorConsumer(context.database, context.stream, system_clock, lambda: open_consumer(url, "fold"))

    def drained() -> bool:
        with context.database.read() as session:
            return not mirror_log.lag(session, 0).events and not events.behind(session)

    with relay, following:
        wait_until(lambda: relay.state.connected and drained(), "it does not drain")


def _rewards(session: Session) -> Counter[str]:
    return Counter(session.scalars(select(RewardChangeRow.decision)))


def _disordered(told: list[str], table: list[str], who: PersonId) -> bool:
    place = {name: index for index, name in enumerate(table)}
    places = [place[name] for name in told if name.startswith(who) and name in place]
    return places != sorted(places)


def _wrong(context: OpenedContext, who: PersonId) -> bool:
    with context.database.read() as session:
        stored = [StateRow.of(row) for row in working_state.load(session, who)]
        log = [decode(row.payload) for row in mirror_log.mirrored(session, 0) if row.person == who]
    state, packet = fold(log), context.online.read(who)
    return sorted(stored) != sorted(state.rows()) or packet.row != served_row(state, packet.event_us)
