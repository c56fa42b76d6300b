"""Group commit of decisions: one thread, one connection, one statement and one fsync per batch.

A batch is a single multi-row INSERT in autocommit mode, so it costs one hand-over of the interpreter lock however many
decisions wait, and it is atomic by itself. All that one turn of an event loop decides is handed over together. What a
caller awaits is resolved only after the commit.
"""

import asyncio
import logging
import threading
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, NamedTuple

from data_contracts.decisions import Decision, pack
from data_contracts.errors import Conflict, ErasedPerson, OOError, Unavailable
from data_contracts.identifiers import ClusterId, DecisionId, PersonId, PolicyDigest, SubjectKey
from infra.database.checkpointer import Checkpointer
from infra.database.connections import PASSING
from infra.database.engine import Database

__all__ = ["DecisionWriter", "NewDecision", "new_decision"]

CAPACITY = 2_048  # waiting decisions, each about 20 kB
BATCH = 48
FOREIGN_KEY = (787, "23503")  # SQLite's and PostgreSQL's codes: the person is gone
TAKEN = (1555, 2067, "23505")  # a primary key, a unique index
LOST = ("OperationalError", "InterfaceError")  # psycopg's words for a server that is full, down or restarting
CLOSE_S = 10
logger = logging.getLogger(__name__)


class NewDecision(NamedTuple):
    """The row that a decision becomes; a silence brings its outcome and reward along."""

    id: DecisionId
    person: PersonId
    at_us: int
    policy_digest: PolicyDigest
    origin: str
    trigger: str
    silent: bool
    cluster: ClusterId | None
    template: str | None
    subject: SubjectKey | None
    expires_us: int
    text_box: bytes | None
    record: bytes
    outcome: str | None = None
    reward: float | None = None
    reward_version: int | None = None
    rewarded_us: int | None = None
    follows: str | None = None


Waiter = asyncio.Future[None] | Future[None]


class _Waiting(NamedTuple):
    """A decision and who waits for it; `loop` is None for a thread."""

    row: NewDecision
    waiter: Waiter
    loop: asyncio.AbstractEventLoop | None


def new_decision(decision: Decision, text_box: bytes | None = None, *, follows: str | None = None) -> NewDecision:
    """Return the row of a decision; `text_box` holds the sealed text of a tip, `follows` is taken by one row only."""
    chosen = decision.chosen_ref
    silent = decision.silent
    return NewDecision(
        decision.id,
        decision.person,
        decision.at_us,
        decision.policy_digest,
        decision.origin.value,
        decision.trigger.value,
        silent,
        None if silent else chosen.cluster,
        None if silent else chosen.template,
        chosen.subject,
        decision.expires_us,
        text_box,
        pack(decision),
        follows=follows,
    )


class DecisionWriter:
    """Makes decisions durable before their answers leave.

    On SQLite it brings the checkpointer along, so a process that writes decisions also keeps the log bounded.
    """

    def __init__(self, database: Database, *, capacity: int = CAPACITY, batch: int = BATCH) -> None:
        self._database = database
        self._capacity = capacity
        self._batch = batch
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._turn: list[_Waiting] = []  # taken, and handed over at the end of this turn of the loop
        self._placeholder = "?" if database.dialect == "sqlite" else "%s"
        self._statements: dict[int, str] = {}
        self._connection: Any = None
        self._failure: BaseException | None = None
        self._closed = False
        self._door = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="oo-decisions", daemon=True)
        self._checkpointer = Checkpointer(database) if database.path else None
        self._gate = self._checkpointer.gate if self._checkpointer else threading.Lock()
        self.written = 0
        self.batches = 0

    def start(self) -> None:
        """Open the connection and begin to write."""
        self._connection = self._database.connect_raw()
        self._thread.start()
        if self._checkpointer is not None:
            self._checkpointer.start()

    def submit(self, row: NewDecision) -> asyncio.Future[None]:
        """Hand over a decision on the event loop; the future is done once it is durable.

        Raises `Unavailable` at once when the writer is full, closed or broken. The future raises `Unavailable`,
        `ErasedPerson` when the person is gone, or `Conflict` when the id or the turn after `follows` is taken.
        """
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        with self._door:
            self._check()
            loop.call_soon(self._hand_over)  # behind all others who decide in this turn
            self._turn.append(_Waiting(row, waiter, loop))
        return waiter

    def write(self, row: NewDecision) -> None:
        """Write a decision from a thread and return once it is durable; raises what `submit` and its future raise."""
        waiter: Future[None] = Future()
        self._enqueue(_Waiting(row, waiter, None))
        waiter.result()

    def ping(self) -> str:
        """Say how much was written and waits; raises `Unavailable` when the thread has died."""
        self._check()
        return f"{self.written} written in {self.batches} batches, {self._queue.qsize()} waiting"

    @property
    def checkpointer(self) -> Checkpointer | None:
        """The checkpointer of a SQLite database."""
        return self._checkpointer

    def close(self) -> None:
        """Write what waits, then stop; raises `Unavailable` when that does not end."""
        with self._door:
            if self._closed:
                return
            self._closed = True
            self._end_turn()
            self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(CLOSE_S)
            if self._thread.is_alive():
                raise Unavailable("the decision writer does not end")
        if self._connection is not None:
            self._connection.close()
        if self._checkpointer is not None:
            self._checkpointer.close()

    def _hand_over(self) -> None:
        with self._door:
            self._end_turn()

    def _end_turn(self) -> None:
        for waiting in self._turn:
            self._queue.put(waiting)
        self._turn.clear()

    def _enqueue(self, waiting: _Waiting) -> None:
        with self._door:  # nobody enters behind the one who shuts it
            self._check()
            self._queue.put(waiting)

    def _check(self) -> None:
        if self._failure is not None:
            raise Unavailable(f"the decision writer has stopped: {type(self._failure).__name__}") from self._failure
        if self._closed:
            raise Unavailable("the decision writer is closed")
        if self._queue.qsize() + len(self._turn) >= self._capacity:
            raise Unavailable("too many decisions wait to be written")

    def _run(self) -> None:
        batch: list[_Waiting] = []
        try:
            going = True
            while going:
                batch, going = self._next_batch()
                if batch:
                    self._write(batch)
                batch = []
        except BaseException as error:
            with self._door:
                self._failure = error
                self._end_turn()
            logger.critical("the decision writer has stopped; no tip can be given", exc_info=True)
            self._give_up(batch)

    def _next_batch(self) -> tuple[list[_Waiting], bool]:
        """Return all that waits, up to a batch, and whether more can come; blocks while nothing waits."""
        batch: list[_Waiting] = []
        waiting = self._queue.get()
        while waiting is not None:
            batch.append(waiting)
            if len(batch) == self._batch or not self._queue.qsize():
                return batch, True
            waiting = self._queue.get()
        return batch, False

    def _write(self, batch: Sequence[_Waiting]) -> None:
        refusal = self._insert([waiting.row for waiting in batch])
        if refusal is None:
            self.written += len(batch)
            outcomes: list[OOError | None] = [None] * len(batch)
        elif len(batch) == 1 or isinstance(refusal, Unavailable):
            outcomes = [refusal] * len(batch)
        else:  # one of them is at fault: the others must not pay for it
            outcomes = [self._insert([waiting.row]) for waiting in batch]
            self.written += outcomes.count(None)
        self.batches += 1
        _resolve(batch, outcomes)

    def _insert(self, rows: Sequence[NewDecision]) -> OOError | None:
        """Commit rows together; return why not, when not."""
        values = [value for row in rows for value in row]
        try:
            if self._connection is None:
                self._connection = self._database.connect_raw()
            with self._gate:
                self._connection.execute(self._statement(len(rows)), values)
        except Unavailable as error:
            return error
        except Exception as error:
            refusal = _refusal(error)
            if refusal is None:
                raise
            if isinstance(refusal, Unavailable):
                self._reconnect_next()
            return refusal
        return None

    def _reconnect_next(self) -> None:
        self._connection.close()
        self._connection = None

    def _statement(self, rows: int) -> str:
        known = self._statements.get(rows)
        if known is None:
            columns = ", ".join(NewDecision._fields)
            one = f"({', '.join([self._placeholder] * len(NewDecision._fields))})"
            known = f"INSERT INTO decisions ({columns}) VALUES {', '.join([one] * rows)}"  # noqa: S608 - our own names
            self._statements[rows] = known
        return known

    def _give_up(self, batch: list[_Waiting]) -> None:
        """Tell everybody who waits that the writer is gone."""
        while self._queue.qsize():
            waiting = self._queue.get()
            if waiting is not None:
                batch.append(waiting)
        _resolve(batch, [Unavailable("the decision writer has stopped")] * len(batch))


def _refusal(error: Exception) -> OOError | None:
    """Return what a driver's error means to the caller, or None when it is a fault of ours."""
    code = getattr(error, "sqlite_errorcode", None) or getattr(error, "sqlstate", None)
    if code in FOREIGN_KEY:
        return ErasedPerson("this person was erased; nothing about them is written any more")
    if code in TAKEN:
        return Conflict("a decision of this id, or after the same one, was written before")
    lost = isinstance(code, int) and code & 0xFF in PASSING
    if lost or any(base.__name__ in LOST for base in type(error).__mro__ if base.__module__.startswith("psycopg")):
        return Unavailable(f"the decision could not be written ({type(error).__name__})")
    return None


def _resolve(batch: Sequence[_Waiting], outcomes: Sequence[OOError | None]) -> None:
    """Wake the waiters, with one call per event loop."""
    by_loop: dict[asyncio.AbstractEventLoop | None, list[tuple[Waiter, OOError | None]]] = defaultdict(list)
    for waiting, outcome in zip(batch, outcomes, strict=True):
        by_loop[waiting.loop].append((waiting.waiter, outcome))
    for loop, pairs in by_loop.items():
        if loop is None:
            _settle(pairs)
            continue
        try:
            loop.call_soon_threadsafe(_settle, pairs)
        except RuntimeError:  # the loop has ended; what was written stays written
            logger.warning("%d decisions were settled after their event loop had ended", len(pairs))


def _settle(pairs: Sequence[tuple[Waiter, OOError | None]]) -> None:
    for waiter, outcome in pairs:
        if waiter.done():  # cancelled by a client that went away
            continue
        if outcome is None:
            waiter.set_result(None)
        else:
            waiter.set_exception(outcome)
