"""The receipt: why a decision fell as it did, from its record, the policy that it names and the posterior it used.

Every feature's contribution is what it added to the chosen action's score; added in the order of the receipt they
give the score.
"""

from data_contracts.answers import Receipt, ReceiptFeature
from data_contracts.decisions import Decision, unpack
from data_contracts.features import FEATURES, POSITION
from data_contracts.identifiers import DecisionId, PersonId
from data_contracts.rewards import silence_reward
from infra.database.decisions import decisions
from infra.database.engine.database import Database, Session
from models.policies.policy import Context
from models.rewards import design
from models.rewards.action_features import ACTION_COLUMNS
from models.rewards.design import Floats, scaled_context
from serving.explain.replay import part_of
from serving.explain.staleness import left_out
from serving.policy_cache.by_digest import PolicyCache

TIP = "tip"
POLICY = "policy"
UNEXPLAINED = "unexplained"
MASK = "masked."


class Receipts:
    """Explains decisions; call it in a worker thread."""

    def __init__(self, database: Database, policy_cache: PolicyCache) -> None:
        self._database = database
        self._policy_cache = policy_cache

    def receipt(self, person: PersonId, decision: DecisionId) -> Receipt:
        """Return the receipt; raises `NotFound` for an unknown decision and for another person's."""
        with self._database.read() as session:
            record = unpack(decisions.get(session, person, decision).record)
            features = _features(session, self._policy_cache, record)
        return Receipt(
            probability=float(record.probabilities[record.chosen]),
            explored=bool(record.mu[record.chosen] < record.mu.max()),
            policy_digest=record.policy_digest,
            posterior_version=record.posterior_version,
            seed=record.seed,
            features=features,
            left_out=left_out(record),
        )


def _features(session: Session, policy_cache: PolicyCache, record: Decision) -> tuple[ReceiptFeature, ...]:
    policy = policy_cache.find(record.policy_digest)
    score = float(record.mu[record.chosen])
    if policy is None:  # its artifact is gone: the score stands, its parts are not known any more
        return (ReceiptFeature(UNEXPLAINED, score, score, POLICY, -1, False),)
    context = Context(
        scaled_context(record.vector, record.masked),
        silence_reward(record.spent, record.silence_price),
        part_of(session, record, policy),
    )
    groups = policy.contributions(context, record.actions)[record.chosen]
    return tuple(_feature(record, name, float(part)) for name, part in zip(design.GROUPS, groups, strict=True))


def _feature(record: Decision, name: str, contribution: float) -> ReceiptFeature:
    if name in POSITION:
        place = POSITION[name]
        return ReceiptFeature(
            name=name,
            value=float(record.vector[place]),
            contribution=contribution,
            source=FEATURES[place].source.value,
            age_s=int(record.ages_s[place]),
            masked=bool(record.masked[place]),
        )
    if name.startswith(MASK):
        source = name.removeprefix(MASK)
        first = next(place for place, feature in enumerate(FEATURES) if feature.source.value == source)
        masked = bool(record.masked[first])
        return ReceiptFeature(name, float(masked), contribution, source, int(record.ages_s[first]), masked)
    value = record.silence_price if name == design.SILENCE_GROUP else _of_action(record.actions[record.chosen], name)
    return ReceiptFeature(name, value, contribution, TIP, 0, False)


def _of_action(action: Floats, group: str) -> float:
    """Return the tip's own value of a group: the sum of its action columns."""
    name = group.removeprefix("tip.")
    columns = [place for place, column in enumerate(ACTION_COLUMNS) if column.split(".", maxsplit=1)[0] == name]
    return float(action[columns].sum())
