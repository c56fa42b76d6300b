"""The runtime of one `OO_HOME`: its parts, opened on demand and closed once."""

import os
import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import Self
from zoneinfo import ZoneInfo, available_timezones

from api.services import Services
from data_contracts.errors import Conflict, Malformed, NotFound
from data_contracts.features import Source
from data_contracts.identifiers import PersonId, new_id, new_person, to_us
from data_contracts.signals.values import LATEST
from flows.context import OpenedContext
from flows.context import opened as opened_stores
from infra.background_loop import BackgroundLoop
from infra.clock import Clock, fixed_clock
from infra.database.all_tables import PersonRow
from infra.database.audit import audit_chain, audit_log
from infra.database.decisions.writer import DecisionWriter
from infra.database.engine.database import Database
from infra.database.keys.clear_names import seal_clear_names
from infra.database.people import consents, people
from infra.database.policies import policies
from infra.health import Health
from infra.settings import Settings
from infra.vault import Vault
from oo.ui.cli_errors import Misused
from oo.ui.output import note
from serving.candidates.pool_maker import PoolMaker
from serving.candidates.titles import TitleReader
from serving.explain.receipt import Receipts
from serving.feedback.outcomes import Outcomes
from serving.feedback.reactions import ReactionHandler
from serving.policy_cache.by_digest import PolicyCache
from serving.policy_cache.champion import ChampionHolder
from serving.recommend.day_preview import Day
from serving.recommend.decision_inputs import DecisionInputsReader
from serving.recommend.recommender import Recommender

LOCALTIME = Path("/etc/localtime")


def system_zone() -> str:
    """Return the IANA name of this machine's zone, or UTC where it has none; says so when TZ is not followed."""
    named = os.environ.get("TZ", "").removeprefix(":").rpartition("zoneinfo/")[2]
    linked = str(LOCALTIME.resolve()).rpartition("zoneinfo/")[2] if LOCALTIME.is_symlink() else ""
    known = available_timezones()
    found = next((name for name in (named, linked) if name in known), "UTC")
    if named not in {"", found}:
        note(f"TZ is no zone such as Europe/Berlin, so yours is taken to be {found}; `oo preferences --zone` sets it")
    return found


class Runtime:
    """The stores of one home, with the people in it, and all that answers them."""

    def __init__(
        self,
        settings: Settings | None = None,
        clock: Clock | None = None,
        *,
        answer_s: float | None = None,
        online: bool = True,
    ) -> None:
        """Take the settings; without `online` the online features may be missing, for a rebuild."""
        self._online = online
        self.settings = settings or Settings()
        self.clock = clock or self.settings.make_clock()
        self._answer_s = answer_s
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Open nothing yet: each part opens when it is first asked for."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close what was opened, the last first."""
        self._stack.close()

    @cached_property
    def stores(self) -> OpenedContext:
        """Return the stores, the schema up to date, and the stream that follows every commit.

        Raises `DamagedStore`, with the remedy, for a home that does not belong together.
        """
        stores = self._stack.enter_context(
            opened_stores(self.settings, self.clock, answer_s=self._answer_s, online=self._online)
        )
        if stores.database.migrate():
            with stores.database.unit_of_work() as uow:
                audit_chain.lock(uow, at_us=self.now_us())  # entries from before are protected from here on
                uow.commit()
        seal_clear_names(stores.database, stores.vault)
        return stores

    @property
    def database(self) -> Database:
        """The application database."""
        return self.stores.database

    @property
    def vault(self) -> Vault:
        """The keys."""
        return self.stores.vault

    @cached_property
    def writer(self) -> DecisionWriter:
        """Return the running decision writer."""
        checkpointer = self.stores.checkpointers.get("checkpointer")
        writer = DecisionWriter(self.database, gate=checkpointer.gate if checkpointer else None)
        writer.start()
        self._stack.callback(writer.close)
        return writer

    @cached_property
    def champion(self) -> ChampionHolder:
        """Return the policy that decides, followed through the champion's slot."""
        return ChampionHolder(self.settings.policies, verify=self.stores.seal.holds)

    @cached_property
    def title_reader(self) -> TitleReader:
        """Return what gives subjects their words back."""
        return TitleReader(self.database, self.vault)

    @cached_property
    def pools(self) -> PoolMaker:
        """Return the maker of candidate pools."""
        return PoolMaker(self.stores.online, self.vault, self.title_reader)

    @cached_property
    def reader(self) -> DecisionInputsReader:
        """Return the packed reads."""
        reader = DecisionInputsReader(self.database, self.stores.online, self.vault, self.champion)
        self._stack.callback(reader.close)
        return reader

    @cached_property
    def recommender(self) -> Recommender:
        """Return what gives one answer."""
        return Recommender(
            reader=self.reader,
            writer=self.writer,
            vault=self.vault,
            pools=self.pools,
            clock=self.clock,
            new_seed=self.new_seed,
        )

    def new_seed(self) -> int:
        """Return the seed of one decision, 63 unpredictable bits."""
        return secrets.randbits(63)

    @cached_property
    def reaction_handler(self) -> ReactionHandler:
        """Return where answers arrive."""
        return ReactionHandler(self.database, self.vault, self.champion, self.clock)

    @cached_property
    def outcomes(self) -> Outcomes:
        """Return what rewards tips without a reaction."""
        return Outcomes(self.database, self.champion, self.clock)

    @cached_property
    def policy_cache(self) -> PolicyCache:
        """Return the policies by digest."""
        return PolicyCache(self.settings.policies, self.stores.seal.holds)

    @cached_property
    def receipts(self) -> Receipts:
        """Return what explains decisions from their log."""
        return Receipts(self.database, self.policy_cache)

    @cached_property
    def day(self) -> Day:
        """Return what walks through a day."""
        return Day(self.reader, self.pools)

    @cached_property
    def health(self) -> Health:
        """Return the pings of everything that a serving process needs."""
        health = Health()
        health.register("database", self.database.ping)
        health.register("keys", self.vault.ping)
        for name, checkpointer in self.stores.checkpointers.items():
            health.register(name, checkpointer.ping, vital=False)
        return health

    def loop(self, name: str, every_s: float, step: Callable[[], object]) -> BackgroundLoop:
        """Return a loop of this process, not yet begun, whose ping is part of its health."""
        loop = BackgroundLoop(f"oo-{name.replace('_', '-')}", step, every_s=every_s)
        self.health.register(name, loop.ping, vital=False)
        return loop

    @cached_property
    def services(self) -> Services:
        """Return the services of the API."""
        return Services(
            database=self.database,
            vault=self.vault,
            clock=self.clock,
            health=self.health,
            recommender=self.recommender,
            reactions=self.reaction_handler,
            receipts=self.receipts,
        )

    def start(self) -> None:
        """Begin to answer: catch up with what was written meanwhile, load the champion before the first request."""
        self.health.register("writer", self.writer.ping)
        self.health.register("champion", self.champion.ping, vital=False)
        self.database.bus.subscribe(self.outcomes.handle)
        self.stores.stream.fold_all()
        with self.database.read() as session:
            self.champion.follow(policies.champion(session).digest)

    def catch_up(self) -> None:
        """Fold what other processes have written."""
        self.stores.stream.fold_all()

    def now_us(self) -> int:
        """Return the instant of this home's clock."""
        return to_us(self.clock())

    def note_read(self, action: str) -> None:
        """Add an audit entry: somebody with a shell reads what is about everybody here."""
        with self.database.unit_of_work() as uow:
            audit_log.append(uow, at_us=self.now_us(), actor="cli", action=action)
            uow.commit()

    def person(self, name: str, *, erasing: bool = False) -> PersonRow:
        """Return a person by name, with `erasing` also one who is leaving; raises `NotFound` with the remedy."""
        with self.database.read() as session:
            row = people.find_by_name(session, name)
        if row is None or (row.erasing and not erasing):
            raise NotFound(
                f"this home has no person named {name!r} yet; `oo import FILES` or `oo up` adds the first one"
            )
        return row

    def settle_in(self, name: str, zone: str | None = None, role: str = "member") -> PersonRow:
        """Return the person of that name, added with the consent to learn from answers when new."""
        with self.database.read() as session:
            row = people.find_by_name(session, name)
        if row is not None:
            return row
        settings = self.settings
        with self.database.unit_of_work() as uow:
            row = people.create(
                uow,
                person=new_person(),
                name=name,
                zone=zone or system_zone(),
                created_us=self.now_us(),
                role=role,
                quiet_start_min=settings.quiet_start_min,
                quiet_end_min=settings.quiet_end_min,
                budget=settings.budget,
                silence_price=settings.silence_price,
            )
            uow.commit()
        self.consent(PersonId(row.person), Source.TIPS, granted=True, surface="cli: first use")
        return row

    def consent(self, person: PersonId, signal: Source, *, granted: bool, surface: str) -> bool:
        """Record a consent decision and return whether it changed anything."""
        now = self.clock()
        with self.database.unit_of_work() as uow:
            changed = consents.change(
                uow,
                person=person,
                signal=signal,
                granted=granted,
                at_us=to_us(now),
                surface=surface,
                event_id=new_id(now),
            )
            uow.commit()
        return changed

    def undecided(self, person: PersonId) -> set[Source]:
        """Return the signals about which the person has never decided."""
        with self.database.read() as session:
            decided = {row.signal for row in consents.history(session, person)}
        return {source for source in Source if source is not Source.CLOCK and source.value not in decided}


def refuse_sandbox(settings: Settings) -> None:
    """Raise `Conflict` for a home in which everybody is simulated: nothing in it is served."""
    if settings.sandbox_file.exists():
        raise Conflict(f"{settings.home} is a sandbox, in which everybody is simulated; nothing in it is served")


def zone_of(row: PersonRow) -> ZoneInfo:
    """Return a person's zone."""
    return ZoneInfo(row.zone)


@contextmanager
def opened() -> Iterator[Runtime]:
    """Give the runtime of the environment's settings."""
    with Runtime() as runtime:
        yield runtime


@contextmanager
def at_instant(text: str | None) -> Iterator[Runtime]:
    """Give the runtime at an instant with zone, or now; raises `Misused`."""
    if text is None:
        clock = None
    else:
        try:
            clock = fixed_clock(datetime.fromisoformat(text))
        except (ValueError, Malformed) as error:
            form = f"an instant with zone and before {LATEST:%Y}, such as 2026-11-25T10:40+01:00"
            raise Misused(f"--at takes {form}, not {text!r}") from error
    with Runtime(clock=clock) as runtime:
        yield runtime
