import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

from kdtune.data.tables.preprocessing import Category, Number, TablePreprocessing
from kdtune.errors import DataError


@pytest.fixture
def frame():
    rng = np.random.default_rng(1)
    x = rng.lognormal(3, 2, 200).astype(object)
    x[::9] = None
    kind = rng.choice(["a", "b", "c", "dd"], 200, p=[0.5, 0.3, 0.18, 0.02]).astype(object)
    kind[::11] = None
    return pd.DataFrame({"x": x, "constant": 4, "kind": kind, "code": rng.integers(0, 3, 200)})


def reference(train, frame, min_frequency=None):
    """scikit-learn's own pipeline on the same columns."""
    unknown = "ignore" if min_frequency is None else "infrequent_if_exist"
    numbers = make_pipeline(SimpleImputer(strategy="median"), StandardScaler())
    categories = OneHotEncoder(handle_unknown=unknown, min_frequency=min_frequency, sparse_output=False)
    transformer = ColumnTransformer([("n", numbers, ["x", "constant"]), ("c", categories, ["kind", "code"])])

    def typed(data):
        data = data.assign(x=data["x"].astype(float), kind=data["kind"].fillna(""))
        return data.assign(code=data["code"].astype(str))

    return transformer.fit(typed(train)).transform(typed(frame)).astype(np.float32)


@pytest.mark.parametrize("min_frequency", [None, 10])
def test_equals_scikit_learn(frame, min_frequency) -> None:
    train, test = frame.head(150), frame.tail(50).copy()
    test.iloc[0, 2] = "never seen"
    fitted = TablePreprocessing.fit(train, categorical=["code"], min_frequency=min_frequency)
    for part in (train, test):
        ours, theirs = fitted.transform(part), reference(train, part, min_frequency)
        assert ours.dtype == np.float32
        assert ours.shape == (len(part), len(fitted.feature_names))
        np.testing.assert_array_equal(ours, theirs)


@given(
    st.lists(st.none() | st.floats(-1e6, 1e6, width=32), min_size=1, max_size=300).filter(any),
    st.sampled_from([0.0, 1e9]),
    st.sampled_from([1.0, 1e-9, 1e-40, 1e23]),
)
def test_numbers_are_fitted_to_scikit_learn_s_bits(values, shift, factor) -> None:
    column = np.array([np.nan if value is None else value * factor + shift for value in values])
    imputer, scaler = SimpleImputer(strategy="median"), StandardScaler()
    scaler.fit(imputer.fit_transform(column[:, None]))
    (number,) = TablePreprocessing.fit(pd.DataFrame({"x": column})).columns
    assert number == Number(
        "x",
        float(imputer.statistics_[0]),
        float(scaler.mean_[0]),
        float(scaler.scale_[0]),
        blank=None in values,
    )


@given(st.lists(st.sampled_from(["a", "b", "Ä", "z", None]), min_size=1).filter(any), st.integers(1, 12))
def test_categories_are_those_of_scikit_learn(values, min_frequency) -> None:
    texts = np.array([value or "" for value in values], dtype=object)[:, None]
    encoder = OneHotEncoder(handle_unknown="infrequent_if_exist", min_frequency=min_frequency).fit(texts)
    infrequent = encoder.infrequent_categories_[0]
    rest = [] if infrequent is None else list(infrequent)
    (column,) = TablePreprocessing.fit(pd.DataFrame({"x": values}), min_frequency=min_frequency).columns
    assert column == Category(
        "x", tuple(value for value in encoder.categories_[0] if value not in rest), rest=bool(rest)
    )


@pytest.mark.parametrize("min_frequency", [None, 10])
def test_json_and_back_to_the_last_bit(frame, min_frequency) -> None:
    fitted = TablePreprocessing.fit(frame, categorical=["code"], min_frequency=min_frequency)
    again = TablePreprocessing.from_dict(json.loads(json.dumps(fitted.to_dict())))
    assert again == fitted
    assert again.transform(frame).tobytes() == fitted.transform(frame).tobytes()


def test_text_and_numbers_give_the_same_features(frame) -> None:
    fitted = TablePreprocessing.fit(frame, categorical=["code"])
    as_text = frame.map(lambda value: "?" if value is None else f" {value} ")
    np.testing.assert_array_equal(fitted.transform(as_text), fitted.transform(frame))


def test_an_unknown_category_is_all_zeros_unless_there_is_a_rest(frame) -> None:
    new = pd.DataFrame({"kind": ["zzz", "dd", None]})
    plain = TablePreprocessing.fit(frame[["kind"]]).transform(new)
    assert plain.tolist() == [[0, 0, 0, 0, 0], [0, 0, 0, 0, 1], [1, 0, 0, 0, 0]]
    joined = TablePreprocessing.fit(frame[["kind"]], min_frequency=10)
    assert joined.feature_names == ["kind=(missing)", "kind=a", "kind=b", "kind=c", "kind=(rest)"]
    assert joined.transform(new).tolist() == [[0, 0, 0, 0, 1], [0, 0, 0, 0, 1], [1, 0, 0, 0, 0]]


def test_text_among_numbers_is_named(frame) -> None:
    fitted = TablePreprocessing.fit(frame[["x"]])
    with pytest.raises(DataError, match="row 2: 'many' in column 'x' is no number"):
        fitted.transform(pd.DataFrame({"x": ["1", "many"]}))
    with pytest.raises(DataError, match="no column 'x'"):
        fitted.transform(pd.DataFrame({"y": [1]}))


@pytest.mark.parametrize("state", [{}, {"columns": [{"kind": "number"}], "missing": []}, {"columns": 3}])
def test_a_state_that_is_none(state) -> None:
    with pytest.raises(DataError, match="not the state"):
        TablePreprocessing.from_dict(state)
