"""Laws of identifiers and of time as integers."""

import uuid
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from data_contracts import errors
from data_contracts.errors import OOError
from data_contracts.identifiers import from_us, new_id, new_person, to_us

INSTANTS = st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - hypothesis wants naive bounds


@given(INSTANTS, st.binary(min_size=10, max_size=10))
def test_an_id_is_a_uuid_of_version_7_that_holds_its_millisecond(now: datetime, random: bytes) -> None:
    """RFC 9562: 48 bits of milliseconds, version 7, variant 10."""
    text = new_id(now, lambda _: random)
    parsed = uuid.UUID(text)
    assert str(parsed) == text
    assert parsed.version == 7
    assert parsed.variant == uuid.RFC_4122
    assert abs((parsed.int >> 80) - to_us(now) / 1_000) <= 1


@given(st.tuples(INSTANTS, INSTANTS).map(sorted), st.binary(min_size=10, max_size=10))
def test_ids_sort_by_their_millisecond(instants: list[datetime], random: bytes) -> None:
    """A later millisecond sorts later, whatever the random part says."""
    first, second = instants
    if second - first >= timedelta(milliseconds=2):
        assert new_id(first, lambda _: b"\xff" * 10) < new_id(second, lambda _: random)


@given(st.binary(min_size=10, max_size=10), st.binary(min_size=10, max_size=10))
def test_ids_of_one_millisecond_differ_in_74_bits(first: bytes, second: bytes) -> None:
    """Two ids of one instant are equal only when the 74 random bits are."""
    now = datetime(2026, 11, 3, tzinfo=UTC)
    bits = [int.from_bytes(random, "big") & (1 << 80) - 1 for random in (first, second)]
    used = [(value >> 68 & 0xFFF, value & (1 << 62) - 1) for value in bits]
    assert (new_id(now, lambda _: first) == new_id(now, lambda _: second)) == (used[0] == used[1])


def test_a_pseudonym_is_random_alone() -> None:
    """Nothing about the person or the time is in it."""
    assert new_person(lambda size: b"\xab" * size) == "ab" * 16
    assert new_person() != new_person()


@given(st.integers(0, 4_102_444_800_000_000))
def test_microseconds_come_back_exactly(at_us: int) -> None:
    """No float is between a time and its integer."""
    assert to_us(from_us(at_us)) == at_us


@given(st.datetimes(timezones=st.timezones()))
def test_an_instant_is_one_integer_in_every_zone(at: datetime) -> None:
    """The zone of a datetime does not change its microseconds."""
    in_utc = to_us(at)
    assert in_utc == to_us(at.replace(tzinfo=UTC)) - (at.utcoffset() or timedelta()) // timedelta(microseconds=1)


def test_every_error_has_a_code_of_its_own() -> None:
    """Clients tell errors apart by their code."""
    classes = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, OOError)]
    codes = [error.code for error in classes]
    assert len(set(codes)) == len(codes) > 10
