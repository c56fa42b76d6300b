from hypothesis import given
from hypothesis import strategies as st

from feature_repo.state.capped_log import CappedLog, Entry

CAP, TTL_US = 3, 5

entries = st.lists(
    st.builds(
        lambda at, rank, number, key: Entry(at, rank, f"id{number}", key, (number,)),
        st.integers(0, 12),
        st.integers(0, 1),
        st.integers(0, 20),
        st.sampled_from("abcdef"),
    ),
    max_size=30,
)


def reference(facts: list[Entry]) -> list[Entry]:
    """Return what a look at all facts at once keeps."""
    newest: dict[str, Entry] = {}
    for fact in facts:
        newest[fact.key] = max(fact, newest.get(fact.key, fact))
    kept = sorted(newest.values())[-CAP:]
    return [fact for fact in kept if fact.at_us > kept[-1].at_us - TTL_US]


@given(facts=entries)
def test_a_capped_log_is_a_function_of_the_set_of_its_facts(facts: list[Entry]) -> None:
    """Folding fact by fact keeps what a look at all facts at once would keep."""
    log = CappedLog(CAP, TTL_US)
    for fact in facts:
        log.put(fact)
    assert log.entries == reference(facts)


@given(facts=entries)
def test_a_capped_log_names_every_key_that_it_drops(facts: list[Entry]) -> None:
    """A store that follows the returned keys holds what the log holds."""
    log = CappedLog(CAP, TTL_US)
    store: dict[str, Entry] = {}
    for fact in facts:
        dropped = log.put(fact)
        if dropped is not None:
            store[fact.key] = fact
            for key in dropped:
                del store[key]
    assert sorted(store.values()) == log.entries


@given(facts=entries, more=entries)
def test_facts_that_come_at_once_end_as_those_that_come_one_by_one(facts: list[Entry], more: list[Entry]) -> None:
    """In two heaps and in any order."""
    log, other = CappedLog(CAP, TTL_US), CappedLog(CAP, TTL_US)
    log.extend(facts)
    log.extend(more)
    for fact in facts + more:
        other.put(fact)
    assert log.entries == other.entries == reference(facts + more)
    assert [log.put(fact) for fact in more] == [other.put(fact) for fact in more]


def entry(at_us: int, key: str = "a", rank: int = 0, event_id: str = "id") -> Entry:
    """Return a fact."""
    return Entry(at_us, rank, event_id, key, ())


def test_the_newest_fact_says_how_new_the_log_is() -> None:
    """Its event time, and 0 while there is none."""
    log = CappedLog(CAP, TTL_US)
    assert log.newest_us == 0
    for at_us, key in ((6, "a"), (5, "b"), (7, "c")):
        log.put(entry(at_us, key))
    assert log.newest_us == 7


def test_a_fact_is_kept_until_it_is_as_old_as_the_lifetime() -> None:
    """Whether the older one comes first or last, and one by one or together."""
    for young, old in ((entry(9), entry(4, "b")), (entry(9), entry(3, "b"))):
        log, late, together = (CappedLog(CAP, TTL_US) for _ in range(3))
        log.put(old)
        assert log.put(young) == ("b",)
        late.put(young)
        assert late.put(old) is None
        together.extend([young, old])
        assert log.entries == late.entries == together.entries == [young]
    assert log.put(entry(5, "b")) == ()
    assert log.put(entry(4, "c")) is None
    assert [each.key for each in log.entries] == ["b", "a"]


def test_a_full_log_takes_only_what_is_newer_than_its_oldest() -> None:
    """A fact of a new key below the oldest changes nothing, and one above it pushes the oldest out."""
    log = CappedLog(CAP, TTL_US)
    for at_us, key in ((3, "c"), (4, "d"), (5, "e")):
        assert log.put(entry(at_us, key)) == ()
    assert log.put(entry(2, "b")) is None
    assert log.put(entry(3, "b")) is None
    assert log.put(entry(3, "c")) is None
    assert log.put(entry(6, "c")) == ()
    assert log.put(entry(4, "f")) == ("d",)
    assert [each.key for each in log.entries] == ["f", "e", "c"]


def test_a_log_with_room_drops_only_what_is_too_old() -> None:
    """Far below its cap it loses the expired facts, and none that is fresh."""
    log = CappedLog(2 * CAP, TTL_US)
    for at_us, key in ((4, "a"), (5, "b"), (6, "c")):
        log.put(entry(at_us, key))
    assert log.put(entry(9, "d")) == ("a",)
    assert [each.key for each in log.entries] == ["b", "c", "d"]
