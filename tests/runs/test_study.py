"""A study has no front: its models are repetitions, and the best one of them is the luckiest."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from statistics import mean, stdev

import pytest

from kdtune.cli import main
from kdtune.fairness import count
from kdtune.runs.measures.objectives import References
from kdtune.runs.paths import RunFiles
from kdtune.runs.reader import open_run
from kdtune.runs.records import ALL, Report
from kdtune.runs.summary import summarise
from kdtune.runs.writer import RunWriter
from tests.runs.conftest import predictions

MakeRun = Callable[..., tuple[RunFiles, RunWriter]]
ACCURACY = {(10.0, True): (0.70, 0.74), (4.0, True): (0.81, 0.80), (4.0, False): (0.6,)}
"""Of students, by temperature and form of the loss: one for each seed."""


@pytest.fixture
def study(make_run: MakeRun) -> Path:
    files, writer = make_run(kind="study", trials=6)
    for seed, accuracy in ((1, 0.9), (2, 0.8)):
        config = {"architecture": "x", "study_seed": seed}
        writer.model_started(f"teacher-x-s{seed}", "teacher", config, 2)
        writer.values(f"teacher-x-s{seed}", {"accuracy": accuracy, "eod": 0.1})
        writer.model_state(f"teacher-x-s{seed}", "done")
    number = 0
    for (temperature, scaled), accuracies in ACCURACY.items():
        for seed, accuracy in enumerate(accuracies, 1):
            config = {"pair": "x->y", "temperature": temperature, "scale_by_t2": scaled, "study_seed": seed}
            writer.model_started(f"t{number:04d}", "student", config, 2)
            writer.values(f"t{number:04d}", {"accuracy": accuracy, "eod": float("nan") if seed == 2 else 0.2})
            writer.model_state(f"t{number:04d}", "done")
            number += 1
    writer.model_started(f"t{number:04d}", "student", config, 2)
    writer.close()
    return files.root


def by_form(row: tuple[tuple[float, bool], object]) -> tuple[bool, float]:
    (temperature, scaled), _ = row
    return scaled, temperature


def test_status_shows_means_over_seeds_and_no_front(study: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["status", str(study)]) == 0
    out, err = capsys.readouterr()
    assert not any(word in out for word in ("Pareto", "front", "hypervolume", "step"))
    assert "kdtune study --figures-only" in err
    rows = [line.split("│") for line in out.splitlines() if "│" in line]
    cells = [" ".join(part.strip() for part in row) for row in rows]
    shown = [row for row in cells if "x->y" in row]
    for row, ((temperature, scaled), values) in zip(
        shown, sorted(ACCURACY.items(), key=by_form), strict=True
    ):
        spread = f" ± {stdev(values):.3f}" if len(values) > 1 else ""
        eod = "undefined" if len(values) > 1 else "0.200"
        form = "yes" if scaled else "no"
        expected = f"x->y {temperature:g} {form} {len(values)} {mean(values):.3f}{spread} {eod}"
        assert expected in row
    assert any("teacher x" in row and "2 0.850 ± 0.071 0.100 ± 0.000" in row for row in cells), cells


def test_status_says_in_how_many_trials_the_student_knows_nothing(
    make_run: MakeRun, make_report: Callable[..., Report], capsys: pytest.CaptureFixture[str]
) -> None:
    files, writer = make_run(kind="study", trials=2)
    writer.model_started("teacher-x-s1", "teacher", {"architecture": "x", "study_seed": 1}, 1)
    writer.report("teacher-x-s1", make_report(), References())
    writer.model_state("teacher-x-s1", "done")
    for seed in (1, 2):
        config = {"pair": "x->y", "temperature": 2.0, "scale_by_t2": True, "study_seed": seed}
        writer.model_started(f"t{seed:04d}", "student", config, 1)
        labels, guesses, groups = predictions(seed)
        if seed == 2:
            guesses[:] = 0
        counts = {
            ALL: count(labels, guesses, n_classes=3),
            "sex": count(labels, guesses, groups, n_classes=3, n_groups=2),
        }
        writer.report(f"t{seed:04d}", replace(make_report(), counts=counts), References())
        writer.model_state(f"t{seed:04d}", "done")
    writer.close()
    assert main(["status", str(files.root)]) == 0
    out = capsys.readouterr().out
    assert "in 1 of 2 trials the student gives the same answer to everybody" in out
    assert "first row" not in out


def test_nothing_else_calls_a_model_of_a_study_a_member_of_a_front(
    study: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run = open_run(study)
    assert (run.status().front, summarise(run).front, summarise(run).raw_front) == ((), (), ())
    assert len(run.front()) == 0
    assert not run.trials()["front"].any()
    assert main(["status", str(study), "--json"]) == 0
    status = json.loads(capsys.readouterr().out)["status"]
    assert (status["front"], status["hypervolume"], status["added"]) == ([], None, None)
    assert main(["runs", "--runs-dir", str(study.parent)]) == 0
    [row] = [line for line in capsys.readouterr().out.splitlines() if " d " in line]
    assert row.count("–") == 2
    assert "hypervolume" not in run._repr_html_()
