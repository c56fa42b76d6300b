"""Processes that serve a vendor's app behind its credential: `oo serve prefect` and `oo serve mlflow`.

The Prefect server that a worker starts runs from here and imports nothing of the runtime.
"""

import os
import socket
from typing import Any

import uvicorn

from infra.service_credentials import USER, kept_secret
from infra.settings import Settings
from oo.processes.http_server.connections import OpenConnections
from oo.processes.http_server.limits import HttpLimits
from oo.processes.server_config import config_of
from oo.processes.vendor_apps import guarded_mlflow, guarded_prefect, local_address


def serve_prefect(*, host: str | None, port: int | None, descriptor: int | None, page: bool) -> None:
    """Serve Prefect behind its credential.

    On an inherited socket it is the one that the environment names, otherwise the one that the home keeps.
    """
    from oo.processes.prefect_server import CREDENTIAL, be_quiet, describe_server  # noqa: PLC0415 - not for MLflow

    if descriptor is None:
        listener, settings = _bound(host, port)
        credential = f"{USER}:{kept_secret(settings.keys, 'prefect')}"
        be_quiet()
        describe_server(settings.prefect, local_address(settings), credential, page=page)
    else:
        listener, settings, credential = socket.socket(fileno=descriptor), Settings(), os.environ[CREDENTIAL]
    _run(guarded_prefect(settings, credential, page=page), listener)


def serve_mlflow(*, host: str | None, port: int | None) -> None:
    """Serve the page and the API of the registry behind the credential that the home keeps."""
    listener, settings = _bound(host, port)
    credential = f"{USER}:{kept_secret(settings.keys, 'mlflow')}"
    _run(guarded_mlflow(settings, credential), listener)


def _bound(host: str | None, port: int | None) -> tuple[socket.socket, Settings]:
    from oo.processes.servers import bound  # noqa: PLC0415 - loads the runtime, which an inherited socket does not need

    return bound(Settings(), host, port)


def _run(app: Any, listener: socket.socket) -> None:
    config = config_of(app, OpenConnections(HttpLimits.of_vendor()), vendor=True)
    uvicorn.Server(config).run(sockets=[listener])
