"""How much each training example weighs: by class, and by class and group."""

import numpy as np

from kdtune.distill.arrays import Arrays
from kdtune.distill.config import TrainConfig
from kdtune.errors import UnknownNameError


def example_weights(train: TrainConfig, arrays: Arrays) -> np.ndarray | None:
    """Return the weights of the training examples, float32 [n] with mean 1; None where all weigh the same.

    `class_weights: balanced` gives each class the same total weight. `group_weights` names a sensitive attribute:
    reweighing (Kamiran and Calders 2012) gives an example of class y in group g the weight P(y) P(g) / P(y, g), which
    makes label and group independent. It is raised to the power `group_weights_strength`: 0 is none of it. Examples of
    unknown group keep their weight.

    Raises:
        UnknownNameError: the data have no such attribute.
    """
    labels = np.asarray(arrays.train_labels)
    weights = np.ones(len(labels))
    if train.class_weights == "balanced":
        sizes = np.bincount(labels, minlength=arrays.n_classes)
        weights *= (len(labels) / (np.count_nonzero(sizes) * np.maximum(sizes, 1)))[labels]
    if train.group_weights != "none" and train.group_weights_strength > 0:
        if train.group_weights not in arrays.train_groups:
            raise UnknownNameError("sensitive attribute", train.group_weights, arrays.train_groups)
        weights *= (
            reweighing(labels, arrays.train_groups[train.group_weights]) ** train.group_weights_strength
        )
    if (weights == 1).all():
        return None
    return np.asarray(weights / weights.mean(), dtype=np.float32)


def reweighing(labels: np.ndarray, groups: np.ndarray) -> np.ndarray:
    """Return P(y) P(g) / P(y, g) of each example, float64 [n]; 1 where the group is unknown (-1)."""
    known = groups >= 0
    weights = np.ones(len(labels))
    if not known.any():
        return weights
    y, g = labels[known], groups[known]
    table = np.zeros((int(g.max()) + 1, int(y.max()) + 1))
    np.add.at(table, (g, y), 1.0)
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / table.sum()
    weights[known] = expected[g, y] / table[g, y]
    return weights
