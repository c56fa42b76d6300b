"""The processes of oO, each a uvicorn server with its own health: api, scorer, stream, worker."""

import asyncio
import json
import math
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

import uvicorn
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from data_contracts.errors import Unavailable
from flows.stream.partitions import share_of
from infra.background_loop import END, BackgroundLoop
from infra.health import Health
from infra.home.consistency import require_files
from infra.service_credentials import kept_secret
from infra.settings import Settings
from oo.processes.cache_eviction import Memory, forget_who_left, memories
from oo.processes.http_server.connections import OpenConnections
from oo.processes.metrics import ConnectionMetrics, measure
from oo.processes.mirror import become_server, mirroring
from oo.processes.server_config import config_of
from oo.runtime import Runtime, refuse_sandbox
from oo.ui.output import note

SETTLE_S = 60.0
FOLD_S = 0.25
SWEEP_S = 5.0  # with a mirror, which wakes the fold at once, this only finds what the mirror has lost
FORGET_S = 5.0
STOP_S = 15.0
ANSWER_S = 15.0  # what PostgreSQL has for a statement of a process that others wait for
BACKLOG = 2_048


def serve_api(*, host: str | None, port: int | None) -> None:
    """Serve page and API with scorer, fold and learner in this process, until a signal ends it."""
    from api.app import create_app  # noqa: PLC0415 - each process imports what it serves

    listener, settings = bound(Settings(), host, port)
    with Runtime(settings, answer_s=ANSWER_S) as runtime:
        runtime.database.check()
        app = create_app(settings, runtime.serving.services)
        runtime.serving.start()
        measure(runtime, app.state.metrics.registry)
        connections = OpenConnections(proxies=settings.proxies)
        app.state.metrics.registry.register(ConnectionMetrics(connections))
        feed = app.state.feed
        sessions = Memory(app.state.sessions.remembered, app.state.sessions.drop)
        with (
            mirroring(runtime, app.state.metrics.registry),
            _forgetting(runtime, sessions, Memory(feed.ring.people, feed.ring.forget)),
            runtime.loop("outcomes", SETTLE_S, runtime.learning.outcomes.settle),
            runtime.loop("fold", _fold_s(settings), runtime.stores.stream.fold_all),
            runtime.health.probing(),
        ):
            _run(app, listener, connections, ending=feed.close)


def serve_scorer(*, host: str | None, port: int | None) -> None:
    """Serve `POST /score` alone, without page, sessions or stream."""
    from serving.score_app import create_app  # noqa: PLC0415 - as above

    listener, settings = bound(Settings(), host, port)
    with Runtime(settings, answer_s=ANSWER_S) as runtime:
        runtime.database.check()
        app = create_app(runtime.serving.recommender, runtime.health, credential=kept_secret(settings.keys, "scorer"))
        runtime.serving.start()
        with _forgetting(runtime), runtime.health.probing():
            _run(app, listener, OpenConnections(proxies=settings.proxies))


def serve_stream(*, host: str | None, port: int | None, share: str | None = None) -> None:
    """Fold new events of a share of the people into features, and reward unanswered tips."""
    part = share_of(share)
    listener, settings = bound(Settings(), host, port)
    with Runtime(settings, answer_s=ANSWER_S) as runtime:
        runtime.database.check()
        registry = CollectorRegistry()
        app = _probe_app(runtime.health, registry)
        measure(runtime, registry)
        with (
            mirroring(runtime, registry, part),
            _forgetting(runtime),
            runtime.loop("outcomes", SETTLE_S, runtime.learning.outcomes.settle),
            runtime.loop("fold", _fold_s(settings), lambda: runtime.stores.stream.fold_all(part)),
            runtime.health.probing(),
        ):
            _run(app, listener, OpenConnections(proxies=settings.proxies))


def serve_nats(*, port: int) -> None:
    """Become the bundled nats-server of this home."""
    raise_file_limit()
    settings = Settings()
    require_files(settings)
    become_server(settings, port)


def serve_worker(*, host: str | None, port: int | None, prefect_page: bool = False) -> None:
    """Run the scheduled flows against one Prefect server: the one of `PREFECT_API_URL`, or a local one."""
    from oo.processes.prefect_server import PrefectServer  # noqa: PLC0415 - as above

    listener, settings = bound(Settings(), host, port)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # what was started here is ended here
    with (
        Runtime(settings, answer_s=ANSWER_S) as runtime,
        PrefectServer(settings.prefect, page=prefect_page) as server,
        served_in_background("probes", _probe_app(runtime.health), listener) as probes,
        runtime.health.probing(),
    ):
        runtime.health.register("probes", probes.ping, vital=False)
        # Prefect reads its environment once, when it is imported: before the server it would start one of its own
        from flows.schedule.worker import serve  # noqa: PLC0415 - as above

        server.ready()
        serve(health=runtime.health)


def _forgetting(runtime: Runtime, *more: Memory) -> BackgroundLoop:
    """Take who was erased out of this process's memory, every so often."""
    known = (*memories(runtime), *more)
    return runtime.loop("forgetting", FORGET_S, lambda: forget_who_left(runtime, known))


def _fold_s(settings: Settings) -> float:
    return FOLD_S if settings.nats_url is None else SWEEP_S


def _probe_app(health: Health, registry: CollectorRegistry | None = None) -> Starlette:
    """Return an app that answers `/health`, `/ready` and `/metrics` for a process without other routes.

    Its routes read what was probed last, on the event loop: they need no thread and wait for nothing.
    """

    async def look(_: Request) -> Response:
        report = health.report()
        return JSONResponse(report.content(), 200 if report.ready else 503)

    async def measure(_: Request) -> Response:
        return Response(generate_latest(registry or CollectorRegistry()), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/health", look), Route("/ready", look), Route("/metrics", measure)])


@contextmanager
def served_in_background(
    name: str, app: Any, listener: socket.socket, connections: OpenConnections | None = None
) -> Iterator[BackgroundLoop]:
    """Serve an app in a thread, for a process whose main thread does something else."""
    running: list[uvicorn.Server] = []

    def serve() -> object:
        server = uvicorn.Server(config_of(app, connections))
        running[:] = [server]
        server.should_exit = loop.stopping
        server.run(sockets=[listener.dup()])  # the server closes its socket, and a next one needs it
        return END

    loop = BackgroundLoop(f"oo-{name}", serve, every_s=0.0, patience_s=math.inf)
    loop.start()
    try:
        yield loop
    finally:
        for server in running:
            server.should_exit = True
        loop.stop(STOP_S)
        listener.close()


def listen(host: str, port: int) -> tuple[socket.socket, int]:
    """Return a bound socket and its port, 0 picks a free one; raises `Unavailable` where it cannot be had."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Unavailable(f"{host}:{port}: {error.strerror or error}; `--port 0` picks a free one") from error
    listener.listen(BACKLOG)  # a client that is early waits instead of being refused
    return listener, listener.getsockname()[1]


def raise_file_limit() -> None:
    """Allow this process as many file descriptors as the system permits: each connection and each file needs one."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS names a hard limit that its kernel refuses; the soft one then stays
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def bound(settings: Settings, host: str | None, port: int | None) -> tuple[socket.socket, Settings]:
    """Return a bound socket, announced on stderr, and the settings with its address.

    Raises `DamagedStore`, before anybody can connect, for a home that does not belong together.
    """
    raise_file_limit()
    refuse_sandbox(settings)
    require_files(settings)
    address = host or settings.host
    listener, bound = listen(address, settings.port if port is None else port)
    note(json.dumps({"listening": f"http://{address}:{bound}"}))
    return listener, settings.model_copy(update={"host": address, "port": bound})


class Server(uvicorn.Server):
    """A server that tells endless answers to end before it waits for them."""

    def __init__(self, config: uvicorn.Config, ending: Callable[[], None]) -> None:
        super().__init__(config)
        self.ending = ending

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End what has no end of its own, then wait for the rest."""
        await asyncio.to_thread(self.ending)
        await super().shutdown(sockets)


def _run(
    app: Any, listener: socket.socket, connections: OpenConnections, *, ending: Callable[[], None] = lambda: None
) -> None:
    """Serve until SIGINT or SIGTERM."""
    Server(config_of(app, connections), ending).run(sockets=[listener])
