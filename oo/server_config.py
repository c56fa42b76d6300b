"""How every HTTP server of oO is run, and with it every peer that a benchmark compares it with."""

from typing import Any

import uvicorn


def config_of(app: Any, *, vendor: bool = False) -> uvicorn.Config:
    """Return how every process serves; a vendor's app may have WebSockets, and work before its first request."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="auto" if vendor else "none",
        lifespan="on" if vendor else "off",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=10,
    )
