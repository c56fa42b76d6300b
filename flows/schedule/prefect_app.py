"""Prefect's server as an ASGI app; it reads its environment once, when it is imported."""

from typing import Any


def prefect_app() -> Any:
    """Return the app of the Prefect server as the environment describes it."""
    from prefect.server.api.server import create_app  # noqa: PLC0415 - the environment is set before the import

    return create_app(final=True)
