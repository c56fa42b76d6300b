"""The uvicorn configuration of every HTTP server of oO, and of the peers in benchmarks."""

from typing import Any

import uvicorn

from oo.processes.http_server.connections import OpenConnections
from oo.processes.http_server.protocol import bounded


def config_of(app: Any, connections: OpenConnections | None = None, *, vendor: bool = False) -> uvicorn.Config:
    """Return how every process serves; forwarded headers are believed from the proxies of `connections` alone.

    A vendor's app may have WebSockets, and work before its first request.
    """
    held = connections or OpenConnections()
    return uvicorn.Config(
        app,
        loop="uvloop",
        http=bounded(held),
        ws="auto" if vendor else "none",
        lifespan="on" if vendor else "off",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=10,
        proxy_headers=bool(held.proxies),
        forwarded_allow_ips=list(held.proxies),  # always said: uvicorn would trust loopback, or FORWARDED_ALLOW_IPS
    )
