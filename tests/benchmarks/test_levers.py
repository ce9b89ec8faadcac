"""Levers are compared on the same configurations and seeds, and what is chosen on one part is scored on another."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.truth import levers, levers_section
from benchmarks.truth.levers import ALONE, DKD, GROUPS, LeverStudents
from kdtune.distill.config import Distillation, Job, TrainConfig
from tests.benchmarks.test_truth import ITEM

JOB = Job("mlp-8", TrainConfig(epochs=1), 0, 0, Distillation("cnn8", 4.0, 0.5))


def test_a_lever_changes_nothing_else() -> None:
    rng = np.random.default_rng(0)
    assert levers.pulled(ALONE, JOB, rng, "sex") == JOB
    for lever in levers.levers(3):
        job = levers.pulled(lever, JOB, rng, "sex")
        assert (job == JOB) == (lever == ALONE) or lever == levers.CLASSES
        assert (job.seed, job.architecture, job.train.lr) == (JOB.seed, JOB.architecture, JOB.train.lr)
        assert job.distillation is not None
        assert (job.distillation.temperature, job.distillation.alpha) == (4.0, 0.5)
    assert levers.pulled(GROUPS, JOB, rng, "sex").train.group_weights == "sex"
    assert DKD not in levers.levers(2), "with two classes it is KD itself"


@pytest.fixture(scope="module")
def found() -> LeverStudents:
    return levers.train_levers(replace(ITEM, configurations=4, folds=1, curves=False), 0)


def test_each_lever_trains_other_students_and_none_of_more_classes_has_thresholds(
    found: LeverStudents,
) -> None:
    students = found.students
    assert students.predictions.shape == (len(students.labels), 4, len(found.names))
    alone = students.predictions[:, :, found.names.index(ALONE)]
    for name in found.names:
        if name != ALONE:
            assert (students.predictions[:, :, found.names.index(name)] != alone).any(), name
    assert (found.corrected.shape[1], found.why) == (0, "more than two classes")


def test_the_report_gives_differences_from_t_and_alpha_alone(found: LeverStudents) -> None:
    feasible = replace(found, bound=0.0)
    scores = [levers.lever_scores(feasible, "eod")] * 2
    assert all(0 < scores[0][name]["true"] <= 1 for name in found.names)
    one = {
        "data": "digits",
        "gap": "eod",
        "splits": 2,
        "configurations": 4,
        "test": 10,
        "levers": found.names,
        "why": found.why,
        "scores": scores,
    }
    text = levers_section.report([one])
    apart = 1000 * (scores[0][DKD]["true"] - scores[0][ALONE]["true"])
    assert f"| {DKD} | {apart:+.1f} ± 0.0 |" in text
    assert "No thresholds by group: more than two classes." in text
    assert "| nds mlp-8 |" in text


def test_nobody_who_reaches_the_bound_is_an_empty_front(found: LeverStudents) -> None:
    scores = levers.lever_scores(replace(found, bound=2.0), "eod")
    assert scores[ALONE]["true"] == scores[ALONE]["chosen"] == 0.0
    assert np.isnan(scores[ALONE]["lowest"])
