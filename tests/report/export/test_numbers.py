"""The numbers of an export: a fresh process, the search, fairlearn and scipy find the same."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from fairlearn.metrics import demographic_parity_difference, equalized_odds_difference
from scipy.stats import binomtest

import kdtune
from kdtune.report.evaluate.evaluation import load_data, open_test
from kdtune.runs.reader import Run

FRESH = """
import json, sys
import kdtune
student = kdtune.load_student(sys.argv[1])
import torch
torch.set_num_threads(1)
from kdtune.report.evaluate.evaluation import load_data, open_test, validation_of
from kdtune.runs.reader import open_run
forbidden = [name for name in ("ray", "optuna", "textual", "matplotlib") if name in sys.modules]
data = load_data(open_run(sys.argv[2]))
counts = {}
from kdtune.distill.evaluation.counts import count_all
for split in (validation_of(data), open_test(data)):
    predictions = student.logits(split.inputs).argmax(dim=1).numpy()
    counts[split.name] = {key: item.to_dict() for key, item in count_all(split.arrays, predictions).items()}
print(json.dumps({"forbidden": forbidden, "counts": counts}))
"""


def test_a_fresh_process_loads_a_student_and_gets_the_same_counts(
    exported: tuple[Path, Any], small_run: Run
) -> None:
    out, findings = exported
    folder = out / findings.members[0].id
    said = subprocess.run(
        [sys.executable, "-c", FRESH, str(folder), str(small_run.path)],
        capture_output=True,
        text=True,
        check=True,
    )
    fresh = json.loads(said.stdout)
    assert fresh["forbidden"] == []
    metrics = json.loads((folder / "metrics.json").read_text())
    for split in ("validation", "test"):
        assert fresh["counts"][split] == metrics[split]["counts"]


def test_validation_repeats_what_the_search_recorded(exported: tuple[Path, Any], small_run: Run) -> None:
    """The small run trains in float32, so that nothing may differ."""
    _, findings = exported
    for model in findings.models:
        recorded = small_run.reports(model.id)[-1].counts
        assert model.splits["validation"]["counts"] == {
            name: counts.to_dict() for name, counts in recorded.items()
        }
        for name, value in model.splits["validation"]["values"].items():
            assert value == pytest.approx(model.searched[name], abs=0, nan_ok=True)


def test_numbers_agree_with_fairlearn_and_scipy(exported: tuple[Path, Any], small_run: Run) -> None:
    out, findings = exported
    test = open_test(load_data(small_run))
    colors = test.arrays.validation_groups["color"]
    classes = small_run.record.classes
    table = pandas.read_csv(out / "by_group.csv")
    for member in findings.members:
        student = kdtune.load_student(out / member.id)
        names = student.predict(test.inputs)
        guess = np.array([classes.index(name) for name in names])
        numbers = student.metrics["test"]
        right = guess == test.labels
        assert numbers["values"]["accuracy"] == pytest.approx(right.mean(), abs=1e-15)
        interval = binomtest(int(right.sum()), len(right)).proportion_ci(method="wilson")
        assert numbers["accuracy"]["interval"] == pytest.approx([interval.low, interval.high], abs=1e-12)
        eods, dpds = [], []
        for c in range(len(classes)):
            one = {"y_true": test.labels == c, "y_pred": guess == c, "sensitive_features": colors}
            eods.append(equalized_odds_difference(**one))
            dpds.append(demographic_parity_difference(**one))
        assert numbers["values"]["eod"] == pytest.approx(np.mean(eods), abs=1e-12)
        assert numbers["values"]["dpd"] == pytest.approx(np.mean(dpds), abs=1e-12)
        assert numbers["values"]["eod_worst_class"] == pytest.approx(max(eods), abs=1e-12)
        for g, group in enumerate(numbers["attributes"]["color"]["groups"]):
            mine = colors == g
            assert group["n"] == mine.sum()
            assert group["accuracy"]["value"] == pytest.approx(right[mine].mean(), abs=1e-15)
            row = table[(table["id"] == member.id) & (table["group"] == group["group"])].iloc[0]
            for c, rates in enumerate(group["by_class"]):
                positives = mine & (test.labels == c)
                ci = binomtest(int((guess[positives] == c).sum()), int(positives.sum())).proportion_ci(
                    method="wilson"
                )
                assert rates["tpr"]["interval"] == pytest.approx([ci.low, ci.high], abs=1e-12)
                assert row[f"TPR {classes[c]}"] == pytest.approx(rates["tpr"]["value"], abs=1e-12)
                assert row[f"FPR {classes[c]}"] == pytest.approx(rates["fpr"]["value"], abs=1e-12)


def test_the_test_split_is_opened_in_one_place_only() -> None:
    package = Path(kdtune.__file__).parent
    callers = [p.name for p in package.rglob("*.py") if ".open_test(" in p.read_text(encoding="utf-8")]
    assert callers == ["evaluation.py"]
