"""Rates of each group by epoch: accuracy, and the true and false positive rate of a class."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kdtune.fairness import Counts, wilson
from kdtune.runs.records import Report
from kdtune.text import plain

from ...drawing.canvas import Canvas
from ...drawing.text import number
from ..frame import Frame
from ..lines import NAMED, Line, Panel, draw_panel
from .gaps import shown_model

Ints = npt.NDArray[np.int64]

RATES = ("accuracy", "true positive rate", "false positive rate")

_ROWS = 9
"""A further rate is drawn below the first if each gets so many rows."""


def group_rates(frame: Frame) -> Canvas:
    """Draw the chosen rate of each group over the epochs, and the other rates below it where there is room."""
    shown = shown_model(frame)
    if isinstance(shown, Canvas):
        return shown
    model, reports = shown
    attribute = frame.attribute
    if attribute not in reports[-1].counts:
        return frame.nothing(f"no counts by {attribute}", "the run's reports do not hold them")
    canvas = frame.canvas()
    first = frame.view.rate % len(RATES)
    panels = max(1, min(len(RATES), canvas.height // _ROWS))
    chosen = frame.chosen_class(attribute)
    for k in range(panels):
        top = k * canvas.height // panels
        name = RATES[(first + k) % len(RATES)]
        lines = _lines(frame, reports, attribute, name, chosen)
        pool = np.concatenate(
            [
                line.values
                for i in frame.pair or (model.id,)
                for line in _lines(frame, frame.reports_of(i), attribute, name, chosen)
            ]
            or [np.zeros(0)]
        )
        panel = Panel(_title(frame, attribute, name, chosen), lines, bounds=(0.0, 1.0))
        draw_panel(frame, canvas, panel, top, (k + 1) * canvas.height // panels - top, pool)
    return canvas


def _title(frame: Frame, attribute: str, name: str, chosen: int) -> str:
    of = "" if name == RATES[0] else f" of class {plain(frame.store.record.classes[chosen])}"
    groups = len(frame.store.record.attributes[attribute])
    some = f", {NAMED} of {groups} groups named" if groups > NAMED else ""
    return f"{name}{of} by {plain(attribute)}{some}"


def of_group(counts: Counts, name: str, chosen: int) -> tuple[Ints, Ints]:
    """Return how many examples of each group count for a rate and how many it is defined on, both [G]."""
    if name == RATES[0]:
        return np.asarray(counts.hits.sum(axis=1)), counts.group_sizes
    if name == RATES[1]:
        return counts.hits[:, chosen], counts.examples[:, chosen]
    return (counts.predicted - counts.hits)[:, chosen], counts.group_sizes - counts.examples[:, chosen]


def _lines(frame: Frame, reports: Sequence[Report], attribute: str, name: str, chosen: int) -> list[Line]:
    counts = [report.counts[attribute] for report in reports if attribute in report.counts]
    if not counts:
        return []
    found = [of_group(item, name, chosen) for item in counts]
    parts = np.array([part for part, _ in found], np.float64)  # [epochs, G]
    wholes = np.array([whole for _, whole in found], np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        rates = np.where(wholes > 0, parts / wholes, np.nan)
    low, high = wilson(parts[-1], wholes[-1])
    groups = [plain(group) for group in frame.store.record.attributes[attribute]]
    order = np.argsort(np.nan_to_num(rates[-1], nan=2.0), kind="stable").tolist()
    named = order if len(order) <= NAMED else [*order[: NAMED // 2], *order[-NAMED // 2 :]]
    lines = []
    for k, group in enumerate(groups):
        value = float(rates[-1, k])
        reach = max(value - float(low[k]), float(high[k]) - value)
        said = f"{number(value)} ±{number(reach, 2).lstrip('0')}" if np.isfinite(value) else "undefined"
        slot = (k if len(groups) <= NAMED else named.index(k)) + 1 if k in named else 0
        lines.append(Line(group, slot, rates[:, k], said))
    return lines
