"""What a program hands to a student: read as data sets read it, and refused where it would be misread."""

import copy
import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pyarrow
import pytest
import scipy.sparse
import torch
from PIL import Image

import kdtune
from kdtune.data import from_arrays, from_dataframe
from kdtune.data.dataset import Dataset
from kdtune.data.tables.preprocessing import TablePreprocessing
from kdtune.errors import DataError, InputError
from tests.student.made import people, texts, untrained

ROWS = np.random.default_rng(0).normal(size=(120, 6)).astype(np.float32)
NAMES = np.where(ROWS[:, 0] > 0, "high", "low")


@pytest.fixture(scope="module")
def of_numbers(tmp_path_factory: pytest.TempPathFactory) -> kdtune.Student:
    dataset = from_arrays(ROWS, NAMES, {"color": np.where(ROWS[:, 1] > 0, "red", "blue")}, min_group=2)
    return untrained(tmp_path_factory.mktemp("numbers") / "student", dataset, "mlp-4")


@pytest.fixture(scope="module")
def of_table(tmp_path_factory: pytest.TempPathFactory) -> kdtune.Student:
    frame = people(300).assign(vip=lambda f: f["age"] > 40)
    dataset = from_dataframe(frame, "income", sensitive="sex", min_group=2)
    return untrained(tmp_path_factory.mktemp("table") / "student", dataset, "mlp-4")


@pytest.fixture(scope="module")
def of_texts(tmp_path_factory: pytest.TempPathFactory) -> kdtune.Student:
    dataset = from_dataframe(texts(), "mood", sensitive="place", text="post", length=8, vocabulary=200)
    return untrained(tmp_path_factory.mktemp("texts") / "student", dataset, "bert-tiny")


def with_one(value: float, dtype: Any = np.float64) -> np.ndarray:
    rows = ROWS[:20].astype(dtype)
    rows[19, 3] = value
    return rows


@pytest.mark.parametrize(
    ("x", "said"),
    [
        (with_one(np.nan), "x[19, 3] is nan: fill it in"),
        (with_one(-np.inf), "x[19, 3] is -inf: fill it in"),
        (with_one(1e300), "x[19, 3] is 1e+300: fill it in"),
        (torch.from_numpy(with_one(np.nan)), "x[19, 3] is nan"),
        (pandas.DataFrame(with_one(np.nan)), "x[19, 3] is nan"),
        (pandas.DataFrame(with_one(np.nan), dtype=object), "x[19, 3] is nan"),
        (pandas.DataFrame(with_one(np.nan)).convert_dtypes(), "x[19, 3] is nan"),
        (np.ma.masked_greater(ROWS, 1), "x has masked values"),
        (list(np.ma.masked_greater(ROWS, 1)), "x has masked values"),
        (with_one(1j, np.complex128), "x are complex numbers"),
        (
            np.where(ROWS > 1, "big", "small"),
            "x is no array of numbers, but of <U5: this student reads numbers",
        ),
        (
            pandas.DataFrame(ROWS, dtype=object).replace({5: 1}).assign(last="a"),
            "x is no array of numbers: x[0, 6]",
        ),
        (scipy.sparse.csr_matrix(ROWS), "x is sparse: give x.toarray()"),
        (torch.from_numpy(ROWS).to_sparse(), "x is sparse: give x.to_dense()"),
        (torch.empty((3, 6), device="meta"), "x is a tensor on the device 'meta'"),
        (None, "x is nothing, no array of numbers"),
        ((row for row in ROWS), "x is a generator, no array of numbers"),
    ],
)
def test_what_is_no_number_is_refused_by_students_and_data_sets_alike(
    of_numbers: kdtune.Student, x: Any, said: str
) -> None:
    with pytest.raises(DataError, match=re.escape(said)):
        of_numbers.predict(x)
    # The name of the data set and the end of the message, which says what to give, differ.
    said = said.partition(": this student")[0]
    with pytest.raises(DataError, match=re.escape(said)):
        from_arrays(x, NAMES, name="mine")


def test_prepared_features_are_checked_likewise(of_table: kdtune.Student) -> None:
    n = of_table.config["input_shape"][0]
    with pytest.raises(DataError, match=re.escape(f"x[1, {n - 1}] is nan")):
        of_table.probabilities(np.vstack([np.zeros(n), [*[0.0] * (n - 1), np.nan]]))


def test_raw_numbers_are_not_taken_for_prepared_features_without_a_word(of_table: kdtune.Student) -> None:
    """A NumPy array of raw columns, and the frame of another library, have no names to be read by."""
    columns = of_table.config["preprocessing"]["columns"]
    fitted = TablePreprocessing.from_dict(of_table.config["preprocessing"])
    prepared = fitted.transform(people(40).assign(vip=True))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        of_table.predict(prepared)
        of_table.predict(prepared.astype(np.float64))
    raw = prepared.copy()
    raw[:, 0] = people(40)["age"]
    with pytest.warns(UserWarning, match=r"read as prepared features, and those of column 'age' are none"):
        of_table.predict(raw)
    raw = prepared.copy()
    raw[:, 2] = 0.5
    with pytest.warns(UserWarning, match=f"those of column {columns[1]['name']!r} are none"):
        of_table.predict(raw)
    other = pyarrow.table({str(k): prepared[:, k] for k in range(prepared.shape[1])})
    with pytest.raises(DataError, match=r"got a Table: give x\.to_pandas\(\)"):
        of_table.predict(other)


@pytest.mark.parametrize(
    "source", [{"age": [1]}, [1, 2], None, 3, pandas.Series([1]), pyarrow.table({"age": [1]})]
)
def test_what_is_no_table_is_refused(of_table: kdtune.Student, of_texts: kdtune.Student, source: Any) -> None:
    for student in (of_table, of_texts):
        with pytest.raises(DataError, match="a table is the path of a file, or a pandas DataFrame, and not"):
            student.evaluate(source)


def test_a_file_in_another_form_is_refused_with_what_a_student_can_do(
    of_table: kdtune.Student, of_texts: kdtune.Student, tmp_path: Path
) -> None:
    path = tmp_path / "later.csv"
    for student, frame in ((of_table, people(20)), (of_texts, texts(20))):
        frame.to_csv(path, index=False, sep=";")
        with pytest.raises(
            DataError, match="a student has no such option: write the file as the training file"
        ):
            student.evaluate(path)
    with pytest.raises(DataError, match="a student has no such option"):
        of_table.predict(path.with_name(str(path.name)))


def test_logits_that_are_no_numbers_are_no_answer(of_numbers: kdtune.Student) -> None:
    student = copy.deepcopy(of_numbers)
    with torch.no_grad():
        for weights in student.module.parameters():
            weights.fill_(1.0)
    rows = ROWS[:3].copy()
    rows[2] = 3e38
    with pytest.raises(
        DataError, match="no answer to example 2: its logits are no finite numbers in float32"
    ):
        student.predict(rows)
    assert len(student.predict(rows[:2])) == 2


@pytest.mark.parametrize("dtype", [">f4", ">f8", np.longdouble, object, np.float16])
def test_numbers_of_any_kind_are_read(of_numbers: kdtune.Student, dtype: Any) -> None:
    rows = np.round(ROWS[:9], 1).astype(np.float16)
    assert torch.equal(of_numbers.logits(rows.astype(dtype)), of_numbers.logits(rows.astype(np.float32)))
    assert torch.equal(of_numbers.logits(rows[::-1, ::-1]), of_numbers.logits(rows[::-1, ::-1].copy()))


def test_no_example_has_no_answer(
    of_numbers: kdtune.Student,
    of_texts: kdtune.Student,
    of_table: kdtune.Student,
    photos: tuple[kdtune.Student, Path, Dataset],
) -> None:
    for student in (of_numbers, of_texts, of_table, photos[0]):
        assert student.predict([]).shape == (0,)
    assert of_texts.predict(pandas.Series([], dtype=str)).shape == (0,)


def test_texts_are_taken_from_arrays_and_series(of_texts: kdtune.Student) -> None:
    told = texts(12)["post"]
    expected = of_texts.logits(told.tolist())
    for same in (told, told.to_numpy(), told.to_numpy(dtype=str), tuple(told), told.astype("string")):
        assert torch.equal(of_texts.logits(same), expected)
    with pytest.raises(DataError, match=r"x\[1\] is nothing, not a text"):
        of_texts.predict(["tea", None])


def test_cells_that_training_has_not_seen_are_warned_of_as_on_the_command_line(
    of_table: kdtune.Student,
) -> None:
    frame = people(50).assign(vip=1)
    said = "column 'vip' holds values that train has not, in 50 of 50 rows, such as '1'"
    for answer in (of_table.logits, of_table.probabilities, of_table.predict):
        with pytest.warns(UserWarning, match=said) as caught:
            answer(frame)
        assert [(warning.filename, str(warning.message)) for warning in caught] == [(__file__, said)]
    with pytest.warns(UserWarning, match=said):
        of_table.evaluate(frame, frame["income"])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        of_table.predict(frame.assign(vip=frame["age"] > 40))
        of_table.predict(frame.iloc[:0].assign(vip=False))


@pytest.mark.parametrize("size", [True, 0, 2.0, "2"])
def test_a_batch_size_is_a_whole_number(of_numbers: kdtune.Student, size: Any) -> None:
    with pytest.raises(InputError, match="batch_size must be a whole number above 0"):
        of_numbers.predict(ROWS, batch_size=size)
    assert len(of_numbers.predict(ROWS, batch_size=np.int64(2))) == len(ROWS)


def evaluated(student: kdtune.Student, y: Any, groups: Any = None, **options: Any) -> dict[str, Any]:
    return student.evaluate(ROWS[:6], y, groups, **options)


@pytest.mark.parametrize(
    ("y", "said"),
    [
        ([0, 1, 0, 0, None, 1], "y[4] is None: leave the example out"),
        ([0, 1, 0, 0, float("nan"), 1], "y[4] is nan: leave the example out"),
        (np.array([0, 1, 0, 0, np.nan, 1]), "y[4] is nan"),
        (np.ma.masked_equal([0, 1, 0, 0, 5, 1], 5), "y[4] is None"),
        (pandas.array([0, 1, 0, 0, None, 1], dtype="Int64"), "y[4] is <NA>"),
        ([0, 1, 0, 0, 2, 1], "y[4] is 2, and there are 2 classes, 0 to 1"),
        ([0, 1, 0, 0, 0.5, 1], "y[4] is 0.5, and there are 2 classes"),
        (["low", "low", "hihg", "low", "low", "low"], "row 3: the label 'hihg'"),
        (3, "y is an int: give a list"),
        ((name for name in NAMES[:6]), "y is a generator: give a list"),
        (["low"] * 5, "x has 6 examples, but the label has 5"),
    ],
)
def test_the_label_that_is_wrong_is_named(of_numbers: kdtune.Student, y: Any, said: str) -> None:
    with pytest.raises(DataError) as refused:
        evaluated(of_numbers, y)
    assert said in str(refused.value)


def test_labels_are_names_or_positions_in_any_form(of_numbers: kdtune.Student) -> None:
    codes = np.array([0, 1, 1, 0, 0, 0])
    names = np.array(of_numbers.classes)[codes]
    expected = evaluated(of_numbers, list(names))
    mixed = [*codes[:3], *names[3:]]
    for y in (codes, list(codes), list(torch.from_numpy(codes)), torch.from_numpy(codes), names, mixed):
        assert evaluated(of_numbers, y) == expected


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"label": "a"}, "label: is for a file"),
        ({"column": "a"}, "column: is for a file"),
        ({"attributes": "a.csv"}, "attributes: is for a file"),
        ({"without_groups": True}, "without_groups: is for a file"),
        ({"label": 3}, "label: the name of a column is expected, not 3 (int)"),
        ({"attributes": None}, "attributes: the path of a table, or a list of them, is expected, not None"),
        ({"attributes": 3}, "attributes: the path of a table"),
        ({"groups": {"color": None}}, "groups['color'] is nothing: give a list"),
        ({"groups": {"color": 1}}, "groups['color'] is an int: give a list"),
        ({"groups": {1: ["red"] * 6}}, "groups: '1' is no sensitive attribute"),
        ({"groups": {"color": ["green"] * 6}}, "'green'"),
        ({"groups": {"color": [None] * 6}}, "blank in every row: evaluate without groups"),
        ({"y": None, "groups": {"color": ["red"] * 6}}, "groups: go with y"),
    ],
)
def test_nothing_is_left_unheeded_in_silence(
    of_numbers: kdtune.Student, options: dict[str, Any], said: str
) -> None:
    with pytest.raises(InputError) as refused:
        evaluated(of_numbers, **{"y": ["low"] * 6, **options})
    assert said in str(refused.value)
    assert "rare" not in str(refused.value), "evaluate has no such option"


def test_names_in_a_program_mean_what_they_meant_in_the_training_file(tmp_path: Path) -> None:
    """The marks of missing values and the decimal sign of the training file count for groups and labels, too."""
    frame = people(300).drop(columns=["race"])
    frame["where"] = np.array(["NA", "?", "EU"])[np.arange(300) % 3]
    frame["hours"] = np.arange(300) / 10
    frame["income"] = np.where(frame["income"] == "low", "None", "high")
    path = tmp_path / "people.csv"
    frame.to_csv(path, index=False, sep=";", decimal=",")
    options = {
        "label": "income",
        "sensitive": ["where", "hours"],
        "bins": {"hours": [10.5]},
        "missing": ["?"],
    }
    data = kdtune.data.load("table", path=str(path), separator=";", decimal=",", **options)
    student = untrained(tmp_path / "t0000", data, "mlp-4")
    expected = student.evaluate(path)
    groups = {name: frame[name] for name in ("where", "hours")}
    assert student.evaluate(frame) == expected
    assert student.evaluate(frame, frame["income"], groups) == expected
    sizes = {group["group"]: group["n"] for group in expected["attributes"]["where"]["groups"]}
    assert sizes == {"EU": 100, "NA": 100}


def test_classes_of_a_program_are_read_from_a_file_even_where_files_mean_nothing_by_them(
    tmp_path: Path,
) -> None:
    frame = texts(200).assign(mood=lambda table: table["mood"].replace("bad", "None"))
    groups = {"place": frame["place"].astype(str)}
    data = kdtune.data.from_arrays(list(frame["post"]), list(frame["mood"]), groups, length=8)
    student = untrained(tmp_path / "t0000", data, "bert-tiny")
    frame = frame.assign(place=frame["place"].astype(str).where(frame.index > 9, "NA"))
    frame.rename(columns={"post": "text", "mood": "label"}).to_csv(tmp_path / "later.csv", index=False)
    found = student.evaluate(tmp_path / "later.csv")
    assert found["n"] == 200
    assert sum(group["n"] for group in found["attributes"]["place"]["groups"]) == 190


def test_no_example_can_t_be_evaluated(of_table: kdtune.Student) -> None:
    frame = people(9).assign(vip=True)
    for given in ((frame[:0],), (frame[:0], [], {"sex": []})):
        with pytest.raises(DataError, match="there is no example to evaluate"):
            of_table.evaluate(*given)


@pytest.mark.parametrize("name", ["a" * 5000, "a\0b"])
def test_names_that_no_file_can_have_are_not_there(of_numbers: kdtune.Student, name: str) -> None:
    with pytest.raises(InputError, match="no exported student here"):
        kdtune.load_student(name)
    with pytest.raises(DataError, match="no such file or folder"):
        of_numbers.evaluate(name)


def test_the_students_of_a_run_are_named_where_the_run_is(tmp_path: Path) -> None:
    for name in ("t0003", "nds-mlp-4"):
        (tmp_path / "export" / name).mkdir(parents=True)
        (tmp_path / "export" / name / "config.json").write_text("{}")
    for folder, place in ((tmp_path, "export/"), (tmp_path / "export", "")):
        there = rf"it holds the students {place}nds-mlp-4, {place}t0003: name one of them"
        with pytest.raises(InputError, match=there):
            kdtune.load_student(folder)


@pytest.mark.parametrize("size", [(0, 0), (0, 5)])
def test_pictures_without_pixels_are_refused(
    photos: tuple[kdtune.Student, Path, Dataset], size: tuple[int, int]
) -> None:
    with pytest.raises(DataError, match="an image: does not decode: there is no pixel in it"):
        photos[0].predict(Image.new("RGB", size))
