"""Successive halving against its definition in words, for any order, scale and direction of the reports."""

import math
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kdtune.pareto import epsilon_net, non_dominated
from kdtune.space.reading import EarlyStopping
from kdtune.sweep.trials.halving import EarlyStopper, Halving

nan, inf = math.nan, math.inf
DIRECTIONS = ("max", "min")
CELL = st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0, nan])
BROKEN = st.sampled_from([-0.5, 0.0, 0.125, 0.25, inf])
REPORT = st.tuples(st.tuples(CELL, CELL), st.tuples(BROKEN, BROKEN))
REPORTS = st.lists(REPORT, min_size=1, max_size=14)


def order(reports, directions):
    """Sort reports by the definition: a key for each; equal keys are ties."""

    def kind(report) -> int:
        values, violations = report
        if any(map(math.isnan, values)):
            return 2
        return 1 if any(v > 0 for v in violations) else 0

    keys = [None] * len(reports)
    left = [k for k, r in enumerate(reports) if kind(r) == 0]
    rank = 0
    while left:
        values = np.array([reports[k][0] for k in left])
        on_front = non_dominated(values, directions)
        places = epsilon_net(values[on_front], directions)
        for k, place in zip(np.array(left)[on_front], places, strict=True):
            keys[k] = (0, rank, int(place))
        left = [k for k, on in zip(left, on_front, strict=True) if not on]
        rank += 1
    for k, report in enumerate(reports):
        if kind(report) == 1:
            keys[k] = (1, sum(max(v, 0.0) for v in report[1]), 0)
        elif kind(report) == 2:
            keys[k] = (2, 0, 0)
    return keys


def last_goes_on(reports, factor, directions=DIRECTIONS):
    halving = Halving((2,), factor, directions)
    return [halving.goes_on(k, 2, *report) for k, report in enumerate(reports)][-1]


@given(REPORTS, st.sampled_from([1.5, 2, 3, 4]))
def test_the_best_share_goes_on(reports, factor) -> None:
    keys = order(reports, DIRECTIONS)
    ahead = sum(key < keys[-1] for key in keys)
    assert last_goes_on(reports, factor) == (ahead < math.ceil(len(reports) / factor))


@given(REPORTS, st.randoms(use_true_random=False))
def test_the_order_of_those_before_does_not_matter(reports, rng) -> None:
    shuffled = reports[:-1]
    rng.shuffle(shuffled)
    assert last_goes_on([*shuffled, reports[-1]], 2) == last_goes_on(reports, 2)


@given(REPORTS)
def test_directions_scale_and_shift_do_not_matter(reports) -> None:
    flipped = [((-a, -b), violations) for (a, b), violations in reports]
    assert last_goes_on(flipped, 2, ("min", "max")) == last_goes_on(reports, 2)
    moved = [((4 * a - 3, b / 8 + 2), violations) for (a, b), violations in reports]
    assert last_goes_on(moved, 2) == last_goes_on(reports, 2)


@given(REPORTS, REPORT)
def test_the_undefined_never_ranks_above_the_defined(reports, defined) -> None:
    """If a trial with a NaN goes on, so does any defined one in its place."""
    (a, b), violations = defined
    if math.isnan(a) or math.isnan(b):
        return
    if last_goes_on([*reports, ((nan, b), ())], 2):
        assert last_goes_on([*reports, ((a, b), violations)], 2)


@given(REPORTS, REPORT)
def test_the_better_of_two_is_not_stopped_where_the_worse_goes_on(reports, report) -> None:
    """This holds for one measure; with several objectives the place within a rank may differ."""
    single = [((v[0],), c) for v, c in [*reports, report]]
    (value,), violations = single[-1]
    better = [*single[:-1], ((value + 0.25,), violations)]
    if last_goes_on(single, 2, ("max",)):
        assert last_goes_on(better, 2, ("max",))


def test_one_measure_in_words() -> None:
    """The first goes on, a worse one does not, and of three the best two."""
    halving = Halving((1,), 2, ("max",))
    assert [halving.goes_on(k, 1, [v]) for k, v in enumerate([0.9, 0.2, 0.95, 0.9])] == [
        True, False, True, True,
    ]  # fmt: skip


def test_a_model_that_has_learnt_nothing_does_not_compete() -> None:
    halving = Halving((2,), 2, DIRECTIONS)
    assert halving.goes_on(0, 2, [0.8, 0.1], [-0.3])
    assert halving.goes_on(1, 2, [0.5, 0.0], [0.05]) is False  # EOD 0, below the floor
    assert halving.goes_on(2, 2, [0.7, 0.05], [-0.2])  # less accurate, smaller gap: not dominated


def test_while_nobody_keeps_the_bounds_the_nearest_goes_on() -> None:
    halving = Halving((2,), 2, DIRECTIONS)
    assert [halving.goes_on(k, 2, [0.5, 0.0], [v]) for k, v in enumerate([0.3, 0.2, 0.25, 0.4])] == [
        True, True, True, False,
    ]  # fmt: skip


@pytest.mark.parametrize("report", [([0.5, 0.5], [0.2]), ([nan, 0.1], [0.0]), ([0.5, 0.5], [0.0])])
def test_those_that_cannot_be_told_apart_share_their_fate(report) -> None:
    halving = Halving((2,), 2, DIRECTIONS)
    assert all(halving.goes_on(k, 2, *report) for k in range(9))


def test_judged_at_rungs_alone_and_once() -> None:
    halving = Halving((2, 4), 2, ("max",))
    assert halving.goes_on(0, 2, [0.9])
    assert all(halving.goes_on(1, epoch, [0.0]) for epoch in (1, 3, 5))
    assert not halving.goes_on(1, 2, [0.1])
    assert not halving.goes_on(1, 3, [1.0])
    assert not halving.goes_on(1, 2, [1.0])
    assert halving.stopped(1)
    assert halving.goes_on(0, 2, [0.0])
    assert halving.goes_on(2, 2, [0.85])  # of three the best two: the repeated report did not count


def test_a_thousand_trials() -> None:
    """About half of the trials at each rung go on, and the best at the end is among them."""
    rng = random.Random(0)
    quality = [rng.random() for _ in range(1000)]
    halving = Halving((2, 4, 8), 2, ("max",))
    left, reached = list(range(1000)), []
    for epoch in halving.rungs:
        left = [k for k in left if halving.goes_on(k, epoch, [quality[k]])]
        reached.append(len(left))
    assert max(range(1000), key=quality.__getitem__) in left
    assert reached == pytest.approx([500, 250, 125], rel=0.2)


@pytest.mark.parametrize(
    ("epochs", "options", "rungs"),
    [
        (16, {}, (2, 4, 8)), (12, {}, (2, 3, 6)), (10, {}, (2, 3, 5)), (8, {}, (2, 4)), (100, {}, (13, 25, 50)),
        (4, {}, (2,)), (3, {}, (2,)), (2, {}, ()), (1, {}, ()), (2, {"grace": 1}, (1,)),
        (16, {"grace": 1}, (1, 2, 4, 8)), (16, {"factor": 4}, (2, 4)), (27, {"factor": 3, "grace": 1}, (1, 3, 9)),
        (8, {"grace": 3}, (3, 4)), (8, {"grace": 20}, ()),
    ],
)  # fmt: skip
def test_rungs(epochs, options, rungs) -> None:
    assert EarlyStopping(method="moasha", **options).rungs(epochs) == rungs
    assert EarlyStopping(method="none", **options).rungs(epochs) == ()


def test_what_a_space_asks_for(plan_of) -> None:
    """`asha` looks at accuracy, `moasha` at the objectives, `none` at nothing."""
    values = [(0.8, 0.2), (0.6, 0.3), (0.7, 0.1), (0.65, 0.05)]
    reports = [{"accuracy": accuracy, "eod": eod} for accuracy, eod in values]
    found = {}
    for method in ("none", "asha", "moasha"):
        plan = plan_of(budget={"trials": 4, "epochs": 16}, early_stopping={"method": method})
        stopper = EarlyStopper(plan)
        for number, measures in enumerate(reports):
            stopper.record(number, 2, measures)
        found[method] = [stopper.goes_on(number) for number in range(4)]
    assert found == {
        "none": [True] * 4, "asha": [True, False, True, False], "moasha": [True, False, True, True],
    }  # fmt: skip


def test_a_recalled_rung_judges_as_it_did(plan_of) -> None:
    rng = random.Random(1)
    plan = plan_of(
        budget={"trials": 4, "epochs": 8},
        early_stopping={"method": "moasha"},
        constraints={"accuracy": ">= 0.5"},
    )
    events = [
        {"kind": "report", "id": f"t{k:04d}", "epoch": 2, "values": {"accuracy": rng.random(), "eod": rng.random()}}
        for k in range(40)
    ]  # fmt: skip
    events[7]["values"]["eod"] = None
    uninterrupted, resumed = EarlyStopper(plan), EarlyStopper(plan)
    for number, event in enumerate(events):
        values = {k: nan if v is None else v for k, v in event["values"].items()}
        uninterrupted.record(number, 2, values)
    baseline = {**events[0], "id": "nds-linear"}
    resumed.recall([{"kind": "run"}, baseline, *events], unfinished=range(20, 40))
    assert [resumed.goes_on(k) for k in range(20, 40)] == [uninterrupted.goes_on(k) for k in range(20, 40)]
    last = {"accuracy": 0.9, "eod": 0.5}
    for stopper in (uninterrupted, resumed):
        stopper.record(99, 2, last)
    assert resumed.goes_on(99) == uninterrupted.goes_on(99)
