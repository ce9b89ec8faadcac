"""What an export says of each student beside its baselines, recomputed from the answers that it wrote."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest

import kdtune
from kdtune.fairness import calibration, changes, compare, holm, pairwise_level
from kdtune.report.evaluate.evaluation import load_data, open_test
from kdtune.runs.reader import Run


@pytest.fixture(scope="module")
def labels_and_colors(small_run: Run) -> tuple[np.ndarray, np.ndarray]:
    test = open_test(load_data(small_run))
    return test.labels, test.arrays.validation_groups["color"]


def answers_of(out: Path, run: Run, model: str) -> np.ndarray:
    table = pandas.read_csv(out / "answers.csv")
    assert table["example"].tolist() == list(range(300))
    return table[model].map({name: k for k, name in enumerate(run.record.classes)}).to_numpy()


def test_answers_give_every_accuracy_again(
    exported: tuple[Path, Any], small_run: Run, labels_and_colors: tuple[np.ndarray, np.ndarray]
) -> None:
    out, findings = exported
    labels, _ = labels_and_colors
    for model in findings.models:
        right = answers_of(out, small_run, model.id) == labels
        assert right.mean() == pytest.approx(model.value("accuracy"), abs=1e-15)


def test_comparisons_are_paired_and_take_all_pairs_into_account(
    exported: tuple[Path, Any], small_run: Run, labels_and_colors: tuple[np.ndarray, np.ndarray]
) -> None:
    out, findings = exported
    labels, colors = labels_and_colors
    table = pandas.read_csv(out / "comparisons.csv", keep_default_na=False)
    members = len(findings.members)
    assert len(table) == (members * 2 + members - 1) * 2
    for _, row in table.iterrows():
        grouped = row["objective"] == "eod"
        found = compare(
            labels,
            answers_of(out, small_run, row["id"]),
            answers_of(out, small_run, row["against"]),
            colors if grouped else None,
            measure=row["objective"],
            n_classes=3,
            n_groups=2 if grouped else None,
            level=pairwise_level(len(findings.models), 2),
        )
        assert row["difference"] == pytest.approx(found.difference)
        assert [row["low"], row["high"]] == pytest.approx([found.low, found.high])
        better = (row["objective"] == "accuracy") == (found.difference > 0)
        assert row["beyond_noise"] == ("" if not found.beyond_noise else "better" if better else "worse")


def test_gains_and_losses_by_class_and_group(
    exported: tuple[Path, Any], small_run: Run, labels_and_colors: tuple[np.ndarray, np.ndarray]
) -> None:
    out, findings = exported
    labels, colors = labels_and_colors
    by_class = pandas.read_csv(out / "by_class.csv")
    by_group = pandas.read_csv(out / "group_changes.csv")
    assert len(by_class) == len(findings.models) * 3
    for versus in findings.versus:
        before, after = (answers_of(out, small_run, name) for name in (versus.other, versus.model))
        found = changes(labels, before, after, labels, n_parts=3)
        rows = by_class[by_class["id"] == versus.model]
        for name in ("gained", "lost", "difference", "p"):
            assert rows[f"{versus.role}_{name}"].to_numpy() == pytest.approx(getattr(found, name))
        found = changes(labels, before, after, colors, n_parts=2)
        rows = by_group[(by_group["id"] == versus.model) & (by_group["role"] == versus.role)]
        assert rows["gained"].tolist() == found.gained.tolist()
    assert by_group["p_holm"].to_numpy() == pytest.approx(holm(by_group["p"].to_numpy()))


def test_confusion_adds_up(
    exported: tuple[Path, Any], small_run: Run, labels_and_colors: tuple[np.ndarray, np.ndarray]
) -> None:
    out, findings = exported
    labels, colors = labels_and_colors
    table = pandas.read_csv(out / "confusion.csv", keep_default_na=False)
    for model in findings.models:
        answers = answers_of(out, small_run, model.id)
        for group, chosen in {"all": np.full(300, True), "red": colors == 0}.items():
            cells = table[(table["id"] == model.id) & (table["group"] == group)]
            assert cells["n"].sum() == chosen.sum()
            for _, cell in cells.iterrows():
                true, given = (small_run.record.classes.index(cell[name]) for name in ("class", "answer"))
                assert cell["n"] == (chosen & (labels == true) & (answers == given)).sum()


def test_calibration_by_group_is_that_of_the_probabilities(
    exported: tuple[Path, Any], small_run: Run, labels_and_colors: tuple[np.ndarray, np.ndarray]
) -> None:
    out, findings = exported
    labels, colors = labels_and_colors
    test = open_test(load_data(small_run))
    table = pandas.read_csv(out / "by_group.csv")
    for member in findings.members:
        student = kdtune.load_student(out / member.id)
        probabilities = student.logits(test.inputs).double().softmax(dim=1).numpy()
        numbers = json.loads((out / member.id / "metrics.json").read_text())["test"]["calibration"]
        assert numbers["all"]["error"] == pytest.approx(calibration(labels, probabilities).error)
        red = calibration(labels[colors == 0], probabilities[colors == 0])
        row = table[(table["id"] == member.id) & (table["group"] == "red")].iloc[0]
        assert row["calibration error"] == pytest.approx(red.error)
        assert row["confidence"] == pytest.approx(red.confidence)
