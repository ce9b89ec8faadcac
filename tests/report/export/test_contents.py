"""What an export holds: folders of students and of baselines, tables, figures."""

import json
from pathlib import Path
from typing import Any

import pandas

import kdtune
from kdtune.runs.reader import Run


def test_every_member_has_a_folder_and_the_tables_name_it(exported: tuple[Path, Any], small_run: Run) -> None:
    out, _ = exported
    front = set(small_run.front().index)
    baselines = {f"nds-{json.loads(small_run.files.config(name).read_text())['student']}" for name in front}
    assert {path.parent.name for path in out.glob("*/config.json")} == front | baselines
    table = pandas.read_csv(out / "front.csv")
    assert set(table[table["role"] == "student"]["id"]) == front
    assert set(table["role"]) == {"student", "teacher", "nds"}
    numbers = table.select_dtypes("number")
    assert len(numbers.columns) > 30
    whole = pandas.read_parquet(out / "front.parquet")
    pandas.testing.assert_frame_equal(numbers, whole[numbers.columns], check_dtype=False)
    record = json.loads((out / "front.json").read_text())
    for member in record["members"]:
        row = table.set_index("id").loc[member["id"]]
        assert row["accuracy_test"] == member["test"]["values"]["accuracy"]
    for name in ("front", "settings", "class-bias", "groups-color"):
        assert (out / "figures" / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert "<svg" in (out / "figures" / f"{name}.svg").read_text()
    assert oct(out.stat().st_mode)[-3:] == "755"


def test_the_document_names_every_column(exported: tuple[Path, Any]) -> None:
    out, findings = exported
    text = (Path(__file__).parents[3] / "docs" / "report.md").read_text(encoding="utf-8")
    told = text.partition("The columns:")[2]
    ids, measures = {model.id for model in findings.models}, set(findings.members[0].splits["test"]["values"])
    files = sorted(out.glob("*.csv"))
    assert {path.name for path in files} == {"answers.csv", "front.csv", "comparisons.csv", "by_class.csv",
                                             "by_group.csv", "group_changes.csv", "confusion.csv"}  # fmt: skip
    for path in files:
        assert f"| `{path.name}` |" in told
        for column in pandas.read_csv(path, nrows=0).columns:
            name = (
                column.removeprefix("nds_").removeprefix("teacher_")
                if path.name == "by_class.csv"
                else column
            )
            for measure in sorted(measures, key=len, reverse=True):
                if name.startswith(f"{measure}_"):
                    name = f"…{name.removeprefix(measure)}"
                    break
            for rate in ("TPR", "FPR", "selection rate"):
                name = f"{rate} …" if name.startswith(f"{rate} ") else name
            assert name in ids or f"`{name}`" in told, (path.name, column)


def test_the_same_network_without_a_teacher_can_be_loaded_too(exported: tuple[Path, Any]) -> None:
    out, findings = exported
    for baseline in (model for model in findings.baselines if model.role == "nds"):
        student = kdtune.load_student(out / baseline.id)
        assert (student.config["role"], student.config["teacher"], student.config["distillation"]) == (
            "nds",
            None,
            None,
        )
        assert student.metrics["test"]["values"]["accuracy"] == baseline.value("accuracy")
        card = (out / baseline.id / "README.md").read_text()
        assert "trained without a teacher" in card
        assert "Loss: cross-entropy." in card
