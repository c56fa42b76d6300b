"""Group commit of decisions: one thread, one connection, one statement and one fsync per batch.

A batch is a single multi-row INSERT in autocommit mode, so it costs one hand-over of the interpreter lock however many
decisions wait, and it is atomic by itself. All that one turn of an event loop decides is handed over together. What a
caller awaits is resolved only after the commit.
"""

import asyncio
import logging
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from concurrent.futures import Future
from queue import SimpleQueue
from typing import Any, NamedTuple

from data_contracts.decisions import Decision, pack
from data_contracts.errors import Conflict, ErasedPerson, OOError, Unavailable
from data_contracts.identifiers import ClusterId, DecisionId, PersonId, PolicyDigest, SubjectKey
from infra.background_loop import END, BackgroundLoop
from infra.database.engine.connections import PASSING
from infra.database.engine.database import Database

__all__ = ["DecisionWriter", "NewDecision", "new_decision"]

CAPACITY = 2_048  # waiting decisions, each about 20 kB
BATCH = 48
FOREIGN_KEY = (787, "23503")  # SQLite's and PostgreSQL's codes: the person is gone
TAKEN = (1555, 2067, "23505")  # a primary key, a unique index
LOST = ("OperationalError", "InterfaceError")  # psycopg's words for a server that is full, down or restarting
CLOSE_S = 10
PATIENCE_S = 5.0  # a batch that takes longer counts as failing
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

    After an unexpected error it rejects waiting and new decisions, opens a new connection, and goes on. A
    decision that was refused is never written later. `gate` is the one of the checkpointer.
    """

    def __init__(
        self,
        database: Database,
        *,
        capacity: int = CAPACITY,
        batch: int = BATCH,
        gate: "threading.Lock | None" = None,
    ) -> None:
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
        self._lock = threading.Lock()
        self._gate = gate or threading.Lock()
        self._batch_now: list[_Waiting] = []
        self._writing_since: float | None = None
        self._loop = BackgroundLoop("oo-decisions", self._step, every_s=0.0, failed=self._give_up)
        self.written = 0
        self.batches = 0

    def start(self) -> None:
        """Open the connection and begin to write."""
        self._connection = self._database.connect_raw()
        self._loop.start()

    def submit(self, row: NewDecision) -> asyncio.Future[None]:
        """Hand over a decision on the event loop; the future is done once it is durable.

        Raises `Unavailable` at once when the writer is full, closed or broken. The future raises `Unavailable`,
        `ErasedPerson` when the person is gone, or `Conflict` when the id or the turn after `follows` is taken.
        """
        loop = asyncio.get_running_loop()
        waiter = loop.create_future()
        with self._lock:
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
        """Say how much was written and waits; raises `Unavailable` when it takes nothing, or a batch takes too long."""
        self._check()
        since = self._writing_since
        if since is not None and time.monotonic() - since > PATIENCE_S:
            raise Unavailable(f"a batch has been waiting for the database for {time.monotonic() - since:.0f} s")
        return f"{self.written} written in {self.batches} batches, {self._queue.qsize()} waiting"

    def close(self) -> None:
        """Write what waits, then stop; raises `Unavailable` when that does not end."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._end_turn()
            self._queue.put(None)
        if not self._loop.stop(CLOSE_S):
            raise Unavailable("the decision writer does not end")
        if self._connection is not None:
            self._connection.close()

    def _hand_over(self) -> None:
        with self._lock:
            self._end_turn()

    def _end_turn(self) -> None:
        for waiting in self._turn:
            self._queue.put(waiting)
        self._turn.clear()

    def _enqueue(self, waiting: _Waiting) -> None:
        with self._lock:  # `close` rejects new decisions under the same lock
            self._check()
            self._queue.put(waiting)

    def _check(self) -> None:
        if self._failure is not None:
            raise Unavailable(f"the decision writer failed: {type(self._failure).__name__}; it is tried again")
        if self._closed:
            raise Unavailable("the decision writer is closed")
        if self._queue.qsize() + len(self._turn) >= self._capacity:
            raise Unavailable("too many decisions wait to be written")

    def _step(self) -> object:
        """Write one batch; after a failure open a new connection first."""
        if self._failure is not None:
            self._reconnect_next()
            self._connection = self._database.connect_raw()
            self._failure = None
        going = self._take_batch()
        if self._batch_now:
            self._writing_since = time.monotonic()
            self._write(self._batch_now)
            self._writing_since = None
            self._batch_now = []
        return None if going else END

    def _take_batch(self) -> bool:
        """Take all that waits, up to a batch, and return whether more can come; blocks while nothing waits."""
        batch = self._batch_now
        waiting = self._queue.get()
        while waiting is not None:
            batch.append(waiting)
            if len(batch) == self._batch or not self._queue.qsize():
                return True
            waiting = self._queue.get()
        return False

    def _write(self, batch: Sequence[_Waiting]) -> None:
        refusal = self._insert([waiting.row for waiting in batch])
        if refusal is None:
            self.written += len(batch)
            outcomes: list[OOError | None] = [None] * len(batch)
        elif len(batch) == 1 or isinstance(refusal, Unavailable):
            outcomes = [refusal] * len(batch)
        else:  # one of them is at fault: the others must not pay for it
            outcomes = [self._insert_one(waiting) for waiting in batch]
            self.written += outcomes.count(None)
        self.batches += 1
        _resolve(batch, outcomes)

    def _insert_one(self, waiting: _Waiting) -> OOError | None:
        """Commit one row and tell who waits for it, whatever happens to the next one."""
        outcome = self._insert([waiting.row])
        _resolve([waiting], [outcome])
        return outcome

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
                self._database.liveness.suspect()
                self._reconnect_next()
            return refusal
        return None

    def _reconnect_next(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    def _statement(self, rows: int) -> str:
        known = self._statements.get(rows)
        if known is None:
            columns = ", ".join(NewDecision._fields)
            one = f"({', '.join([self._placeholder] * len(NewDecision._fields))})"
            known = f"INSERT INTO decisions ({columns}) VALUES {', '.join([one] * rows)}"  # noqa: S608 - our own names
            self._statements[rows] = known
        return known

    def _give_up(self, error: BaseException) -> None:
        """Refuse the batch that failed and everything that waits behind it."""
        with self._lock:
            self._failure = error
            self._end_turn()
        batch, self._batch_now, self._writing_since = self._batch_now, [], None
        ending = False
        while self._queue.qsize():
            waiting = self._queue.get()
            if waiting is None:
                ending = True
            else:
                batch.append(waiting)
        if ending:
            self._queue.put(None)
        _resolve(batch, [Unavailable(f"the decision writer failed: {type(error).__name__}")] * len(batch))


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
