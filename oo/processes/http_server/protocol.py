"""One HTTP connection with limits, on uvicorn's httptools protocol, which has none of its own.

httptools tells of a header only when it is complete, so bytes are counted before it sees them. What is counted, and
against which limit:

- up to the end of a request head, every byte; the head's lines and their number are looked at when it is complete
- after it, every byte that does not become content (chunk sizes, chunk extensions, trailers), and every one that does

The app begins when the body is complete or has 64 KiB. Each connection is idle, waiting for its client, or busy, and
has a deadline while it is not busy.
"""

import fcntl
import math
import termios
from typing import Any, cast

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from oo.processes.http_server.connections import Group, OpenConnections
from oo.processes.http_server.refusals import Refusal, answer

NEVER = math.inf
NOTHING = bytes(4)  # the number 0, as the kernel writes it
FIELD_BYTES = 4  # ": " and the end of a line


class BoundedProtocol(HttpToolsProtocol):
    """A connection that ends when it is too large, too slow or one too many; made by `bounded`."""

    open: OpenConnections

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.limits = self.open.limits
        self.due_s = NEVER
        self.peer: str | None = None
        self.url = b""
        self._group: Group | None = None
        self._answering: RequestResponseCycle | None = None  # not always the newest: requests may wait behind it
        self._head_bytes = 0  # of a head that is not complete
        self._in_head = False  # whether a request has begun and its head is not complete
        self._in_body = False  # whether a head is complete and its body is not
        self._framing = 0
        self._body_left = 0
        self._began_s: float | None = None  # when the request began that is not complete
        self._uploading = False
        self._held: Any = None  # the app of a request whose body is not complete
        self._deaf = False  # what comes is discarded
        self._fault = Refusal.MALFORMED

    @property
    def streams(self) -> bool:
        """Whether an answer has begun and not ended."""
        return self.cycle is not None and self.cycle.response_started and not self.cycle.response_complete

    def connection_made(self, transport: Any) -> None:
        """Begin, if there is room for one more."""
        super().connection_made(transport)
        if self.open.admit(self, self.client[0] if self.client else None, self.loop):
            self._move(self.open.idle, self.loop.time() + self.limits.first_byte_s)
        else:
            self.refuse(Refusal.CONNECTIONS)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection, and tell the app whose answer was under way."""
        self._leave()
        self._abandon()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Feed the parser, never more than a slice between two looks at the limits."""
        if self._deaf:
            return
        if len(data) <= self.limits.slice:
            self._feed(data)
        else:
            view = memoryview(data)
            for start in range(0, len(data), self.limits.slice):
                self._feed(view[start : start + self.limits.slice])
                if self._deaf or self.transport.is_closing():
                    break
        if not self._deaf:
            self._settle()

    def _feed(self, piece: bytes | memoryview) -> None:
        size = len(piece)
        if self._in_body:
            self._framing += size
        else:
            self._head_bytes += size
        try:
            self.parser.feed_data(piece)
        except HttpParserUpgrade:  # nothing that follows is HTTP
            self._deaf = True
            if self._should_upgrade():
                self._leave()
                self.handle_websocket_upgrade()
            else:
                self._end_after_answer()
        except HttpParserError:
            self.refuse(self._fault)
        else:
            if self._in_body or self._in_head or self._head_bytes:
                self._judge_incomplete(size)

    def _judge_incomplete(self, size: int) -> None:
        """Refuse what is too large before it is complete; `size` is that of the newest piece."""
        if self._in_body:
            if self._framing > self.limits.framing:
                self.refuse(Refusal.FRAMING)
            elif self._body_left < 0:
                self.refuse(Refusal.BODY)
        elif not self._head_bytes:  # it began in this piece, behind another request
            self._head_bytes = size
        elif self._head_bytes > self.limits.head:
            self.refuse(Refusal.URL if len(self.url) > self.limits.line else Refusal.HEAD)

    def on_message_begin(self) -> None:
        """Note that a request has begun."""
        self._in_head = True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Judge the head, then let the app begin; a fault ends the parser."""
        upgrade = self.parser.should_upgrade()
        size = self._head_bytes  # 0 when it began behind another request
        if upgrade or self.pipeline or not 0 < size <= self.limits.line or len(self.headers) > self.limits.headers:
            fault = self._fault_of_head(upgrade=upgrade)
            if fault is not None:
                self._fault = fault
                raise ValueError(fault.code)
        self._in_head, self._in_body = False, True
        self._head_bytes = self._framing = 0
        self._body_left = self.limits.body
        try:
            super().on_headers_complete()
        except Exception:
            self._in_body = False
            raise
        if not upgrade:
            self.headers = []  # trailers go here: the app has its headers already

    def on_body(self, body: bytes) -> None:
        """Count content; each byte of it allows one of framing."""
        size = len(body)
        self._framing -= 2 * size
        self._body_left -= size
        super().on_body(body)
        if self._held is not None and len(self.cycle.body) > HIGH_WATER_LIMIT:
            self._begin(self.cycle, self._held)

    def on_message_complete(self) -> None:
        """Note that the request is complete."""
        self._in_body = False
        self._began_s = None
        super().on_message_complete()
        if self._held is not None:
            self._begin(self.cycle, self._held)

    def on_response_complete(self) -> None:
        """Begin the next request that waits, else become idle."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():  # it ends when the client has taken everything
            self._move(self.open.waiting, self.loop.time() + self.limits.write_s)
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        if self._in_body:
            self._body_left = min(self._body_left, self.limits.rest)
        self._settle()

    def pause_writing(self) -> None:
        """Wait for the client to take something."""
        super().pause_writing()
        self._move(self.open.waiting, self.loop.time() + self.limits.write_s)

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        if not self._deaf and not self.transport.is_closing():
            self._settle()

    def expire(self) -> None:
        """Tell a request that it is late; end what is idle, or takes nothing."""
        if self._group is self.open.idle and self.transport.get_write_buffer_size():
            self._move(self.open.waiting, self.loop.time() + self.limits.write_s)
        elif (self._in_body or self._head_bytes) and not self._deaf and not self.flow.write_paused:
            self.refuse(Refusal.LATE)
        else:
            self.evict()

    def has_unread(self) -> bool:
        """Whether the client has sent something that the loop has not come to yet."""
        try:
            number = self.transport.get_extra_info("socket").fileno()
            return fcntl.ioctl(number, termios.FIONREAD, NOTHING) != NOTHING
        except OSError:  # it has ended meanwhile
            return False

    def evict(self) -> None:
        """End at once."""
        self._leave()
        self._abandon()
        self.transport.abort()

    def refuse(self, refusal: Refusal) -> None:
        """Answer where an answer can still be told apart from another one, and end."""
        self.open.refusals[refusal] += 1
        self._deaf = True
        self._held = None
        cycle = self.cycle
        answered = cycle is None or cycle.response_complete
        if self.pipeline or not (answered or (self._in_body and not cycle.response_started)):
            self.evict()  # another answer is under way
            return
        if not answered:  # its app hears that the client has left
            cycle.disconnected = True
            cycle.message_event.set()
        if not (answered and self._in_body):  # else it was this very request that was answered
            full = refusal is Refusal.CONNECTIONS
            self.transport.write(self.open.full_answers.next(close=True) if full else answer(refusal, close=True))
        self.transport.write_eof()
        self.flow.resume_reading()
        self._move(self.open.waiting, self.loop.time() + self.limits.linger_s)

    def _end_after_answer(self) -> None:
        """Take no more requests; the answer that is due, or was given, is the last one."""
        self.cycle.keep_alive = False
        if self.cycle.response_complete:
            self.transport.close()
            self._move(self.open.waiting, self.loop.time() + self.limits.write_s)
        else:
            self._move(None, NEVER)

    def _fault_of_head(self, *, upgrade: bool) -> Refusal | None:
        """Return what is wrong with a complete head."""
        limits = self.limits
        if len(self.url) > limits.line:
            return Refusal.URL
        sizes = [len(name) + len(value) + FIELD_BYTES for name, value in self.headers]
        if (
            len(sizes) > limits.headers
            or max(sizes, default=0) > limits.line
            or sum(sizes) + len(self.url) > limits.head
        ):
            return Refusal.HEAD
        if len(self.pipeline) >= limits.pipelined:
            return Refusal.PIPELINED
        if upgrade and any(_means_body(*header) for header in self.headers):
            return Refusal.UPGRADE
        return None

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Hold the app back until the body is complete or large: what comes slowly is no work for it."""
        if self._in_body and cycle is self.cycle and not cycle.waiting_for_100_continue:
            self._held = app
        else:
            self._begin(cycle, app)

    def _begin(self, cycle: RequestResponseCycle, app: Any) -> None:
        """Let the app begin, or shed the request while too many are in work."""
        self._held = None
        if cycle.waiting_for_100_continue:  # whether the body follows a final answer is the client's choice
            cycle.keep_alive = False
        if len(self.tasks) >= self.limits.working:
            running = sum(not task.done() for task in self.tasks)  # a batch that has just ended is still listed
            if self.open.overloaded(running, cycle.scope["path"]):
                self._shed(cycle)
                return
        self._answering = cycle
        super()._start_asgi_task(cycle, app)

    def _abandon(self) -> None:
        """Tell the app that its client has left: what it sends from here on goes nowhere, and raises nothing."""
        cycle = self._answering
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()

    def _shed(self, cycle: RequestResponseCycle) -> None:
        self.open.refusals[Refusal.OVERLOADED] += 1
        cycle.response_started = cycle.response_complete = True
        bodiless = cycle.scope["method"] == "HEAD"
        self.transport.write(self.open.shed_answers.next(close=not cycle.keep_alive, bodiless=bodiless))
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()

    def _settle(self) -> None:
        """Take the place that follows from what has come and what has gone."""
        cycle = self.cycle
        answered = cycle is None or (cycle.response_complete and not self.pipeline)
        incomplete = self._in_body or self._head_bytes
        if incomplete or self._uploading:
            self._count_upload(self._in_body and not answered and self._held is None and not self.pipeline)
        if self.flow.write_paused:
            return
        if incomplete:
            now = self.loop.time()
            began_s = self._began_s = now if self._began_s is None else self._began_s
            limit_s = self.limits.request_s if self._in_body and not answered else self.limits.head_s
            self._move(self.open.waiting, began_s + limit_s)
        elif answered:
            self._move(self.open.idle, self.loop.time() + self.limits.keep_alive_s)
        else:
            self._move(None, NEVER)

    def _count_upload(self, uploading: bool) -> None:
        if uploading is not self._uploading:
            self.open.uploading += 1 if uploading else -1
            self._uploading = uploading

    def _move(self, group: Group | None, due_s: float) -> None:
        self.due_s = due_s
        if group is self._group:
            return
        if self._group is not None:
            del self._group[self]
        if group is not None:
            group[self] = None
        self._group = group

    def _leave(self) -> None:
        self.open.leave(self)
        self._move(None, NEVER)
        self._count_upload(False)


def _means_body(name: bytes, value: bytes) -> bool:
    return name == b"transfer-encoding" or (name == b"content-length" and value.strip() != b"0")


def bounded(connections: OpenConnections) -> type[BoundedProtocol]:
    """Return the protocol of the one server that holds these connections."""
    return cast("type[BoundedProtocol]", type("Bounded", (BoundedProtocol,), {"open": connections}))
