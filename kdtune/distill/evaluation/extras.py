"""Measures that can't be derived from counts: of the model, of its outputs over inputs, and of probabilities."""

import math
import statistics
import time

import torch
from torch import Tensor, nn

from kdtune.distill.arrays import Arrays, DeviceData
from kdtune.fairness import individual_fairness
from kdtune.runs.measures.measure import Answers
from kdtune.runs.measures.objectives import Objective
from kdtune.torch_defaults import threads

LATENCY_REPEATS = 30
INDIVIDUAL_FAIRNESS_PAIRS = 100_000

EXTRAS = ("parameters", "latency", "individual_fairness")
"""Measures of the model itself, taken where training pauses; measures of what it answers are taken at each epoch."""


def needs_model(names: tuple[str, ...], *, ended: bool) -> bool:
    """Return whether one of these measures looks at the model itself."""
    return ended and bool(set(names) & {"parameters", "latency"})


def needs_logits(names: tuple[str, ...]) -> bool:
    """Return whether one of these measures looks at the validation logits."""
    return bool(set(names) - {"parameters", "latency"})


def measure_extras(
    names: tuple[str, ...],
    model: nn.Module | None,
    data: DeviceData,
    logits: Tensor | None,
    *,
    ended: bool = True,
) -> dict[str, float]:
    """Return the requested measures of a trained model with these validation logits [m, classes], on the host.

    `individual_fairness` compares probabilities over the cosine distance of the raw validation inputs, on
    sampled pairs. Names that are not in `EXTRAS` are measures of what the model answers, by their full names (`auc`,
    `ece@race=Caucasian`, `mine@race`).

    Args:
        model: None where `needs_model` says that none of these measures looks at it, or where only its logits are
            known: its number of weights and its latency are then NaN.
        logits: None where `needs_logits` says that none of these measures looks at them.
        ended: whether training pauses here; else those in `EXTRAS`, which take long, are left out.

    Raises:
        InputError: a measure of the user's own failed.
    """
    values: dict[str, float] = {}
    for name in names:
        match name:
            case _ if not ended and name in EXTRAS:
                continue
            case "parameters" | "latency" if model is None:
                values[name] = math.nan
            case "parameters":
                assert model is not None
                values[name] = float(sum(parameter.numel() for parameter in model.parameters()))
            case "latency":
                assert model is not None
                values[name] = latency(model, data)
            case "individual_fairness":
                assert logits is not None
                probabilities = logits.softmax(dim=1).numpy()
                features = data.arrays.validation_inputs.reshape(len(probabilities), -1)
                values[name] = individual_fairness(probabilities, features, pairs=INDIVIDUAL_FAIRNESS_PAIRS)
    of_answers = [name for name in names if name not in EXTRAS]
    if of_answers:
        assert logits is not None
        answers = answers_of(data.arrays, logits)
        for name in of_answers:
            values[name] = Objective.parse(name, data.arrays.group_names).answered(answers)
    return values


def answers_of(arrays: Arrays, logits: Tensor) -> Answers:
    """Return what a model with these validation logits [m, classes] answers."""
    return Answers(
        arrays.validation_labels,
        logits.argmax(dim=1).numpy(),
        logits.double().softmax(dim=1).numpy(),
        arrays.validation_groups,
    )


@torch.inference_mode()
def latency(model: nn.Module, data: DeviceData) -> float:
    """Return the median milliseconds to classify one validation example alone, on a GPU or on one core.

    On several cores, of which other work keeps one busy, a small model takes many times as long: each operation waits
    until all cores have computed their part.
    """
    example = data.validation.plain(torch.zeros(1, dtype=torch.int64, device=data.device))
    times = []
    with threads(1):
        for _ in range(LATENCY_REPEATS):
            started = time.perf_counter()
            model(example).argmax(dim=1).cpu()
            times.append(time.perf_counter() - started)
    return 1e3 * statistics.median(times)
