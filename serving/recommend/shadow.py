"""The shadow run: what challengers would have chosen in the champion's decisions, outside of the request path.

Each challenger gets the logged situation and its own posterior of the person, rebuilt from the same
rewards. Its whole distribution is kept, so agreement and difference in value need no further draw.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from data_contracts.decisions import Decision, Origin, unpack
from data_contracts.identifiers import PolicyDigest
from infra.database.engine.database import Database, Session
from infra.database.policies import policies, shadow
from infra.database.policies.shadow import ShadowDecision
from models.policies.policy import Choice
from models.promotion.gate import ShadowComparison
from serving.explain.replay import part_of, recompute
from serving.policy_cache.by_digest import PolicyCache

CHUNK = 50


class Scores(NamedTuple):
    """One decision as both saw it."""

    agreement: float  # probability that both would have done the same
    value_difference: float  # challenger minus incumbent, by the incumbent's own scores


class Shadow:
    """Runs challengers over logged decisions; call it in a worker thread or a flow."""

    def __init__(self, database: Database, policy_cache: PolicyCache, origin: Origin = Origin.LIVE) -> None:
        self._database = database
        self._policy_cache = policy_cache
        self._origin = origin  # whose decisions they see

    def catch_up(self, *, limit: int = CHUNK) -> int:
        """Let every policy in shadow see decisions that it has not seen yet; return how many views were kept."""
        with self._database.read() as session:
            waiting = [PolicyDigest(row.digest) for row in policies.list_all(session, "shadow")]
        return sum(self.catch_up_policy(digest, limit=limit) for digest in waiting)

    def catch_up_policy(self, digest: PolicyDigest, *, limit: int = CHUNK) -> int:
        """Let one policy see up to `limit` live decisions; raises `ArtifactRefused` when it cannot be loaded."""
        challenger = self._policy_cache.get(digest)
        with self._database.read() as session:
            views = [
                _view(record, digest, recompute(record, challenger, part_of(session, record, challenger)))
                for record in map(unpack, shadow.unseen(session, digest, limit=limit, origin=self._origin))
            ]
        with self._database.unit_of_work() as uow:
            shadow.record(uow, views)
            uow.commit()
        return len(views)

    def compare(self, challenger: PolicyDigest, incumbent: PolicyDigest) -> ShadowComparison:
        """Return the totals over every decision that counts that the incumbent made and the challenger saw."""
        scores: list[Scores] = []
        with self._database.read() as session:
            for view, record in _seen(session, challenger):
                if record.policy_digest == incumbent and record.origin is self._origin:
                    scores.append(_scores(view, record))
        count = len(scores)
        return ShadowComparison(
            challenger=challenger,
            incumbent=incumbent,
            origin=self._origin,
            decisions=count,
            agreement=sum(score.agreement for score in scores) / count if count else 0.0,
            value_difference=sum(score.value_difference for score in scores) / count if count else float("nan"),
        )

    def record_comparison(self, comparison: ShadowComparison, *, comparison_id: str, at_us: int) -> None:
        """Keep a comparison as the evidence that a promotion asks for; nothing is kept of an empty one."""
        if comparison.decisions == 0:
            return
        with self._database.unit_of_work() as uow:
            shadow.add_comparison(
                uow,
                comparison_id=comparison_id,
                challenger=comparison.challenger,
                incumbent=comparison.incumbent,
                decisions=comparison.decisions,
                agreement=comparison.agreement,
                value_difference=comparison.value_difference,
                at_us=at_us,
            )
            uow.commit()


def _seen(session: Session, challenger: PolicyDigest) -> Iterator[tuple[ShadowDecision, Decision]]:
    after = ""
    while page := shadow.of_policy(session, challenger, after=after, limit=CHUNK):
        records = shadow.records_of(session, [view.decision for view in page])
        for view in page:
            yield view, unpack(records[view.decision])
        after = page[-1].decision


def _view(record: Decision, digest: PolicyDigest, choice: Choice) -> ShadowDecision:
    arrays = (array.astype("<f8").tobytes() for array in (choice.mu, choice.sigma, choice.probabilities))
    return ShadowDecision(record.id, digest, *arrays)


def _scores(view: ShadowDecision, record: Decision) -> Scores:
    theirs = np.frombuffer(view.probabilities, "<f8")
    ours = record.probabilities
    return Scores(float(theirs @ ours), float((theirs - ours) @ record.mu))
