"""Students are chosen by counts of validation and training examples together, which are derived and never recorded."""

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from kdtune.fairness import Counts, count
from kdtune.runs.choosing import is_alike, pooled_values, values_to_choose_by
from kdtune.runs.objectives import Objective
from kdtune.runs.reader import Run, front_members
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


def test_values_are_those_of_the_sum_of_both_counts(make_report: Any) -> None:
    report = trained(make_report())
    found = pooled_values(report, [ACCURACY, EOD])
    both = report.counts["sex"] + report.training["sex"]
    assert found == {"accuracy": (report.counts[ALL] + report.training[ALL]).accuracy, "eod": both.eod}


def test_a_comparison_with_another_model_and_what_is_no_count_are_left_out(make_report: Any) -> None:
    report = replace(trained(make_report()), scalars={"latency": 2.0})
    asked = [ACCURACY, BIAS, Objective.parse("latency", ATTRIBUTES)]
    assert set(pooled_values(report, asked)) == {"accuracy"}


def test_a_report_without_training_examples_gives_nothing(make_report: Any) -> None:
    assert pooled_values(make_report(), [ACCURACY, EOD]) == {}


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
    assert pooled_values(replace(report, training=shifted), [ACCURACY, EOD]) == {}


def model(number: int, own: float, pooled: float | None) -> ModelState:
    found = ModelState(f"t{number:04d}", "student", {}, 1, state="done", epoch=1)
    found.values = {"accuracy": own, "eod": own / 2}
    found.pooled = {} if pooled is None else {"accuracy": pooled}
    return found


def test_values_of_both_kinds_are_never_compared() -> None:
    pooled = [model(0, 0.8, 0.7), model(1, 0.9, 0.6)]
    assert values_to_choose_by(pooled, ["accuracy", "eod"]).tolist() == [[0.7, 0.4], [0.6, 0.45]]
    assert values_to_choose_by(pooled, ["accuracy"], raw=True).tolist() == [[0.8], [0.9]]
    mixed = [*pooled, model(2, 0.5, None)]
    assert values_to_choose_by(mixed, ["accuracy"]).tolist() == [[0.8], [0.9], [0.5]]


def test_a_student_without_a_value_does_not_change_how_the_others_are_chosen() -> None:
    undefined = model(2, math.nan, None)
    found = values_to_choose_by([model(0, 0.8, 0.7), undefined], ["accuracy"])
    assert found[0, 0] == 0.7
    assert math.isnan(found[1, 0])


def test_nobody_gives_an_empty_table() -> None:
    assert values_to_choose_by([], ["accuracy", "eod"]).shape == (0, 2)


def test_a_lucky_student_leaves_the_front_and_the_raw_one_keeps_it() -> None:
    state = RunState(trials={m.id: m for m in (model(0, 0.8, 0.85), model(1, 0.9, 0.7))})
    for found in state.trials.values():
        found.pooled["eod"] = 0.1
    asked = (state, [ACCURACY, EOD], ())
    assert front_members(*asked)[1].tolist() == [True, False]
    assert front_members(*asked, raw=True)[1].tolist() == [True, True]


def test_a_run_tells_both_fronts(make_run: Any, make_report: Any) -> None:
    files, writer = make_run()
    from kdtune.runs.objectives import References

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
        assert trial.pooled == pytest.approx(pooled_values(report, run.objectives))
    summary = summarise(run)
    assert summary.raw_front == tuple(m.id for m in raw.front_states(state))
    assert summary.status.front == tuple(
        trial.id for trial, on in zip(*run.front_of(state), strict=True) if on
    )
    assert {m.id for m in summary.front} == set(summary.status.front)


def test_what_a_student_answered_is_void_once_it_starts_over(make_run: Any, make_report: Any) -> None:
    from kdtune.runs.objectives import References

    _, writer = make_run()
    writer.model_started("t0000", "student", {}, 1)
    writer.report("t0000", trained(make_report()), References())
    assert writer.state.trials["t0000"].pooled
    writer.start_over("t0000", "lost")
    assert writer.state.trials["t0000"].pooled == {}
    writer.close()
