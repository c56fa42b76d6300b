"""MLflow's page and REST API over the registry as an ASGI app, without the parts that run jobs or take uploads."""

import os
from pathlib import Path
from typing import Any

CLOSED = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    "_MLFLOW_SERVER_SERVE_ARTIFACTS": "false",
}


def registry_app(tracking_uri: str, artifacts: Path) -> Any:
    """Return the app over a registry database; MLflow reads its environment when it is imported."""
    os.environ.update(CLOSED)
    from mlflow.server.constants import (  # noqa: PLC0415 - takes seconds, and reads the environment
        ARTIFACT_ROOT_ENV_VAR,
        BACKEND_STORE_URI_ENV_VAR,
    )

    os.environ[BACKEND_STORE_URI_ENV_VAR] = tracking_uri
    os.environ[ARTIFACT_ROOT_ENV_VAR] = str(artifacts)
    from mlflow.server.fastapi_app import app  # noqa: PLC0415 - as above
    from mlflow.server.handlers import initialize_backend_stores  # noqa: PLC0415 - as above

    initialize_backend_stores(tracking_uri, tracking_uri, str(artifacts))
    return app
