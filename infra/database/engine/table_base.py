"""The base of all tables: constraint names, column types, and how a row belongs to a person."""

from typing import Annotated, Any

from sqlalchemy import JSON, BigInteger, ForeignKey, Integer, LargeBinary, MetaData
from sqlalchemy.orm import DeclarativeBase, mapped_column

__all__ = ["Base", "Owner", "OwnerKey", "Sequence"]

NAMES = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Base(DeclarativeBase):
    """Every table of the application database."""

    metadata = MetaData(naming_convention=NAMES)
    type_annotation_map = {int: BigInteger, bytes: LargeBinary, dict[str, Any]: JSON}  # noqa: RUF012 - SQLAlchemy reads it as is


# A row that belongs to a person leaves with the person, and none can be added once the person is gone.
Owner = Annotated[str, mapped_column(ForeignKey("people.person", ondelete="CASCADE"))]
OwnerKey = Annotated[str, mapped_column(ForeignKey("people.person", ondelete="CASCADE"), primary_key=True)]
# SQLite only counts up a column that is literally INTEGER.
Sequence = Annotated[
    int, mapped_column(BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=True)
]
