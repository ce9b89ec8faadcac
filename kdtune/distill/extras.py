"""Measures that can't be derived from counts: number of weights, latency, individual fairness."""

import statistics
import time

import torch
from torch import Tensor, nn

from kdtune.distill.arrays import DeviceData
from kdtune.fairness import individual_fairness

LATENCY_REPEATS = 30
INDIVIDUAL_FAIRNESS_PAIRS = 100_000

EXTRAS = ("parameters", "latency", "individual_fairness")


def measure_extras(
    names: tuple[str, ...], model: nn.Module, data: DeviceData, logits: Tensor
) -> dict[str, float]:
    """Return the requested measures of a trained model with these validation logits [m, classes].

    `individual_fairness` compares probabilities over the cosine distance of the raw validation inputs, on
    sampled pairs.
    """
    values: dict[str, float] = {}
    for name in names:
        match name:
            case "parameters":
                values[name] = float(sum(parameter.numel() for parameter in model.parameters()))
            case "latency":
                values[name] = _latency(model, data)
            case "individual_fairness":
                probabilities = logits.softmax(dim=1).cpu().numpy()
                features = data.arrays.validation_inputs.reshape(len(probabilities), -1)
                values[name] = individual_fairness(probabilities, features, pairs=INDIVIDUAL_FAIRNESS_PAIRS)
            case _:
                raise ValueError(f"{name!r} is not one of {', '.join(EXTRAS)}")
    return values


@torch.inference_mode()
def _latency(model: nn.Module, data: DeviceData) -> float:
    """Return the median milliseconds to classify one validation example alone."""
    example = data.validation.plain(torch.zeros(1, dtype=torch.int64, device=data.device))
    times = []
    for _ in range(LATENCY_REPEATS):
        started = time.perf_counter()
        model(example).argmax(dim=1).cpu()
        times.append(time.perf_counter() - started)
    return 1e3 * statistics.median(times)
