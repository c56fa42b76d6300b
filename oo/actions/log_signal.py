"""One signal from the command line, validated like every pushed signal."""

from api.signals.service import push
from data_contracts.answers import SignalVerdict
from data_contracts.errors import Malformed
from data_contracts.features import Source
from data_contracts.identifiers import PersonId, new_id
from data_contracts.signals.kinds import RULES, SIGNALS
from infra.database.all_tables import PersonRow
from oo.runtime import Runtime


def log_signal(runtime: Runtime, row: PersonRow, kind: str, data: dict[str, object]) -> SignalVerdict:
    """Take in one signal of now; logging a kind for the first time grants its consent.

    Raises `Malformed` when the signal breaks a rule, or its consent was withdrawn.
    """
    person = PersonId(row.person)
    source = Source(SIGNALS[kind].source)
    if source in runtime.people.undecided(person):
        runtime.people.consent(person, source, granted=True, surface="cli: log")
    now = runtime.clock()
    item = {"id": new_id(now), "kind": kind, "at": now.isoformat(), "source": "cli", "data": data}
    verdict = push(services=runtime.serving.services, person=person, items=[item])[0]
    if verdict.rule == "consent_missing":
        raise Malformed(f"you withdrew the consent to {source.value}; `oo consent grant {source.value}` gives it back")
    if verdict.rule is not None:
        raise Malformed(f"{kind.replace('_', ' ')}: {verdict.rule}: {RULES[verdict.rule]}")
    return verdict
