"""The registry of policies: MLflow as a catalogue of artifact folders, on a database file and a local folder.

The only module that imports mlflow, and it does so when a registry is opened. Nothing is loaded through MLflow: a
fetched folder goes through `models.policies.artifact.load`, and lies in `policies/DIGEST`, where serving reads it
without MLflow. The database decides which policy is champion; the aliases here mirror it.
"""

import os
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from data_contracts.errors import NotFound
from data_contracts.identifiers import PolicyDigest
from models.policies import artifact

if TYPE_CHECKING:
    from mlflow import MlflowClient

MODEL = "oo-tip-policy"
Alias = Literal["champion", "challenger"]


@dataclass(frozen=True, slots=True)
class RegisteredVersion:
    """One version of the model, newest facts first."""

    version: int
    digest: PolicyDigest
    policy: str
    aliases: tuple[str, ...]
    feature_service_version: str
    data_digest: str
    origin: str
    created_ms: int


class PolicyRegistry:
    """Versions of `oo-tip-policy`. `tracking_uri` is a database URL or a server's address."""

    def __init__(
        self,
        tracking_uri: str,
        *,
        artifacts: Path,
        policies: Path,
        verify: artifact.Verify,
        reached: Callable[[str], None] = lambda _: None,
    ) -> None:
        self._tracking_uri = tracking_uri
        self._artifacts = artifacts
        self._policies = policies
        self._verify = verify
        self._reached = reached  # where a fault test may let the process die

    @cached_property
    def _client(self) -> "MlflowClient":
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient  # noqa: PLC0415 - takes 5 s, which only a registry's user pays

        self._artifacts.mkdir(parents=True, exist_ok=True)
        client = MlflowClient(tracking_uri=self._tracking_uri, registry_uri=self._tracking_uri)
        if not client.search_registered_models(filter_string=f"name = '{MODEL}'"):
            client.create_registered_model(MODEL, description="Data folders; never load them through MLflow.")
        return client

    @cached_property
    def _experiment(self) -> str:
        return _experiment_in(self._client, MODEL, self._artifacts)

    def register(self, folder: Path, metrics: Mapping[str, float] | None = None) -> int:
        """Return the version of a verified artifact; one digest has one version, however often it is registered.

        Raises `ArtifactRefused` when the artifact does not verify.
        """
        loaded = artifact.load(folder, verify=self._verify)
        known = self._by_digest(loaded.policy.digest)
        if known is not None:
            return known.version
        run = self._client.create_run(self._experiment, run_name=loaded.policy.digest[:12])
        for name, value in {**loaded.manifest["metrics"], **(metrics or {})}.items():
            self._client.log_metric(run.info.run_id, name, float(value))
        self._client.log_artifacts(run.info.run_id, str(folder), "policy")
        self._client.set_terminated(run.info.run_id)
        self._reached("policy_logged")
        made = self._client.create_model_version(
            MODEL, f"{run.info.artifact_uri}/policy", run.info.run_id, tags=_tags(loaded)
        )
        return int(made.version)

    def fetch(self, wanted: str) -> Path:
        """Return `policies/DIGEST` with the verified artifact of a digest or an alias.

        Raises `NotFound` when the registry has no such version, `ArtifactRefused` when what it has does not verify.
        """
        version = self._by_digest(wanted) or self._by_alias(wanted)
        if version is None:
            raise NotFound(f"the registry has no policy {wanted!r}")
        folder = artifact.folder_of(self._policies, version.digest)
        if folder.exists():
            artifact.load(folder, verify=self._verify, digest=version.digest)
            return folder
        self._policies.mkdir(parents=True, exist_ok=True)
        from mlflow.artifacts import download_artifacts  # noqa: PLC0415 - loaded with the client

        source = self._client.get_model_version(MODEL, str(version.version)).source
        with tempfile.TemporaryDirectory(dir=self._policies, prefix=".fetch-") as temporary:
            fetched = download_artifacts(artifact_uri=source, dst_path=temporary, tracking_uri=self._tracking_uri)
            artifact.load(Path(fetched), verify=self._verify, digest=version.digest)
            try:
                Path(fetched).rename(folder)
            except OSError:  # another process fetched the same bits first
                if not folder.exists():
                    raise
        return folder

    def set_alias(self, alias: Alias, digest: str) -> None:
        """Point an alias at a digest's version; raises `NotFound` when there is none."""
        version = self._by_digest(digest)
        if version is None:
            raise NotFound(f"the registry has no policy {digest!r}")
        self._client.set_registered_model_alias(MODEL, alias, str(version.version))

    def ping(self) -> None:
        """Raise when the registry does not answer."""
        self._client.get_registered_model(MODEL)

    def versions(self) -> list[RegisteredVersion]:
        """Return all versions, newest first."""
        aliases: dict[str, list[str]] = {}
        for alias, version in self._client.get_registered_model(MODEL).aliases.items():
            aliases.setdefault(str(version), []).append(alias)
        found = self._client.search_model_versions(f"name = '{MODEL}'", max_results=10_000)
        rows = [_version(row, tuple(sorted(aliases.get(str(row.version), [])))) for row in found]
        return sorted(rows, key=lambda row: -row.version)

    def _by_digest(self, digest: str) -> RegisteredVersion | None:
        """Return the first version of a digest: two processes that register it at once agree on that one."""
        return next((version for version in reversed(self.versions()) if version.digest == digest), None)

    def _by_alias(self, alias: str) -> RegisteredVersion | None:
        return next((version for version in self.versions() if alias in version.aliases), None)


def _experiment_in(client: "MlflowClient", name: str, artifacts: Path) -> str:
    """Return the experiment whose artifacts lie in a folder.

    MLflow fixes the place of an experiment's artifacts when it is made. In a home that was moved the experiment of that
    name is that of the former place, so one with the new place in its name follows it.
    """
    location = artifacts.resolve().as_uri()
    known = client.get_experiment_by_name(name)
    if known is not None and known.artifact_location != location:
        name = f"{name} in {location}"
        known = client.get_experiment_by_name(name)
    return str(client.create_experiment(name, artifact_location=location) if known is None else known.experiment_id)


def _tags(loaded: artifact.Loaded) -> dict[str, str]:
    origins = loaded.manifest["origins"]
    return {
        "digest": loaded.policy.digest,
        "policy": loaded.policy.name,
        "feature_service_version": str(loaded.manifest["feature_service_version"]),
        "data_digest": loaded.manifest["data_digest"],
        "origin": ",".join(f"{name}={origins[name]}" for name in sorted(origins)),
    }


def _version(row: Any, aliases: tuple[str, ...]) -> RegisteredVersion:
    return RegisteredVersion(
        version=int(row.version),
        digest=PolicyDigest(row.tags["digest"]),
        policy=row.tags["policy"],
        aliases=aliases,
        feature_service_version=row.tags["feature_service_version"],
        data_digest=row.tags["data_digest"],
        origin=row.tags["origin"],
        created_ms=int(row.creation_timestamp),
    )


class Runs:
    """Runs that are no policies, on the same MLflow: what a simulation said. Nothing of them is evidence."""

    def __init__(self, tracking_uri: str, *, artifacts: Path) -> None:
        self._tracking_uri = tracking_uri
        self._artifacts = artifacts

    def record(
        self,
        experiment: str,
        *,
        parameters: Mapping[str, object],
        metrics: Sequence[tuple[str, int, float]],
        files: Path,
        at_ms: int,
    ) -> str:
        """Return the id of a finished run with parameters, metrics (name, step, value) and a folder's files."""
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient  # noqa: PLC0415 - takes 5 s, which only who records pays
        from mlflow.entities import Metric, Param, RunTag  # noqa: PLC0415 - loaded with the client

        self._artifacts.mkdir(parents=True, exist_ok=True)
        client = MlflowClient(tracking_uri=self._tracking_uri)
        run = client.create_run(_experiment_in(client, experiment, self._artifacts), start_time=at_ms)
        client.log_batch(
            run.info.run_id,
            metrics=[Metric(name, value, at_ms, step) for name, step, value in metrics],
            params=[Param(name, str(value)) for name, value in parameters.items()],
            tags=[RunTag("origin", "simulated")],
        )
        client.log_artifacts(run.info.run_id, str(files))
        client.set_terminated(run.info.run_id)
        return str(run.info.run_id)
