"""A grid of cells with named styles: charts draw on it, and widgets turn it into segments."""

import unicodedata
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
from rich.cells import get_character_cell_size
from rich.segment import Segment
from rich.style import Style

from .glyphs import to_ascii
from .text import fit

Chars = npt.NDArray[np.str_]
Ints = npt.NDArray[np.int64]


class Canvas:
    """Cells [height, width], each with a character and the name of a style.

    A wide character fills two cells: the second holds the empty string, so that a joined row has the right width.

    Attributes:
        plots: left, top, width and height of the charts on it that have a cross-hair.
        row_ids: the models that whole rows are about, by row.
        note: what the lower border of its pane says about it.
        nearest: the model nearest to the cross-hair, if it points at models.
        spots: where models are drawn: columns [n], rows [n] (-1 off the canvas), and their ids.
    """

    def __init__(self, width: int, height: int, *, ascii_only: bool = False) -> None:
        self._ascii = ascii_only
        self.plots: list[tuple[int, int, int, int]] = []
        self.spots: list[tuple[Ints, Ints, Sequence[str]]] = []
        self.row_ids: dict[int, str] = {}
        self.nearest: str | None = None
        self.note = ""
        self.width = max(0, width)
        self.height = max(0, height)
        self.chars: Chars = np.full((self.height, self.width), " ", "<U1")
        self.style = np.zeros((self.height, self.width), np.int32)
        self._held = np.zeros((self.height, self.width), bool)
        self._wide = False  # whether any character fills two cells
        self._names = ["text"]
        self._index = {"text": 0}

    def index(self, name: str) -> int:
        """Return the number that stands for a style on this canvas."""
        found = self._index.get(name)
        if found is None:
            found = self._index[name] = len(self._names)
            self._names.append(name)
        return found

    def text(self, x: int, y: int, text: str, style: str = "text") -> int:
        """Write text that starts at (x, y), cut at the edges; return the x after it."""
        if not 0 <= y < self.height:
            return x + len(text)
        number = self.index(style)
        if not text.isascii():
            # A cell holds one character: an accent that is a character of its own must become part of its letter.
            text = to_ascii(text) if self._ascii else unicodedata.normalize("NFC", text)
        if text.isascii():
            start, end = max(x, 0), min(x + len(text), self.width)
            if start < end:
                self._open(start, end, y)
                self.chars[y, start:end] = list(text[start - x : end - x])
                self.style[y, start:end] = number
            return x + len(text)
        for char in text:
            size = get_character_cell_size(char)
            if size == 0:
                continue
            if x >= 0 and x + size <= self.width:
                self._open(x, x + size, y)
                self.chars[y, x] = char
                self.style[y, x] = number
                if size == 2:
                    self._wide = True
                    self.chars[y, x + 1] = ""
                    self.style[y, x + 1] = number
            x += size
        return x

    def _open(self, start: int, end: int, y: int) -> None:
        """Blank the other halves of wide characters that are about to be overwritten in part."""
        if not self._wide:
            return
        row = self.chars[y]
        if start > 0 and row[start] == "":
            row[start - 1] = " "
        if end < self.width and row[end] == "":
            row[end] = " "

    def right(self, x: int, y: int, text: str, style: str = "text") -> None:
        """Write text that ends before x."""
        self.text(x - sum(map(get_character_cell_size, text)), y, text, style)

    def centred(self, y: int, text: str, style: str = "text") -> None:
        """Write text in the middle of a row, cut to its width."""
        size = sum(map(get_character_cell_size, text))
        if size > self.width:
            text, size = fit(text, self.width), self.width
        self.text((self.width - size) // 2, y, text, style)

    def put(self, x: int, y: int, char: str, style: str = "text") -> None:
        """Set one cell; nothing happens off the canvas."""
        if 0 <= x < self.width and 0 <= y < self.height:
            self._open(x, x + 1, y)
            self.chars[y, x] = to_ascii(char) if self._ascii else char
            self.style[y, x] = self.index(style)

    def hold(self, x: int, y: int, cells: int) -> None:
        """Keep cells of a row from the curves that are stamped later."""
        if 0 <= y < self.height:
            self._held[y, max(0, x) : max(0, x + cells)] = True

    def free(self, x: int, y: int, cells: int) -> bool:
        """Return whether cells of a row are on the canvas, and none of them is held."""
        inside = 0 <= y < self.height and x >= 0 and x + cells <= self.width
        return inside and not self._held[y, x : x + cells].any()

    def model_at(self, x: int, y: int, *, reach: int = 2) -> str | None:
        """Return the id of the model drawn within `reach` columns and a row of a cell, or that its row is about."""
        best, found = 2.0, None
        for xs, ys, ids in self.spots:
            if len(xs):
                far = np.maximum(np.abs(xs - x) / reach, np.abs(ys - y))
                k = int(np.argmin(np.where(xs < 0, np.inf, far)))
                if xs[k] >= 0 and far[k] <= 1.0 and far[k] < best:
                    best, found = float(far[k]), ids[k]
        return found or self.row_ids.get(y)

    def spot_of(self, model_id: str) -> tuple[int, int] | None:
        """Return the column and row in which a model is drawn."""
        for xs, ys, ids in self.spots:
            if model_id in ids and xs[k := list(ids).index(model_id)] >= 0:
                return int(xs[k]), int(ys[k])
        return None

    def join(self, other: "Canvas", x: int, y: int = 0) -> None:
        """Lay another canvas at (x, y), with its styles, plots and spots."""
        numbers = np.array([self.index(name) for name in other._names], np.int32)
        self._wide |= other._wide
        high, wide = max(0, min(self.height - y, other.height)), max(0, min(self.width - x, other.width))
        self.chars[y : y + high, x : x + wide] = other.chars[:high, :wide]
        self.style[y : y + high, x : x + wide] = numbers[other.style[:high, :wide]]
        self.spots += [
            (np.where(xs < 0, xs, xs + x), np.where(ys < 0, ys, ys + y), ids) for xs, ys, ids in other.spots
        ]
        self.plots += [(left + x, top + y, width, height) for left, top, width, height in other.plots]

    def style_at(self, x: int, y: int) -> str:
        """Return the name of a cell's style."""
        return self._names[int(self.style[y, x])]

    def paint(self, x: int, y: int, chars: npt.NDArray[np.str_] | str, styles: npt.NDArray[np.int64]) -> None:
        """Set a run of cells at once, cut at the right edge: one character or one per cell, and numbers of styles."""
        if 0 <= y < self.height and 0 <= x < self.width:
            room = min(len(styles), self.width - x)
            self.chars[y, x : x + room] = chars if isinstance(chars, str) else chars[:room]
            self.style[y, x : x + room] = styles[:room]

    def stamp(self, x: int, y: int, chars: Chars, style: str) -> None:
        """Lay a block of characters at (x, y); what lies below shows through its blanks (" ")."""
        x0, y0 = max(x, 0), max(y, 0)
        x1, y1 = min(x + chars.shape[1], self.width), min(y + chars.shape[0], self.height)
        if x0 >= x1 or y0 >= y1:
            return
        block = chars[y0 - y : y1 - y, x0 - x : x1 - x]
        inked = (block != " ") & ~self._held[y0:y1, x0:x1]
        self.chars[y0:y1, x0:x1][inked] = block[inked]
        self.style[y0:y1, x0:x1][inked] = self.index(style)

    def highlight(self, y: int, style: str, x0: int = 0, x1: int | None = None) -> None:
        """Give cells of a row another background: `style` is added to the style that they have."""
        if not 0 <= y < self.height:
            return
        row = self.style[y, x0 : self.width if x1 is None else x1]
        for number in sorted(set(row.tolist())):
            row[row == number] = self.index(f"{self._names[number]}|{style}")

    def rows(self, style_of: Callable[[str], Style]) -> list[list[Segment]]:
        """Return the cells as rows of segments."""
        styles = [style_of(name) for name in self._names]
        result: list[list[Segment]] = []
        make = tuple.__new__
        for chars, numbers in zip(self.chars.tolist(), self.style, strict=True):
            if not len(numbers):
                result.append([])
                continue
            cuts = np.flatnonzero(numbers[1:] != numbers[:-1]) + 1
            starts = [0, *cuts.tolist()]
            ends = [*cuts.tolist(), self.width]
            kinds = numbers[starts].tolist()
            # A heat map makes thousands of segments: `tuple.__new__` halves the time that the named tuple needs.
            result.append(
                [
                    make(Segment, ("".join(chars[a:b]), styles[kind], None))
                    for a, b, kind in zip(starts, ends, kinds, strict=True)
                ]
            )
        return result

    def lines(self) -> list[str]:
        """Return the cells as plain text."""
        return ["".join(row) for row in self.chars.tolist()]
