"""Reads the inputs of one decision: the person's state and their features, in one statement each."""

from threading import local
from typing import NamedTuple
from zoneinfo import ZoneInfo

from data_contracts.decisions import Trigger
from data_contracts.durations import MINUTE_US
from data_contracts.errors import ErasedPerson, NotFound, Unauthenticated
from data_contracts.identifiers import PersonId
from feature_repo.online import OnlinePacket, OnlineTables
from feature_repo.vector.kernel import ContextVector, context_vector
from infra.database.decisions.decision_read import PersonNow, PersonNowReader
from infra.database.engine.database import Database
from infra.vault import Vault
from serving.policy_cache.champion import ChampionHolder
from serving.recommend.experiment_arm import Arm, arm_of
from serving.recommend.local_time import day_start_us
from serving.recommend.speaking_rules import Latest, Moment

BACK_US = 27 * 60 * MINUTE_US  # further than any local midnight
CLOSED_BY_REACTION = "reaction"


class DecisionInputs(NamedTuple):
    """All that was read for one answer."""

    now_us: int
    zone: ZoneInfo
    person: PersonNow
    packet: OnlinePacket
    moment: Moment
    arm: Arm


class DecisionInputsReader:
    """Reads on the caller's thread; each thread has a connection of its own."""

    def __init__(self, database: Database, online: OnlineTables, vault: Vault, champion: ChampionHolder) -> None:
        self._database = database
        self._online = online
        self._vault = vault
        self._champion = champion
        self._local = local()
        self._opened: list[PersonNowReader] = []

    def read(self, person: PersonId, trigger: Trigger, now_us: int, session_epoch: int | None = None) -> DecisionInputs:
        """Return everything that an answer at `now_us` is made from.

        Raises `Unauthenticated` when `session_epoch` is not the person's, `ErasedPerson`, `NotFound`.
        """
        held = self._champion.held
        found = self._reader().read(person, policy_digest=held.digest, now_us=now_us, spent_since_us=now_us - BACK_US)
        if found is None:
            if self._vault.is_forgotten(person):
                raise ErasedPerson("this person was erased; nothing about them is kept any more")
            raise NotFound("there is no such person")
        if found.erasing:
            raise ErasedPerson("this person is being erased")
        if session_epoch is not None and session_epoch != found.session_epoch:
            raise Unauthenticated("this session was ended")
        if self._champion.follow(found.champion).digest != held.digest:
            return self.read(person, trigger, now_us, session_epoch)  # with the part of the new champion
        zone = ZoneInfo(found.zone)
        packet = self._online.read(person)
        moment = Moment(
            now_us=now_us,
            zone=zone,
            calendar=packet.row.calendar,
            consent_mask=found.consent_mask,
            quiet_start_min=found.quiet_start_min,
            quiet_end_min=found.quiet_end_min,
            trigger=trigger,
            budget=found.budget,
            spent=found.spent(day_start_us(now_us, zone)),
            latest=_latest(found),
        )
        return DecisionInputs(now_us, zone, found, packet, moment, arm_of(found, held.policy, self._champion, now_us))

    def close(self) -> None:
        """Close the connections of all threads; no read may be under way."""
        while self._opened:
            self._opened.pop().close()
        self._local = local()

    def _reader(self) -> PersonNowReader:
        reader: PersonNowReader | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._local.reader = PersonNowReader(self._database)
            self._opened.append(reader)
        return reader


def vector_of(seen: DecisionInputs) -> ContextVector:
    """Return the context vector of what was read."""
    moment = seen.moment
    return context_vector(
        seen.packet.row,
        seen.now_us,
        seen.zone,
        moment.consent_mask,
        quiet_start_min=moment.quiet_start_min,
        quiet_end_min=moment.quiet_end_min,
    )


def _latest(person: PersonNow) -> Latest | None:
    newest = person.newest
    if newest is None:
        return None
    reacted = newest.closed_by == CLOSED_BY_REACTION
    return Latest(newest.at_us, newest.silent, newest.expires_us, newest.closed_us, reacted)
