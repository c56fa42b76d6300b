"""Laws of the load generator, against a server of a few lines."""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from benchmarks import load
from benchmarks.hand_clock import HandClock

Answer = Callable[[int], bytes]


def reply(body: bytes, status: bytes = b"200 OK") -> bytes:
    """Return a whole answer."""
    return b"HTTP/1.1 %s\r\ncontent-length: %d\r\n\r\n%s" % (status, len(body), body)


@contextmanager
def server(answer: Answer) -> Iterator[int]:
    """Give the port of a server that answers request n of a connection by `answer(n)`, empty to hang up."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve(connection: socket.socket) -> None:
        with connection:
            for number in range(10_000):
                if not connection.recv(65_536):
                    return
                said = answer(number)
                if not said:
                    return
                connection.sendall(said)

    def accept() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=serve, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


def request(number: int) -> bytes:
    """Return a request that says which one it is."""
    return load.post("/", str(number).encode(), headers={"Cookie": "sid=x"})


def test_every_request_is_answered_once_and_counted_by_status() -> None:
    """Nothing is lost, whatever it was answered with."""
    with server(lambda number: reply(b"x", b"503 Busy") if number % 2 else reply(b"y")) as port:
        seen = load.run(port, request, requests=40, rate=None, connections=2)
    assert sum(seen.statuses.values()) == len(seen.latencies_ms) == len(seen.bodies) == 40
    assert seen.statuses[200] == seen.bodies.count(b"y")
    assert seen.statuses[503] == seen.bodies.count(b"x") > 0


def test_an_answer_that_comes_in_pieces_is_one_answer() -> None:
    """A body longer than one segment is read to its end."""
    body = b"z" * 300_000
    with server(lambda _: reply(body)) as port:
        seen = load.run(port, request, requests=3, rate=None, connections=1)
    assert seen.bodies == [body] * 3


def test_a_slow_answer_delays_the_schedule_of_nobody() -> None:
    """In the open loop a request waits in the latency of those behind it: the queue is seen, not hidden."""

    def slow(_: int) -> bytes:
        time.sleep(0.02)
        return reply(b"")

    with server(slow) as port:
        queued = load.run(port, request, requests=10, rate=500.0, connections=1)
    waited_ms = 10 * 20.0 - 9 * 2.0  # nine answers and its own, less the time at which it was due
    assert queued.latencies_ms[-1] >= waited_ms
    assert queued.lags_ms[-1] < waited_ms - 20.0  # one that waits for answers would be that late


def test_a_server_that_hangs_up_ends_the_run() -> None:
    """A connection that is closed under load is a failure, not a missing number."""
    with server(lambda _: b"") as port, pytest.raises(ConnectionError):
        load.run(port, request, requests=2, rate=None, connections=1)


def test_a_clock_set_by_one_is_read_by_all(tmp_path: Path) -> None:
    """Servers follow the generator from moment to moment."""
    path = tmp_path / "clock"
    mine, theirs = HandClock(path), HandClock(path)
    mine.set(1_790_000_000_000_001)
    assert theirs.now_us() == 1_790_000_000_000_001
    assert theirs().microsecond == 1
