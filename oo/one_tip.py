"""One tip, one answer, one day, without a server."""

from datetime import date

from data_contracts.answers import ReactionResult, Recommendation
from data_contracts.decisions import Trigger
from data_contracts.errors import Malformed
from data_contracts.identifiers import DecisionId, PersonId, new_id
from data_contracts.reactions import ReactionKind
from infra.database.tables import PersonRow
from oo.household import Household, zone_of
from serving.day import Step


def one_tip(household: Household, row: PersonRow) -> Recommendation:
    """Return the answer of this moment, logged and, since the person is looking at it, shown."""
    household.start()
    person = PersonId(row.person)
    answer = household.recommender.recommend_now(person, Trigger.OPEN)
    if answer.tip is not None and answer.decision_id is not None:
        household.desk.shown(person, answer.decision_id)
    return answer


def answer(household: Household, row: PersonRow, decision: str, kind: str) -> ReactionResult:
    """Apply a reaction; raises `Malformed` for a word that is none."""
    if kind not in tuple(ReactionKind):
        raise Malformed(f"a reaction is {', '.join(ReactionKind)}, not {kind!r}")
    household.start()
    return household.desk.react(
        PersonId(row.person), DecisionId(decision), ReactionKind(kind), f"cli:{new_id(household.clock())}"
    )


def walk_day(household: Household, row: PersonRow, day: str | None) -> list[Step]:
    """Return what would be said at each quarter hour of a local day; raises `Malformed` for a day that is none."""
    household.start()
    now = household.clock()
    try:
        wanted = date.fromisoformat(day) if day else None
    except ValueError as error:
        today = now.astimezone(zone_of(row)).date()
        raise Malformed(f"a day reads like {today}, not {day!r}") from error
    return household.day.steps(PersonId(row.person), wanted, now)
