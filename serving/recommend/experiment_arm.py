"""Which policy decides for a person at an instant: the champion, or on its person-days an experiment's challenger.

The assignment is deterministic, so a logged probability is of the policy that decided, and of no mixture.
"""

from typing import NamedTuple
from zoneinfo import ZoneInfo

from data_contracts.identifiers import from_us
from infra.database.decisions.decision_read import PersonNow
from infra.database.decisions.person_posteriors import StoredPosterior
from models.policies.policy import Policy
from models.promotion.experiments import CHAMPION, live_experiment, lived_day
from models.rewards.person_posterior import PersonPosterior, unpack
from serving.policy_cache.champion import ChampionHolder


class Arm(NamedTuple):
    """The policy that decides, if any is loaded, and the person's posterior of it."""

    policy: Policy | None
    stored: StoredPosterior | None
    name: str | None = None  # experiment/arm; None while no experiment runs
    fallen_back: bool = False  # the challenger was refused, so the champion decides on its share

    @property
    def part(self) -> PersonPosterior | None:
        """The person's posterior; None for somebody who never reacted."""
        return unpack(self.stored.payload) if self.stored is not None and self.policy is not None else None


def arm_of(person: PersonNow, champion: Policy | None, holder: ChampionHolder, now_us: int) -> Arm:
    """Return the policy that decides; `champion` is the one whose posterior was read."""
    trial = person.trial
    if trial is None:
        return Arm(champion, person.part)
    today = from_us(now_us).astimezone(ZoneInfo(person.zone)).date()
    arm = live_experiment(trial.id, trial.share).arm_of(lived_day(person.person, today))
    name = f"{trial.id}/{arm}"
    if arm == CHAMPION:
        return Arm(champion, person.part, name)
    challenger = holder.challenger(trial.challenger)
    if challenger is None:
        return Arm(champion, person.part, name, fallen_back=True)
    return Arm(challenger, trial.part, name)
