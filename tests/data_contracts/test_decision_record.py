"""Laws of the packed decision."""

from dataclasses import fields
from typing import Any, NamedTuple

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from data_contracts.decisions import ARRAYS, MAGIC, SILENCE, CandidateRef, Decision, Origin, Trigger, pack, unpack
from data_contracts.errors import Malformed
from data_contracts.served import VIEWS, ServedRow
from data_contracts.tips import TipKind, Topic

WORDS = st.text(max_size=12)
WHOLE = st.integers(-(2**62), 2**62)
SCALARS: dict[str, st.SearchStrategy[Any]] = {"int": WHOLE, "float": st.floats(allow_nan=False)}
FEATURES, ACTION_FEATURES = 5, 3


def _part(view: type[NamedTuple]) -> st.SearchStrategy[Any]:
    def strategy(name: str, default: Any) -> st.SearchStrategy[Any]:
        if not isinstance(default, tuple):
            return WHOLE
        texts = name.endswith(("keys", "clusters"))
        return st.lists(WORDS if texts else WHOLE, max_size=3).map(tuple)

    return st.tuples(*(strategy(*item) for item in view._field_defaults.items())).map(lambda row: view(*row))


SERVED = st.tuples(*(_part(view) for view in VIEWS.values())).map(lambda parts: ServedRow(*parts))
REFERENCES = st.builds(
    CandidateRef,
    WORDS,
    WORDS,
    WORDS,
    st.none() | st.sampled_from(TipKind),
    st.none() | st.sampled_from(Topic),
    WHOLE,
    st.none() | WORDS,
)


@st.composite
def decisions(draw: st.DrawFn) -> Decision:
    """Return any decision, with NaN, infinities and denormals in its arrays."""
    count = draw(st.integers(1, 4))
    shapes: dict[str, tuple[int, ...]] = {"vector": (FEATURES,), "masked": (FEATURES,), "ages_s": (FEATURES,)}
    shapes["actions"] = (count, ACTION_FEATURES)
    values: dict[str, Any] = {name: draw(arrays(np.dtype(dtype), shapes.get(name, (count,)))) for name, dtype in ARRAYS}
    for field in fields(Decision):
        if field.name in values:
            continue
        values[field.name] = draw(
            {"int": WHOLE, "str": WORDS, "float": st.floats(allow_nan=False)}.get(
                getattr(field.type, "__name__", ""), WORDS
            )
        )
    values |= {
        "trigger": draw(st.sampled_from(Trigger)),
        "origin": draw(st.sampled_from(Origin)),
        "chosen": draw(st.integers(0, count - 1)),
        "fallback": draw(st.none() | WORDS),
        "ineligible": draw(st.dictionaries(WORDS, WHOLE, max_size=3)),
        "candidates": tuple(draw(st.lists(REFERENCES, min_size=count, max_size=count))),
        "served": draw(SERVED),
    }
    return Decision(**values)


@given(decisions())
def test_a_decision_comes_back_bit_for_bit(decision: Decision) -> None:
    """Every scalar is equal and every array has the same bytes, so a replay is exact."""
    back = unpack(pack(decision))
    for field in fields(Decision):
        before, after = getattr(decision, field.name), getattr(back, field.name)
        if isinstance(before, np.ndarray):
            assert (after.shape, after.dtype, after.tobytes()) == (before.shape, before.dtype, before.tobytes())
        else:
            assert after == before
            assert type(after) is type(before)
    assert pack(back) == pack(decision)


@given(decisions(), st.data())
def test_a_damaged_record_is_refused(decision: Decision, data: st.DataObject) -> None:
    """A record that is cut short or has bytes left over is malformed."""
    record = pack(decision)
    with pytest.raises(Malformed):
        unpack(record[: data.draw(st.integers(0, len(record) - 1))])
    with pytest.raises(Malformed):
        unpack(record + b"\x00")


@given(st.binary(max_size=200), st.sampled_from([b"{}", b"[]", b"1", b'"a"', b'{"shapes":[[1]]}', b"\xff"]))
def test_other_bytes_are_no_decision(noise: bytes, header: bytes) -> None:
    """Nothing but `Malformed` is raised, whatever the bytes are."""
    for record in (noise, MAGIC + noise, MAGIC + len(header).to_bytes(4, "little") + header + noise):
        with pytest.raises(Malformed):
            unpack(record)


@given(decisions())
def test_silence_is_the_action_of_that_name(decision: Decision) -> None:
    """A decision is silent when what was chosen is silence."""
    assert decision.silent == (decision.candidates[decision.chosen].id == SILENCE)
