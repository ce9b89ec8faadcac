"""What a student answers on labelled examples, as the numbers that its `metrics.json` has of test."""

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from torch import Tensor, nn

from kdtune.errors import InputError
from kdtune.fairness import GAP_QUANTITIES, GAPS, count
from kdtune.files import dumps
from kdtune.runs.measures.measure import Answers, References
from kdtune.runs.measures.metrics import calibration_numbers, split_numbers
from kdtune.runs.measures.objectives import MEASURES, Objective
from kdtune.runs.records import ALL
from kdtune.student.examples import Examples, require_any

if TYPE_CHECKING:
    from kdtune.fairness import Counts


def numbers_of(
    module: nn.Module,
    config: Mapping[str, Any],
    metrics: Mapping[str, Any],
    examples: Examples,
    logits: Tensor,
) -> dict[str, Any]:
    """Return the numbers of a student's answers, as plain JSON.

    Args:
        module, config, metrics: of the student.
        examples: with labels.
        logits: float32 [n, classes].

    Raises:
        DataError: there is no example.
    """
    assert examples.labels is not None
    require_any(len(examples))
    classes = tuple(config["classes"])
    declared = {name: tuple(groups) for name, groups in (config.get("attributes") or {}).items()}
    attributes = {name: declared[name] for name in examples.groups}
    answers = Answers(
        examples.labels.numpy(),
        logits.argmax(dim=1).numpy(),
        logits.double().softmax(dim=1).numpy(),
        {name: codes.numpy() for name, codes in examples.groups.items()},
    )
    counts = {ALL: count(answers.labels, answers.predictions, n_classes=len(classes))}
    for name, groups in attributes.items():
        counts[name] = count(
            answers.labels,
            answers.predictions,
            answers.attributes[name],
            n_classes=len(classes),
            n_groups=len(groups),
        )
    numbers = split_numbers(
        counts,
        values=_values(module, metrics, counts, answers, declared),
        cross_entropy=float(nn.functional.cross_entropy(logits, examples.labels)),
        classes=classes,
        attributes=attributes,
        further_gaps=_further_gaps(metrics),
    )
    numbers["calibration"] = calibration_numbers(answers, attributes)
    plain: dict[str, Any] = json.loads(dumps(numbers))
    return plain


def _further_gaps(metrics: Mapping[str, Any]) -> dict[str, list[str]]:
    """Return the gaps that the student's own test tells of each attribute beside EOD and DPD."""
    tested = (metrics.get("test") or {}).get("attributes") or {}
    return {
        name: [key for key in numbers if key in GAP_QUANTITIES and key not in GAPS]
        for name, numbers in tested.items()
    }


def _values(
    module: nn.Module,
    metrics: Mapping[str, Any],
    counts: "dict[str, Counts]",
    answers: Answers,
    declared: dict[str, tuple[str, ...]],
) -> dict[str, float]:
    """Return the measures that the student's own test has, as far as these answers give them."""
    tested = (metrics.get("test") or {}).get("values")
    values = {}
    for name in tested or [m.name for m in MEASURES.values() if m.routine]:
        try:
            objective = Objective.parse(name, declared)
        except InputError:  # a measure of the user's own that nobody has registered here
            continue
        measure, attribute = objective.measure, objective.attribute
        known = set(declared) if measure.need == "attributes" else {attribute} - {ALL}
        if measure.need in ("teacher", "nds") or not known <= set(answers.attributes):
            continue
        if name == "parameters":
            values[name] = float(sum(parameter.numel() for parameter in module.parameters()))
        elif measure.of_counts is not None:
            values[name] = objective.of_counts(counts[attribute], References())
        elif measure.of_answers is not None:
            values[name] = objective.answered(answers)
    return values
