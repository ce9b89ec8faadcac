"""Rates by group: for every model, each group's rate with its interval, one panel per rate."""

from collections.abc import Iterable, Mapping, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from kdtune.report.drawing.slugs import slugs
from kdtune.report.drawing.style import WIDE, in_figure, new_figure, percent_label, series_mark
from kdtune.report.export.labels import short
from kdtune.report.export.results.findings import Findings
from kdtune.report.export.results.model import ModelFindings
from kdtune.text import counted, without_middle

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST_CLASSES = 11
"""Panels for at most this many classes; with more, for the classes with the largest gaps."""


MOST_GROUPS, MOST_MODELS = 4, 24
"""With more groups or models than these, a figure of every model fits on no page."""

_LONGEST_MODEL = 40

_GROUP_HEIGHT = 0.075
"""Inches between the marks of two groups: a mark's own height, and a little more."""


def names_of(attributes: Iterable[str]) -> dict[str, str]:
    """Return the name of each attribute's figure; no two have the same."""
    return {attribute: f"groups-{part}" for attribute, part in slugs(attributes).items()}


def caption(findings: Findings, attribute: str) -> str:
    """Say what the figure shows."""
    left_out = findings.models[0].splits["test"]["attributes"][attribute]["n_missing"]
    missing = f" Left out: {counted(left_out, 'example')} of unknown group." if left_out else ""
    rates = (
        "TPR: share of the class's examples that are recognised. FPR: share of the other examples that are mistaken "
        "for it. Selection rate: share of all examples that are given this class."
        if len(findings.record.classes) == 2
        else "TPR: share of the class's examples that are recognised."
    )
    some = (
        " by_group.csv has all other models."
        if len(_models(findings, attribute)) < len(findings.models)
        else ""
    )
    n = len(findings.record.classes)
    largest = (
        f" Shown are the {MOST_CLASSES} of {n} classes with the largest gaps." if n > MOST_CLASSES else ""
    )
    return (
        "On test, with 95 % Wilson intervals; the sizes of the groups are in the key. "
        f"{rates}{largest}{missing}{some}"
    )


def _models(findings: Findings, attribute: str) -> Sequence[ModelFindings]:
    """Return the models to show: all; of many, or with many groups, the advised one and those it is compared with."""
    few = len(findings.record.attributes[attribute]) <= MOST_GROUPS and len(findings.models) <= MOST_MODELS
    return findings.models if few else findings.in_focus


def draw(findings: Findings, attribute: str, width: float) -> Figure:
    """Draw one panel per rate, one row per model, one dot per group."""
    panels = _panels(findings, attribute, width)
    columns = min(2 if width >= WIDE else 1, len(panels))
    rows = -(-len(panels) // columns)
    groups = findings.record.attributes[attribute]
    height = rows * (0.75 + _row_height(len(groups)) * len(_models(findings, attribute)))
    figure = new_figure(width, height + 0.45 + 0.16 * (len(groups) // 4))
    grid = figure.subplots(rows, columns, squeeze=False, sharey=True)
    for ax, panel in zip(grid.flat, panels, strict=False):
        _panel(ax, findings, attribute, *panel)
    for ax in list(grid.flat)[len(panels) :]:
        ax.set_axis_off()
    for ax in grid[-1]:
        ax.set_xlabel("% within the group")
    sizes = [g["n"] for g in findings.models[0].splits["test"]["attributes"][attribute]["groups"]]
    handles = [
        Line2D(
            [],
            [],
            linestyle="",
            marker=series_mark(k)[1],
            color=series_mark(k)[0],
            ms=5.5,
            label=f"{in_figure(name, width)} (n = {n:,})",
        )
        for k, (name, n) in enumerate(zip(groups, sizes, strict=True))
    ]
    fitting = int(width / (0.075 * max(len(str(handle.get_label())) for handle in handles) + 0.4))
    most = 4 if width >= WIDE else 2
    figure.legend(handles=handles, loc="outside upper left", ncols=min(len(handles), most, max(1, fitting)))
    return figure


def _row_height(groups: int) -> float:
    """Return the inches that a model takes in a panel."""
    return max(0.3, _GROUP_HEIGHT * groups + 0.12)


def _panels(findings: Findings, attribute: str, width: float) -> list[tuple[str, str, int | None]]:
    """Return (title, rate, class) of each panel."""
    classes = findings.record.classes
    if len(classes) == 2:
        titles = {"tpr": "TPR", "fpr": "FPR", "selection_rate": "selection rate"}
        return [
            ("accuracy", "accuracy", None),
            *((f"{t} of {_quoted(classes[1], width)}", rate, 1) for rate, t in titles.items()),
        ]
    shown = list(range(len(classes)))
    if len(shown) > MOST_CLASSES:
        by_class = [m.splits["test"]["attributes"][attribute]["eod"]["by_class"] for m in findings.members]
        gaps = np.nan_to_num(np.array(by_class, dtype=float)).max(axis=0)
        shown = sorted(np.argsort(-gaps)[:MOST_CLASSES].tolist())
    return [
        ("accuracy", "accuracy", None),
        *((f"TPR of {_quoted(classes[c], width)}", "tpr", c) for c in shown),
    ]


def _quoted(name: str, width: float) -> str:
    return f"'{in_figure(name, width)}'"


def _panel(ax: "Axes", findings: Findings, attribute: str, title: str, rate: str, c: int | None) -> None:
    models = _models(findings, attribute)[::-1]
    n = len(findings.record.attributes[attribute])
    spread = max(0.34, _GROUP_HEIGHT * (n - 1) / _row_height(n))
    for row, model in enumerate(models):
        shares = _shares(model, attribute, rate, c)
        known = [s["value"] for s in shares if not np.isnan(s["value"])]
        if known:
            ax.plot([min(known), max(known)], [row, row], color="#9aa2ad", linewidth=1.1, zorder=1)
        for g, share in enumerate(shares):
            if np.isnan(share["value"]):
                continue
            y = row + (0 if n == 1 else spread * (0.5 - g / (n - 1)))
            low, high = share["interval"]
            colour, marker = series_mark(g)
            ax.plot([low, high], [y, y], color=colour, linewidth=1.0, alpha=0.75, zorder=2)
            ax.plot(share["value"], y, marker, color=colour, ms=4.6, mec="none", zorder=3)
    ax.set_yticks(range(len(models)), [without_middle(short(model), _LONGEST_MODEL) for model in models])
    ax.set_ylim(-0.6, len(models) - 0.4)
    ax.grid(axis="y", visible=False)
    ax.tick_params(axis="y", length=0)
    ax.spines["left"].set_visible(False)
    ax.set_title(fill(title, 30))
    ax.set_xlim(-0.03, 1.03)
    ax.xaxis.set_major_formatter(percent_label)


def _shares(model: ModelFindings, attribute: str, rate: str, c: int | None) -> list[Mapping[str, Any]]:
    groups = model.splits["test"]["attributes"][attribute]["groups"]
    return [group["accuracy"] if c is None else group["by_class"][c][rate] for group in groups]
