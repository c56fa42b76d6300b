"""Exact choice probabilities of Thompson sampling with independent normal scores, by panelled quadrature.

    p_i = P(i is the largest) = integral of phi((t - mu_i) / s_i) / s_i * prod_{j != i} Phi((t - mu_j) / s_j) dt

With F(t) = prod_j Phi_j(t) this is the integral of F * (phi_i / Phi_i) / s_i, one matrix product for all actions.
Below `max(mu_j - K s_j)` and above `max(mu_j + K s_j)` every integrand holds less than Phi(-K), so the integral is
cut there, actions that lie wholly below have probability 0, and the division by Phi_i is never by less than Phi(-K).
Between the cuts, Gauss-Legendre panels follow the actions' own scales: a panel is at most `WIDTH` standard deviations
of the narrowest action whose transition it touches, so small variances get the panels they need and wide stretches
cost little.

Probabilities are returned as integrated. They are not divided by their sum: the sum misses 1 by the quadrature error
(below 1e-9), and `models.policy.draw` gives that residue to the last action, silence.

Source: Chapelle & Li, "An Empirical Evaluation of Thompson Sampling" (2011), for the sampler; the quadrature is ours.
"""

import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

K = 6.8  # Phi(-6.8) = 5e-12: what the cuts and the windows leave out
STEP = 0.72  # standard deviations between nodes of the trapezoidal rule, for one transition
CROWD = 0.32  # m equal transitions at one place are as sharp as one that is m**0.32 times narrower (measured)
FEW = 192  # nodes up to which the trapezoidal rule is the cheaper one
WIDTH = 8.0  # standard deviations a panel may span, for one transition
NODES = 20  # of the Gauss-Legendre rule on each panel
MAX_PANELS = 100_000  # beyond any real case; a guard against memory exhaustion

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
_UNIT_NODES, _UNIT_WEIGHTS = np.polynomial.legendre.leggauss(NODES)
_UNIT_NODES = (_UNIT_NODES + 1) / 2
_UNIT_WEIGHTS = _UNIT_WEIGHTS / 2


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


def _crowding(sigma: Floats, narrow: float) -> float:
    """Return how much sharper a product of transitions is than its narrowest, from 1 upwards."""
    share = narrow / sigma
    return math.pow(float(share @ share), CROWD)


def _uniform(low: float, high: float, steps: int) -> tuple[Floats, Floats]:
    """Return nodes and weights of the trapezoidal rule; the integrand vanishes at both ends."""
    step = (high - low) / steps
    nodes = np.arange(steps + 1, dtype=np.float64) * step + low
    return nodes, np.full(steps + 1, step)


def _panels(mu: Floats, sigma: Floats, low: float, high: float, narrow: float) -> tuple[Floats, Floats]:
    """Return nodes and weights of Gauss-Legendre panels, each as wide as the scales inside it allow."""
    starts, ends = mu - K * sigma, mu + K * sigma
    points = np.concatenate((starts, ends))
    points = np.concatenate(((low,), np.sort(points[(points > low) & (points < high)]), (high,)))
    left, right = points[:-1], points[1:]
    sharp = np.where((starts[:, None] < right) & (ends[:, None] > left), (narrow / sigma)[:, None], 0.0)
    steepest = sharp.max(axis=0)
    crowd = np.einsum("ij,ij->j", sharp, sharp) / (steepest * steepest)
    scale = narrow / (steepest * crowd**CROWD)
    # neighbours within one octave share panels, so that the number of panels follows scales, not actions
    octave = np.floor(np.log2(scale / narrow))
    first = np.concatenate(((0,), np.flatnonzero(octave[1:] != octave[:-1]) + 1))
    begin = left[first]
    length = np.append(begin[1:], high) - begin
    panels = np.ceil(length / (WIDTH * np.minimum.reduceat(scale, first))).astype(np.intp)
    total = int(panels.sum())
    if total > MAX_PANELS:
        raise ValueError(f"{total} panels are needed, {MAX_PANELS} are allowed")
    width = np.repeat(length / panels, panels)
    start = np.repeat(begin, panels) + (np.arange(total) - np.repeat(np.cumsum(panels) - panels, panels)) * width
    return (start[:, None] + width[:, None] * _UNIT_NODES).ravel(), (width[:, None] * _UNIT_WEIGHTS).ravel()


def argmax_probabilities(mu: Floats, sigma: Floats) -> Floats:
    """Return (n,) probabilities that each of n independent normals is the largest; `mu`, `sigma` are (n,).

    Absolute error at most 1e-9 for ratios of standard deviations up to 1000. Raises `ValueError` when a mean is not
    finite, or a standard deviation is not positive and finite.

    Limits: independence is assumed; probabilities below about 1e-11 may be returned as 0.
    """
    reach = K * sigma
    top = mu + reach
    low, high, narrow = float((mu - reach).max()), float(top.max()), float(sigma.min())
    if not (math.isfinite(float(mu.sum())) and math.isfinite(high - low) and narrow > 0.0):
        raise ValueError("means must be finite, standard deviations positive and finite")
    alive = top > low
    if alive.all():
        return _integrate(mu, sigma, low, high)
    result = np.zeros(mu.size)
    result[alive] = _integrate(mu[alive], sigma[alive], low, high)
    return result


def _integrate(mu: Floats, sigma: Floats, low: float, high: float) -> Floats:
    """Return (n,) integrals between the cuts, where no action is K standard deviations above the node."""
    if mu.size == 1:
        return np.ones(1)
    narrow = float(sigma.min())
    steps = math.ceil((high - low) * _crowding(sigma, narrow) / (STEP * narrow))
    nodes, weights = _uniform(low, high, steps) if steps <= FEW else _panels(mu, sigma, low, high, narrow)
    scale = _GRID / sigma
    place = np.multiply.outer(scale, nodes)
    place += (_REACH * _GRID - scale * mu)[:, None]
    np.minimum(place, float(_LAST), out=place)  # the cut from below keeps places above 0
    cdf, slope = _cdf_and_slope(place)
    weights *= np.multiply.reduce(cdf, axis=0)
    slope /= cdf
    slopes: Floats = slope @ weights
    return slopes * scale
