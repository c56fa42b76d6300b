"""Laws of the ring: bounded, each event once, and a reader misses nothing without being told."""

from hypothesis import given
from hypothesis import strategies as st

from data_contracts.identifiers import PersonId
from infra.database.events.newest import NewestEvent
from infra.database.events.ring import EventRing

CAPACITY = 8


def seen(sequence: int, person: str = "a") -> NewestEvent:
    """Return an event at this place of the table."""
    return NewestEvent(sequence, f"e{sequence}", person, "mood_reported", sequence, sequence)


def numbers(ring: EventRing, place: int = 0) -> list[int]:
    """Return what a reader gets from there on."""
    taken = ring.read(place, 100)
    assert taken is not None
    return [row.sequence for row in taken[0]]


BATCHES = st.lists(st.lists(st.integers(1, 30), max_size=12), max_size=12)


@given(batches=BATCHES)
def test_a_ring_holds_the_newest_arrivals_once_each_and_never_more(batches: list[list[int]]) -> None:
    """Whatever is added in whatever order, repetitions included."""
    ring, arrived = EventRing(CAPACITY), list[int]()
    for batch in batches:
        rows = [seen(number) for number in dict.fromkeys(batch)]
        fresh = [row.sequence for row in rows if row.sequence not in arrived[-CAPACITY:]]
        assert ring.add(rows) == len(fresh)
        arrived += fresh
    assert numbers(ring, max(len(arrived) - CAPACITY, 0)) == arrived[-CAPACITY:]


@given(batches=BATCHES, steps=st.lists(st.integers(1, 4), max_size=30))
def test_a_reader_gets_all_that_arrives_in_order_or_is_told(batches: list[list[int]], steps: list[int]) -> None:
    """The places that it is given lead through every arrival; `None` is the only way to miss one."""
    ring, arrived, got, place = EventRing(CAPACITY), list[int](), list[int](), 0
    for batch, step in zip(batches, steps, strict=False):
        rows = [seen(number) for number in dict.fromkeys(batch)]
        fresh = [row.sequence for row in rows if row.sequence not in arrived[-CAPACITY:]]
        ring.add(rows)
        arrived += fresh
        taken = ring.read(place, step)
        if taken is None:
            assert place < len(arrived) - CAPACITY
            return
        got += [row.sequence for row in taken[0]]
        place = taken[1]
    assert got == arrived[: len(got)]


def test_a_reader_goes_on_behind_its_last_event() -> None:
    """By its arrival where the ring has it, by its number where it has not, and told where something may be missing."""
    ring = EventRing(4)
    ring.add([seen(1), seen(2), seen(5), seen(3)])
    assert (numbers(ring, ring.after(2).place), ring.after(2).complete) == ([5, 3], True)
    assert (numbers(ring, ring.after(5).place), ring.after(5).complete) == ([3], True)
    assert (numbers(ring, ring.after(4).place), ring.after(4).complete) == ([5, 3], True)
    assert (numbers(ring, ring.after(9).place), ring.after(9).complete) == ([], True)
    ring.add([seen(6), seen(7)])
    assert (numbers(ring, ring.after(1).place), ring.after(1).complete) == ([5, 3, 6, 7], False)
    assert EventRing(4).after(1) == (0, False)


def test_an_erased_person_leaves_the_ring_and_nobody_loses_their_place() -> None:
    """Their events are gone, the places of the others stay."""
    ring = EventRing(4)
    ring.add([seen(1), seen(2, "b"), seen(3)])
    ring.forget(PersonId("b"))
    assert (ring.people(), numbers(ring), ring.after(1).place) == ({"a"}, [1, 3], 1)
    ring.add([seen(4), seen(5), seen(6)])
    assert numbers(ring, 2) == [3, 4, 5, 6]


def test_the_newest_few_and_the_overlap_count_from_the_end() -> None:
    """A ring with less in it begins at its beginning, and the table is then read from its own."""
    ring = EventRing(4)
    assert (ring.last(3), ring.floor(0), ring.floor(2)) == (0, 0, 0)
    ring.add([seen(1), seen(2), seen(3)])
    assert (numbers(ring, ring.last(2)), ring.floor(0), ring.floor(2), ring.floor(3)) == ([2, 3], 3, 1, 0)
    ring.clear()
    assert (ring.people(), ring.read(0, 9), numbers(ring, 3), ring.last(9)) == (set(), None, [], 3)


def test_what_was_left_out_puts_every_reader_behind() -> None:
    """Also one that had read everything; who begins now has the newest."""
    ring = EventRing(4)
    ring.add([seen(1), seen(2)])
    end = ring.last(0)
    ring.add([seen(7), seen(8)], complete=False)
    assert (ring.read(end, 9), numbers(ring, ring.last(9))) == (None, [7, 8])
    assert (ring.after(2).complete, ring.after(7)) == (False, (end + 2, True))
