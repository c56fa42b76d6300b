"""One frozen `Settings` per process, read from the environment and built only by the composition root."""

import json
from datetime import timedelta
from pathlib import Path

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from data_contracts.decisions import Origin
from data_contracts.rewards import SILENCE_PRICE
from infra.clock import Clock, clock_of, shifted_clock
from infra.home.folder import default_home, expanded
from infra.network_addresses import networks_of

__all__ = ["MIN_ADMIN_TOKEN_BYTES", "Settings"]

MIN_ADMIN_TOKEN_BYTES = 32


class Settings(BaseSettings):
    """What a process may be told from outside; every variable starts with `OO_` unless its field says otherwise."""

    model_config = SettingsConfigDict(
        env_prefix="OO_", env_ignore_empty=True, frozen=True, extra="ignore", populate_by_name=True
    )

    home: Path = Field(default_factory=default_home, description="the folder that holds everything")
    database_url: str | None = Field(None, description="application database; default: app.db in the home folder")
    admin_token: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("ADMIN_TOKEN", "OO_ADMIN_TOKEN"),
        description="opens admin sessions of 24 h for automated tools; off unless set, at least 32 bytes",
    )
    nats_url: str | None = Field(
        None,
        validation_alias=AliasChoices("NATS_URL", "OO_NATS_URL"),
        description="mirror every publish to this JetStream",
    )
    host: str = Field("127.0.0.1", description="address that the server listens on")
    port: int = Field(8421, ge=0, le=65_535, description="port that the server listens on; 0 picks a free one")
    public_url: str | None = Field(None, description="the address that people open; default: http://host:port")
    trusted_proxies: str = Field(
        "",
        description="addresses and networks, by commas, whose `X-Forwarded-For` and `X-Forwarded-Proto` are believed",
    )
    clock: str | None = Field(None, description='"fixed <instant with zone>" or "+<seconds>"; default: the real time')
    silence_price: float = Field(SILENCE_PRICE, ge=0.0, le=1.0, description="reward of silence for new people")
    budget: int = Field(3, ge=0, le=24, description="unsolicited tips a day for new people")
    quiet_start_min: int = Field(1_320, ge=0, lt=1_440, description="local minute at which quiet hours begin")
    quiet_end_min: int = Field(480, ge=0, lt=1_440, description="local minute at which quiet hours end")

    @field_validator("home")
    @classmethod
    def _absolute(cls, home: Path) -> Path:
        return expanded(home).absolute()

    @field_validator("admin_token")
    @classmethod
    def _long_enough(cls, token: SecretStr | None) -> SecretStr | None:
        if token is not None and len(token.get_secret_value().encode()) < MIN_ADMIN_TOKEN_BYTES:
            raise ValueError(f"ADMIN_TOKEN must have at least {MIN_ADMIN_TOKEN_BYTES} bytes")
        return token

    @field_validator("trusted_proxies")
    @classmethod
    def _known_proxies(cls, proxies: str) -> str:
        networks_of(proxies)
        return proxies

    @field_validator("clock")
    @classmethod
    def _readable_clock(cls, clock: str | None) -> str | None:
        clock_of(clock)
        return clock

    @property
    def proxies(self) -> tuple[str, ...]:
        """The networks of the proxies that stand in front of this installation."""
        return networks_of(self.trusted_proxies)

    @property
    def database(self) -> str | Path:
        """What `open_database` takes: the configured URL, or the file in the home folder."""
        return self.database_url or self.app_db

    @property
    def app_db(self) -> Path:
        """The application database of the embedded stage."""
        return self.home / "app.db"

    @property
    def online_db(self) -> Path:
        """Served rows and candidate pools."""
        return self.home / "online.db"

    @property
    def history(self) -> Path:
        """Partitioned Parquet history."""
        return self.home / "history"

    @property
    def snapshots(self) -> Path:
        """The event log by days, as Parquet."""
        return self.home / "snapshots"

    @property
    def keys(self) -> Path:
        """Key files and tombstones, apart from the data and from backups."""
        return self.home / "keys"

    @property
    def audit(self) -> Path:
        """Anchors of the audit log, outside the database."""
        return self.home / "audit"

    @property
    def feast(self) -> Path:
        """Feast's registry."""
        return self.home / "feast"

    @property
    def mlflow(self) -> Path:
        """MLflow's database and artifacts."""
        return self.home / "mlflow"

    @property
    def policies(self) -> Path:
        """Verified artifacts of policies, one folder per digest: what serving reads."""
        return self.home / "policies"

    @property
    def nats(self) -> Path:
        """The bundled nats-server's configuration and store."""
        return self.home / "nats"

    @property
    def prefect(self) -> Path:
        """Prefect's own home."""
        return self.home / "prefect"

    @property
    def sandbox_file(self) -> Path:
        """The mark of a home in which everybody is simulated and nothing reaches people."""
        return self.home / "rehearsal.json"

    @property
    def evidence(self) -> Origin:
        """Whose decisions count here: live ones, and in a sandbox the simulated ones alone."""
        return Origin.SIMULATED if self.sandbox_file.exists() else Origin.LIVE

    @property
    def url(self) -> str:
        """The address that people open."""
        return (self.public_url or f"http://{self.host}:{self.port}").rstrip("/")

    def make_clock(self) -> Clock:
        """Return the clock of this process; a sandbox has lived ahead by its own days."""
        clock = clock_of(self.clock)
        if not self.sandbox_file.exists():
            return clock
        return shifted_clock(timedelta(seconds=json.loads(self.sandbox_file.read_text())["ahead_s"]), clock)
