"""Text from data, made safe and measured in cells; numbers and times as people read them."""

import math

from rich.cells import cell_len, set_cell_size

_SHORT = {
    "temperature": "T",
    "alpha": "α",
    "accuracy": "acc",
    "worst_class_accuracy": "worst class",
    "worst_group_accuracy": "worst group",
    "class_bias_teacher": "bias/teacher",
    "class_bias_nds": "bias/NDS",
    "class_gap": "class gap",
    "eod": "EOD",
    "dpd": "DPD",
    "eod_worst_class": "EOD worst",
    "dpd_worst_class": "DPD worst",
    "individual_fairness": "individual",
    "parameters": "params",
    "batch_size": "batch",
    "weight_decay": "decay",
}


def plain(text: object) -> str:
    """Return one line without control characters: what a data set's author named can't drive the terminal."""
    return "".join(c if c.isprintable() else " " for c in _without_escapes(str(text)))


def _without_escapes(text: str) -> str:
    if "\x1b" not in text and "\x9b" not in text:
        return text
    import re

    return re.sub(
        r"\x1b\][^\x07\x1b]*(\x07|\x1b\\)?|(\x1b\[|\x9b)[0-?]*[ -/]*[@-~]?|\x1b[@-Z\\-_]?", "", text
    )


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


def short(name: str) -> str:
    """Return a setting's or measure's short label."""
    base, at, attribute = plain(name).partition("@")
    return _SHORT.get(base, base) + at + attribute


def number(value: float, digits: int = 3) -> str:
    """Return a measure with fixed digits, `–` where it is undefined."""
    if math.isnan(value):
        return "–"
    if math.isinf(value):
        return "∞" if value > 0 else "-∞"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}f}"


def signed(value: float, digits: int = 3) -> str:
    """Return a difference with its sign, `–` where it is undefined."""
    if math.isnan(value):
        return "–"
    value = round(value, digits)
    return f"{value:+.{digits}f}".replace("-", "−") if value else f"{0:.{digits}f}"


def setting(value: object) -> str:
    """Return a hyperparameter: three significant digits."""
    if value is None:
        return ""
    return f"{value:.3g}" if isinstance(value, float) else plain(value)


def duration(seconds: float) -> str:
    """Return a time: `8 s`, `1:20 min`, `2:05 h`."""
    if not math.isfinite(seconds):
        return "–"
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"
