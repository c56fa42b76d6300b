"""What each refusal is over HTTP: the one table of error classes and statuses, for every app of oO."""

from collections.abc import Mapping

from data_contracts import errors

__all__ = ["STATUSES", "status_of"]

STATUSES: Mapping[type[errors.OOError], int] = {
    errors.OOError: 500,
    errors.Malformed: 422,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.Unauthenticated: 401,
    errors.BadSignature: 401,
    errors.StaleSignature: 401,
    errors.Forbidden: 403,
    errors.ConsentMissing: 403,
    errors.TooManyRequests: 429,
    errors.TooLarge: 413,
    errors.Unavailable: 503,
    errors.DamagedStore: 503,
    errors.PromotionRefused: 409,
    errors.ArtifactRefused: 500,
    errors.ErasedPerson: 403,
}


def status_of(error: errors.OOError) -> int:
    """Return the status of an error's nearest class in the table."""
    return next(STATUSES[cls] for cls in type(error).__mro__ if cls in STATUSES)
