"""The laws of every policy: each is a function that returns nothing, or raises `Broken` with what it found.

`LAWS` is run over every policy of `models.policies.STORABLE`, the fallback among them, with fixed seeds.
"""

import math
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from data_contracts.features import FEATURES
from data_contracts.rewards import SILENCE_PRICE, silence_reward
from data_contracts.tips import Topic
from models.policies import POLICIES, ArtifactPolicy, Uniform, artifact
from models.policies.policy import Context
from models.policies.rules import EXPLORATION, MAX_EXPLORATION, draw
from models.rewards import design, person_posterior
from models.rewards.action_features import ACTION, ACTION_COLUMNS
from models.rewards.fitting import learned
from models.rewards.training import TrainingRows, person_scale
from models.simulation.moments import moments
from models.simulation.offers import offers
from models.simulation.people import people

Floats = NDArray[np.float64]

SUM_TOLERANCE = 1e-9
ORDER_TOLERANCE = 1e-10
SAMPLES = 40_000
CHI_SQUARE_SIGMAS = 5.0  # a law with a fixed seed: far beyond chance, far below a real difference
MIN_EXPECTED = 5.0  # cells of the chi-square are pooled until they expect as many


class Broken(AssertionError):
    """A policy does not keep a law."""


class Situation(NamedTuple):
    """What a policy is asked."""

    context: Context
    actions: Floats


def situations(seed: int, count: int, candidates: int) -> Iterator[Situation]:
    """Yield simulated contexts with `candidates` candidates, silence last, every other one with a person posterior."""
    rng = np.random.default_rng(seed)
    crowd = people(rng, count)
    at = moments(rng, crowd)
    index = np.repeat(np.arange(count), candidates)
    rows = offers(rng, at.rows(index)).actions.reshape(count, candidates, len(ACTION_COLUMNS))
    values = design.scaled_context(at.vectors(), at.masked)
    prior = person_posterior.PersonPrior(person_scale(), 0.3)
    for number in range(count):
        actions = np.vstack((rows[number], np.zeros(len(ACTION_COLUMNS))))
        person = None
        if number % 2:
            seen = person_posterior.Observation(person_posterior.EPOCH_US, "1", rng.normal(size=design.PERSON_D), 0.3)
            person = person_posterior.learn(person_posterior.empty(prior), prior, seen)
        yield Situation(Context(values[number], silence_reward(number % 3), person), actions)


def trained(name: str, rows: TrainingRows) -> ArtifactPolicy:
    """Return the policy of that name, trained on rows."""
    return POLICIES[name].from_arrays(learned(name, rows).arrays)


def probabilities_sum_to_one(policy: ArtifactPolicy) -> None:
    """Probabilities are finite, not negative, and sum to 1 within 1e-9; the chosen one is possible."""
    for n in (0, 1, 2, 30):
        for situation in situations(1, 5, n):
            choice = policy.choose(situation.context, situation.actions, seed=7)
            p = choice.probabilities
            if p.shape != (n + 1,) or not (p >= 0).all() or not abs(p.sum() - 1) < SUM_TOLERANCE:
                raise Broken(f"probabilities of {n} candidates are {p}")
            if not (0 <= choice.index <= n and p[choice.index] > 0):
                raise Broken(f"the choice {choice.index} has no probability")


def order_is_irrelevant(policy: ArtifactPolicy) -> None:
    """The same candidates in another order have the same probabilities."""
    order = np.append(np.random.default_rng(2).permutation(20), 20)
    for context, actions in situations(2, 10, 20):
        one = policy.choose(context, actions, seed=1).probabilities
        other = policy.choose(context, actions[order], seed=1).probabilities
        if not np.abs(one[order] - other).max() < ORDER_TOLERANCE:
            raise Broken(f"another order moved a probability by {np.abs(one[order] - other).max():g}")


def saved_and_loaded_it_chooses_the_same(policy: ArtifactPolicy) -> None:
    """After a trip through an artifact every choice is the same, bit for bit."""
    with tempfile.TemporaryDirectory() as parent:
        folder = artifact.save(policy, Path(parent), sign=str, data_digest="", origins={}, metrics={})
        again = artifact.load(folder, verify=lambda digest, signature: digest == signature).policy
    for context, actions in situations(3, 10, 12):
        one, other = policy.choose(context, actions, seed=3), again.choose(context, actions, seed=3)
        if one.index != other.index or not (one.probabilities == other.probabilities).all():
            raise Broken("the loaded policy chooses otherwise")


def an_unseen_candidate_is_scored(policy: ArtifactPolicy) -> None:
    """A candidate of a new source and no topic that training saw gets a probability at once."""
    for context, actions in situations(4, 5, 5):
        actions[0] = 0.0
        actions[0, [ACTION["tip"], ACTION["generated"]]] = 1.0
        p = policy.choose(context, actions, seed=1).probabilities
        if not (np.isfinite(p).all() and p[0] > 0):
            raise Broken(f"an unseen candidate has the probability {p[0]}")


def a_masked_context_is_handled(policy: ArtifactPolicy) -> None:
    """With every source withheld there is a choice, and what the vector holds under the mask does not matter."""
    masked = np.ones(len(FEATURES), dtype=np.bool_)
    for context, actions in situations(5, 5, 8):
        answers = [
            policy.choose(context._replace(values=design.scaled_context(vector, masked)), actions, seed=1).probabilities
            for vector in (np.zeros(len(FEATURES)), np.array([feature.high for feature in FEATURES]))
        ]
        if not (np.isfinite(answers[0]).all() and (answers[0] == answers[1]).all()):
            raise Broken("a masked value changed the probabilities")


def floors_hold(policy: ArtifactPolicy) -> None:
    """Every eligible candidate has at least its share of the floor, and the floors sum to no more than 0.05."""
    for n in (1, 3, 30):
        for context, actions in situations(6, 5, n):
            p = policy.choose(context, actions, seed=1).probabilities[:-1]
            least = EXPLORATION / n if policy.name != Uniform.NAME else 1 / (n + 1)
            if not (p >= least * (1 - SUM_TOLERANCE)).all() or EXPLORATION > MAX_EXPLORATION:
                raise Broken(f"a candidate of {n} has {p.min():g}, the floor is {least:g}")


def a_choice_replays_from_its_log(policy: ArtifactPolicy) -> None:
    """Probabilities and seed give the index again, and contributions add up to mu, bit for bit."""
    for seed, (context, actions) in enumerate(situations(7, 20, 10)):
        choice = policy.choose(context, actions, seed=seed)
        if draw(choice.probabilities.copy(), seed) != choice.index:
            raise Broken("the replayed draw is another")
        for row, score in zip(policy.contributions(context, actions).tolist(), choice.mu.tolist(), strict=True):
            if sum(row, 0.0) != score:
                raise Broken(f"contributions sum to {sum(row, 0.0)!r}, the score is {score!r}")


def samples_follow_the_probabilities(policy: ArtifactPolicy) -> None:
    """The frequencies of `sample` fit the probabilities of `choose` by chi-square."""
    for context, actions in situations(8, 4, 12):
        expected = policy.choose(context, actions, seed=1).probabilities * SAMPLES
        picks = policy.sample(context, actions, np.random.default_rng(8), SAMPLES)
        counted = np.bincount(picks, minlength=expected.size).astype(float)
        rare = expected < MIN_EXPECTED
        cells = np.append(expected[~rare], expected[rare].sum())
        found = np.append(counted[~rare], counted[rare].sum())
        real = cells > 0
        chi_square = float(((found - cells)[real] ** 2 / cells[real]).sum()) + float(found[~real].sum()) * SAMPLES
        freedom = max(int(real.sum()) - 1, 1)
        if chi_square > freedom + CHI_SQUARE_SIGMAS * math.sqrt(2 * freedom):
            raise Broken(f"chi-square {chi_square:.1f} at {freedom} degrees of freedom")


LAWS: Mapping[str, Callable[[ArtifactPolicy], None]] = MappingProxyType(
    {
        law.__name__: law
        for law in (
            probabilities_sum_to_one,
            order_is_irrelevant,
            saved_and_loaded_it_chooses_the_same,
            an_unseen_candidate_is_scored,
            a_masked_context_is_handled,
            floors_hold,
            a_choice_replays_from_its_log,
            samples_follow_the_probabilities,
        )
    }
)


def trivial_world(seed: int, count: int = 4_000) -> TrainingRows:
    """Return rows of a world in which tips on tasks are always followed and all others never."""
    rng = np.random.default_rng(seed)
    at = moments(rng, people(rng, count))
    offer = offers(rng, at)
    rewards = (offer.actions[:, ACTION[f"topic.{Topic.TASKS.value}"]] > 0).astype(float)
    return TrainingRows(at.vectors(), at.masked, offer.actions, rewards, np.ones(count, dtype=np.bool_))


def value_in_the_trivial_world(policy: ArtifactPolicy, count: int = 100) -> float:
    """Return the expected reward of a policy in `trivial_world`, in [0, 1]; silence brings its own reward."""
    total = 0.0
    for context, actions in situations(9, count, 12):
        p = policy.choose(context, actions, seed=1).probabilities
        total += float(p @ np.append(actions[:-1, ACTION[f"topic.{Topic.TASKS.value}"]], context.silence))
    return total / count


def silence_rate(
    policy: ArtifactPolicy, *, price: float = SILENCE_PRICE, spent: int = 0, count: int = 200, candidates: int = 20
) -> float:
    """Return how often a policy says nothing, averaged over simulated moments, when silence pays `price`."""
    rates = [
        float(policy.choose(context._replace(silence=silence_reward(spent, price)), actions, seed=1).probabilities[-1])
        for context, actions in situations(10, count, candidates)
    ]
    return sum(rates) / count
