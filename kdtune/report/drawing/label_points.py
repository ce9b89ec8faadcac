"""Names beside points: each where it covers nothing, joined to its point by a line where there is no room beside it."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from kdtune.report.drawing.style import OF_NAMES, PAPER

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_DISTANCES = (6.0, 14.0, 24.0, 36.0, 50.0, 66.0, 84.0, 104.0, 126.0, 150.0)
"""Points (1/72 inch) from a point to its name, nearest first."""

_ANGLES = np.deg2rad([45, -45, 135, -135, 20, -20, 160, -160, 70, -70, 110, -110, 0, 180, 90, -90])
"""Diagonal ones first, because intervals run along the axes."""

_JOINED_FROM = 14.0
"""A name farther away than this is joined to its point by a line."""

_CLEARER = 4.0
"""Points that another point must be farther from a name than its own, so that nobody takes it for the other's."""

_ABOVE = 8
"""Names stand above points and intervals."""

_MARGIN = 1.5
"""Points between two names; the browser's font may be a little wider than the one measured here."""


def label_points(
    ax: "Axes", points: Sequence[tuple[float, float, str, str]], *, avoid: Sequence[tuple[float, float]] = ()
) -> list[str]:
    """Write names beside points, so that no name covers another text, and as few points as possible.

    Args:
        points: (x, y, name, colour), in data coordinates; the first ones get the best places.
        avoid: further points that names should not cover.

    Returns:
        The names for which there was no room: they are not written.
    """
    figure = ax.figure
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()  # type: ignore[attr-defined]
    dot = figure.dpi / 72
    box = ax.get_window_extent(renderer)
    where = ax.transData.transform
    dots = np.array([where((x, y)) for x, y, *_ in points] + [where(point) for point in avoid]).reshape(-1, 2)
    taken = [text.get_window_extent(renderer) for text in _texts(ax)]
    left_out = []
    for x, y, name, colour in points:
        note = ax.annotate(
            name,
            (x, y),
            xytext=(0, 0),
            textcoords="offset points",
            ha="left",
            va="bottom",
            color=OF_NAMES.get(colour, colour),
            fontsize=8,
            zorder=_ABOVE,
            # Intervals and grid lines pass behind a name, not through it.
            bbox={"facecolor": PAPER, "edgecolor": "none", "alpha": 0.8, "pad": 0.5},
        )
        note.set_in_layout(False)
        size = note.get_window_extent(renderer)
        place = _place(where((x, y)), size.width, size.height, box, taken, dots, dot, named=len(points))
        if place is None:
            note.remove()
            left_out.append(name)
            continue
        joined, offset = place
        note.set_position((offset[0] / dot, offset[1] / dot))
        found = note.get_window_extent(renderer)
        taken.append(found.padded(_MARGIN * dot))
        if joined:
            end = ax.transData.inverted().transform(_nearest(found, where((x, y))))
            ax.plot(
                [x, end[0]],
                [y, end[1]],
                color=colour,
                linewidth=0.7,
                zorder=_ABOVE - 1,
                scalex=False,
                scaley=False,
            )
    return left_out


def _place(
    point: np.ndarray,
    width: float,
    height: float,
    box: Bbox,
    taken: Sequence[Bbox],
    dots: np.ndarray,
    dot: float,
    *,
    named: int,
) -> tuple[bool, np.ndarray] | None:
    """Return where a name goes: whether a line joins it to its point, and the offset of its lower left corner.

    None if every place is taken.

    Args:
        named: the first of `dots` have names; beside one of them, a name would seem to be its.
    """
    best, least = None, float("inf")
    for distance in _DISTANCES:
        if distance / 10 >= least:
            break
        for rank, angle in enumerate(_ANGLES):
            direction = np.array([np.cos(angle), np.sin(angle)])
            # The name's nearest corner or edge stands at the distance.
            centre = direction * distance * dot + np.sign(np.round(direction, 3)) * (width / 2, height / 2)
            corner = centre - (width / 2, height / 2)
            here = Bbox.from_bounds(float(point[0] + corner[0]), float(point[1] + corner[1]), width, height)
            if not (box.x0 <= here.x0 and here.x1 <= box.x1 and box.y0 <= here.y0 and here.y1 <= box.y1):
                continue
            if any(here.overlaps(other) for other in taken):
                continue
            covered = int(
                (
                    (dots[:, 0] > here.x0 - dot)
                    & (dots[:, 0] < here.x1 + dot)
                    & (dots[:, 1] > here.y0 - dot)
                    & (dots[:, 1] < here.y1 + dot)
                ).sum()
            )
            own, others = (_distances(here, some) for some in (point[None], dots[:named]))
            apart = np.hypot(*(dots[:named] - point).T) > dot
            misread = int((apart & (others < own[0] + _CLEARER * dot)).sum())
            cost = distance / 10 + 2.0 * covered + 1.5 * misread + 0.02 * rank
            if cost < least:
                best, least = (distance > _JOINED_FROM or misread > 0, corner), cost
    return best


def _distances(box: Bbox, dots: np.ndarray) -> np.ndarray:
    """Return how far dots [n, 2] are from a box, [n]."""
    return np.asarray(np.hypot(*(np.clip(dots, (box.x0, box.y0), (box.x1, box.y1)) - dots).T))


def _nearest(box: Bbox, point: np.ndarray) -> tuple[float, float]:
    """Return the place on a box that is nearest to a point."""
    return float(np.clip(point[0], box.x0, box.x1)), float(np.clip(point[1], box.y0, box.y1))


def _texts(ax: "Axes") -> list[Text]:
    """Return the texts that already stand in the axes."""
    return [text for text in ax.texts if text.get_visible() and text.get_text()]
