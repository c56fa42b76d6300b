"""A complete small installation for one test; nothing is faked."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path

from data_contracts.answers import Recommendation
from data_contracts.decisions import Decision, Trigger, unpack
from data_contracts.features import CONSENT_SIGNALS
from data_contracts.identifiers import DecisionId, PersonId, PolicyDigest, new_id, to_us
from data_contracts.rewards import ReactionKind
from feature_repo.online import OnlineFile
from flows.stream.processor import Stream
from infra.database.all_tables import DecisionRow
from infra.database.decisions import decisions
from infra.database.decisions.writer import DecisionWriter
from infra.database.engine.database import Database
from infra.database.events import events
from infra.database.people import consents, people, texts
from infra.database.policies import policies
from infra.signing import PolicySeal
from infra.vault import Vault
from models.policies import artifact
from models.policies.artifact_policy import ArtifactPolicy
from models.policies.laws import trained
from models.rewards.training import data_digest
from models.simulation.warm_start import warm_start
from serving.candidates.pool_maker import PoolMaker
from serving.candidates.titles import TitleReader
from serving.feedback.outcomes import Outcomes
from serving.feedback.reactions import ReactionHandler
from serving.policy_cache.champion import ChampionHolder
from serving.recommend.decision_inputs import DecisionInputsReader
from serving.recommend.recommender import Recommender
from tests.serving.life import Life


@cache
def warm_policy(seed: int = 1) -> ArtifactPolicy:
    """Return a policy of the simulated population, trained once per session."""
    return trained("linear_thompson", warm_start(seed))


@dataclass
class World:
    """The parts, wired as the composition root wires them."""

    home: Path
    database: Database
    person: PersonId
    now: datetime
    seeds: Iterator[int]
    life: Life
    vault: Vault = field(init=False)
    seal: PolicySeal = field(init=False)
    online: OnlineFile = field(init=False)
    stream: Stream = field(init=False)
    champion: ChampionHolder = field(init=False)
    writer: DecisionWriter = field(init=False)
    reader: DecisionInputsReader = field(init=False)
    recommender: Recommender = field(init=False)
    reaction_handler: ReactionHandler = field(init=False)
    outcomes: Outcomes = field(init=False)

    def __post_init__(self) -> None:
        """Wire everything."""
        self.vault, self.seal = Vault(self.home / "keys"), PolicySeal(self.home / "keys")
        self.online = OnlineFile(self.home / "online.db")
        self.stream = Stream(database=self.database, online=self.online, clock=self.clock)
        self.database.bus.subscribe(self.stream.handle)
        self.champion = ChampionHolder(self.home / "policies", verify=self.seal.holds)
        self.writer = DecisionWriter(self.database)
        self.writer.start()
        self.reader = DecisionInputsReader(self.database, self.online, self.vault, self.champion)
        self.recommender = Recommender(
            reader=self.reader,
            writer=self.writer,
            vault=self.vault,
            pools=PoolMaker(self.online, self.vault, TitleReader(self.database, self.vault)),
            clock=self.clock,
            new_seed=lambda: next(self.seeds),
        )
        self.reaction_handler = ReactionHandler(self.database, self.vault, self.champion, self.clock)
        self.outcomes = Outcomes(self.database, self.champion, self.clock)
        self.database.bus.subscribe(self.outcomes.handle)

    def clock(self) -> datetime:
        """Return the world's time."""
        return self.now

    def pass_time(self, **span: float) -> None:
        """Let time go by."""
        self.now += timedelta(**span)

    def settle_in(self) -> None:
        """Bring the person and everything of their life into the platform."""
        with self.database.unit_of_work() as uow:
            people.create(uow, person=self.person, name="ada", zone=self.life.zone.key, created_us=to_us(self.now))
            for signal in CONSENT_SIGNALS:
                consents.change(
                    uow,
                    person=self.person,
                    signal=signal,
                    granted=True,
                    at_us=to_us(self.now),
                    surface="test",
                    event_id=f"consent-{signal}",
                )
            uow.commit()
        with self.database.unit_of_work() as uow:
            for event in self.life.events:
                event.person = self.person
            events.append(uow, self.life.events)
            for consented in consents.granted(uow.session, self.person):
                for key, title in self.life.titles.items():
                    wanted = {"tasks": self.life.row().tasks.due_keys, "habits": self.life.row().habits.habit_keys}
                    if key in wanted.get(consented.signal.value, ()):
                        texts.put(
                            uow,
                            consented=consented,
                            subject=key,
                            box=self.vault.seal(self.person, texts.field_of(key), title.encode()),
                            now_us=to_us(self.now),
                            expires_us=to_us(self.now + timedelta(days=6)),
                        )
            uow.commit()

    def register(self, policy: ArtifactPolicy) -> PolicyDigest:
        """Save and register a policy."""
        rows = warm_start(0, count=1, days=1)
        folder = artifact.save(
            policy,
            self.home / "policies",
            sign=self.seal.sign,
            data_digest=data_digest(rows),
            origins=rows.origins(),
            metrics={},
        )
        return self.know(PolicyDigest(folder.name), policy.name)

    def know(self, digest: PolicyDigest, name: str) -> PolicyDigest:
        """Register a digest, whatever lies in its folder."""
        with self.database.unit_of_work() as uow:
            policies.register(
                uow,
                digest=digest,
                name=name,
                registry_version=None,
                manifest={},
                metrics={},
                created_us=to_us(self.now),
            )
            uow.commit()
        return digest

    def promote(self, policy: ArtifactPolicy) -> PolicyDigest:
        """Save, register and promote a policy."""
        return self.make_champion(self.register(policy))

    def make_champion(self, digest: PolicyDigest) -> PolicyDigest:
        """Make the slot name a digest."""
        with self.database.unit_of_work() as uow:
            swap = policies.swap_champion(
                uow,
                digest=digest,
                expected_revision=policies.champion(uow.session).revision,
                at_us=to_us(self.now),
                actor="test",
            )
            uow.commit()
        assert swap.won
        return digest

    def ask(self, trigger: Trigger = Trigger.OPEN) -> Recommendation:
        """Return the answer of this instant."""
        return self.recommender.recommend_now(self.person, trigger)

    def ask_until_tip(self, tries: int = 40) -> Recommendation:
        """Let quarter hours pass until there is a tip."""
        for _ in range(tries):
            answer = self.ask()
            if answer.tip is not None and not answer.repeated:
                return answer
            self.pass_time(minutes=15)
        raise AssertionError("there was no tip in all this time")

    def ask_until_decision(self, tries: int = 40) -> DecisionId:
        """Let quarter hours pass until a decision is made, tip or silence, and return it."""
        for _ in range(tries):
            answer = self.ask()
            if answer.decision_id is not None and not answer.repeated:
                return answer.decision_id
            self.pass_time(minutes=15)
        raise AssertionError("there was no decision in all this time")

    def ask_until_silence(self, tries: int = 60) -> DecisionId:
        """Let quarter hours pass, putting off every tip, until the policy chooses silence, and return that decision."""
        for _ in range(tries):
            decision = self.ask_until_decision()
            if self.row(decision).silent:
                return decision
            self.reaction_handler.react(self.person, decision, ReactionKind.NOT_NOW, self.event_id())
            self.pass_time(minutes=15)
        raise AssertionError("there was no silence in all this time")

    def ask_until_subject(self, tries: int = 60) -> DecisionId:
        """Put off every tip until one is about a task or a habit, and return its decision."""
        for _ in range(tries):
            decision = self.ask_until_tip().decision_id
            assert decision is not None
            if self.row(decision).subject is not None:
                return decision
            self.reaction_handler.react(self.person, decision, ReactionKind.NOT_NOW, self.event_id())
            self.pass_time(minutes=15)
        raise AssertionError("no tip was about a subject")

    def row(self, decision: DecisionId) -> DecisionRow:
        """Return the stored decision."""
        with self.database.read() as session:
            return decisions.get(session, self.person, decision)

    def record(self, decision: DecisionId) -> Decision:
        """Return the logged record."""
        return unpack(self.row(decision).record)

    def close(self) -> None:
        """End what runs."""
        self.reader.close()
        self.writer.close()
        self.online.close()

    def event_id(self) -> str:
        """Return a new id."""
        return new_id(self.now)


@contextmanager
def world(home: Path, database: Database, person: PersonId, life: Life, *, policy: bool = True) -> Iterator[World]:
    """Give a world in which the person lives, at the instant of their life, with a warm-started champion."""
    built = World(home, database, person, life.now, iter(range(1, 1_000_000)), life)
    try:
        built.settle_in()
        if policy:
            built.promote(warm_policy())
        yield built
    finally:
        built.close()
