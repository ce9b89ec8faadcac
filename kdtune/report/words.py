"""Numbers and times as people read them: one way, wherever they are shown."""

import math


def number(value: float, digits: int = 3) -> str:
    """Return a measure with fixed digits; `undefined` for NaN; large ones with thousands separators."""
    if math.isnan(value):
        return "undefined"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.{digits}f}"


def setting(value: object) -> str:
    """Return a hyperparameter: three significant digits."""
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def duration(seconds: float) -> str:
    """Return a time: `8 s`, `1:20 min`, `2:05 h`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60}:{whole % 60:02d} min"
    return f"{whole // 3600}:{whole % 3600 // 60:02d} h"
