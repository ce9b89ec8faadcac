"""Class bias: how the relative accuracy of each class changes from the teacher or NDS to each member."""

from collections.abc import Sequence
from textwrap import fill
from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from kdtune.report.drawing.style import COLOURS, MUTED, PAPER, WIDE, in_figure, new_figure
from kdtune.report.export.results.findings import Findings
from kdtune.report.export.results.model import ModelFindings

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_NAMES = {"teacher": "compared with the teacher", "nds": "compared with the network without a teacher"}
_FULL_COLOUR = 1.0
"""Colours grow no stronger beyond this: a student that always gives one class would otherwise fade all the others."""

MOST_CELLS = 20
"""With more classes than this a table of colours can't be read: classes become dots, and the extreme ones are named."""

_MOST_SIGNS = 70
"""So many signs fit below a panel that is as wide as the page."""

MOST_MEMBERS = 24
"""With more members than this, those are shown of which a class changes most: all would fit on no page."""


def references(findings: Findings) -> list[str]:
    """Return what members can be compared with."""
    return [name for name in _NAMES if any(name in m.splits["test"]["class_bias"] for m in findings.members)]


def caption(findings: Findings) -> str:
    """Say what the figure shows."""
    shown, all_members = len(_members(findings)), len(findings.members)
    some = (
        ""
        if shown == all_members
        else f" Shown are the {shown} of {all_members} members of which a class changes most; by_class.csv has all."
    )
    return (
        "Class accuracy divided by the model's accuracy, minus the same quotient of the reference, on test: +0.10 "
        "means that a class gained a tenth more than the model as a whole. Each model is one seed: 'kdtune study' "
        f"tests over several seeds which changes are beyond noise.{some}"
    )


def _members(findings: Findings) -> list[ModelFindings]:
    """Return the members to show, in the order of the front."""
    members = list(findings.members)
    if len(members) <= MOST_MEMBERS:
        return members
    largest = {
        member.id: max(
            (
                abs(value)
                for changes in member.splits["test"]["class_bias"].values()
                for value in changes or ()
                if not np.isnan(value)
            ),
            default=0.0,
        )
        for member in members
    }
    most = sorted(members, key=lambda member: -largest[member.id])[:MOST_MEMBERS]
    return [member for member in members if member in most]


def draw(findings: Findings, width: float) -> Figure:
    """Draw one panel per reference."""
    names = references(findings)
    classes = [in_figure(name, width) for name in findings.record.classes]
    shown = _members(findings)
    table = {name: _values(shown, name, len(classes)) for name in names}
    largest = max((np.nanmax(np.abs(v)) for v in table.values() if not np.isnan(v).all()), default=0.0) or 0.1
    if len(classes) > MOST_CELLS:
        return _dots(findings, shown, table, width)
    stacked = width < WIDE or len(classes) > 8 or _signs(classes) > _MOST_SIGNS // 2
    members = [member.id for member in shown]
    if width < WIDE:  # classes as rows, because there is room for few columns
        figure = new_figure(width, len(names) * (0.9 + 0.27 * len(classes)))
        axes = figure.subplots(len(names), 1, squeeze=False).flat
        for ax, name in zip(axes, names, strict=True):
            _heat(ax, table[name].T, largest, classes, members, fill(_NAMES[name], 24))
        return figure
    rows = len(names) if stacked else 1
    slanted = max(map(len, classes)) * 0.05 if _long(classes) else 0.0
    figure = new_figure(width, rows * (0.95 + 0.3 * len(members) + slanted))
    axes = figure.subplots(rows, 1 if stacked else len(names), squeeze=False, sharey=True).flat
    for ax, name in zip(axes, names, strict=True):
        title = _NAMES[name] if stacked else fill(_NAMES[name], 36)
        _heat(ax, table[name], largest, members, classes, title)
    return figure


def _values(members: Sequence[ModelFindings], name: str, n_classes: int) -> np.ndarray:
    unknown = [np.nan] * n_classes
    return np.array([m.splits["test"]["class_bias"].get(name) or unknown for m in members], dtype=float)


def _signs(columns: list[str]) -> int:
    """Return how many signs fit side by side if each of these names does, below its column."""
    return max(map(len, columns)) * len(columns)


def _long(columns: list[str]) -> bool:
    """Return whether names below columns need more room than there is side by side."""
    return _signs(columns) > _MOST_SIGNS


def _heat(
    ax: "Axes", values: np.ndarray, largest: float, rows: list[str], columns: list[str], title: str
) -> None:
    colours = colormaps["PuOr_r"]
    norm = TwoSlopeNorm(0.0, -min(largest, _FULL_COLOUR), min(largest, _FULL_COLOUR))
    # A mesh of vectors: an image would be embedded as data, which the page's policy forbids.
    edges = [np.arange(size + 1) - 0.5 for size in values.shape[::-1]]
    ax.pcolormesh(
        *edges, np.ma.masked_invalid(values), cmap=colours, norm=norm, edgecolors=PAPER, linewidth=1.2
    )
    ax.set_ylim(len(rows) - 0.5, -0.5)  # the first member on top, also where panels share the axis
    for (r, c), value in np.ndenumerate(values):
        if np.isnan(value):
            continue
        dark = np.dot(colours(norm(value))[:3], (0.299, 0.587, 0.114)) < 0.5
        size = 7.5 if len(columns) <= 10 else 6
        text = "0.00" if abs(value) < 0.005 else f"{value:+.2f}".replace("-", "−")
        ax.text(c, r, text, ha="center", va="center", fontsize=size, color="#fefefe" if dark else "#111111")
    long = _long(columns)
    ax.set_xticks(range(len(columns)), columns, rotation=45 if long else 0, ha="right" if long else "center")
    ax.set_yticks(range(len(rows)), rows)
    ax.tick_params(length=0)
    ax.grid(visible=False)
    ax.spines[:].set_visible(False)
    ax.set_title(title)


def _dots(
    findings: Findings, members: Sequence[ModelFindings], table: dict[str, np.ndarray], width: float
) -> Figure:
    figure = new_figure(width, len(table) * (0.9 + 0.5 * len(members)))
    axes = figure.subplots(len(table), 1, squeeze=False, sharex=True).flat
    rng = np.random.default_rng(0)
    for ax, (name, values) in zip(axes, table.items(), strict=True):
        for row, biases in enumerate(values[::-1]):
            ax.plot(
                biases,
                row + rng.uniform(-0.16, 0.16, len(biases)),
                "o",
                ms=3,
                color=COLOURS[0],
                alpha=0.45,
                mew=0,
            )
            known = np.flatnonzero(~np.isnan(biases))
            order = known[np.argsort(biases[known])]
            for k in dict.fromkeys([*order[:1], *order[-1:]]):
                ax.annotate(
                    in_figure(findings.record.classes[k], width),
                    (biases[k], row),
                    xytext=(0, 9),
                    textcoords="offset points",
                    ha="center",
                    fontsize=7,
                    color=MUTED,
                )
        ax.axvline(0, color=MUTED, linewidth=0.8)
        ax.set_yticks(range(len(members)), [m.id for m in members[::-1]])
        ax.set_ylim(-0.6, len(members) - 0.3)
        ax.grid(axis="y", visible=False)
        ax.set_title(_NAMES[name])
        ax.set_xlabel("change of relative class accuracy, one dot per class")
    return figure
