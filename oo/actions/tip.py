"""One tip, one reaction or one day's preview, without a server."""

from datetime import date

from data_contracts.answers import ReactionResult, Receipt, Recommendation
from data_contracts.decisions import Trigger
from data_contracts.errors import NotFound
from data_contracts.identifiers import DecisionId, PersonId, new_id
from data_contracts.rewards import ReactionKind
from data_contracts.signals.values import EARLIEST, LATEST
from infra.database.all_tables import PersonRow
from infra.database.decisions import decisions
from oo.runtime import Runtime
from oo.ui.cli_errors import Misused
from serving.recommend.day_preview import Step

LOOK_BACK = 100  # decisions; a day has 96 quarter hours


def one_tip(runtime: Runtime, row: PersonRow) -> Recommendation:
    """Return the answer of this moment, logged and, since the person is looking at it, shown."""
    runtime.serving.start()
    person = PersonId(row.person)
    answer = runtime.serving.recommender.recommend_now(person, Trigger.OPEN)
    if answer.tip is not None and answer.decision_id is not None:
        runtime.learning.reaction_handler.shown(person, answer.decision_id)
    return answer


def answer(runtime: Runtime, row: PersonRow, kind: str, decision: str | None) -> ReactionResult:
    """Apply a reaction to a decision, by default to the newest tip.

    Raises `Misused` for a word that is none, `NotFound` when there is no such tip.
    """
    if kind not in tuple(ReactionKind):
        raise Misused(f"a reaction is {', '.join(ReactionKind)}, not {kind!r}")
    runtime.serving.start()
    person = PersonId(row.person)
    wanted = _newest(runtime, person, tips_only=True) if decision is None else DecisionId(decision)
    return runtime.learning.reaction_handler.react(person, wanted, ReactionKind(kind), f"cli:{new_id(runtime.clock())}")


def receipt_of(runtime: Runtime, row: PersonRow, decision: str | None) -> Receipt:
    """Return the receipt of a decision, by default of the newest; raises `NotFound`."""
    person = PersonId(row.person)
    wanted = _newest(runtime, person, tips_only=False) if decision is None else DecisionId(decision)
    return runtime.serving.receipts.receipt(person, wanted)


def _newest(runtime: Runtime, person: PersonId, *, tips_only: bool) -> DecisionId:
    with runtime.database.read() as session:
        found = decisions.newest(session, person, LOOK_BACK)
    for each in found:
        if not (tips_only and each.silent):
            return DecisionId(each.id)
    raise NotFound("there is no tip yet; `oo tip` asks for one")


def walk_day(runtime: Runtime, row: PersonRow, day: str | None) -> list[Step]:
    """Return what would be said at each quarter hour of a local day; raises `Misused` for a day that is none."""
    runtime.serving.start()
    now = runtime.clock()
    try:
        wanted = date.fromisoformat(day) if day else None
    except ValueError as error:
        raise Misused(f"a day reads like {now:%Y-%m-%d}, not {day!r}") from error
    if wanted and not EARLIEST.year <= wanted.year < LATEST.year:
        raise Misused(f"a day lies between {EARLIEST:%Y} and {LATEST:%Y}, not on {wanted}")
    return runtime.serving.day.steps(PersonId(row.person), wanted, now)
