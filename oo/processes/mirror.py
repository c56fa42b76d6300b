"""Connects a process to the mirror where `NATS_URL` names one: relay, health, metrics."""

import asyncio
import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from prometheus_client import CollectorRegistry

from data_contracts.errors import Malformed, Unavailable
from data_contracts.identifiers import PersonId
from flows.stream.mirror_consumer import MirrorConsumer
from flows.stream.partitions import EVERYBODY, Share
from infra.mirror.jetstream.bundled_server import BundledServer, has_store, known_url
from infra.mirror.metrics import MirrorMetrics
from infra.mirror.reconciler import MirrorReconciler
from infra.mirror.relay import Relay
from infra.network_addresses import free_port
from infra.sampled_metrics import SampledMetrics
from infra.settings import Settings
from oo.runtime import Runtime

WATCH_S = 15.0


@contextmanager
def mirroring(runtime: Runtime, registry: CollectorRegistry, share: Share = EVERYBODY) -> Iterator[Relay | None]:
    """Relay every commit to the mirror and follow it while this process lives; nothing to do without `NATS_URL`."""
    url = runtime.settings.nats_url
    if url is None:
        yield None
        return
    from infra.mirror.jetstream.consumer import open_consumer  # noqa: PLC0415 - only a home with a mirror imports the driver
    from infra.mirror.jetstream.publisher import publisher  # noqa: PLC0415 - as above
    from infra.mirror.jetstream.stream_stats import extent  # noqa: PLC0415 - as below

    relay = Relay(runtime.database, runtime.clock, lambda: publisher(url))
    following = MirrorConsumer(
        runtime.database,
        runtime.stores.stream,
        runtime.clock,
        lambda: open_consumer(url, share.durable),
        share,
    )
    watch = MirrorReconciler(runtime.database, runtime.clock, lambda: asyncio.run(extent(url)))
    metrics = MirrorMetrics(runtime.database, runtime.clock, relay.state, watch)
    registry.register(SampledMetrics(runtime.health.prober, "mirror metrics", metrics))
    runtime.health.register("mirror", relay.ping, vital=False)
    runtime.health.register("mirror_consumer", following.ping, vital=False)
    unsubscribe = runtime.database.bus.subscribe(relay.handle)
    try:
        with relay, following, runtime.loop("mirror_watch", WATCH_S, watch.look):
            yield relay
    finally:
        unsubscribe()


def bundled(settings: Settings, port: int | None = None, url: str | None = None) -> BundledServer:
    """Return the bundled server of a home, not yet started; `url` is an address that clients were told before."""
    return BundledServer(settings.nats, settings.keys, port=port or free_port(), url=url)


def _of_bundled(url: str, port: int | None) -> bool:
    told = urlsplit(url)
    return (told.hostname, told.port) == ("127.0.0.1", port) and bool(told.username)


def become_server(settings: Settings, port: int | None) -> None:
    """Turn this process into the bundled server, so that signals and its end are the server's own.

    Raises `Conflict`, which names the process, when this home has one already.
    """
    if port is not None and port <= 0:
        raise Malformed("the bundled server needs a port that its clients know")
    url = settings.nats_url  # that of `oo up`, which told it to every process; NATS_URL may also name another server
    known = url if url is not None and _of_bundled(url, port) else None
    server = bundled(settings, port, known)
    server.claim()
    os.execve(server.command[0], server.command, server.environment)  # noqa: S606 - our own command, no shell


def forget_in_mirror(settings: Settings, person: PersonId) -> int:
    """Take a person out of the mirror, if there is one, and return how many messages that were.

    A bundled server that is not running is started for it. Raises `Unavailable` when the mirror does not answer.
    """
    url = settings.nats_url or known_url(settings.nats)
    if url is None and not has_store(settings.nats):
        return 0
    from infra.mirror.jetstream.mirror_comparison import forget  # noqa: PLC0415 - as above

    if url is not None:
        try:
            return asyncio.run(forget(url, person))
        except Unavailable:
            if settings.nats_url is not None:
                raise
    with bundled(settings) as server:
        return asyncio.run(forget(server.url, person))
