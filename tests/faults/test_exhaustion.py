"""Nothing ends for good when a resource runs out: descriptors, space; and health says so while it lasts."""

import resource
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from data_contracts.identifiers import PersonId
from feature_repo.online import open_online
from tests.faults.client import Client
from tests.faults.system import System, wait_until
from tests.faults.usage import log_bytes, usage_of
from tests.support.clocks import wednesday_noon

POSTS = 40
ENOUGH_FOR_A_TIP = 60  # tasks: with fewer open ones nothing in the catalogue fits, and no decision is written
USUAL = 1_024  # descriptors that a shell gives its processes


@pytest.fixture(scope="module")
def system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """Give a home whose api runs alone."""
    opened = System(tmp_path_factory.mktemp("exhaustion"), tips=1)
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(USUAL, hard), hard))
    try:
        opened.api.start(NATS_URL="", OO_CLOCK=wednesday_noon())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    yield opened
    opened.stop()


@pytest.fixture
def client(system: System) -> Iterator[Client]:
    """Give a signed-in client whose first requests have opened what the server keeps open."""
    with Client(system.api.port, system.people[0].sid) as made:
        wait_until(lambda: made.push() < 400, "the api does not take signals")
        wait_until(lambda: not made.failing(), "the api is not well")
        yield made


def _limit(system: System, kind: int, soft: int) -> None:
    assert system.api.process is not None
    _, hard = resource.prlimit(system.api.process.pid, kind)
    resource.prlimit(system.api.process.pid, kind, (hard if soft < 0 else soft, hard))


def _empty(system: System) -> bool:
    return not any(log_bytes(system.home).values())


@pytest.mark.processes
def test_a_serving_process_raises_its_descriptor_limit_to_the_hard_limit(system: System) -> None:
    """The soft limit of the shell that started it is not the api's."""
    assert system.api.process is not None
    soft, hard = resource.prlimit(system.api.process.pid, resource.RLIMIT_NOFILE)
    assert soft == hard > USUAL


@pytest.mark.processes
def test_running_out_of_descriptors_ends_no_thread(system: System, client: Client) -> None:
    """Pushes go on and health names the checkpointer; with descriptors again the logs shrink to nothing."""
    _limit(system, resource.RLIMIT_NOFILE, 3)
    try:
        wait_until(lambda: (client.push(), "checkpointer" in client.failing())[1], "health does not say so")
        answers = [client.push() for _ in range(POSTS)]
        assert set(answers) <= {207, 503}  # refused, where all open connections were in use
        assert answers.count(207) > POSTS / 2
        assert log_bytes(system.home)["app.db-wal"] > 0
    finally:
        _limit(system, resource.RLIMIT_NOFILE, -1)
    wait_until(lambda: _empty(system), "the logs do not shrink again")
    wait_until(lambda: not client.failing(), "health does not recover")
    assert client.push() < 400


@pytest.mark.processes
def test_a_full_disk_refuses_writes_and_recovers_under_load(system: System, client: Client) -> None:
    """Reads go on meanwhile, writes get 503 with `Retry-After`; with space again the log shrinks under load."""
    for _ in range(ENOUGH_FOR_A_TIP):
        assert client.push() == 207
    ending = threading.Event()
    pushed: list[int] = []

    def load() -> None:
        with Client(system.api.port, system.people[0].sid) as mine:
            while not ending.is_set():
                pushed.append(mine.push())
                time.sleep(0.01)

    thread = threading.Thread(target=load, daemon=True)
    thread.start()
    try:
        wait_until(lambda: log_bytes(system.home)["app.db-wal"] > 100_000, "there is no load")
        _limit(system, resource.RLIMIT_FSIZE, 65_536)
        wait_until(lambda: {"database", "checkpointer"} <= client.failing(), "health does not say so")
        assert client.ask("GET", "/ready")[0] == 503
        assert client.ask("GET", "/api/preferences")[0] == 200
        status, problem, retry_after = client.ask("POST", "/api/recommend", {})
        assert (status, problem["code"], retry_after) == (503, "unavailable", "5")
        assert client.push() == 503
        before = log_bytes(system.home)["app.db-wal"]
        _limit(system, resource.RLIMIT_FSIZE, -1)
        wait_until(lambda: log_bytes(system.home)["app.db-wal"] < before, "the log does not shrink under load")
        wait_until(lambda: pushed[-1] < 400, "pushes are refused for ever")
        wait_until(lambda: not client.failing(), "health does not recover")
    finally:
        _limit(system, resource.RLIMIT_FSIZE, -1)
        ending.set()
        thread.join()
    wait_until(lambda: _empty(system), "the logs do not shrink again")


@pytest.mark.processes
def test_a_day_of_writes_leaves_no_log_behind(system: System) -> None:
    """Four thousand rows that another process writes one by one into `online.db`, with a pause in the middle."""
    online = open_online(system.home / "online.db")
    log = system.home / "online.db-wal"
    try:
        for half in range(2):
            for number in range(2_000):
                online.write_pool(PersonId(f"{number % 7:032x}"), half * 2_000 + number, b"x" * 2_000)
            wait_until(lambda: log.stat().st_size == 0, "the log of online.db is not emptied")
    finally:
        online.close()


@pytest.mark.processes
def test_probes_need_no_thread_each(system: System, client: Client) -> None:
    """Two hundred probes leave the number of threads as it was."""
    assert system.api.process is not None
    before = usage_of(system.api.process.pid, system.home).threads
    with ExitStack() as stack:
        others = [stack.enter_context(Client(system.api.port, system.people[0].sid)) for _ in range(40)]
        for path in ("/health", "/ready", "/metrics", "/health", "/ready"):
            for one in others:
                one.begin(path)
            for one in others:
                one.end()
    assert client.ask("GET", "/health")[0] == 200
    assert usage_of(system.api.process.pid, system.home).threads <= before
