"""What is drawn with its doubt: groups, classes, fronts; and two students side by side."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kdtune.fairness import Counts, class_bias
from kdtune.runs.comparison.resolution import Difference, Resolution, Versus, rounded_up
from kdtune.runs.records import ALL
from kdtune.runs.summary import Doubt
from tests.tui.charts.test_charts import WORLDS, frame_of, reports_of
from tui.charts.beside import beside
from tui.charts.classes.accuracy_map import class_map
from tui.charts.classes.bias_curves import bias_curves
from tui.charts.doubt import against, front_steps, interval, resolution_wish
from tui.charts.frame import Frame
from tui.charts.front.members import front_table
from tui.charts.front.scatter import front
from tui.charts.groups.classes import group_classes
from tui.charts.groups.gaps import beyond_equal_rates_since, gap_curve
from tui.charts.groups.rates import RATES, group_rates
from tui.charts.journal.events import journal
from tui.charts.journal.machine import machine
from tui.charts.live.table import table
from tui.charts.ranks import front_order
from tui.charts.search.settings import parallel
from tui.drawing.glyphs import GLYPHS, Glyphs
from tui.sources.synthetic import NDS, TEACHER, Synthetic
from tui.state.machine import Gpu, Machine
from tui.state.noise import class_bias_margin, difference, share_interval
from tui.state.view import View


def text_of(frame: Frame, chart: object) -> str:
    return "\n".join(chart(frame).lines())  # type: ignore[operator]


def with_doubts(frame: Frame, margin: float) -> Frame:
    """Give every model intervals of the same width."""
    models = [*frame.store.trials, *frame.store.baselines]
    doubts = {
        (m.id, m.epoch, "eod"): Doubt(m.values["eod"] - margin, m.values["eod"] + margin, 0.02, 0.04, None)
        for m in models
        if "eod" in m.values
    }
    return replace(frame, doubts=doubts)


def test_rates_of_each_group_are_named_with_their_last_value() -> None:
    frame = frame_of(WORLDS["ten"], 90, 30)
    counts = reports_of(WORLDS["ten"], "t0003")[-1].counts["color"]
    text = text_of(frame, group_rates)
    for rate in RATES:
        assert rate in text
    chosen = frame.chosen_class("color")
    assert chosen == int(np.argmax(counts.eod_by_class))
    for g, name in enumerate(("red", "green")):
        for value in (counts.group_accuracy[g], counts.tpr[g, chosen], counts.fpr[g, chosen]):
            assert any(name in line and f"{value:.3f}" in line for line in text.split("\n")), (name, value)


def test_the_rate_and_the_class_that_were_chosen_come_first() -> None:
    frame = frame_of(WORLDS["ten"], 90, 9)
    frame.view.rate, frame.view.chosen_class = 1, 4
    assert text_of(frame, group_rates).startswith("true positive rate of class class 4 by color")


def test_the_class_that_a_group_surely_loses_comes_first() -> None:
    world = Synthetic(trials=2, epochs=2, classes=3)
    frame = frame_of(world, 80, 12, cursor="t0001")
    examples = np.full((2, 3), 200)
    hits = np.array([[100, 180, 190], [180, 178, 188]])
    counts = Counts(examples, hits + _rest(examples, hits), hits)
    report = replace(frame.reports["t0001"][-1], counts={ALL: counts.overall(), "color": counts})
    frame = replace(frame, reports={**frame.reports, "t0001": [frame.reports["t0001"][0], report]})
    lines = group_classes(frame).lines()
    assert lines[3].startswith("class 0")
    assert "0.50 ±" in lines[3]
    assert "0.10 ±" in lines[3]
    assert "+0.40 [.3" in lines[3]
    style = group_classes(frame).style_at(79, 4)
    assert (group_classes(frame).style_at(79, 3), style) == ("loss", "dim")


def _rest(examples: np.ndarray, hits: np.ndarray) -> np.ndarray:
    """Return false alarms [G, C] that add up to the misses."""
    missed = (examples - hits).sum(axis=1)
    rest = np.zeros_like(hits)
    rest[:, -1] = missed
    return rest


def test_class_bias_by_epoch_ends_at_the_class_bias() -> None:
    frame = frame_of(WORLDS["ten"], 100, 24)
    student, teacher, nds = (reports_of(WORLDS["ten"], i)[-1].counts[ALL] for i in ("t0003", TEACHER, NDS))
    text = text_of(frame, bias_curves)
    assert "against teacher" in text
    assert "against NDS" in text
    for reference in (teacher, nds):
        found = class_bias(student, reference)
        worst = int(np.argmax(np.abs(class_bias(student, teacher))))
        assert f"{found[worst]:+.2f}".replace("-", "−") in text


@pytest.mark.parametrize("chart", [group_rates, group_classes, bias_curves, class_map])
def test_two_students_stand_side_by_side(chart: object) -> None:
    frame = frame_of(WORLDS["ten"], 120, 30)
    lines = beside(chart)(frame).lines()  # type: ignore[arg-type]
    assert "t0003" in lines[0][:59]
    assert "t0001" in lines[0][60:]
    alone = replace(frame, view=View(cursor="t0003"))
    assert beside(chart)(alone).lines() == chart(alone).lines()  # type: ignore[arg-type,operator]
    first = replace(frame, width=58, height=29, subject="t0001", pair=("t0003", "t0001"))
    expected = [line.rstrip() for line in chart(first).lines()]  # type: ignore[operator]
    assert [line[62:].rstrip() for line in lines[1:]] == expected


def test_margins_of_class_bias_cover() -> None:
    rng = np.random.default_rng(0)
    examples = np.full((1, 4), 150)
    rates = np.array([[0.9, 0.7, 0.8, 0.5]])
    inside = []
    for _ in range(300):
        both = []
        for _ in range(2):
            hits = rng.binomial(examples, rates)
            both.append(Counts(examples, hits + _rest(examples, hits), hits))
        inside.append(np.abs(class_bias(*both)) <= class_bias_margin(*both))
    assert 0.92 <= np.mean(inside) <= 0.98


def with_resolution(frame: Frame) -> Frame:
    """Put the last member of the front on a step of its own; it beats its NDS, which dominates the first member."""
    members = front_order(frame.store, frame.ids)
    nds = next(model.id for model in frame.store.baselines if model.kind == "nds")
    better = Difference("eod", -0.1, -0.15, -0.05, better=True)
    worse = Difference("accuracy", -0.2, -0.25, -0.15, better=False)
    same = Difference("eod", 0.01, -0.05, 0.07, better=None)
    found = Resolution(
        examples=1000,
        models=20,
        steps=(tuple(members[:-1]), (members[-1],)),
        against=(
            Versus(members[0], nds, "nds", (same,), dominates=True),
            Versus(members[-1], nds, "nds", (worse, better)),
        ),
    )
    return replace(frame, resolution=found)


def test_a_member_that_a_baseline_dominates_is_said_to_be_whatever_is_beyond_noise() -> None:
    """Report and status say so; and below the table it is said where no column has room for it."""
    frame = with_resolution(with_doubts(frame_of(WORLDS["ten"], 140, 24), 0.01))
    found = frame.resolution
    assert found is not None
    member = found.against[1].model
    worse = replace(found.against[1], differences=found.against[1].differences[:1], dominates=True)
    frame = replace(frame, resolution=replace(found, against=(found.against[0], worse)))
    assert against(frame, member, "nds") == "−acc dominated"
    assert against(frame, found.against[0].model, "nds") == "= dominated"
    narrow = replace(frame, width=78, height=40)
    said = " ".join(text_of(narrow, front_table).split())
    assert f"{worse.other} has values at least as good in all objectives as" in said
    assert member in said.split("at least as good in all objectives as")[1]


def test_what_has_no_test_is_not_called_equal() -> None:
    frame = with_resolution(with_doubts(frame_of(WORLDS["ten"], 140, 24), 0.01))
    found = frame.resolution
    assert found is not None
    nan = float("nan")
    untested = replace(found.against[0], differences=(Difference("f1", 0.1, nan, nan, None, tested=False),))
    frame = replace(frame, resolution=replace(found, against=(untested,)))
    assert against(frame, untested.model, "nds") == "? dominated"


def test_a_latency_is_timed_and_has_no_exact_value() -> None:
    frame = frame_of(WORLDS["ten"], 100, 30)
    model = frame.store.model("t0003")
    assert model is not None
    model.values |= {"latency": 0.5, "parameters": 100.0}
    assert interval(frame, model, "parameters") == (100.0, 100.0)
    assert interval(frame, model, "latency") is None


def test_the_difference_of_two_shares_has_an_interval() -> None:
    low, high = difference(0.5, (0.4, 0.6), 0.3, (0.2, 0.4))
    assert (low, high) == pytest.approx((0.2 - 0.02**0.5, 0.2 + 0.02**0.5))


def test_the_table_of_the_front_says_what_made_each_member_and_its_step() -> None:
    frame = with_resolution(with_doubts(frame_of(WORLDS["ten"], 140, 24), 0.01))
    text = text_of(frame, front_table)
    members = front_order(frame.store, frame.ids)
    steps = front_steps(frame)
    assert list(steps.values()) == [0] * (len(members) - 1) + [1]
    assert "+EOD −acc" in next(line for line in text.split("\n") if members[-1] in line)
    assert "= dominated" in next(line for line in text.split("\n") if members[0] in line)
    assert "Beyond noise, 1 of" in text
    assert f"front: {len(members)} in 2 steps beyond noise" in text_of(frame, front)
    for model_id, step in steps.items():
        line = next(line for line in text.split("\n") if model_id in line)
        config = frame.store.model(model_id).config  # type: ignore[union-attr]
        assert config["pair"] in line
        for name in ("temperature", "alpha", "lr"):
            assert f"{config[name]:.3g}" in line
        assert f" {step + 1} " in line
        assert "±.01" in line


def test_intervals_stand_beside_values_and_as_bars_in_the_plot() -> None:
    frame = frame_of(WORLDS["ten"], 100, 30)
    model = frame.store.model("t0003")
    assert model is not None
    value = model.values["accuracy"]
    assert interval(frame, model, "accuracy") == share_interval(value, frame.examples)
    low, high = share_interval(value, frame.examples)
    assert f"{value:.3f} ±{max(value - low, high - value):.2f}".replace("±0", "±") in text_of(frame, table)
    bare = text_of(frame, front)
    barred = text_of(with_doubts(frame, 0.2), front)
    braille = [sum("\u2801" <= c <= "\u28ff" for c in text) for text in (bare, barred)]
    assert braille[1] > braille[0]


def test_every_baseline_is_on_the_plot_by_name() -> None:
    world = Synthetic(trials=6, epochs=3, classes=4)
    frame = frame_of(world, 100, 30)
    second = replace(
        frame.store.state.baselines[TEACHER], id="teacher-strong", config={"architecture": "strong"}
    )
    second.values = {**second.values, "accuracy": 0.999, "eod": 0.95}
    frame.store.state.baselines["teacher-strong"] = second
    text = text_of(frame, front)
    assert TEACHER in text
    assert NDS in text
    assert "teacher-strong" in text
    assert "↑ 0.950" in text, "it is far above the trials, so it stands at the border"


def test_a_filter_thins_both_fronts() -> None:
    frame = frame_of(WORLDS["ten"], 100, 30)
    there = [i for i in frame.ids if i not in {trial.id for trial in frame.store.front_after(0.5)}]
    assert "halfway" in text_of(frame, front)
    assert "halfway" not in text_of(replace(frame, ids=there), front)


def test_the_front_of_three_objectives_is_said_to_be_a_projection() -> None:
    world = Synthetic(trials=6, epochs=3, classes=4)
    world.record = replace(world.record, objectives=("accuracy", "eod", "dpd"))
    assert "a projection: the front is of acc, EOD, DPD" in text_of(frame_of(world, 100, 30), front)


def test_students_that_break_a_constraint_are_marked() -> None:
    from kdtune.pareto import Constraint

    world = Synthetic(trials=9, epochs=3, classes=4)
    values = sorted(frame_of(world, 10, 10).store.value(f"t{k:04d}", "accuracy") for k in range(9))
    world.record = replace(world.record, constraints=(Constraint("accuracy", ">=", values[4]),))
    frame = frame_of(world, 110, 30)
    assert len(frame.store.infeasible) == 4
    assert text_of(frame, table).count(GLYPHS["infeasible"][0]) == 4
    assert "infeasible" in text_of(frame, front)


def test_parallel_coordinates_keep_the_front_and_say_what_is_left_out() -> None:
    world = Synthetic(trials=300, epochs=2, classes=3, exact=False)
    frame = frame_of(world, 120, 30)
    done = len(frame.done)
    assert f"the front and the latest: 120 of {done} trials" in text_of(frame, parallel)


def test_no_sign_stands_for_two_things() -> None:
    for ascii_only in (False, True):
        glyphs = Glyphs(ascii=ascii_only)
        signs = [glyphs.series(k) for k in range(9)]
        signs += [glyphs.glyph(name) for name in ("front", "running", "dot", "teacher", "nds", "infeasible")]
        assert len(set(signs)) == len(signs)


def test_a_hundred_classes_all_have_their_names() -> None:
    world = Synthetic(trials=3, epochs=2, classes=40)
    text = text_of(frame_of(world, 100, 24, cursor="t0001"), class_map)
    assert all(f"class {k:02d}" in text for k in range(40))


def test_a_failed_trial_says_why_in_the_table_and_in_the_journal() -> None:
    world = Synthetic(trials=14, epochs=2, classes=3)
    frame = frame_of(world, 100, 30)
    line = next(line for line in table(frame).lines() if "t0012" in line)
    assert "made to fail" in line
    assert "t0012 failed: made to fail" in text_of(frame, journal)


def test_the_machine_and_what_each_worker_does() -> None:
    world = Synthetic(trials=9, epochs=4, classes=3, done=5, running=2, state="running")
    frame = frame_of(world, 90, 20)
    found = Machine(
        [1.0, 0.5], 2, 3.25, 2 << 30, 8 << 30, [Gpu("H100", 0.75, 10 << 30, 80 << 30)], gpus_known=True
    )
    text = text_of(replace(frame, machine=found), machine)
    assert "1.5 of 2 cores, load 3.2" in text
    assert "2.0 of 8.0 GiB" in text
    assert "75% H100" in text
    assert "10.0 of 80.0 GiB" in text
    for model in frame.store.trials:
        assert (f"{model.id}  epoch {model.epoch}/4" in text) is (model.state == "running")
    assert "GPU 1" not in text, "an earlier kdtune did not record it"
    first = next(model for model in frame.store.trials if model.state == "running")
    frame.store.apply([{"t": 2e9, "kind": "place", "id": first.id, "machine": "m", "gpu": "1"}])
    [line] = [line for line in text_of(frame, machine).splitlines() if first.id in line]
    assert line.rstrip().endswith("on GPU 1")
    assert "the driver is on elsewhere" in text_of(replace(frame, elsewhere="elsewhere"), machine)


@pytest.mark.parametrize("chart", [bias_curves, group_rates])
def test_two_students_side_by_side_have_one_axis(chart) -> None:
    frame = frame_of(WORLDS["ten"], 160, 30)
    pictures = [line for line in beside(chart)(frame).lines() if "┤" in line]
    assert len(pictures) > 3
    for line in pictures:
        left, right = line[:78], line[81:]
        assert left.split("┤")[0].strip() == right.split("┤")[0].strip(), line


@pytest.mark.parametrize(
    ("sure", "since"),
    [("nnyyy", 3), ("yyyyy", 1), ("yyyyn", None), ("yynny", 5), ("?yyyy", None), ("??nyy", 4)],
)
def test_since_when_a_gap_is_beyond_equal_rates(sure: str, since: int | None) -> None:
    frame = frame_of(WORLDS["ten"], 90, 30)
    line = frame.store.series("t0003", "eod")
    most = {"y": -0.01, "n": 0.01}
    doubts = {
        ("t0003", epoch, "eod"): Doubt(0.0, 0.5, 0.0, float(line[epoch - 1]) + most[sign], None)
        for epoch, sign in enumerate(sure, 1)
        if sign != "?"
    }
    frame = replace(frame, doubts=doubts)
    assert beyond_equal_rates_since(frame, "eod") == since
    assert gap_curve(frame).note == (f"EOD above equal rates since epoch {since}" if since else "")
    both = beside(gap_curve)(frame).note
    assert both == (f"t0003: EOD above equal rates since epoch {since}" if since else "")


@pytest.mark.parametrize("done", [1, 7, 8, 9, 17, 24])
def test_a_front_is_compared_at_the_level_at_which_status_compares_it(done: int) -> None:
    world = Synthetic(trials=done, epochs=2, classes=3)
    frame = replace(frame_of(world, 90, 30), run=Path("run"))
    wish = resolution_wish(frame)
    assert wish is not None
    (question,) = wish.questions()
    baselines, ended = len(frame.store.baselines), frame.store.counts()["done"]
    assert rounded_up(question.done + baselines) == rounded_up(ended + baselines)
