"""Students are chosen by their values on validation and, as far as they don't overfit, on training examples."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kdtune.fairness import Counts, count
from kdtune.runs.choosing import (
    is_alike,
    overfit,
    possible_values,
    share_of_training,
    training_values,
    values_to_choose_by,
)
from kdtune.runs.front import front_members
from kdtune.runs.measures.objectives import Objective
from kdtune.runs.reader import Run
from kdtune.runs.records import ALL, Report
from kdtune.runs.state import ModelState, RunState
from kdtune.runs.summary import summarise

ATTRIBUTES = {"sex": ("f", "m")}
ACCURACY, EOD, BIAS = (Objective.parse(n, ATTRIBUTES) for n in ("accuracy", "eod", "class_bias_teacher"))


def tables(seed: int, n: int) -> dict[str, Counts]:
    rng = np.random.default_rng(seed)
    labels, guesses, groups = rng.integers(3, size=n), rng.integers(3, size=n), rng.integers(2, size=n)
    return {
        ALL: count(labels, guesses, n_classes=3),
        "sex": count(labels, guesses, groups, n_classes=3, n_groups=2),
    }


def trained(report: Report, seed: int = 9, n: int = 150) -> Report:
    return replace(report, training=tables(seed, n))


def test_training_examples_say_objectives_and_overfit(make_report: Any) -> None:
    report = trained(make_report())
    found = training_values(report, [ACCURACY, EOD])
    assert found is not None
    assert found.seen == {"accuracy": report.training[ALL].accuracy, "eod": report.training["sex"].eod}
    assert found.overfit == overfit(report.counts[ALL], report.training[ALL]) != 0


def hits(n: int, of: int) -> Counts:
    return Counts(np.array([[of, 0]]), np.array([[n, of - n]]), np.array([[n, 0]]))


def test_overfit_is_counted_in_standard_errors() -> None:
    assert overfit(hits(80, 100), hits(80, 100)) == 0
    # Accuracy 0.9 over both: the difference of 0.2 has a variance of 0.09 * (1 / 100 + 1 / 100).
    z = 0.2 / math.sqrt(0.09 * 0.02)
    assert overfit(hits(80, 100), hits(100, 100)) == pytest.approx(z)
    assert overfit(hits(100, 100), hits(80, 100)) == pytest.approx(-z)
    assert overfit(hits(100, 100), hits(100, 100)) == overfit(hits(0, 100), hits(0, 100)) == 0


def test_training_examples_count_half_and_less_where_students_overfit() -> None:
    assert share_of_training([0.0]) == share_of_training([1.0]) == share_of_training([-0.5, 1.2]) == 0.5
    assert share_of_training([2.0]) == share_of_training([-2.0]) == share_of_training([2.0, -2.0]) == 0.5 / 4
    assert share_of_training([1.0, 3.0]) == pytest.approx(0.5 / 5)


def test_a_comparison_with_another_model_and_what_is_no_count_are_left_out(make_report: Any) -> None:
    report = replace(trained(make_report()), scalars={"latency": 2.0})
    asked = [ACCURACY, BIAS, Objective.parse("latency", ATTRIBUTES)]
    found = training_values(report, asked)
    assert found is not None
    assert set(found.seen) == {"accuracy"}


def test_a_report_without_training_examples_gives_nothing(make_report: Any) -> None:
    assert training_values(make_report(), [ACCURACY, EOD]) is None


def test_training_counts_survive_the_record(make_report: Any) -> None:
    report = trained(make_report())
    assert Report.from_dict(report.to_dict()) == report
    assert "training" not in make_report().to_dict()


def with_examples(*cells: list[int]) -> Counts:
    examples = np.array(cells)
    return Counts(examples, examples, examples)


def test_examples_are_alike_unless_a_test_of_homogeneity_says_otherwise() -> None:
    own = with_examples([100, 100], [100, 100])
    assert is_alike(own, own)
    assert is_alike(own, with_examples([20, 25], [22, 18]))
    assert not is_alike(own, with_examples([160, 40], [40, 160]))
    assert not is_alike(own, with_examples([0, 0], [0, 0]))
    assert is_alike(with_examples([10]), with_examples([90]))


def test_the_test_of_homogeneity_is_pearson_s() -> None:
    from scipy.stats import chi2_contingency

    rng = np.random.default_rng(0)
    verdicts = set()
    for _ in range(300):
        cells = rng.integers(20, 120, size=(2, 4))
        cells[1] = cells[0] + rng.integers(-19, 60, size=4)
        one, other = (with_examples(list(map(int, row[:2])), list(map(int, row[2:]))) for row in cells)
        verdict = bool(chi2_contingency(cells).pvalue >= 1e-3)
        assert is_alike(one, other) == verdict
        verdicts.add(verdict)
    assert verdicts == {True, False}


def test_training_examples_that_are_distributed_otherwise_do_not_count(make_report: Any) -> None:
    report = make_report()
    labels = np.repeat([0, 1, 2], [150, 5, 5])
    shifted = {
        ALL: count(labels, labels, n_classes=3),
        "sex": count(labels, labels, labels % 2, n_classes=3, n_groups=2),
    }
    assert training_values(replace(report, training=shifted), [ACCURACY, EOD]) is None


def students(n: int = 12) -> list[ModelState]:
    """Students whose accuracy on validation is that on training examples and luck, and whose EOD is all the same."""
    found = []
    for k in range(n):
        seen, luck = 0.5 + 0.03 * k, 0.1 * (-1) ** k
        student = ModelState(f"t{k:04d}", "student", {}, 1, state="done", epoch=1)
        student.values = {"accuracy": seen + luck, "eod": 0.2}
        student.seen = {"accuracy": seen, "eod": 0.2}
        student.overfit = 2.0
        found.append(student)
    return found


def test_luck_is_taken_out_as_far_as_students_do_not_overfit() -> None:
    models, names = students(), ["accuracy", "eod"]
    found = values_to_choose_by(models, names, np.ones(12, dtype=bool))
    own, seen = (
        np.array([kind["accuracy"] for kind in kinds])
        for kinds in ([m.values for m in models], [m.seen for m in models])
    )
    assert found[:, 0] == pytest.approx(own + (seen - own) / 8)
    assert found[:, 1] == pytest.approx(0.2)


def test_only_students_that_may_be_on_the_front_say_how_much_students_overfit() -> None:
    models, may = students(), np.ones(12, dtype=bool)
    models[5].overfit, may[5] = 100.0, False
    models[6].overfit, may[6] = None, False
    expected = [m.values["accuracy"] + (m.seen["accuracy"] - m.values["accuracy"]) / 8 for m in models]
    assert values_to_choose_by(models, ["accuracy"], may)[:, 0] == pytest.approx(expected)


@pytest.mark.parametrize("missing", ["all of it", "one value"])
def test_values_of_both_kinds_are_never_compared(missing: str) -> None:
    models = students()
    if missing == "one value":
        models[3].seen["accuracy"] = math.nan
    else:
        models[3].seen, models[3].overfit = {}, None
    everybody = np.ones(12, dtype=bool)
    own = [[m.values["accuracy"]] for m in models]
    assert values_to_choose_by(models, ["accuracy"], everybody).tolist() == own
    without = everybody.copy()
    without[3] = False  # it can't be on the front, so it does not matter what is known of it
    found = values_to_choose_by(models, ["accuracy"], without)[:, 0]
    assert found[3] == own[3][0]
    assert (np.delete(found, 3) != np.delete(own, 3)).all()


def test_a_student_without_a_value_has_none_to_be_chosen_by() -> None:
    models = students()
    models[0].values["accuracy"] = math.nan
    found = values_to_choose_by(models, ["accuracy"], np.ones(12, dtype=bool))
    assert math.isnan(found[0, 0])
    assert np.isfinite(found[1:]).all()


def test_nobody_gives_an_empty_table() -> None:
    assert values_to_choose_by([], ["accuracy", "eod"], np.zeros(0, dtype=bool)).shape == (0, 2)


def test_a_lucky_student_leaves_the_front_and_the_raw_one_keeps_it() -> None:
    models = students()
    for k, luck in ((10, 0.05), (11, 0.0)):  # the last one is better by what it is, the one before by luck
        models[k].values["accuracy"] = models[k].seen["accuracy"] + luck
        models[k].values["eod"] = models[k].seen["eod"] = 0.1
    for model in models:
        model.overfit = 0.0
    state = RunState(trials={m.id: m for m in models})
    asked = (state, [ACCURACY, EOD], ())
    done, on_front = front_members(*asked)
    raw = front_members(*asked, raw=True)[1]
    assert [m.id for m, on in zip(done, raw, strict=True) if on] == ["t0010"]
    values = values_to_choose_by(done, ["accuracy", "eod"], np.ones(12, dtype=bool))
    assert [m.id for m, on in zip(done, on_front, strict=True) if on] == ["t0011"], values


def test_what_a_student_may_be_chosen_by_lies_between_validation_and_the_mean() -> None:
    models = students()
    names, everybody = ["accuracy", "eod"], np.ones(12, dtype=bool)
    possible = possible_values(models, names)
    for z in (0.0, 1.5, 4.0):
        for model in models:
            model.overfit = z
        found = values_to_choose_by(models, names, everybody)
        ends = np.sort(np.stack([possible[:, :2], possible[:, 2:]]), axis=0)
        assert ((ends[0] - 1e-12 <= found) & (found <= ends[1] + 1e-12)).all()


def test_a_run_tells_both_fronts(make_run: Any, make_report: Any) -> None:
    files, writer = make_run()
    from kdtune.runs.measures.objectives import References

    for number, (own, seen) in enumerate([(1, 5), (2, 6), (3, 7), (4, 8)]):
        name = f"t{number:04d}"
        writer.model_started(name, "student", {"temperature": 1.0 + number}, 1)
        writer.report(name, trained(make_report(seed=own), seed=seen), References())
        writer.model_state(name, "done")
    writer.close()
    run, raw = Run(files), Run(files, raw=True)
    state = run.state()
    for trial in state.trials.values():
        report = run.report(trial.id)
        assert report is not None
        assert (trial.seen, trial.overfit) == training_values(report, run.objectives)
    summary = summarise(run)
    assert summary.raw_front == tuple(m.id for m in raw.front_states(state))
    assert summary.status.front == tuple(
        trial.id for trial, on in zip(*run.front_of(state), strict=True) if on
    )
    assert {m.id for m in summary.front} == set(summary.status.front)


def test_what_a_student_answered_is_void_once_it_starts_over(make_run: Any, make_report: Any) -> None:
    from kdtune.runs.measures.objectives import References

    _, writer = make_run()
    writer.model_started("t0000", "student", {}, 1)
    writer.report("t0000", trained(make_report()), References())
    assert writer.state.trials["t0000"].seen
    assert writer.state.trials["t0000"].overfit is not None
    writer.start_over("t0000", "lost")
    assert writer.state.trials["t0000"].seen == {}
    assert writer.state.trials["t0000"].overfit is None
    writer.close()
