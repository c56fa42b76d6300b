"""Features for unknown contexts: scaled columns under a kernel, through landmarks.

    k(x, z) = 1 + x'z / mean |z|^2 + exp(-|x - z|^2 / reach)
    f(x)    = k(x, landmarks) K^(-1/2),  so that f(x)'f(z) approximates k(x, z)

A line, a constant and bumps in one: the line answers early, bumps follow what a line cannot. Everything is made of
contexts that were seen already. Source: Williams & Seeger, "Using the Nystroem Method to Speed Up Kernel Machines"
(2001).
Limits: landmarks are drawn at random, so small and far regions have few or none.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CLIP = 4.0  # standard deviations
TINY = 1e-12
KEPT = 1e-6  # of the largest eigenvalue
SCALINGS = ("columns", "together", "logarithms")
REACHES = (0.25, 0.5, 1.0, 2.0)  # over half the median distance between contexts


class Scaling(NamedTuple):
    """How raw columns become comparable: middle (d,), width (d,), and whether far values are drawn in by logarithms."""

    middle: Floats
    width: Floats
    logarithms: bool

    def apply(self, contexts: Floats) -> Floats:
        """Return (n, d) scaled contexts."""
        scaled: Floats = (contexts - self.middle) / self.width
        if self.logarithms:
            return np.asarray(np.copysign(np.log1p(2.0 * np.abs(scaled)), scaled))
        return np.clip(scaled, -CLIP, CLIP)


def scaling_of(contexts: Floats, kind: str) -> Scaling:
    """Return one of `SCALINGS`: each column by its own width, all by one, or each by its own and logarithms."""
    width = contexts.std(axis=0)
    if kind == "together":
        width = np.full_like(width, np.sqrt(np.mean(width**2)))
    return Scaling(contexts.mean(axis=0), np.where(width > TINY, width, 1.0), kind == "logarithms")


class Kernel(NamedTuple):
    """The kernel's two numbers."""

    reach: float
    line: float

    def between(self, rows: Floats, others: Floats, squares: Floats) -> Floats:
        """Return (n, m) values for scaled rows (n, d) and (m, d), of which `squares` (m,) are the squared lengths."""
        products = rows @ others.T
        distance = np.einsum("ij,ij->i", rows, rows)[:, None] + squares - 2.0 * products
        return np.asarray(np.exp(np.maximum(distance, 0.0) / -self.reach) + self.line * products + 1.0)


def kernels_of(scaled: Floats, reaches: Sequence[float]) -> list[Kernel]:
    """Return kernels for scaled contexts (n, d), at multiples of half their median distance."""
    squares = np.einsum("ij,ij->i", scaled, scaled)
    distance = squares[:, None] + squares - 2.0 * scaled @ scaled.T
    median = float(np.median(distance[np.triu_indices(len(scaled), 1)])) if len(scaled) > 1 else 1.0
    line = 1.0 / max(float(squares.mean()), TINY)
    return [Kernel(max(median, TINY) * reach**2 / 2.0, line) for reach in reaches]


class Features(NamedTuple):
    """Landmarks (m, d), scaled, their squared lengths (m,), and what makes features of similarities to them, (m, D)."""

    scaling: Scaling
    kernel: Kernel
    landmarks: Floats
    squares: Floats
    whitening: Floats

    def of(self, contexts: Floats) -> Floats:
        """Return (n, D)."""
        return self.kernel.between(self.scaling.apply(contexts), self.landmarks, self.squares) @ self.whitening


def features_of(contexts: Floats, kind: str, reach: float, landmarks: int, rng: np.random.Generator) -> Features:
    """Return the features that contexts (n, d) give, on at most so many landmarks."""
    scaling = scaling_of(contexts, kind)
    chosen = scaling.apply(contexts[rng.permutation(len(contexts))[:landmarks]])
    squares = np.einsum("ij,ij->i", chosen, chosen)
    (kernel,) = kernels_of(chosen, (reach,))
    values, vectors = np.linalg.eigh(kernel.between(chosen, chosen, squares))
    kept = values > KEPT * values[-1]
    return Features(scaling, kernel, chosen, squares, vectors[:, kept] / np.sqrt(values[kept]))
