"""The table of key fingerprints."""

from sqlalchemy.orm import Mapped, mapped_column

from infra.database.engine.table_base import Base

__all__ = ["KeyFingerprintRow"]


class KeyFingerprintRow(Base):
    """The fingerprint of one key of the installation; under the name `home` the id of the home."""

    __tablename__ = "key_fingerprints"

    name: Mapped[str] = mapped_column(primary_key=True)
    fingerprint: Mapped[str]
    since_us: Mapped[int]
