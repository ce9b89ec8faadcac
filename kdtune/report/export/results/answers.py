"""What a report's counts do not say: which class a model confuses with which, and its answer to each example."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from kdtune.report.evaluate.evaluation import SplitData
from kdtune.report.export.results.members import EvaluatedModel

if TYPE_CHECKING:
    import pandas


def confusion_table(
    models: Sequence[EvaluatedModel], classes: Sequence[str], attributes: Mapping[str, Sequence[str]]
) -> "pandas.DataFrame":
    """Return how many test examples of each class were given each class, over all and by group; zeros are left out."""
    import pandas

    rows = []
    for model in models:
        split, evaluated = model.on["test"]
        for attribute, group, chosen in _parts(split, attributes):
            matrix = confusion(split.labels[chosen], evaluated.predictions[chosen], len(classes))
            rows += [
                (model.trained.id, attribute, group, classes[i], classes[j], int(matrix[i, j]))
                for i, j in np.argwhere(matrix)
            ]
    return pandas.DataFrame(rows, columns=["id", "attribute", "group", "class", "answer", "n"])


def confusion(labels: np.ndarray, answers: np.ndarray, n_classes: int) -> np.ndarray:
    """Count examples by class and answer: int64 [classes, answers]."""
    return np.bincount(labels * n_classes + answers, minlength=n_classes**2).reshape(n_classes, n_classes)


def _parts(
    split: SplitData, attributes: Mapping[str, Sequence[str]]
) -> Iterator[tuple[str, str, np.ndarray]]:
    yield "", "all", np.ones(len(split), dtype=bool)
    for name, groups in attributes.items():
        for g, group in enumerate(groups):
            yield name, group, split.arrays.validation_groups[name] == g


def answers_table(models: Sequence[EvaluatedModel], classes: Sequence[str]) -> "pandas.DataFrame":
    """Return each model's answer to each test example, in the order of the split.

    `row` is where the example stands in its table, the first row after the header being 0; without a table the column
    is `example`, the place in the data set's test split. Labels and groups are not repeated: they belong to the data.
    """
    import pandas

    split, _ = models[0].on["test"]
    named = np.array(classes, dtype=object)
    rows = np.arange(len(split)) if split.rows is None else split.rows
    table = {"example" if split.rows is None else "row": rows}
    table |= {model.trained.id: named[model.on["test"][1].predictions] for model in models}
    return pandas.DataFrame(table)
