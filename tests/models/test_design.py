import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst
from numpy.typing import NDArray

from data_contracts.features import FEATURES, POSITION, Source
from models.rewards import design
from models.rewards.action_features import ACTION_COLUMNS

Floats = NDArray[np.float64]
NONE_MASKED = np.zeros(len(FEATURES), dtype=np.bool_)


def test_the_design_has_its_documented_size() -> None:
    """The design has its documented size."""
    assert design.D == len(set(design.COLUMNS)) == 128
    assert design.PERSON_D == len(set(design.PERSON_OF.tolist())) <= 32


def test_every_feature_and_every_mask_reaches_the_score() -> None:
    """Every feature and every mask reaches the score."""
    assert set(design.CONTEXT_COLUMNS) <= set(design.GROUPS)
    assert {column.action for column in design.COLUMNS} == set(ACTION_COLUMNS)


def test_columns_of_one_group_stand_together() -> None:
    """Columns of one group stand together."""
    groups = [column.group for column in design.COLUMNS]
    assert list(dict.fromkeys(groups)) == [
        group for group, after in zip(groups, [*groups[1:], None], strict=True) if group != after
    ]


@given(npst.arrays(np.float64, len(FEATURES), elements=st.floats(-1e9, 1e9)))
def test_every_context_is_scaled_into_its_range(vector: Floats) -> None:
    """Every context is scaled into its range."""
    values = design.scaled_context(vector, NONE_MASKED)
    assert (np.abs(values) <= 1.0 + 1e-12).all()


def test_a_masked_source_is_neutral_and_says_so() -> None:
    """A masked source is neutral and says so."""
    masked = np.array([feature.source is Source.MOOD for feature in FEATURES])
    values = dict(
        zip(design.CONTEXT_COLUMNS, design.scaled_context(np.full(len(FEATURES), np.nan), masked).tolist(), strict=True)
    )
    assert values["mood_last"] == values["energy_last"] == 0.0
    assert values["masked.mood"] == 1.0
    assert values["masked.tasks"] == 0.0


def test_one_context_and_a_batch_give_the_same_rows() -> None:
    """One context and a batch give the same rows."""
    rng = np.random.default_rng(1)
    vectors = np.array([[rng.uniform(f.low, f.high) for f in FEATURES] for _ in range(4)])
    actions = rng.random((4, len(ACTION_COLUMNS)))
    batch = design.design(design.scaled_context(vectors, np.tile(NONE_MASKED, (4, 1))), actions)
    for row in range(4):
        one = design.design(design.scaled_context(vectors[row], NONE_MASKED), actions[row : row + 1])
        assert (one[0] == batch[row]).all()


def test_a_column_is_the_product_that_its_name_says() -> None:
    """A column is the product that its name says."""
    rng = np.random.default_rng(2)
    vector = np.array([rng.uniform(f.low, f.high) for f in FEATURES])
    actions = rng.random((3, len(ACTION_COLUMNS)))
    values = design.scaled_context(vector, NONE_MASKED)
    matrix = design.design(values, actions)
    for place, column in enumerate(design.COLUMNS):
        context = 1.0 if column.context is None else values[design.CONTEXT_COLUMNS.index(column.context)]
        assert (matrix[:, place] == actions[:, ACTION_COLUMNS.index(column.action)] * context).all()


def test_silence_has_no_columns() -> None:
    """Silence has no columns."""
    values = design.scaled_context(np.zeros(len(FEATURES)), NONE_MASKED)
    assert not design.design(values, np.zeros((1, len(ACTION_COLUMNS)))).any()


def test_feature_sums_added_in_order_are_the_total() -> None:
    """Feature sums added in order are the total."""
    terms = np.random.default_rng(3).normal(size=(6, design.D))
    groups = design.group_sums(terms)
    assert [sum(row, 0.0) for row in groups.tolist()] == design.total(groups).tolist()
    assert np.abs(design.total(groups) - terms.sum(axis=1)).max() < 1e-12


def test_the_first_feature_of_each_source_tells_its_mask() -> None:
    """The first feature of each source tells its mask."""
    masked = NONE_MASKED.copy()
    masked[POSITION["tips_shown_24h"]] = True
    assert design.scaled_context(np.zeros(len(FEATURES)), masked)[-1] == 1.0
