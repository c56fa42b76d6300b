"""Our decision log under evaluation: its rows, cross-fitted reward models, and policies as targets."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_contracts.decisions import Origin
from data_contracts.durations import DAY_US
from data_contracts.rewards import silence_reward
from models.logs.arrays import FOLDS, Floats, Indices, Logged, RewardModel
from models.logs.decision_log import Page, pages
from models.logs.exposure_weighting import counts
from models.policies.policy import Context, Policy
from models.rewards import design, person_posterior
from models.rewards.person_posterior import Observation, PersonPosterior
from models.rewards.scoring_model import ScoringModel
from models.rewards.training import RIDGE
from models.rewards.trees.fold_forests import FoldForests, fold_forests
from models.rewards.trees.tree_model import tree_rows

TREE_TIPS = 2_000  # below, trees have little to grow on, and LightGBM takes seconds to load


@dataclass(frozen=True, slots=True, eq=False)
class LoggedDecisions(Logged):
    """Rows of ours: `values` (N, CONTEXT) is scaled, `actions` (M, k) flat, `silence` (N,) the reward of silence."""

    person: Indices
    at_us: NDArray[np.int64]
    rewarded_us: NDArray[np.int64]
    silent: NDArray[np.bool_]
    values: Floats
    actions: Floats
    silence: Floats


class DecisionLog:
    """A Parquet file of decisions, read page by page as often as asked."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.simulated = False
        decisions: list[str] = []
        groups: list[tuple[int, str]] = []
        silent: list[bool] = []
        rewarded: list[bool] = []
        for page in pages(path):
            columns = page.columns
            self.simulated |= bool((columns["origin"] != Origin.LIVE.value).any())
            decisions += columns["decision"].tolist()
            groups += zip(columns["person"].tolist(), columns["trigger"].tolist(), strict=True)
            silent += columns["silent"].tolist()
            rewarded += columns["rewarded"].tolist()
        self._counts = counts(decisions, groups, silent=np.array(silent, bool), rewarded=np.array(rewarded, bool))
        self.rows = int(self._counts.sum())

    def chunks(self) -> Iterator[LoggedDecisions]:
        """Yield the rows that count (`models.logs.exposure_weighting`) in order."""
        start = 0
        for page in pages(self._path):
            rows = _rows(page, start, self._counts[page.start : page.start + page.count])
            if rows.reward.size:
                yield rows
            start += rows.reward.size

    def reward_model(self) -> RewardModel:
        """Return the cross-fitted model with the smaller squared error on tips that it has not seen: line or trees.

        With fewer than `TREE_TIPS` tips it is the line. Which one it is depends on the log alone, not on a target.
        """
        line = self.linear_rewards()
        if sum(int((~rows.silent).sum()) for rows in self.chunks()) < TREE_TIPS:
            return line
        trees = self.tree_rewards()
        return trees if self._error(trees) < self._error(line) else line

    def linear_rewards(self) -> "CrossFitted":
        """Return ridge regressions on the design, one for each fold, learned from the tips of the other folds."""
        gram = np.zeros((FOLDS, design.D, design.D))
        moment = np.zeros((FOLDS, design.D))
        for rows in self.chunks():
            for fold in range(FOLDS):
                tips = (rows.fold == fold) & ~rows.silent
                matrix = design.design(rows.values[tips], rows.actions[rows.taken[tips]])
                gram[fold] += matrix.T @ matrix
                moment[fold] += matrix.T @ rows.reward[tips]
        others = gram.sum(axis=0) - gram + RIDGE * np.eye(design.D)
        weights = np.linalg.solve(others, (moment.sum(axis=0) - moment)[..., None])[..., 0]
        return CrossFitted(weights)

    def tree_rewards(self) -> "CrossFittedTrees":
        """Return forests over context and action, one for each fold, grown from the tips of the other folds."""
        parts, folds, rewards = [], [], []
        for rows in self.chunks():
            tips = ~rows.silent
            parts.append(tree_rows(rows.values[tips], rows.actions[rows.taken[tips]]).astype(np.float32))
            folds.append(rows.fold[tips])
            rewards.append(rows.reward[tips])
        return CrossFittedTrees(fold_forests(parts, folds, np.concatenate(rewards), count=FOLDS))

    def _error(self, model: RewardModel) -> float:
        """Return the sum of squared errors on the tips that were shown."""
        total = 0.0
        for rows in self.chunks():
            missed = model.predict(rows)[rows.taken] - rows.reward
            total += float((missed[~rows.silent] ** 2).sum())
        return total


@dataclass(frozen=True, slots=True, eq=False)
class CrossFitted:
    """Weights (FOLDS, D); silence brings its documented reward."""

    weights: Floats

    def predict(self, rows: Logged) -> Floats:
        """Return (M,) expected rewards in [0, 1]."""
        if not isinstance(rows, LoggedDecisions):
            raise TypeError("a model on the design predicts rows of a decision log")
        matrix = design.design(np.repeat(rows.values, rows.counts, axis=0), rows.actions)
        expected = np.einsum("ij,ij->i", matrix, np.repeat(self.weights[rows.fold], rows.counts, axis=0))
        expected[rows.offsets[1:] - 1] = rows.silence
        clipped: Floats = np.clip(expected, 0.0, 1.0)
        return clipped


@dataclass(frozen=True, slots=True, eq=False)
class CrossFittedTrees:
    """A forest for each fold; silence brings its documented reward."""

    forests: FoldForests

    def predict(self, rows: Logged) -> Floats:
        """Return (M,) expected rewards in [0, 1]."""
        if not isinstance(rows, LoggedDecisions):
            raise TypeError("a model of context and action predicts rows of a decision log")
        asked = tree_rows(np.repeat(rows.values, rows.counts, axis=0), rows.actions)
        # as the trees were grown: a threshold lies between numbers of that precision
        expected = self.forests.score(asked.astype(np.float32).astype(np.float64), np.repeat(rows.fold, rows.counts))
        expected[rows.offsets[1:] - 1] = rows.silence
        clipped: Floats = np.clip(expected, 0.0, 1.0)
        return clipped


def _rows(page: Page, start: int, counting: NDArray[np.bool_]) -> LoggedDecisions:
    columns = page.columns
    kept = np.flatnonzero(counting)
    counts = np.diff(page.offsets)[kept]
    offsets = np.append(0, np.cumsum(counts)).astype(np.intp)
    flat = np.repeat(page.offsets[:-1][kept] - offsets[:-1], counts) + np.arange(offsets[-1])
    person, at_us = columns["person"][kept].astype(np.intp), columns["at_us"][kept].astype(np.int64)
    spent, price = columns["spent"][kept].tolist(), columns["silence_price"][kept].tolist()
    return LoggedDecisions(
        start=start,
        reward=columns["reward"][kept].astype(np.float64),
        propensity=columns["propensity"][kept].astype(np.float64),
        taken=offsets[:-1] + columns["chosen"][kept].astype(np.intp),
        offsets=offsets,
        fold=(at_us // DAY_US + person).astype(np.intp) % FOLDS,  # a person's day stays together
        probabilities=columns["probabilities"][flat],
        person=person,
        at_us=at_us,
        rewarded_us=columns["rewarded_us"][kept].astype(np.int64),
        silent=columns["silent"][kept].astype(np.bool_),
        values=design.scaled_context(columns["vector"][kept], columns["masked"][kept].astype(np.bool_)),
        actions=columns["actions"][flat],
        silence=np.array([silence_reward(int(each), at) for each, at in zip(spent, price, strict=True)]),
    )


@dataclass(slots=True, eq=False)
class PolicyTarget:
    """A policy of ours as a target; each person's posterior is learned from the rewards that the log had by then.

    Limits: those rewards answer the logged policy's tips; a policy that had decided itself would have learned others.
    """

    policy: Policy
    _parts: dict[int, PersonPosterior] = field(default_factory=dict)
    _waiting: dict[int, list[tuple[int, Observation]]] = field(default_factory=dict)
    _seen: dict[int, list[Observation]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The policy's name."""
        return self.policy.name

    def probabilities(self, rows: Logged) -> Floats:
        """Return (M,) probabilities; rows must come in the order of the log, from its beginning."""
        if not isinstance(rows, LoggedDecisions):
            raise TypeError("a policy of ours chooses among the actions of a decision log")
        if rows.start == 0:
            self._parts, self._waiting, self._seen = {}, {}, {}
        answers = []
        for row in range(rows.reward.size):
            actions = rows.actions[rows.offsets[row] : rows.offsets[row + 1]]
            part = self._part(int(rows.person[row]), int(rows.at_us[row]))
            context = Context(rows.values[row], float(rows.silence[row]), part)
            answers.append(self.policy.choose(context, actions, 0).probabilities)
            self._remember(rows, row)
        return np.concatenate(answers)

    def _part(self, person: int, now_us: int) -> PersonPosterior | None:
        model = getattr(self.policy, "model", None)
        if not isinstance(model, ScoringModel):
            return None
        waiting = self._waiting.get(person, [])
        known = [observation for at_us, observation in waiting if at_us <= now_us]
        if known:
            self._waiting[person] = [each for each in waiting if each[0] > now_us]
            seen = self._seen.setdefault(person, [])
            seen += known
            self._parts[person] = person_posterior.rebuild(model.person_prior, seen)
        return self._parts.get(person)

    def _remember(self, rows: LoggedDecisions, row: int) -> None:
        model = getattr(self.policy, "model", None)
        if rows.silent[row] or not isinstance(model, ScoringModel):
            return
        observation = model.observe(
            rows.values[row],
            rows.actions[rows.taken[row]],
            reward=float(rows.reward[row]),
            at_us=int(rows.at_us[row]),
            identifier=f"{rows.start + row:012d}",
        )
        self._waiting.setdefault(int(rows.person[row]), []).append((int(rows.rewarded_us[row]), observation))
