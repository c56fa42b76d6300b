import numpy as np
import pytest

from models.estimators import DR, IPS, betting
from models.estimators.bootstrap import BLOCK, counts, percentile_interval
from models.estimators.diagnostics import tally_calibration, tally_weights
from models.estimators.empirical_bernstein import interval
from models.estimators.tally import begin
from tests.models.estimators.worlds import LARGEST, TRUTH, log

RUNS = 60


def test_the_bootstrap_counts_each_row_once_on_average() -> None:
    """The bootstrap counts each row once on average, with variance one."""
    drawn = counts(1, 0).astype(float)
    assert drawn.shape == (1_000, BLOCK)
    assert drawn.mean() == pytest.approx(1.0, abs=0.01)
    assert drawn.var() == pytest.approx(1.0, abs=0.02)


def test_bootstrap_intervals_cover_about_their_level() -> None:
    """In a world without heavy weights the bootstrap covers about its level."""
    hits = 0
    for seed in range(RUNS):
        found = percentile_interval(begin((DR(),), seed=seed, replicates=400).add(log(seed, 600)).resampled(DR()), 0.95)
        hits += found[0] <= TRUTH <= found[1]
    assert hits >= 0.86 * RUNS


def test_bernstein_and_betting_cover_at_least_their_level() -> None:
    """Bounds that hold at every sample size cover at least their level, betting at every look."""
    for seed in range(RUNS):
        batch = log(seed, 600)
        tally = begin((IPS(),), replicates=0).add(batch)
        mean, variance = tally.moments(IPS())
        low, high = interval(count=600, mean=mean, variance=variance, low=0.0, high=LARGEST)
        assert low <= TRUTH <= high
    missed = 0
    for seed in range(RUNS):
        terms = IPS().terms(log(seed, 600))[:, 0]
        state = betting.begin(0.0, LARGEST)
        looks = []
        for start in range(0, 600, 100):
            state = state.add(terms[start : start + 100])
            low, high = state.interval()
            looks.append(low <= TRUTH <= high)
        missed += not all(looks)
    assert missed <= 0.1 * RUNS


def test_betting_is_tighter_than_bernstein_and_tightens() -> None:
    """Betting beats the Bernstein bound on a thousand rows, and more rows tighten it."""
    terms = IPS().terms(log(1, 4_000))[:, 0]
    widths = [np.ptp(betting.begin(0.0, LARGEST).add(terms[:n]).interval()) for n in (200, 1_000, 4_000)]
    assert widths[0] > widths[1] > widths[2]
    few = terms[:1_000]
    low, high = interval(count=1_000, mean=float(few.mean()), variance=float(few.var()), low=0.0, high=LARGEST)
    assert widths[1] < high - low


def test_games_merge_to_a_fair_game() -> None:
    """Games played apart and merged still cover, in any grouping."""
    terms = IPS().terms(log(2, 3_000))[:, 0]
    a, b, c = (betting.begin(0.0, LARGEST).add(part) for part in np.split(terms, 3))
    left, right = (a + b) + c, a + (b + c)
    assert left.interval() == pytest.approx(right.interval())
    assert left.interval()[0] <= TRUTH <= left.interval()[1]


def test_without_rows_nothing_is_known() -> None:
    """Without rows every interval is the whole range."""
    assert betting.begin().interval() == (0.0, 1.0)
    assert interval(count=1, mean=0.5, variance=0.0, low=0.0, high=1.0) == (0.0, 1.0)


def test_the_effective_sample_size_is_the_number_of_equal_weights() -> None:
    """Equal weights count in full, a single heavy one counts as one."""
    even = tally_weights(np.ones(100), np.ones(100)).read()
    assert (even.ess, even.largest, even.overlap, even.weight_z) == (100.0, 0.01, 1.0, 0.0)
    lonely = tally_weights(np.append(np.zeros(99), 50.0), np.ones(100)).read()
    assert lonely.ess == 1.0
    assert lonely.top_share == 1.0


def test_diagnostics_of_parts_add_up() -> None:
    """Diagnostics of parts add up to those of the whole."""
    weight = log(3, 1_000).weight
    parts = tally_weights(weight[:300], weight[:300]) + tally_weights(weight[300:], weight[300:])
    whole = tally_weights(weight, weight)
    assert parts.read().ess == pytest.approx(whole.read().ess)
    assert parts.read().top_share == pytest.approx(whole.read().top_share)


def test_wrong_propensities_show() -> None:
    """Logged probabilities that are not those of the draw stand out by many sigmas, right ones do not."""
    rng = np.random.default_rng(4)
    truth = rng.dirichlet(np.ones(5), 2_000)
    taken = (rng.random((2_000, 1)) < truth.cumsum(axis=1)).argmax(axis=1)
    chosen = np.arange(5) == taken[:, None]
    right = tally_calibration(truth.ravel(), chosen.ravel()).read().calibration
    flat = tally_calibration(np.full(10_000, 0.4), chosen.ravel()).read().calibration
    assert right is not None
    assert flat is not None
    assert right < 4.5 < flat
