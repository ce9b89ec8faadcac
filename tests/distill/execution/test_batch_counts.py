"""Batches of batch normalisation are counted on the host, and end up where torch counts them."""

import torch
from torch import nn

from kdtune.distill.execution.batch_counts import counted_on_host


class OwnNorm(nn.BatchNorm1d):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        assert isinstance(self.num_batches_tracked, torch.Tensor)
        self.num_batches_tracked += 1
        return x


def norms() -> nn.ModuleDict:
    shared = nn.BatchNorm1d(3)
    return nn.ModuleDict(
        {
            "twice": nn.Sequential(shared, shared),
            "mean of all": nn.BatchNorm1d(3, momentum=None),
            "own": OwnNorm(3),
            "without": nn.BatchNorm1d(3, track_running_stats=False),
        }
    )


def test_the_count_and_all_else_is_what_torch_makes_of_it() -> None:
    plain, counted = norms(), norms()
    batches = [torch.randn(4, 3) for _ in range(3)]
    for batch in batches:
        for layer in plain.values():
            layer(batch)
    with counted_on_host(counted):
        for batch in batches:
            for layer in counted.values():
                layer(batch)
        assert not isinstance(counted["twice"][0].num_batches_tracked, torch.Tensor)
    assert plain.state_dict().keys() == counted.state_dict().keys()
    for name, value in plain.state_dict().items():
        assert torch.equal(value, counted.state_dict()[name]), name
    assert int(counted["twice"][0].num_batches_tracked) == 6


def test_an_error_leaves_the_count_in_its_place() -> None:
    model = norms()
    try:
        with counted_on_host(model):
            model["twice"](torch.randn(4, 3))
            model["twice"](torch.randn(4, 4))
    except RuntimeError:
        pass
    assert int(model["twice"][0].num_batches_tracked) >= 2
