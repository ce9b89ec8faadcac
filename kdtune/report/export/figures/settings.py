"""What T and α do: measures of all trials against each of the two that was searched."""

from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, NullFormatter

from kdtune.report.drawing.marks import say_undefined
from kdtune.report.drawing.style import (
    MARKERS,
    MUTED,
    NDS,
    OF_NAMES,
    PAPER,
    STUDENT,
    TEACHER,
    WIDE,
    new_figure,
    number_label,
    percent_label,
)
from kdtune.report.export.labels import is_share, measure_name
from kdtune.report.export.results.findings import Findings
from kdtune.runs.measures.objectives import objective_of

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from numpy.typing import NDArray

_NAME, _LINE_OF_TEXT = 0.2, 0.14
"""Shares of a panel: the width of a name, and the height of a line of text."""

_NAMES = {"temperature": "temperature T", "alpha": "weight α of the distillation term"}


def varied_settings(findings: Findings) -> list[str]:
    """Return which of T and α vary among the trials."""
    done = _done(findings)
    return [name for name in _NAMES if len(done) > 1 and name in done.columns and done[name].nunique() > 1]


def shown_measures(findings: Findings) -> list[str]:
    """Return the measures shown: accuracy and the gaps, or their stand-ins for data without groups; then objectives."""
    groups = bool(findings.record.attributes)
    names = ["accuracy", "eod", "dpd"] if groups else ["accuracy", "worst_class_accuracy", "class_gap"]
    names += [o.name for o in findings.objectives if o.measure.name not in ("parameters", "latency")]
    return [name for name in dict.fromkeys(names) if name in _done(findings).columns][:5]


def caption(findings: Findings) -> str:
    """Say what the figure shows."""
    return (
        f"All {len(_done(findings))} trials that were trained to the end, on validation, one seed each. Filled: "
        "members of the front. Lines: the teachers of these members, and the same networks trained without one. A "
        "search varies several settings at once, so a pattern here may come from another setting."
    )


def draw(findings: Findings, width: float) -> Figure:
    """Draw a grid: measures in rows, settings in columns."""
    names, columns = shown_measures(findings), varied_settings(findings)
    if width < WIDE:  # one setting below the other, each with its measures
        figure = new_figure(width, 1.75 * len(names) * len(columns) + 0.4)
        grid = figure.subplots(len(names) * len(columns), 1, squeeze=False)
        cells = [
            (grid[k * len(names) + j, 0], name, s)
            for k, s in enumerate(columns)
            for j, name in enumerate(names)
        ]
    else:
        figure = new_figure(width, 1.75 * len(names) + 0.5)
        grid = figure.subplots(len(names), len(columns), squeeze=False, sharey="row", sharex="col")
        cells = [(grid[j, k], name, s) for k, s in enumerate(columns) for j, name in enumerate(names)]
    for ax, name, setting in cells:
        _panel(ax, findings, name, setting, named=name == names[0])
        last = name == names[-1]
        ax.set_xlabel(_NAMES[setting] if last or width < WIDE else "")
        if width < WIDE or setting == columns[0]:
            ax.set_ylabel(_label(findings, name))
    figure.legend(handles=_key(findings), loc="outside upper left", ncols=4 if width >= WIDE else 2)
    figure.align_ylabels()
    return figure


def _label(findings: Findings, name: str) -> str:
    objective = objective_of(findings.record, name)
    words = measure_name(objective).split()
    half = -(-len(words) // 2)
    shown = f"{' '.join(words[:half])}\n{' '.join(words[half:])}" if len(words) > 1 else words[0]
    return shown + (", %" if is_share(objective) else "")


def _panel(ax: "Axes", findings: Findings, name: str, setting: str, *, named: bool) -> None:
    done = _done(findings)
    pairs = list(findings.record.pairs)
    for model in findings.baselines:
        value = model.searched.get(name, np.nan)
        if not np.isnan(value):
            ax.axhline(
                value, color=TEACHER if model.role == "teacher" else NDS, linewidth=1.0, alpha=0.8, zorder=1
            )
    for k, pair in enumerate(pairs):
        of_pair = done[done["pair"] == pair]
        rest, front = of_pair[~of_pair["front"]], of_pair[of_pair["front"]]
        marker = MARKERS[k % len(MARKERS)]
        ax.plot(rest[setting], rest[name], marker, ms=4.2, mfc=PAPER, mec=MUTED, mew=0.9, alpha=0.8, zorder=2)
        ax.plot(front[setting], front[name], marker, ms=6, mfc=STUDENT, mec=PAPER, mew=0.7, zorder=3)
    if setting == "temperature":
        ax.set_xscale("log")
        low, high = done[setting].min(), done[setting].max()
        ticks = [t for t in (0.5, 1, 2, 5, 10, 20, 40, 100) if low / 1.2 <= t <= high * 1.2]
        if len(ticks) > 1:
            ax.set_xticks(ticks)
        ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: number_label(value)))
        ax.xaxis.set_minor_formatter(NullFormatter())
        ax.minorticks_off()
    ax.margins(0.06, 0.14)
    say_undefined(ax, [objective_of(findings.record, name)], [(value,) for value in done[name]])
    if is_share(objective_of(findings.record, name)):
        ax.yaxis.set_major_formatter(percent_label)
    if named:
        _name_lines(ax, findings, name, done[[setting, name]].dropna().to_numpy(float))


def _name_lines(ax: "Axes", findings: Findings, name: str, points: "NDArray[np.float64]") -> None:
    """Write the architecture at each baseline's line, at the emptier end; if lines nearly coincide, at one of them.

    A name stands above its line, or below it if another line would run through it there and there is room.

    Args:
        points: places of the trials, [n, 2], in the data's own units.
    """
    low, high = ax.get_ylim()
    x, y = (ax.transData - ax.transAxes).transform(points).T if len(points) else np.zeros((2, 0))
    labelled: list[float] = []
    lines = np.array([model.searched.get(name, np.nan) for model in findings.baselines])
    for model in findings.baselines:
        value = model.searched.get(name, np.nan)
        if np.isnan(value) or any(abs(value - other) < 0.1 * (high - low) for other in labelled):
            continue
        labelled.append(value)
        away = (lines - value) / (high - low)
        free = not ((away < 0) & (away > -2 * _LINE_OF_TEXT)).any()
        below = free and ((away > 0) & (away < _LINE_OF_TEXT)).any()
        towards_name = (y - (value - low) / (high - low)) * (-1 if below else 1)
        beside = (towards_name >= 0) & (towards_name < _LINE_OF_TEXT)
        at_left = (beside & (x < _NAME)).sum() < (beside & (x > 1 - _NAME)).sum()
        ax.annotate(
            model.architecture,
            (0 if at_left else 1, value),
            xycoords=("axes fraction", "data"),
            xytext=(2 if at_left else -2, -2 if below else 2),
            textcoords="offset points",
            ha="left" if at_left else "right",
            va="top" if below else "bottom",
            color=OF_NAMES[TEACHER if model.role == "teacher" else NDS],
            fontsize=7.5,
        )


def _key(findings: Findings) -> list[Line2D]:
    handles = [
        Line2D([], [], linestyle="", marker="o", mfc=PAPER, mec=MUTED, ms=4.2, label="trial"),
        Line2D([], [], linestyle="", marker="o", mfc=STUDENT, mec=PAPER, ms=6, label="on the front"),
        Line2D([], [], color=TEACHER, label="teacher"),
        Line2D([], [], color=NDS, label="student without teacher"),
    ]
    pairs = list(findings.record.pairs)
    if len(pairs) > 1:
        look: dict[str, Any] = {"linestyle": "", "mfc": "none", "mec": MUTED, "ms": 5}
        handles += [
            Line2D([], [], marker=MARKERS[k % len(MARKERS)], label=pair.replace("->", " → "), **look)
            for k, pair in enumerate(pairs)
        ]
    return handles


def _done(findings: Findings) -> "pandas.DataFrame":
    trials = findings.trials
    return trials[trials["state"] == "done"] if len(trials) else trials
