"""Every error that oO raises on purpose, without HTTP; `api/errors.py` maps classes to statuses."""


class OOError(Exception):
    """A refusal that a person can act on: `code` is stable, the message is one clear sentence."""

    code = "error"


class Malformed(OOError):
    """The input does not have the form that the contract asks for."""

    code = "malformed"


class NotFound(OOError):
    """There is no such thing, or it belongs to somebody else."""

    code = "not_found"


class Conflict(OOError):
    """The state has moved on since the caller looked at it."""

    code = "conflict"


class Unauthenticated(OOError):
    """The caller has shown no valid session or token."""

    code = "unauthenticated"


class BadSignature(Unauthenticated):
    """A delivery is not signed, or not with a secret of the source that it names."""

    code = "bad_signature"


class StaleSignature(Unauthenticated):
    """A delivery was signed too long ago, or in the future: it may be a replay."""

    code = "stale_signature"


class Forbidden(OOError):
    """The caller is known and may not do this."""

    code = "forbidden"


class ConsentMissing(Forbidden):
    """The person has not granted, or has withdrawn, the consent that this access needs."""

    code = "consent_missing"


class TooManyRequests(OOError):
    """The caller must wait before it tries again."""

    code = "too_many_requests"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class TooLarge(OOError):
    """The input is larger than the contract allows."""

    code = "too_large"


class Unavailable(OOError):
    """A part that this needs is down or overloaded; nothing was changed."""

    code = "unavailable"


class DamagedStore(Unavailable):
    """A store's file is not what was written; nothing is read from it before it was restored or made again."""

    code = "damaged_store"


class PromotionRefused(Conflict):
    """The evidence does not allow this promotion: the rule that failed, its number and its bound."""

    code = "promotion_refused"

    def __init__(self, rule: str, reason: str, value: float | None = None, bound: float | None = None) -> None:
        super().__init__(f"{rule}: {reason}")
        self.rule, self.reason, self.value, self.bound = rule, reason, value, bound


class ArtifactRefused(OOError):
    """A model artifact failed its checks and was not loaded."""

    code = "artifact_refused"


class ErasedPerson(Forbidden):
    """The person was erased; nothing about them is accepted any more."""

    code = "erased_person"
