"""One table in three forms that hold the same cells: CSV, LaTeX, HTML."""

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
    # Bare, either would be an argument of the rule or line end before it, where a row begins with it.
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
    """Cells as text, the first `text` columns words.

    Attributes:
        name: of its files.
        page: whether it stands on the page too.
    """

    name: str
    title: str
    caption: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    text: int = 1
    page: bool = True

    def csv(self) -> str:
        """Return it for other programs; words are made safe for spreadsheets."""
        buffer = io.StringIO()
        writer = csv.writer(buffer, lineterminator="\n")
        writer.writerow(map(cell, self.head))
        writer.writerows([*map(cell, row[: self.text]), *row[self.text :]] for row in self.rows)
        return buffer.getvalue()

    def latex(self) -> str:
        """Return it for a paper: a `table` with booktabs rules."""
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
        """Return it for the page."""
        return html.table(self.head, self.rows, text=self.text)


def latex(text: str) -> str:
    """Return text as LaTeX sets it, letter by letter."""
    return "".join(_LATEX.get(letter, letter) for letter in plain(text))
