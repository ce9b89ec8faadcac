"""One style for all figures: sizes, colours that colour-blind readers can tell apart, files and parts of pages."""

import io
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from html import escape
from typing import Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from kdtune.text import without_middle

# Okabe and Ito (2008), strongest contrast first; without yellow, because it fades on white.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7f7f7f")
MARKERS = ("o", "s", "D", "^", "v", "P", "X")
STUDENT, TEACHER, NDS = COLOURS[0], COLOURS[1], COLOURS[3]
OF_NAMES = {TEACHER: "#b04d00", NDS: "#a04c7c"}
"""Darker ones for names: small letters need a contrast of 4.5 (WCAG 2.2, 1.4.3)."""

# Inside a page the page's own colours replace these (see `inline`).
INK, MUTED, GRID, PAPER = "#1c2127", "#5f6772", "#dfe3e8", "#fffffe"
_VARIABLES = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    GRID: "var(--grid)",
    PAPER: "var(--paper)",
    STUDENT: "var(--blue)",
    OF_NAMES[TEACHER]: "var(--teacher)",
    OF_NAMES[NDS]: "var(--nds)",
}

WIDE, NARROW = 7.4, 3.9
"""Widths in inches of a page and of a phone."""

_RC: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans", "Verdana", "Segoe UI", "Helvetica", "Arial", "sans-serif"],
    "font.size": 9,
    "axes.titlesize": 9.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "legend.fontsize": 8,
    "legend.frameon": False,
    "legend.handletextpad": 0.4,
    "legend.columnspacing": 1.4,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": GRID,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.linewidth": 1.2,
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "svg.fonttype": "none",
    "axes.formatter.useoffset": False,
    "text.parse_math": False,  # a class may be called "$x$"
}


def series_mark(k: int) -> tuple[str, str]:
    """Return colour and marker of the k-th of many series: after seven, the colours come again with other markers."""
    return COLOURS[k % len(COLOURS)], MARKERS[(k + k // len(COLOURS)) % len(MARKERS)]


@contextmanager
def look() -> Iterator[None]:
    """Draw in kdtune's style, whatever the caller's matplotlib settings are."""
    with mpl.rc_context(), warnings.catch_warnings():
        # A name from data in another script: browsers find a font for it in the SVG, the PNG shows boxes.
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")
        mpl.rcdefaults()
        for name, value in _RC.items():
            mpl.rcParams[name] = value
        yield


def in_figure(name: str, width: float) -> str:
    """Return the name of a class or group for a figure: a long one would leave no room for what is drawn."""
    return without_middle(name, 24 if width >= WIDE else 18)


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure without a window; its parts make room for each other."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)  # measures text, and needs no display
    return figure


def svg(figure: Figure, name: str) -> str:
    """Return a figure as SVG; the same figure gives the same text."""
    _settle(figure)
    with mpl.rc_context({"svg.hashsalt": name}):
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()


def _settle(figure: Figure) -> None:
    """Lay the parts out once, because each file would do it again, and it is half the work of drawing."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
        figure.set_layout_engine(None)


def png(figure: Figure) -> bytes:
    """Return a figure as PNG on white, at 200 dots per inch."""
    _settle(figure)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=200, facecolor="white", metadata={"Software": None})
    return buffer.getvalue()


def inline(text: str, label: str, *, grow: float = 1.0) -> str:
    """Return an SVG for a page: it scales with its column, has the page's colours, and carries a label.

    Args:
        grow: factor by which it may be stretched beyond its own size.
    """
    body = text[text.index("<svg") :]
    head, rest = body.split(">", 1)
    width = _attribute(head, "width")
    view = _attribute(head, "viewBox")
    for colour, variable in _VARIABLES.items():
        rest = rest.replace(colour, variable)
    start = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="{view}"'
    )
    pixels = float(width[:-2]) * 4 / 3 * grow
    return f'{start} role="img" aria-label="{escape(label)}" style="max-width:{pixels:.0f}px">{rest}'


def _attribute(head: str, name: str) -> str:
    return head.split(f' {name}="', 1)[1].split('"', 1)[0]


def number_label(value: float) -> str:
    """Return an axis value in its shortest form."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:g}"


def percent_label(share: float, _: object = None) -> str:
    """Return an axis value that is a share as a percentage."""
    return f"{round(100 * share, 6):g}"


Drawn = Callable[[float], Figure]
"""Draws a figure at a width in inches."""
