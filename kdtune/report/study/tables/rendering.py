"""A table as CSV, LaTeX and HTML, with the same cells."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from kdtune.report.drawing import html
from kdtune.text import cell, plain

_LATEX = {
    "\\": r"\textbackslash{}",
    "&": r"\&",
    "%": r"\%",
    "$": r"\$",
    "#": r"\#",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    # At the start of a row, either would be read as an argument of the rule or line end before it.
    "[": "{[}",
    "*": "{*}",
    "±": r"$\pm$",
    "→": r"$\rightarrow$",
    "×": r"$\times$",
    "−": "$-$",
    "–": "--",
    "…": r"\ldots{}",
    "α": r"$\alpha$",
    "ρ": r"$\rho$",
    "²": r"$^2$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
}


@dataclass(frozen=True)
class Table:
    """A table of text cells.

    Attributes:
        name: of its files.
        text: how many of the first columns hold words.
        page: whether it is shown on the page too.
    """

    name: str
    title: str
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    text: int = 1
    page: bool = True

    def csv(self) -> str:
        """Return CSV for other programs; words are made safe for spreadsheets."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(map(cell, self.head))
        writer.writerows([*map(cell, row[: self.text]), *row[self.text :]] for row in self.rows)
        return buffer.getvalue()

    def latex(self) -> str:
        """Return LaTeX for a paper: a `table` with booktabs rules."""
        columns = "l" * self.text + "r" * (len(self.head) - self.text)
        lines = [" & ".join(latex(cell) for cell in row) + r" \\" for row in self.rows]
        head = " & ".join(latex(cell) for cell in self.head) + r" \\"
        body = "\n".join(lines)
        return (
            "% needs \\usepackage{booktabs}\n\\begin{table}\n\\centering\n"
            f"\\caption{{{latex(f'{self.title}. {self.caption}')}}}\n\\begin{{tabular}}{{{columns}}}\n\\toprule\n"
            f"{head}\n\\midrule\n{body}\n\\bottomrule\n\\end{{tabular}}\n\\end{{table}}\n"
        )

    def html(self) -> str:
        """Return HTML for the page."""
        return html.table(self.head, self.rows, text=self.text)


def latex(text: str) -> str:
    """Escape text so that LaTeX sets every character as it is."""
    return "".join(_LATEX.get(letter, letter) for letter in plain(text))
