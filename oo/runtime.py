"""The runtime of one `OO_HOME`: its stores and the parts over them, opened on demand and closed once."""

import secrets
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime
from functools import cached_property
from types import TracebackType
from typing import TYPE_CHECKING, Self

from data_contracts.errors import Conflict, Malformed
from data_contracts.identifiers import to_us
from data_contracts.signals.values import LATEST
from flows.context import OpenedContext
from flows.context import opened as opened_stores
from infra.background_loop import BackgroundLoop
from infra.clock import Clock, fixed_clock
from infra.database.audit import audit_chain, audit_log
from infra.database.engine.database import Database
from infra.database.keys.clear_names import seal_clear_names
from infra.health import Health
from infra.settings import Settings
from infra.vault import Vault
from oo.composition.people import People
from oo.ui.cli_errors import Misused

if TYPE_CHECKING:
    from oo.composition.learning import Learning
    from oo.composition.serving import Serving


class Runtime:
    """The stores of one home, and the people, learning and serving over them."""

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
    def people(self) -> People:
        """Return the people of this home."""
        return People(self.stores)

    @cached_property
    def learning(self) -> "Learning":
        """Return the policies and what their rewards change."""
        from oo.composition.learning import Learning  # noqa: PLC0415 - loads the policies

        return Learning(self.stores)

    @cached_property
    def serving(self) -> "Serving":
        """Return what gives and explains tips."""
        from oo.composition.serving import Serving  # noqa: PLC0415 - loads the API as well

        return Serving(self.stores, self.learning, health=self.health, new_seed=self.new_seed, closing=self._stack)

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

    def new_seed(self) -> int:
        """Return the seed of one decision, 63 unpredictable bits."""
        return secrets.randbits(63)

    def now_us(self) -> int:
        """Return the instant of this home's clock."""
        return to_us(self.clock())

    def note_read(self, action: str) -> None:
        """Add an audit entry: somebody with a shell reads what is about everybody here."""
        with self.database.unit_of_work() as uow:
            audit_log.append(uow, at_us=self.now_us(), actor="cli", action=action)
            uow.commit()


def refuse_sandbox(settings: Settings) -> None:
    """Raise `Conflict` for a home in which everybody is simulated: nothing in it is served."""
    if settings.sandbox_file.exists():
        raise Conflict(f"{settings.home} is a sandbox, in which everybody is simulated; nothing in it is served")


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
