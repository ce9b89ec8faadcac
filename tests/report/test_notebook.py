"""A run, its front and a student in a notebook: their HTML, and figures as matplotlib axes."""

import base64
import io
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas
import pytest
from matplotlib import pyplot
from PIL import Image

import kdtune
from kdtune.errors import InputError
from kdtune.fairness import wilson
from kdtune.report.drawing.marks import say_undefined
from kdtune.report.drawing.style import png
from kdtune.runs.measures.objectives import Objective
from kdtune.runs.reader import Run
from kdtune.runs.records import ALL
from kdtune.runs.summary import summarise

mpl.use("agg")


@pytest.fixture(autouse=True)
def no_figures_are_left() -> Any:
    yield
    pyplot.close("all")


def pictures(html: str) -> list[Image.Image]:
    found = re.findall(r'src="data:image/png;base64,([^"]+)"', html)
    return [Image.open(io.BytesIO(base64.b64decode(content))) for content in found]


def test_a_run_shows_itself(small_run: Run) -> None:
    html = small_run._repr_html_()
    [picture] = pictures(html)
    assert picture.width > 500
    assert len(np.unique(np.asarray(picture.convert("L")))) > 50, "something is drawn"
    assert "<b>small</b> finished" in html
    front = small_run.front()
    for name, row in front.iterrows():
        assert f"<td>{name}</td><td>{row['accuracy']:.3f}</td>" in html
    assert repr(small_run) == f"<Run small: {small_run.path}>"


def test_a_front_shows_itself_and_is_a_data_frame(small_run: Run) -> None:
    front = small_run.front()
    assert isinstance(front, pandas.DataFrame)
    html = front._repr_html_()
    assert len(pictures(html)) == 1
    assert "<table" in html
    assert type(front.head(1)) is pandas.DataFrame
    assert type(front.sort_values("eod")) is pandas.DataFrame
    assert front["accuracy"].max() == small_run.trials().loc[front.index, "accuracy"].max()


def test_a_front_begins_with_what_matters(small_run: Run) -> None:
    front, trials = small_run.front(), small_run.trials()
    columns = list(front.columns)
    assert columns[:5] == ["accuracy", "eod", "pair", "temperature", "alpha"]
    assert set(columns) == set(trials.columns)
    settings = [c for c in trials.columns if c in trials.loc[:, "pair":"view_seed"].columns]
    varied = [c for c in settings if trials[c].astype(str).nunique() > 1]
    constant = [c for c in settings if c not in varied]
    assert {"momentum", "optimizer"} <= set(constant)
    assert columns[-len(constant) :] == [c for c in columns if c in constant], "what never varies is last"


def test_a_student_shows_itself(exported: tuple[Path, Any]) -> None:
    out, findings = exported
    student = kdtune.load_student(out / findings.members[0].id)
    html = student._repr_html_()
    assert len(pictures(html)) == 1
    assert f"<b>{findings.members[0].id}</b> of run small" in html
    accuracy = student.metrics["test"]["values"]["accuracy"]
    assert f"<td>accuracy</td><td>{accuracy:.3f}</td>" in html
    bare = kdtune.Student(student.module, {**student.config, "id": "<b>x</b>"}, {})
    assert "&lt;b&gt;x&lt;/b&gt;" in bare._repr_html_()


def test_every_picture_says_in_words_what_it_shows(small_run: Run, exported: tuple[Path, Any]) -> None:
    out, findings = exported
    student = kdtune.load_student(out / findings.members[0].id)
    assert 'alt="small: the front in accuracy and eod, on validation"' in small_run._repr_html_()
    assert f'alt="{student.config["id"]}: the share of right answers on test' in student._repr_html_()


def test_long_names_of_groups_leave_room_for_a_students_figure(
    exported: tuple[Path, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    out, findings = exported
    student = kdtune.load_student(out / findings.members[0].id)
    tested = student.metrics["test"]
    [(attribute, numbers)] = tested["attributes"].items()
    groups = [{**group, "group": f"{'y' * 80}{k}"} for k, group in enumerate(numbers["groups"])]
    long = {**tested, "attributes": {attribute: {**numbers, "groups": groups}}}
    drawn = []

    def keeping(figure: Any) -> bytes:
        data = png(figure)
        drawn.append(figure)
        return data

    monkeypatch.setattr("kdtune.report.notebook.png", keeping)
    assert pictures(kdtune.Student(student.module, student.config, {"test": long})._repr_html_())
    [ax] = drawn[0].axes
    assert ax.get_position().width > 0.4
    assert "y1 (n = " in ax.get_yticklabels()[0].get_text(), "the end of a name tells it from the others"


def points_of(ax: Any) -> set[tuple[float, float]]:
    """Return the middle of each mark with whiskers."""
    found = set()
    for container in ax.containers:
        x, y = container.lines[0].get_data()
        found.add((round(float(x[0]), 9), round(float(y[0]), 9)))
    return found


def test_the_front_is_drawn_with_its_intervals(small_run: Run) -> None:
    ax = small_run.plot.front()
    assert pyplot.fignum_exists(ax.figure.number), "a notebook shows it"
    summary = summarise(small_run)
    models = [*summary.front, *summary.baselines]
    expected = {(round(m.values["eod"], 9), round(m.values["accuracy"], 9)) for m in models}
    assert points_of(ax) == expected
    first = models[0]
    counts = small_run.report(first.id, first.epoch).counts[ALL]  # type: ignore[union-attr]
    low, high = wilson(counts.hits.sum(), counts.examples.sum())
    bars = [c for c in ax.containers if c.lines[0].get_ydata()[0] == first.values["accuracy"]]
    spans = [segment[:, 1] for bar in bars for lines in bar.lines[2] for segment in lines.get_segments()]
    assert any(np.allclose(span, [low, high]) for span in spans)
    given = pyplot.figure().subplots()
    assert small_run.plot.front("dpd", "worst_class_accuracy", ax=given) is given
    assert given.get_xlabel().startswith("DPD over color")


def test_only_the_plane_of_the_objectives_has_a_staircase(
    small_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn = []
    monkeypatch.setattr("kdtune.report.plots.draw_staircase", lambda *_: drawn.append(1))
    small_run.plot.front("dpd", "accuracy")
    assert not drawn
    small_run.plot.front("eod", "accuracy")
    assert drawn


def test_gaps_are_rows_of_the_front_and_its_baselines(small_run: Run) -> None:
    ax = small_run.plot.gaps("eod")
    summary = summarise(small_run)
    models = [*summary.front, *summary.baselines][::-1]
    assert points_of(ax) == {(round(m.values["eod"], 9), float(row)) for row, m in enumerate(models)}
    names = [text.get_text() for text in ax.get_yticklabels()]
    assert names[-1] == summary.front[0].id
    assert "resnet8" in names[0] or "lenet5" in names[0] or "mlp" in names[0]
    assert "equal rates" in ax.get_xlabel()
    with pytest.raises(InputError, match="unknown measure 'eodd'"):
        small_run.plot.gaps("eodd")


def test_curves_are_those_of_all_models(small_run: Run) -> None:
    ax = small_run.plot.curves()
    ends = {round(float(line.get_ydata()[-1]), 9) for line in ax.lines}
    state = small_run.state()
    models = [*state.trials.values(), *state.baselines.values()]
    assert ends == {round(m.values["accuracy"], 9) for m in models}
    assert {len(line.get_xdata()) for line in ax.lines} == {m.epoch for m in models}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"eod": None}, "EOD over color: undefined for all models"),
        ({}, "EOD over color: nothing was measured"),
    ],
)
def test_curves_that_are_never_defined_say_so(
    values: dict[str, None], said: str, small_run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = [{"kind": "report", "id": "t0000", "epoch": epoch, "values": values} for epoch in (1, 2)]
    monkeypatch.setattr("kdtune.report.plots.read_records", lambda _: events)
    assert told(small_run.plot.curves("eod")) == [said]


def told(ax: Any) -> list[str]:
    return [" ".join(text.get_text().split()) for text in ax.texts]


def test_a_front_and_gaps_that_are_never_defined_say_so(small_run: Run) -> None:
    for ax in (small_run.plot.front("auc", "accuracy"), small_run.plot.gaps("auc")):
        assert "AUC: undefined for all models" in told(ax)
    for ax in (small_run.plot.front(), small_run.plot.gaps(), small_run.plot.curves()):
        assert not any("undefined" in text or "measured" in text for text in told(ax))


def test_what_is_never_defined_together_is_said() -> None:
    x, y = (Objective.parse(name, ["sex"]) for name in ("accuracy", "eod"))
    nan = float("nan")
    for points, said in (
        ([(0.5, nan), (nan, 0.1)], ["accuracy and EOD over sex: never defined together"]),
        ([(nan, nan)], ["accuracy and EOD over sex: undefined for all models"]),
        ([], ["accuracy and EOD over sex: nothing was measured"]),
        ([(nan, 0.1), (0.5, 0.1)], []),
    ):
        ax = pyplot.figure().subplots()
        say_undefined(ax, (x, y), points)
        assert told(ax) == said


def test_reading_and_drawing_a_run_need_neither_torch_nor_ray(small_run: Run) -> None:
    program = (
        "import sys, matplotlib; matplotlib.use('agg')\n"
        "from kdtune.runs import open_run\n"
        f"run = open_run({str(small_run.path)!r})\n"
        "assert not {'torch', 'ray', 'matplotlib.pyplot'} & set(sys.modules)\n"
        "run.plot.front(); run.front()._repr_html_(); run._repr_html_()\n"
        "assert not {'torch', 'ray', 'optuna'} & set(sys.modules)\n"
    )
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
