"""How every HTTP server of oO is run, and with it every peer that a benchmark compares it with."""

from typing import Any

import uvicorn


def config_of(app: Any) -> uvicorn.Config:
    """Return how every process serves."""
    return uvicorn.Config(
        app,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        log_level="warning",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=10,
    )
