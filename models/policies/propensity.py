"""Exact choice probabilities of Thompson sampling with independent normal scores, by graded quadrature.

    p_i = P(i is the largest) = integral of phi((t - mu_i) / s_i) / s_i * prod_{j != i} Phi((t - mu_j) / s_j) dt

With F(t) = prod_j Phi_j(t) this is the integral of F * (phi_i / Phi_i) / s_i, one matrix product for all actions.
Below `max(mu_j - K s_j)` and above `max(mu_j + K s_j)` every integrand holds less than Phi(-K), so the integral is
cut there, actions that lie wholly below have probability 0, and the division by Phi_i is never by less than Phi(-K).

Between the cuts the rule is trapezoidal, which converges exponentially for integrands that vanish at both ends, in a
variable whose step follows the actions' own scales. At the lower cut every transition has begun, so scales only grow
from there: up to the top of an action the step obeys the sharpness of that action and of all that reach higher. A step
that grows linearly in t makes t an exponential of the variable, an entire function, so nothing of the convergence is
lost. The number of nodes grows with the logarithm of the scales' ratio: about 60 at 1, 140 at 1000.

Probabilities are returned as integrated. They are not divided by their sum: the sum misses 1 by the quadrature error
(below 1e-9), and `models.policies.policy.draw` gives that residue to the last action, silence.

Source: Chapelle & Li, "An Empirical Evaluation of Thompson Sampling" (2011), for the sampler; the quadrature is ours.
"""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

K = 6.8  # Phi(-6.8) = 5e-12: what the cuts leave out, per action
STEP = 0.72  # standard deviations that one step may span at a single transition
CROWD = 0.32  # m equal transitions at one place are as sharp as one that is m**0.32 times narrower (measured)
FIRST = 0.45  # the first step, as a share of the allowed one, so that steps may grow before the first transition ends

_GRID = 512  # table points per standard deviation
_REACH = 9.0  # Phi(-9) = 1e-19 counts as 0
_LAST = int(2 * _REACH * _GRID)


def _taylor_table() -> tuple[Floats, Floats, Floats, Floats]:
    """Return the cubic of Phi around each table point, in units of one grid step."""
    points = np.arange(_LAST + 1) / _GRID - _REACH
    value = np.array([0.5 * math.erfc(-x / math.sqrt(2)) for x in points.tolist()])
    slope = np.exp(-0.5 * points**2) / math.sqrt(2 * math.pi) / _GRID
    return value, slope, -points * slope / (2 * _GRID), (points**2 - 1) * slope / (6 * _GRID**2)


_C0, _C1, _C2, _C3 = _taylor_table()


def normal_cdf(x: Floats) -> Floats:
    """Return the standard normal distribution function, absolute error below 1e-13, any shape.

    Limits: outside [-9, 9] the value at that bound, not the true tail.
    """
    return _cdf_and_slope(np.clip(x * _GRID + _REACH * _GRID, 0.0, float(_LAST)))[0]


def _cdf_and_slope(place: Floats) -> tuple[Floats, Floats]:
    """Return Phi and its slope per grid step at places (x + 9) * 512 of the table; `place` is overwritten.

    Absolute error below 1e-13 for Phi, and below 1e-10 for the density (the slope times 512).
    """
    index = (place + 0.5).astype(np.intp)
    place -= index
    c1, c2, c3 = _C1.take(index), _C2.take(index), _C3.take(index)
    c3 *= place
    slope = c3 * 3.0
    slope += c2
    slope += c2
    slope *= place
    slope += c1
    c3 += c2
    c3 *= place
    c3 += c1
    c3 *= place
    c3 += _C0.take(index)
    return c3, slope


def _nodes(ends: Floats, sigma: Floats, low: float, high: float) -> tuple[Floats, Floats]:
    """Return nodes and weights of the trapezoidal rule between the cuts, with steps that grow from left to right."""
    order = np.argsort(ends)
    sharp = 1.0 / sigma[order[::-1]]
    steepest = np.maximum.accumulate(sharp)
    crowd = np.cumsum(sharp * sharp) / (steepest * steepest)
    allowed = (STEP / (steepest * crowd**CROWD))[::-1]  # until ends[order]
    first = FIRST * float(allowed[0])
    growth = float(((allowed - first) / (ends[order] - low)).min())
    steps = math.ceil(math.log1p(growth * (high - low) / first) / growth)
    step = first * np.exp(growth * np.arange(steps + 1))
    return (step - first) / growth + low, step


def argmax_probabilities(mu: Floats, sigma: Floats) -> Floats:
    """Return (n,) probabilities that each of n independent normals is the largest; `mu`, `sigma` are (n,).

    Absolute error at most 1e-9 for ratios of standard deviations up to 1000. Raises `ValueError` when a mean is not
    finite, or a standard deviation is not positive and finite.

    Limits: independence is assumed; probabilities below about 1e-11 may be returned as 0. The error
    is about n Phi(-K): beyond 100 actions of equal standing it passes 1e-9.
    """
    reach = K * sigma
    top = mu + reach
    low = float((mu - reach).max())
    if not (math.isfinite(float(mu.sum())) and math.isfinite(float(reach.sum())) and float(sigma.min()) > 0.0):
        raise ValueError("means must be finite, standard deviations positive and finite")
    alive = top > low
    if alive.all():
        return _integrate(mu, sigma, top, low)
    result = np.zeros(mu.size)
    result[alive] = _integrate(mu[alive], sigma[alive], top[alive], low)
    return result


def _integrate(mu: Floats, sigma: Floats, top: Floats, low: float) -> Floats:
    """Return (n,) integrals from `low` to the last top, all of which lie above `low`."""
    if mu.size == 1:
        return np.ones(1)
    nodes, weights = _nodes(top, sigma, low, float(top.max()))
    scale = _GRID / sigma
    place = np.multiply.outer(scale, nodes)
    place += (_REACH * _GRID - scale * mu)[:, None]
    np.minimum(place, float(_LAST), out=place)  # the cut from below keeps places above 0
    cdf, slope = _cdf_and_slope(place)
    weights *= np.multiply.reduce(cdf, axis=0)
    slope /= cdf
    slopes: Floats = slope @ weights
    return slopes * scale
