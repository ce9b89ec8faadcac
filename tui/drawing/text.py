"""Text measured in terminal cells, and the short labels of settings and measures."""

from functools import partial

from rich.cells import cell_len, chop_cells, set_cell_size

from kdtune import text
from kdtune.text import plain

_SHORT = {
    "temperature": "T",
    "alpha": "α",
    "accuracy": "acc",
    "worst_class_accuracy": "worst class",
    "worst_group_accuracy": "worst group",
    "class_bias_teacher": "bias/teacher",
    "class_bias_nds": "bias/NDS",
    "class_gap": "class gap",
    "over_majority": "> majority",
    "answered_classes": "answered",
    "eod": "EOD",
    "dpd": "DPD",
    "eod_worst_class": "EOD worst",
    "dpd_worst_class": "DPD worst",
    "individual_fairness": "individual",
    "parameters": "params",
    "batch_size": "batch",
    "weight_decay": "decay",
}


def width(text: str) -> int:
    """Return the width in cells."""
    return cell_len(text)


def fit(text: str, cells: int, *, align: str = "left") -> str:
    """Return the text in exactly so many cells, cut with an ellipsis, or padded."""
    if cells <= 0:
        return ""
    size = cell_len(text)
    if size > cells:
        return set_cell_size(text, cells - 1) + "…" if cells > 1 else "…"
    pad = cells - size
    if align == "right":
        return " " * pad + text
    if align == "center":
        return " " * (pad // 2) + text + " " * (pad - pad // 2)
    return text + " " * pad


def wrapped(text: str, cells: int) -> list[str]:
    """Return the text in lines of so many cells at most, broken between words; a longer word is broken itself."""
    lines: list[str] = []
    for word in text.split():
        if lines and cell_len(lines[-1]) + 1 + cell_len(word) <= cells:
            lines[-1] += " " + word
        else:
            lines += chop_cells(word, max(2, cells))
    return lines


def short(name: str) -> str:
    """Return a setting's or measure's short label."""
    base, at, attribute = plain(name).partition("@")
    return _SHORT.get(base, base) + at + attribute


number = partial(text.number, undefined="–")
"""Return a measure with a fixed number of digits; an undefined one is a dash, because tables have room for no more."""

measured = partial(text.measured, undefined="–")
"""Return a measure with the digits that it has."""
