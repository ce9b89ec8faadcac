"""Class bias by epoch: since when a class loses or gains against the teacher, and against the NDS."""

import numpy as np
import numpy.typing as npt

from kdtune.runs.records import ALL
from kdtune.runs.state import ModelState
from kdtune.text import number, plain, signed

from ...drawing.canvas import Canvas
from ...drawing.text import width
from ...state.noise import class_bias_margin
from ..frame import REFERENCES, Frame
from ..lines import NAMED, Line, Panel, draw_panel
from .bias import bias_of, no_bias

_ROWS = 9
"""Both references are drawn, one above the other, if each gets so many rows."""

_FAINT = 60
"""So many more classes are drawn faintly; more would merge into a grey area."""


def bias_curves(frame: Frame) -> Canvas:
    """Draw the bias of each class over the epochs: the classes with the largest at the last epoch by name."""
    empty = no_bias(frame)
    if empty is not None:
        return empty
    model = frame.cursor
    assert model is not None
    tables = {kind: found for kind in REFERENCES if (found := _table(frame, model, kind)) is not None}
    if not tables:
        return frame.nothing("nothing to compare with", "neither teacher nor NDS has reported")
    canvas = frame.canvas()
    first = frame.view.reference if frame.view.reference in tables else next(iter(tables))
    kinds = [first, *(kind for kind in tables if kind != first)][: max(1, canvas.height // _ROWS)]
    named = _named(tables[first][-1])
    for k, kind in enumerate(kinds):
        top = k * canvas.height // len(kinds)
        lines = _lines(frame, model, kind, tables[kind], named)
        pool = np.concatenate([np.zeros(1), *_drawn(frame, model, kind, first)])
        title = f"class bias against {REFERENCES[kind]}"
        what = f"{title}: accuracy of the class ÷ of all"
        title = what if width(what) <= canvas.width else title
        panel = Panel(title, lines, [(0.0, "", "axis")])
        height = (k + 1) * canvas.height // len(kinds) - top
        draw_panel(frame, canvas, panel, top, height, pool)
    return canvas


def _drawn(frame: Frame, model: ModelState, kind: str, first: str) -> list[npt.NDArray[np.float64]]:
    """Return what is drawn by name of the model, or of both that stand side by side: their axes are the same."""
    found = []
    for other in (frame.store.model(i) for i in frame.pair or (model.id,)):
        if other is not None:
            table, ranked_by = _table(frame, other, kind), _table(frame, other, first)
            if table is not None and ranked_by is not None:
                found.append(table[:, _named(ranked_by[-1])].ravel())
    return found


def _table(frame: Frame, model: ModelState, kind: str) -> npt.NDArray[np.float64] | None:
    """Return class bias by epoch, [epochs, C]; None if there is nothing to compare with."""
    rows = [bias_of(frame, model, report.counts[ALL], kind) for report in frame.reports_of(model.id)]
    known = [row for row in rows if row is not None]
    return np.array(known) if known and len(known) == len(rows) else None


def _named(last: npt.NDArray[np.float64]) -> list[int]:
    """Return the classes with the largest bias, losers and winners alike."""
    order = np.argsort(-np.abs(np.nan_to_num(last)), kind="stable")
    return [int(c) for c in order[:NAMED]]


def _lines(
    frame: Frame, model: ModelState, kind: str, table: npt.NDArray[np.float64], named: list[int]
) -> list[Line]:
    reference = frame.store.reference(model, kind)
    assert reference is not None
    counts = frame.reports_of(model.id)[-1].counts[ALL]
    margins = class_bias_margin(counts, frame.reports_of(reference.id)[-1].counts[ALL])
    names = [plain(name) for name in frame.store.record.classes]
    shown = [*named, *(c for c in range(len(names)) if c not in named)][: NAMED + _FAINT]
    lines = []
    for c in shown:
        said = f"{signed(float(table[-1, c]), 2)} ±{number(float(margins[c]), 2).lstrip('0')}"
        lines.append(Line(names[c], named.index(c) + 1 if c in named else 0, table[:, c], said))
    return lines
