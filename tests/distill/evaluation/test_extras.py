"""How a model's own measures are taken."""

import torch
from torch import Tensor, nn

from kdtune.distill.arrays import DeviceData
from kdtune.distill.evaluation.extras import latency
from kdtune.torch_defaults import threads


def test_latency_is_that_of_one_core(data: DeviceData) -> None:
    """On several, of which other work keeps one busy, a small model takes many times as long."""
    used: set[int] = set()

    class Model(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            used.add(torch.get_num_threads())
            return x.flatten(1)[:, :2]

    with threads(3):
        assert latency(Model(), data) > 0
        assert torch.get_num_threads() == 3
    assert used == {1}
