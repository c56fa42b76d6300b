"""An endpoint, a flow and a table."""

from infra.database.engine.migrations import HEAD
from tests.recipes.edits import Edit, Twin, after, before

NEXT = f"{int(HEAD) + 1:04}"

ENDPOINT = Twin(
    (
        Edit("api/clock/__init__.py", '"""What time it is for a person."""\n'),
        Edit(
            "api/clock/schemas.py",
            '''"""What time it is for a person."""

from pydantic import BaseModel


class ClockOut(BaseModel):
    """The person's zone and local time."""

    zone: str
    at: str
''',
        ),
        Edit(
            "api/clock/service.py",
            '''"""Reads a person's clock."""

from zoneinfo import ZoneInfo

from api.clock.schemas import ClockOut
from api.services import Services
from data_contracts.identifiers import PersonId
from infra.database.people import people


def read(*, services: Services, person: PersonId) -> ClockOut:
    """Return the local time."""
    with services.database.read() as session:
        zone = people.get(session, person).zone
    return ClockOut(zone=zone, at=services.clock().astimezone(ZoneInfo(zone)).isoformat())
''',
        ),
        Edit(
            "api/clock/endpoints.py",
            '''"""What time it is for a person."""

from fastapi import APIRouter

from api.clock import service
from api.clock.schemas import ClockOut
from api.dependencies import CurrentPerson, ServicesOf

router = APIRouter(prefix="/api/clock", tags=["clock"])


@router.get("", operation_id="read_clock")
def read(person: CurrentPerson, services: ServicesOf) -> ClockOut:
    """Return the person's local time."""
    return service.read(services=services, person=person)
''',
        ),
        before(
            "api/app.py",
            "from api.consents.endpoints import",
            "from api.clock.endpoints import router as clock\n",
        ),
        Edit("api/app.py", "ROUTERS: tuple[APIRouter, ...] = (clock, ", "ROUTERS: tuple[APIRouter, ...] = ("),
        before("api/operations.py", '    "read_preferences": Conduct(),', '    "read_clock": Conduct(),\n'),
    ),
    """
import json, tempfile
from pathlib import Path
from tests.api.conftest import lasting_api

with lasting_api(Path(tempfile.mkdtemp())) as api:
    _, ana = api.known("Ana")
    assert ana.get("/api/clock").json() == {"zone": "Europe/Berlin", "at": "2026-03-04T14:00:00+01:00"}
    assert api.client().get("/api/clock").status_code == 401
assert "/api/clock" in json.loads(Path("api/openapi.json").read_text())["paths"]
""",
)

FLOW = Twin(
    (
        Edit(
            "flows/upkeep/head_count.py",
            '''"""Counts the people of a home."""

from flows.context import FlowContext
from infra.database.people import people


def head_count(context: FlowContext) -> dict[str, int]:
    """Return how many people there are."""
    with context.database.read() as session:
        return {"people": len(people.list_all(session))}
''',
        ),
        before(
            "flows/runs.py",
            '@task(name="read_known_files"',
            '''@task(name="count", timeout_seconds=60, **RETRIES)
def count() -> Counts:
    """Count on the home of this process."""
    from flows.upkeep.head_count import head_count

    with opened() as context:
        return head_count(context)


@flow(name="count_people", timeout_seconds=60, persist_result=False)
def count_people() -> None:
    """Count, and publish the number."""
    publish_run_summary("count_people", count())


''',
        ),
        before(
            "flows/schedule/deployments.py",
            '        "expire_data": Deployed(',
            '        "count_people": Deployed("flows.runs.count_people", DAY, "to see that people come"),\n',
        ),
    ),
    """
import os, tempfile
os.environ["OO_HOME"] = tempfile.mkdtemp()
from flows.context import opened
from flows.runs import count
from flows.schedule.deployments import DEPLOYMENTS

with opened() as context:
    context.database.migrate()
assert count.fn() == {"people": 0}
assert "count_people" in DEPLOYMENTS
""",
)

TABLE = Twin(
    (
        after(
            "infra/database/push_sources/tables.py",
            '__all__ = ["DeliveryRow", ',
            '"PauseRow", ',
        ),
        before(
            "infra/database/push_sources/tables.py",
            "class DeliveryRow(Base):",
            'class PauseRow(Base):\n    """Until when a person takes no pushes."""\n\n    __tablename__ = "pauses"\n\n'
            "    person: Mapped[OwnerKey]\n    until_us: Mapped[int]\n\n\n",
        ),
        Edit(
            "infra/database/all_tables.py",
            "from infra.database.push_sources.tables import DeliveryRow, PauseRow, ",
            "from infra.database.push_sources.tables import DeliveryRow, ",
        ),
        before("infra/database/all_tables.py", '    "PersonPosteriorRow",\n    "PersonRow"', '    "PauseRow",\n'),
        Edit(
            f"infra/database/engine/migrations/versions/r{NEXT}_pauses.py",
            f'''"""Until when a person takes no pushes."""

import sqlalchemy as sa
from alembic import op

revision = "{NEXT}"
down_revision = "{HEAD}"


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "pauses",
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("until_us", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["person"], ["people.person"], name=op.f("fk_pauses_person_people"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("person", name=op.f("pk_pauses")),
    )


def downgrade() -> None:
    """Drop it."""
    op.drop_table("pauses")
''',
        ),
        Edit("infra/database/engine/migrations/__init__.py", f'HEAD = "{NEXT}"', f'HEAD = "{HEAD}"'),
        before(
            "data_contracts/retention.py",
            '    "consents": Retention(',
            '    "pauses": Retention(_P, "not to take pushes for a while", _BY_PERSON, 0, "until_us"),\n',
        ),
        Edit(
            "infra/database/push_sources/pauses.py",
            '''"""Until when a person takes no pushes."""

from sqlalchemy.orm import Session

from data_contracts.identifiers import PersonId
from infra.database.all_tables import PauseRow
from infra.database.engine.unit_of_work import UnitOfWork


def begin(uow: UnitOfWork, *, person: PersonId, until_us: int) -> None:
    """Begin a pause."""
    uow.session.add(PauseRow(person=person, until_us=until_us))


def until_us(session: Session, person: PersonId) -> int:
    """Return when the pause ends; 0 without one."""
    row = session.get(PauseRow, person)
    return 0 if row is None else row.until_us
''',
        ),
    ),
    """
import tempfile
from pathlib import Path
from data_contracts.identifiers import new_person
from infra.database.engine.database import open_database
from infra.database.push_sources import pauses
from tests.infra.database.rows import add_person

database = open_database(Path(tempfile.mkdtemp()) / "app.db")
database.migrate()
person = add_person(database, new_person())
with database.unit_of_work() as uow:
    pauses.begin(uow, person=person, until_us=5)
    uow.commit()
with database.read() as session:
    assert pauses.until_us(session, person) == 5
assert "`pauses`" in Path("docs/retention.md").read_text()
""",
)
