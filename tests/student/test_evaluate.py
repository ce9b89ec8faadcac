"""A student on the test split of its run, given as the files that they came from: the numbers of its metrics.json."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas
import pytest
import torch

import kdtune
from kdtune.cli import main
from kdtune.data.dataset import Dataset
from kdtune.errors import DataError, InputError
from kdtune.fairness import count
from kdtune.report.evaluate import command as commands
from kdtune.report.evaluate.evaluation import load_data, open_test
from kdtune.report.export.run import ExportRequest, run_export
from kdtune.runs.measures.metrics import split_numbers
from kdtune.runs.reader import Run
from tests.student.made import people

Exported = tuple[kdtune.Student, Path, Run]
"""A student, its folder and its run."""

WITHOUT = {"class_bias_teacher", "class_bias_nds", "latency", "individual_fairness"}
"""What needs other models, or another measurement."""


@pytest.fixture(scope="module")
def of_table(ray_session: None, tmp_path_factory: pytest.TempPathFactory) -> Exported:
    tmp = tmp_path_factory.mktemp("table")
    people().to_csv(tmp / "people.csv", index=False)
    space = {
        "dataset": {
            "name": "table",
            "path": str(tmp / "people.csv"),
            "label": "income",
            "positive": "high",
            "sensitive": ["sex", "race", "sex*race", "age"],
            "bins": {"age": [30, 50]},
            "use_sensitive": True,
            "rare": "missing",
            "min_group": 4,
        },
        "pairs": ["mlp-16->mlp-8"],
        "objectives": ["accuracy", "eod"],
        "measures": ["auc", "worst_subgroup_accuracy", "parameters"],
        "budget": {"trials": 1, "epochs": 2},
        "train": {"precision": "float32", "channels_last": False},
        "trivial": "keep",
        "resources": {"workers": 1},
    }
    run = kdtune.search(space, name="table", directory=tmp / "runs", progress=False)
    out, findings = run_export(ExportRequest(run.path))
    folder = out / findings.members[0].id
    return kdtune.load_student(folder), folder, run


def assert_equal_to_metrics(found: dict[str, Any], student: kdtune.Student) -> None:
    """Compare everything that `evaluate` returns, to the last bit."""
    recorded = student.metrics["test"]
    assert found.keys() == recorded.keys()
    assert recorded["values"].keys() - found["values"].keys() <= WITHOUT
    assert found["values"] == {name: recorded["values"][name] for name in found["values"]}
    for key in found.keys() - {"values", "class_bias"}:
        assert found[key] == recorded[key], key


def test_rows_of_the_test_split_have_the_numbers_of_metrics(of_table: Exported, tmp_path: Path) -> None:
    student, folder, run = of_table
    rows = pandas.read_csv(folder.parent / "answers.csv")["row"]
    whole = pandas.read_csv(run.record.dataset["options"]["path"], keep_default_na=False)
    test = whole.iloc[rows]
    test.to_csv(tmp_path / "test.csv", index=False)
    test.to_parquet(tmp_path / "test.parquet")
    for given in (tmp_path / "test.csv", str(tmp_path / "test.parquet"), test):
        assert_equal_to_metrics(student.evaluate(given), student)
    assert {"auc", "worst_subgroup_accuracy", "parameters", "eod@sex*race"} <= student.evaluate(test)[
        "values"
    ].keys()
    columns = {name: test[name] for name in ("sex", "race", "age")}
    assert_equal_to_metrics(student.evaluate(test, test["income"], columns), student)
    codes = (test["income"] == "high").astype(int)
    only = student.evaluate(test, codes, {"age": columns["age"]})
    assert only["attributes"] == {"age": student.metrics["test"]["attributes"]["age"]}
    assert "worst_subgroup_accuracy" not in only["values"]


def test_every_interval_that_there_is_is_printed() -> None:
    """Those of further gaps, and of the accuracy of one group, are computed: a table without them would hide them."""
    rng = np.random.default_rng(0)
    labels, answers, groups = (rng.integers(2, size=100) for _ in range(3))
    counts = {"all": count(labels, answers, n_classes=2), "sex": count(labels, answers, groups, n_classes=2)}
    names = ["accuracy", "accuracy@sex=m", "eod", "equal_opportunity_difference", "f1"]
    found = split_numbers(
        counts,
        values=dict.fromkeys(names, 0.5),
        cross_entropy=0.7,
        classes=("no", "yes"),
        attributes={"sex": ("f", "m")},
        further_gaps={"sex": ["equal_opportunity_difference"]},
    )
    student = SimpleNamespace(metrics={}, config={"id": "t0000", "attributes": {"sex": ["f", "m"]}})
    table = commands._table(student, found)  # type: ignore[arg-type]
    measures, _, intervals, _ = (list(column.cells) for column in table.columns)
    shown = dict(zip(measures, intervals, strict=True))
    assert [name for name in names if " to " in str(shown[name])] == names[:-1]
    assert shown["f1"] == ""


def test_arrays_of_the_test_split_have_the_numbers_of_metrics(
    exported: tuple[Path, Any], small_run: Run
) -> None:
    out, findings = exported
    student = kdtune.load_student(out / findings.members[0].id)
    test = open_test(load_data(small_run))
    color = np.array(small_run.record.attributes["color"])[test.arrays.validation_groups["color"]]
    shape = np.array(student.classes)[test.labels]
    assert_equal_to_metrics(student.evaluate(test.inputs, shape, {"color": color}), student)
    assert_equal_to_metrics(student.evaluate(test.inputs, test.labels, {"color": color}), student)


def test_many_examples_are_read_in_blocks(of_table: Exported, monkeypatch: pytest.MonkeyPatch) -> None:
    from kdtune.student import student as module

    student, _, _ = of_table
    frame = people(1300)
    expected = student.logits(frame)
    taken: list[int] = []
    views_of = module.views_of

    def watched(inputs: torch.Tensor, config: Any) -> Any:
        taken.append(len(inputs))
        return views_of(inputs, config)

    monkeypatch.setattr(module, "views_of", watched)
    monkeypatch.setattr(module, "_BLOCK", 600)
    assert torch.equal(student.logits(frame), expected)
    assert max(taken) == 600
    assert torch.allclose(student.logits(frame, batch_size=7), expected, atol=1e-5)
    assert student.logits(frame.iloc[:0]).shape == (0, 2)


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_half_precision_is_near(of_table: Exported, precision: Any) -> None:
    student, _, _ = of_table
    frame = people(200)
    full, half = student.logits(frame), student.logits(frame, precision=precision)
    assert half.dtype == torch.float32
    assert not torch.equal(full, half)
    assert torch.allclose(full, half, atol=0.05)


def run_command(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_the_commands(of_table: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    student, folder, run = of_table
    data = run.record.dataset["options"]["path"]
    code, out, _ = run_command(capsys, "evaluate", folder, data, "--json", "--batch-size", 100)
    assert code == 0
    found = json.loads(out)
    assert found["n"] == 900
    assert found["values"]["accuracy"] == student.evaluate(data)["values"]["accuracy"]
    code, out, _ = run_command(capsys, "evaluate", folder, data)
    assert code == 0
    assert "eod@sex*race" in out
    assert "accuracy, sex F (n = " in out

    code, out, err = run_command(capsys, "predict", folder, data, "--out", tmp_path / "answers.csv")
    assert (code, out) == (0, "")
    assert "900 predictions" in err
    table = pandas.read_csv(tmp_path / "answers.csv")
    assert list(table.columns) == ["row", "prediction", "p(low)", "p(high)"]
    assert table["prediction"].tolist() == list(student.predict(data))
    assert np.allclose(table[["p(low)", "p(high)"]], student.probabilities(data), atol=1e-6)
    run_command(capsys, "predict", folder, data, "--out", tmp_path / "answers.parquet")
    assert pandas.read_parquet(tmp_path / "answers.parquet")["row"].tolist() == list(range(900))
    code, out, _ = run_command(capsys, "predict", folder, data)
    assert out == (tmp_path / "answers.csv").read_text()


def test_pictures_are_predicted_by_file(
    photos: tuple[kdtune.Student, Path, Dataset], capsys: pytest.CaptureFixture[str]
) -> None:
    _, root, _ = photos
    code, out, _ = run_command(capsys, "predict", root.parent / "student", root)
    assert code == 0
    assert len(out.splitlines()) == 121
    assert "\ntrain/light/7.png," in out
    code, out, _ = run_command(capsys, "predict", root.parent / "student", root / "test" / "dark" / "0.png")
    assert code == 0
    assert len(out.splitlines()) == 2


Change = Callable[[pandas.DataFrame], pandas.DataFrame]


@pytest.mark.parametrize(
    ("change", "more", "said"),
    [
        (lambda f: f.drop(columns="age"), [], "no column 'age', named by 'features'"),
        (lambda f: f.drop(columns="income"), [], "no column 'income', named by 'label'"),
        (lambda f: f.drop(columns="race"), [], "no column 'race'"),
        (
            lambda f: f.assign(income=f["income"].replace("low", "medium")),
            [],
            "'medium'.*none of the classes",
        ),
        (
            lambda f: f.assign(income=f["income"].where(f.index != 3)),
            [],
            r"line 5 \(row 4\): there is no label in column 'income': fill it in",
        ),
        (lambda f: f.assign(age=f["age"].astype(str).replace("40", "forty")), [], "'forty' in column 'age'"),
        (lambda f: f, ["--label", "wage"], "no column 'wage'"),
        (lambda f: f, ["--device", "cuda:9"], "--device cuda:9"),
        (lambda f: f, ["--device", "nonsense"], "--device nonsense"),
        (lambda f: f.iloc[:0], [], "no rows|no example"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    of_table: Exported,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    change: Change,
    more: list[str],
    said: str,
) -> None:
    _, folder, _ = of_table
    change(people()).to_csv(tmp_path / "other.csv", index=False)
    code, out, err = run_command(capsys, "evaluate", folder, tmp_path / "other.csv", *more)
    assert (code, out) == (2, "")
    assert len(err.strip().splitlines()) == 1
    assert pandas.Series([err]).str.contains(said)[0], err


@pytest.mark.parametrize(
    ("out", "said"),
    [
        ("answers.txt", ".csv or .parquet"),
        ("there.csv", "is there already"),
        ("no/answers.csv", "no folder"),
        ("/proc/answers.csv", "can't be written (in '/proc'"),
    ],
)
def test_where_predictions_can_t_be_written(
    of_table: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str], out: str, said: str
) -> None:
    _, folder, run = of_table
    (tmp_path / "there.csv").write_text("kept")
    data = run.record.dataset["options"]["path"]
    code, _, err = run_command(capsys, "predict", folder, data, "--out", tmp_path / out)
    assert code == 2
    assert said in err
    assert (tmp_path / "there.csv").read_text() == "kept"


def test_what_is_unlike_the_training_data_is_said(
    of_table: Exported, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    student, folder, _ = of_table
    path = tmp_path / "later.csv"
    frame = people(50)
    numbers = [
        column["name"] for column in student.config["preprocessing"]["columns"] if column["kind"] == "number"
    ]
    frame.assign(**{numbers[0]: 1e6}).to_csv(path, index=False)
    said = f"column {numbers[0]!r} has a median of 1e+06, far from that in train"
    for command in ("evaluate", "predict"):
        code, _, err = run_command(capsys, command, folder, path)
        assert code == 0
        assert said in err
    one_group = f"column {numbers[0]!r} has one group only, '>=50'"
    with pytest.warns(UserWarning, match=re.escape(said)), pytest.warns(UserWarning, match=one_group):
        student.evaluate(path)
    frame.to_csv(path, index=False)
    assert "far from" not in run_command(capsys, "evaluate", folder, path)[2]


def test_groups_and_labels_that_do_not_fit(of_table: Exported) -> None:
    student, _, _ = of_table
    frame = people(50)
    with pytest.raises(DataError, match="x has 50 examples, but the label has 3"):
        student.evaluate(frame, ["low"] * 3)
    with pytest.raises(DataError, match=r"'sexx' is no sensitive attribute.*did you mean 'sex'"):
        student.evaluate(frame, frame["income"], {"sexx": frame["sex"]})
    with pytest.raises(DataError, match="label has another index than x"):
        student.evaluate(frame, frame["income"].iloc[::-1])
    with pytest.raises(DataError, match=r"y\[0\] is 2, and there are 2 classes"):
        student.evaluate(frame, [2] * 50)
    with pytest.raises(DataError, match="'X'"):
        student.evaluate(frame, frame["income"], {"sex*race": ["X"] * 50})


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"batch_size": 0}, "batch_size must be a whole number above 0, not 0"),
        ({"batch_size": 2.5}, "batch_size must be a whole number above 0, not 2.5"),
        ({"precision": "float8"}, "precision must be one of float32, bfloat16, float16, not 'float8'"),
        ({"groups": ["f", "m"]}, "groups: give a mapping"),
    ],
)
def test_options_of_a_wrong_kind_are_refused(of_table: Exported, options: dict[str, Any], said: str) -> None:
    student, _, _ = of_table
    rows = people().head(2)
    with pytest.raises(InputError, match=re.escape(said)):
        student.evaluate(rows, rows["income"], **options)
