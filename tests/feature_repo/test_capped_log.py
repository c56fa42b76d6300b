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
