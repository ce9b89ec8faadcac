"""No text of a figure stands on another, on fronts of real sweeps, at the width of a page and of a phone."""

import math
import warnings
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from kdtune.report.drawing.label_points import label_points
from kdtune.report.drawing.style import NARROW, WIDE, look, new_figure, series_mark
from kdtune.report.export.figures import class_bias, front, group_rates, settings
from kdtune.report.export.labels import measure_name
from kdtune.report.export.results.findings import Findings
from kdtune.runs.measures.objectives import Objective
from tests.report.export.real_fronts import NAMES, read_front

FIGURES: dict[str, Callable[[Findings], list[Callable[[float], Figure]]]] = {
    "front": lambda findings: [partial(front.draw, findings)],
    "settings": lambda findings: [partial(settings.draw, findings)],
    "class bias": lambda findings: [partial(class_bias.draw, findings)],
    "groups": lambda findings: [
        partial(group_rates.draw, findings, name) for name in findings.record.attributes
    ],
}


def drawn_texts(figure: Figure, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Bbox]]:
    """Return each text that the figure draws, and the place that it takes."""
    found: list[tuple[str, Bbox]] = []
    draw = Text.draw

    def recording(self: Text, renderer: Any, *args: Any, **options: Any) -> None:
        upright = self.get_rotation() % 90 == 0  # others take less room than their upright box
        if self.get_visible() and self.get_text().strip() and upright:
            found.append((self.get_text(), self.get_window_extent(renderer)))
        draw(self, renderer, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(Text, "draw", recording)
        figure.canvas.draw()
    return found


def overlapping(texts: list[tuple[str, Bbox]]) -> list[tuple[str, str]]:
    """Return the texts that share a place of more than a fraction of a pixel."""
    return [
        (a, b)
        for (a, box), (b, other) in combinations(texts, 2)
        if min(box.x1, other.x1) - max(box.x0, other.x0) > 0.5
        and min(box.y1, other.y1) - max(box.y0, other.y0) > 0.5
    ]


def test_the_shade_is_of_what_the_objective_compares() -> None:
    findings = read_front("compas")
    assert "a model with equal true and false positive rates in all groups shows" in front.caption(findings)
    attribute = findings.objectives[1].attribute
    accuracies = Objective.parse("accuracy_difference", [attribute])
    for model in findings.models:
        of = model.splits["test"]["attributes"][attribute]
        of["accuracy_difference"] = of["eod"]
    both = replace(findings, objectives=(*findings.objectives, accuracies))
    assert (
        "a model with equal true and false positive rates or equal accuracy in all groups"
        in front.caption(both)
    )


@pytest.mark.parametrize("width", [WIDE, NARROW], ids=["page", "phone"])
@pytest.mark.parametrize("kind", FIGURES)
@pytest.mark.parametrize("name", NAMES)
def test_no_text_stands_on_another(
    name: str, kind: str, width: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    with look():
        for draw in FIGURES[kind](read_front(name)):
            texts = drawn_texts(draw(width), monkeypatch)
            assert len(texts) > 5
            assert overlapping(texts) == []


@pytest.mark.parametrize("width", [WIDE, NARROW], ids=["page", "phone"])
@pytest.mark.parametrize("kind", ["class bias", "groups"])
@pytest.mark.parametrize("name", NAMES)
def test_long_names_of_classes_and_groups_leave_room_for_the_figure(
    name: str, kind: str, width: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = read_front(name)
    record = replace(
        findings.record,
        classes=tuple(
            f"a class with a long name, {'x' * 100} of number {k}"
            for k in range(len(findings.record.classes))
        ),
        attributes={
            attribute: tuple(f"{'y' * 60} and its end {k}" for k in range(len(groups)))
            for attribute, groups in findings.record.attributes.items()
        },
    )
    with look(), warnings.catch_warnings():
        warnings.simplefilter("error")  # matplotlib says so where names leave no room
        for draw in FIGURES[kind](replace(findings, record=record)):
            figure = draw(width)
            texts = drawn_texts(figure, monkeypatch)
            assert overlapping(texts) == []
            for text, box in texts:
                assert box.x1 <= figure.bbox.x1 + 1, text
            for ax in figure.axes:
                assert ax.get_position().width > 0.2
            told = " ".join(text for text, _ in texts)
            if kind == "groups" and record.attributes:
                assert "end 0" in told
                assert "end 1" in told


@pytest.mark.parametrize("width", [WIDE, NARROW], ids=["page", "phone"])
@pytest.mark.parametrize("name", NAMES)
def test_every_model_of_a_real_front_has_its_name(
    name: str, width: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = read_front(name)
    with look():
        texts = " ".join(text for text, _ in drawn_texts(front.draw(findings, width), monkeypatch))
    for model in findings.models:
        assert (model.id if model.role == "student" else model.architecture) in texts


def test_a_baseline_is_named_at_the_end_of_its_line_where_no_trials_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    findings = read_front("compas")
    [baseline] = {model.id: model for model in findings.baselines if model.role == "teacher"}.values()
    trials = findings.trials.iloc[:9].assign(state="done", accuracy=baseline.searched["accuracy"])
    ends = {}
    for crowded in ("left", "right"):
        low, high = (1.0, 1.5) if crowded == "left" else (30.0, 40.0)
        temperatures = [*np.linspace(low, high, 8), 40.0 if crowded == "left" else 1.0]
        with look():
            figure = settings.draw(
                replace(findings, trials=trials.assign(temperature=temperatures, alpha=0.5)), NARROW
            )
            box = next(b for t, b in drawn_texts(figure, monkeypatch) if t == baseline.architecture)
        panel = figure.axes[0].get_window_extent()
        ends[crowded] = "left" if box.x1 < (panel.x0 + panel.x1) / 2 else "right"
    assert ends == {"left": "right", "right": "left"}


def test_no_line_of_a_baseline_runs_through_the_name_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    findings = read_front("compas")
    first, second, *_ = findings.baselines
    monkeypatch.setitem(second.searched, "accuracy", first.searched["accuracy"] + 0.001)
    with look():
        figure = settings.draw(replace(findings, baselines=(first, second)), WIDE)
        texts = drawn_texts(figure, monkeypatch)
    ax = figure.axes[0]
    lines = [ax.transData.transform((0, model.searched["accuracy"]))[1] for model in (first, second)]
    names = [box for text, box in texts if text == first.architecture]
    assert lines[1] - lines[0] < names[0].height, "else the next lines tell nothing"
    for box in names:
        assert not any(box.y0 < line < box.y1 for line in lines)


@pytest.mark.parametrize("kind", ["front", "settings"])
@pytest.mark.parametrize("name", NAMES)
def test_a_measure_that_is_never_defined_is_no_empty_figure(
    name: str, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = read_front(name)
    first = findings.objectives[0].name
    undefined = findings.trials.assign(**{first: np.nan})
    for model in (*findings.models, *findings.points):
        monkeypatch.setitem(model.splits["test"]["values"], first, math.nan)
        monkeypatch.setitem(model.searched, first, math.nan)
    said = f"{measure_name(findings.objectives[0])}: undefined for all models"
    with look():
        for draw in FIGURES[kind](replace(findings, trials=undefined)):
            texts = [" ".join(text.split()) for text, _ in drawn_texts(draw(WIDE), monkeypatch)]
            assert said in texts


@pytest.mark.parametrize("kind", ["class bias", "groups"])
def test_a_front_of_many_students_fits_on_a_page_and_what_is_left_out_is_said(kind: str) -> None:
    findings = read_front("adult")
    most = findings.members[-1]
    few = tuple(m for m in findings.members if m is not most)
    many = tuple(replace(few[k % len(few)], id=f"t{k:04d}") for k in range(150))
    bias = {name: [9.0, -9.0] for name in most.splits["test"]["class_bias"]}
    splits = {**most.splits, "test": {**most.splits["test"], "class_bias": bias}}
    findings = replace(findings, members=(*many, replace(most, splits=splits)))
    with look():
        for draw in FIGURES[kind](findings):
            figure = draw(WIDE)
            assert figure.get_size_inches()[1] < 12
            rows = [label.get_text() for label in figure.axes[0].get_yticklabels()]
            if kind == "class bias":
                assert rows[-1] == most.id, "the order is that of the front"
                assert len(rows) == class_bias.MOST_MEMBERS
    if kind == "class bias":
        assert "the 24 of 151 members of which a class changes most" in class_bias.caption(findings)
    else:
        assert "by_group.csv has all other models" in group_rates.caption(findings, "sex")


@pytest.mark.parametrize("longest", [8, 16])
def test_names_of_several_classes_fit_below_their_columns(
    longest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    findings = read_front("compas")
    classes = tuple(f"{k}{'x' * (longest - 1)}" for k in range(7))
    changes = dict.fromkeys(("teacher", "nds"), [0.1] * len(classes))
    members = [
        replace(m, id=f"{m.id}-s12", splits={**m.splits, "test": {**m.splits["test"], "class_bias": changes}})
        for m in findings.members
    ]
    several = replace(
        findings, record=replace(findings.record, classes=classes), members=tuple(members), baselines=()
    )
    with look():
        figure = class_bias.draw(several, WIDE)
        texts = drawn_texts(figure, monkeypatch)
    assert overlapping(texts) == []
    for text, box in texts:
        assert box.x1 <= figure.bbox.x1 + 1, text


def test_of_many_classes_the_extreme_ones_are_named_even_if_others_have_no_examples(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    findings = read_front("compas")
    classes = tuple(f"c{k:02d}" for k in range(class_bias.MOST_CELLS + 3))
    changes = [math.nan, 0.5, *([0.1] * (len(classes) - 4)), -0.5, math.nan]
    members = [
        replace(m, splits={**m.splits, "test": {**m.splits["test"], "class_bias": {"teacher": changes}}})
        for m in findings.members
    ]
    many = replace(
        findings, record=replace(findings.record, classes=classes), members=tuple(members), baselines=()
    )
    with look():
        named = [text for text, _ in drawn_texts(class_bias.draw(many, WIDE), monkeypatch)]
    assert named.count("c01") == named.count(classes[-2]) == len(members)
    assert classes[-1] not in named


def with_other_seeds(findings: Findings, accuracy: float) -> Findings:
    """Return the findings with other seeds of the first baseline, whose mean has this accuracy."""
    first, *rest = findings.baselines
    values = {
        "accuracy": {"mean": accuracy, "std": 0.01},
        findings.objectives[1].name: {"mean": 0.1, "std": 0.01},
    }
    return replace(findings, baselines=(replace(first, replicates={"n": 2, "test": values}), *rest))


def test_a_baseline_whose_other_seeds_learnt_nothing_does_not_press_the_front_together() -> None:
    findings = read_front("compas")
    with look():
        plain, near, far = (
            front.draw(some, WIDE).axes[0].get_ylim()
            for some in (findings, with_other_seeds(findings, 0.55), with_other_seeds(findings, 0.25))
        )
    assert far == plain
    assert plain[0] > 0.55, "else the next line tells nothing"
    assert near[0] < 0.54, "what is not far off is shown"


@pytest.mark.parametrize("width", [WIDE, NARROW], ids=["page", "phone"])
@pytest.mark.parametrize("attribute", ["sex", "race", "sex*race"])
def test_no_mark_of_a_group_covers_that_of_another(attribute: str, width: float) -> None:
    with look():
        figure = group_rates.draw(read_front("adult"), attribute, width)
        figure.canvas.draw()
    for ax in figure.axes:
        marks = [line for line in ax.lines if line.get_marker() not in ("None", "")]
        places = sorted(float(ax.transData.transform(line.get_xydata()[0])[1]) for line in marks)
        nearest = min(np.diff(places)) * 72 / figure.dpi
        assert len(marks) > 5
        assert nearest > marks[0].get_markersize() - 0.3, nearest


def test_that_only_some_classes_are_shown_is_said() -> None:
    findings = read_front("compas")
    assert "classes with the largest gaps" not in group_rates.caption(findings, "race")
    many = replace(findings.record, classes=tuple(map(str, range(group_rates.MOST_CLASSES + 1))))
    said = group_rates.caption(replace(findings, record=many), "race")
    assert "Shown are the 11 of 12 classes with the largest gaps." in said


def test_names_without_room_are_left_out_and_said(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    with look():
        figure = new_figure(NARROW, 3.0)
        ax = figure.subplots()
        at = rng.normal(0, 0.01, (120, 2))
        ax.plot(*at.T, "o")
        points = [(x, y, f"student {k}", "black") for k, (x, y) in enumerate(at.tolist())]
        left_out = label_points(ax, points)
        texts = drawn_texts(figure, monkeypatch)
    written = {text for text, _ in texts if text.startswith("student")}
    assert overlapping(texts) == []
    assert left_out
    assert len(written) > 20
    assert written | set(left_out) == {name for _, _, name, _ in points}
    assert not written & set(left_out)


def test_lines_pass_behind_names() -> None:
    with look():
        figure = new_figure(WIDE, 3.0)
        ax = figure.subplots()
        ax.errorbar(0, 0, xerr=1, yerr=1, zorder=5)
        assert label_points(ax, [(0.0, 0.0, "alone", "black")]) == []
    [name] = ax.texts
    box = name.get_bbox_patch()
    assert box is not None
    assert name.get_zorder() > max(line.get_zorder() for line in ax.lines)
    assert box.get_alpha() > 0.5


def test_a_name_beside_its_point_needs_no_line() -> None:
    with look():
        figure = new_figure(WIDE, 3.0)
        ax = figure.subplots()
        assert label_points(ax, [(0.0, 0.0, "alone", "black")]) == []
        assert len(ax.lines) == 0
        assert label_points(ax, [(0.0, 0.0, f"{k}", "black") for k in range(15)]) == []
        assert len(ax.lines) > 0


def test_a_name_that_stands_nearer_to_another_point_is_joined_to_its_own() -> None:
    """Of points close to each other, a reader could not tell otherwise which name is whose."""
    points = [(0.0, 0.0, "first", "black"), (0.012, 0.0, "second", "black"), (0.006, 0.02, "third", "black")]
    with look():
        figure = new_figure(WIDE, 4.0)
        ax = figure.subplots()
        ax.set_xlim(-1, 1)
        ax.set_ylim(-1, 1)
        label_points(ax, points)
        renderer = figure.canvas.get_renderer()
        dots = [ax.transData.transform(point[:2]) for point in points]
        joined = {tuple(line.get_xydata()[0]) for line in ax.lines}
        for k, text in enumerate(ax.texts):
            box = text.get_window_extent(renderer)
            apart = [float(np.hypot(*(np.clip(d, (box.x0, box.y0), (box.x1, box.y1)) - d))) for d in dots]
            nearest = int(np.argmin(apart))
            assert nearest == k or points[k][:2] in joined, text.get_text()


def test_no_two_of_many_series_look_alike() -> None:
    assert len({series_mark(k) for k in range(40)}) == 40
