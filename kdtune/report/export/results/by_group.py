"""Tables by group, made by fairlearn's MetricFrame from labels, predictions and groups."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from kdtune.data.dataset import MISSING

if TYPE_CHECKING:
    import pandas


def by_group(
    labels: np.ndarray,
    predictions: np.ndarray,
    groups: Mapping[str, np.ndarray],
    *,
    attributes: Mapping[str, Sequence[str]],
    classes: Sequence[str],
) -> "pandas.DataFrame":
    """Return one row for each group of each attribute: `n`, `accuracy`, and the rates of the classes.

    With two classes only the second has rates, because those of the first are their complements. A rate without a
    denominator is NaN, where fairlearn's own rates are 0. Examples of unknown group are left out.

    Args:
        labels, predictions: int [n].
        groups: attribute -> int [n], -1 if unknown.
    """
    import pandas
    from fairlearn.metrics import MetricFrame, count

    shown = [1] if len(classes) == 2 else range(len(classes))
    metrics: dict[str, Callable[..., Any]] = {"n": count, "accuracy": _accuracy}
    for c in shown:
        metrics |= {f"{rate} {classes[c]}": _rate(rate, c) for rate in ("TPR", "FPR", "selection rate")}
    tables = []
    for name, codes in groups.items():
        known = codes != MISSING
        if not known.any():
            continue
        named = np.array(attributes[name])[codes[known]]
        frame = MetricFrame(
            metrics=metrics,
            y_true=labels[known],
            y_pred=predictions[known],
            sensitive_features=pandas.Series(named, name="group"),
        )
        table = frame.by_group.reindex(list(attributes[name])).reset_index()
        table["n"] = table["n"].fillna(0).astype(int)
        table.insert(0, "attribute", name)
        tables.append(table)
    columns = ["attribute", "group", *metrics]
    return pandas.concat(tables, ignore_index=True)[columns] if tables else pandas.DataFrame(columns=columns)


def _accuracy(y_true: Any, y_pred: Any) -> float:
    return float(np.mean(np.asarray(y_true) == np.asarray(y_pred)))


def _rate(rate: str, c: int) -> Callable[[Any, Any], float]:
    def metric(y_true: Any, y_pred: Any) -> float:
        is_class, says_class = np.asarray(y_true) == c, np.asarray(y_pred) == c
        among = {"TPR": is_class, "FPR": ~is_class, "selection rate": np.ones_like(is_class)}[rate]
        return float(says_class[among].mean()) if among.any() else float("nan")

    return metric
