"""How far confidence and accuracy lie apart, over all examples and by group."""

from collections.abc import Mapping, Sequence
from typing import Any

from kdtune.fairness import calibration
from kdtune.report.evaluate.evaluation import Evaluated, SplitData


def calibration_numbers(
    split: SplitData, evaluated: Evaluated, attributes: Mapping[str, Sequence[str]]
) -> dict[str, Any]:
    """Return the calibration of a model over all examples, and by attribute and group, as plain JSON."""
    probabilities = evaluated.logits.double().softmax(dim=1).numpy()

    def of(chosen: Any) -> dict[str, Any]:
        return calibration(split.labels[chosen], probabilities[chosen])._asdict()

    return {
        "all": of(slice(None)),
        "attributes": {
            name: {group: of(split.arrays.validation_groups[name] == g) for g, group in enumerate(groups)}
            for name, groups in attributes.items()
        },
    }
