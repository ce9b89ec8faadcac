"""What a model costs: its number of weights, its size on disk, and how long one example takes here."""

from dataclasses import dataclass

import torch
from torch import nn

from kdtune.distill.arrays import DeviceData
from kdtune.distill.evaluation.extras import latency
from kdtune.report.evaluate.evaluation import SplitData


@dataclass(frozen=True)
class Cost:
    """What a model costs.

    Attributes:
        parameters: number of weights.
        bytes: of its tensors in a file, buffers included.
        milliseconds: median time to classify one example alone, in float32 on one core of this machine.
    """

    parameters: int
    bytes: int
    milliseconds: float


def cost_of(module: nn.Module, split: SplitData) -> Cost:
    """Measure a model on the first example of a split."""
    device = torch.device("cpu")
    data = DeviceData(split.arrays, device, view_seed=0, augment=False)
    return Cost(
        sum(parameter.numel() for parameter in module.parameters()),
        sum(tensor.numel() * tensor.element_size() for tensor in module.state_dict().values()),
        latency(module.to(device).eval(), data),
    )
