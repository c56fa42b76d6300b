"""Limits for unauthenticated clients: bytes, connections, time, and requests in work."""

import math
import resource
from dataclasses import dataclass, replace
from typing import Self

KIB = 1 << 10
MAX_CONNECTIONS = 1_000
RESERVED_DESCRIPTORS = 256  # for databases, logs and what a request opens


@dataclass(frozen=True, slots=True)
class HttpLimits:
    """The limits of one server; sizes in bytes, times in seconds."""

    head: int = 32 * KIB  # a whole request head
    line: int = 8 * KIB  # the URL, and each header field
    headers: int = 100
    framing: int = 32 * KIB  # bytes of a body that are not content, beyond one for each byte of content
    body: int = 2 << 20  # the last resort; the API refuses a body above 1 MiB itself, and earlier
    rest: int = 64 * KIB  # of a body whose request is answered already
    pipelined: int = 16  # requests of one connection that wait for the answer to an earlier one
    slice: int = 16 * KIB  # bytes between two looks at the limits

    first_byte_s: float = 10.0  # from the start of the connection
    head_s: float = 10.0  # from the first byte of a request to the end of its head
    request_s: float = 60.0  # from the first byte of a request to the end of its body
    keep_alive_s: float = 5.0  # from an answer to the next request
    write_s: float = 30.0  # for which a client may take nothing of its answer
    linger_s: float = 1.0  # for which input is discarded after a refusal, so that the refusal is read
    look_s: float = 0.5  # between two looks at the deadlines

    connections: int = MAX_CONNECTIONS
    connections_of_address: int = 100
    working: int = 32  # requests in work at once; one more is told to come back
    retry_s: int = 8  # the longest wait that is asked for; waits are spread evenly up to it

    @classmethod
    def of_process(cls) -> Self:
        """Return the usual limits, with no more connections than the process has descriptors for."""
        soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        descriptors = math.inf if soft == resource.RLIM_INFINITY else soft
        return cls(connections=int(min(MAX_CONNECTIONS, max(descriptors - RESERVED_DESCRIPTORS, descriptors / 2))))

    @classmethod
    def of_vendor(cls) -> Self:
        """Return limits for a vendor's server behind a credential: artifacts come in, and WebSockets stay in work."""
        return replace(cls.of_process(), body=256 << 20, request_s=600.0, working=512)
