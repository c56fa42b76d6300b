"""Serving of tips: packed reads, candidate pools, the decision writer, receipts, and the services of the API."""

from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property

from api.services import Services
from flows.context import OpenedContext
from infra.database.decisions.writer import DecisionWriter
from infra.database.policies import policies
from infra.health import Health
from oo.composition.learning import Learning
from serving.candidates.pool_maker import PoolMaker
from serving.candidates.titles import TitleReader
from serving.explain.receipt import Receipts
from serving.recommend.day_preview import Day
from serving.recommend.decision_inputs import DecisionInputsReader
from serving.recommend.recommender import Recommender


class Serving:
    """Tips and their explanations over the stores of one home; `closing` closes what this opens."""

    def __init__(
        self,
        stores: OpenedContext,
        learning: Learning,
        *,
        health: Health,
        new_seed: Callable[[], int],
        closing: ExitStack,
    ) -> None:
        self._stores = stores
        self._learning = learning
        self._health = health
        self._new_seed = new_seed
        self._closing = closing

    @cached_property
    def writer(self) -> DecisionWriter:
        """Return the running decision writer."""
        checkpointer = self._stores.checkpointers.get("checkpointer")
        writer = DecisionWriter(self._stores.database, gate=checkpointer.gate if checkpointer else None)
        writer.start()
        self._closing.callback(writer.close)
        return writer

    @cached_property
    def pools(self) -> PoolMaker:
        """Return the maker of candidate pools, with the reader of their titles."""
        database, vault = self._stores.database, self._stores.vault
        return PoolMaker(self._stores.online, vault, TitleReader(database, vault))

    @cached_property
    def reader(self) -> DecisionInputsReader:
        """Return the packed reads."""
        stores = self._stores
        reader = DecisionInputsReader(stores.database, stores.online, stores.vault, self._learning.champion)
        self._closing.callback(reader.close)
        return reader

    @cached_property
    def recommender(self) -> Recommender:
        """Return what gives one answer."""
        return Recommender(
            reader=self.reader,
            writer=self.writer,
            vault=self._stores.vault,
            pools=self.pools,
            clock=self._stores.clock,
            new_seed=self._new_seed,
        )

    @cached_property
    def receipts(self) -> Receipts:
        """Return what explains decisions from their log."""
        return Receipts(self._stores.database, self._learning.policy_cache)

    @cached_property
    def day(self) -> Day:
        """Return what walks through a day."""
        return Day(self.reader, self.pools)

    @cached_property
    def services(self) -> Services:
        """Return the services of the API."""
        stores = self._stores
        return Services(
            database=stores.database,
            vault=stores.vault,
            clock=stores.clock,
            health=self._health,
            recommender=self.recommender,
            reactions=self._learning.reaction_handler,
            receipts=self.receipts,
        )

    def start(self) -> None:
        """Begin to answer: catch up with what was written meanwhile, load the champion before the first request."""
        stores, champion = self._stores, self._learning.champion
        self._health.register("writer", self.writer.ping)
        self._health.register("champion", champion.ping, vital=False)
        stores.database.bus.subscribe(self._learning.outcomes.handle)
        stores.stream.fold_all()
        with stores.database.read() as session:
            champion.follow(policies.champion(session).digest)
