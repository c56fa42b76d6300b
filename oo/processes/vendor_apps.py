"""Prefect and MLflow as apps behind a credential; their own checks leave pages, documents or everything open.

Refused are foreign hosts, requests that another site made a browser send, and everybody without the credential. Only
`/health` answers without it, and the files of Prefect's page where that was asked for: they hold no data.
"""

from collections.abc import Callable, MutableMapping
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from api.middleware.cross_site import CrossSite
from api.middleware.trusted_host import LOCAL, TrustedHost
from infra.credential_check import CredentialCheck, basic
from infra.settings import Settings
from infra.storage.files import make_private_folder

Scope = MutableMapping[str, Any]
HEALTH = "/health"
PREFECT_HEALTH = "/api/health"
READING = frozenset({"GET", "HEAD"})
# not of the page: Prefect's API, and the documents of it that FastAPI makes
PREFECT_API = ("/api", "/docs", "/redoc", "/openapi.json")


def guarded_prefect(settings: Settings, credential: str, *, page: bool) -> Any:
    """Return the Prefect server that the environment describes, behind a credential `user:password`.

    Its WebSockets demand the credential in their first message, since a browser cannot send it with the handshake.
    """
    from flows.schedule.prefect_app import prefect_app  # noqa: PLC0415 - takes seconds, and reads the environment

    checked = CredentialCheck(
        _own_site(prefect_app(), settings),
        authorization=basic(credential),
        is_open=partial(_open_in_prefect, page=page),
        handshakes=True,
    )
    return _own_hosts(_HealthAt(checked, PREFECT_HEALTH), settings)


def guarded_mlflow(settings: Settings, credential: str) -> Any:
    """Return MLflow over the registry of a home, behind a credential `user:password` that a browser asks for."""
    from models.registry.page import registry_app  # noqa: PLC0415 - as above

    make_private_folder(settings.mlflow)
    app = registry_app(f"sqlite:///{settings.mlflow / 'mlflow.db'}", settings.mlflow / "artifacts")
    checked = CredentialCheck(
        _own_site(app, settings), authorization=basic(credential), is_open=_is_health, challenge=True
    )
    return _own_hosts(checked, settings)


def local_address(settings: Settings) -> str:
    """Return how a browser on this machine reaches a server with these settings."""
    host = "127.0.0.1" if settings.host in {"0.0.0.0", "::"} else settings.host  # noqa: S104 - compared, not bound
    return f"http://[{host}]:{settings.port}" if ":" in host else f"http://{host}:{settings.port}"


class _HealthAt:
    """Answers `/health` with another path of the app."""

    def __init__(self, app: Any, path: str) -> None:
        self._app = app
        self._path = path

    async def __call__(self, scope: Scope, receive: Callable[..., Any], send: Callable[..., Any]) -> None:
        """Pass the request on."""
        if scope["type"] == "http" and scope["path"] == HEALTH:
            scope = {**scope, "path": self._path, "raw_path": self._path.encode()}
        await self._app(scope, receive, send)


def _is_health(scope: Scope) -> bool:
    return scope["method"] in READING and scope["path"] == HEALTH


def _open_in_prefect(scope: Scope, *, page: bool) -> bool:
    if scope["method"] not in READING:
        return False
    path: str = scope["path"]
    return path == PREFECT_HEALTH or (page and not path.startswith(PREFECT_API))


def _own_site(app: Any, settings: Settings) -> Any:
    """Return the app without requests of other sites: a browser that knows the credential adds it to those, too."""
    public = urlsplit(settings.url)
    return CrossSite(app, public_origin=f"{public.scheme}://{public.netloc}")


def _own_hosts(app: Any, settings: Settings) -> Any:
    """Return the app for the hosts of this installation alone."""
    names = {*LOCAL, (urlsplit(settings.url).hostname or "").lower()} - {""}
    return TrustedHost(app, names=[f"[{name}]" if ":" in name and name[0] != "[" else name for name in names])
