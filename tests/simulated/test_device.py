"""The simulated device itself: it refuses what a GPU refuses, and logs what it is asked to do."""

import io

import pytest
import torch
from torch import nn

from tests.simulated.device import DeviceMixError, SimTensor, logged


def test_tensors_of_two_devices_do_not_meet(device: torch.device) -> None:
    here, there = torch.randn(3, 4), torch.randn(3, 4).to(device)
    for operation in (lambda: here + there, lambda: there @ here.T, lambda: there[torch.tensor([0])]):
        with pytest.raises(DeviceMixError):
            operation()
    assert torch.equal((there * torch.tensor(2.0)).cpu(), (2 * there).cpu()), "a single number may"
    with pytest.raises(DeviceMixError, match="written to a file"):
        torch.save(there, io.BytesIO())


def test_each_copy_wait_and_operation_is_logged(device: torch.device) -> None:
    x = torch.randn(3, 4)
    with logged() as log:
        there = x.to(device)
    assert (log.to_device, log.to_host, log.waits, log.total) == (1, 0, 0, 0)
    with logged() as log:
        back = there.cpu()
    assert (log.to_device, log.to_host, log.waits) == (0, 1, 1)
    assert torch.equal(back, x)
    with logged() as log:
        bigger = (there.T[1:] + 1).sum() > 0  # a view is none
    assert log.operations == {"add": 1, "sum": 1, "gt": 1}
    assert not log.waits
    for ask in (bool, torch.Tensor.item, torch.Tensor.nonzero):
        with logged() as log:
            ask(bigger)
        assert log.waits == 1, ask


def test_views_gradients_and_in_place_changes_are_those_of_the_processor(device: torch.device) -> None:
    torch.manual_seed(0)
    layer, x = nn.Conv2d(3, 4, 3), torch.randn(2, 3, 8, 8)
    layer(x).square().mean().backward()
    expected = layer.weight.grad.clone()
    layer.zero_grad()
    moved = layer.to(device).to(memory_format=torch.channels_last)
    assert isinstance(moved.weight, nn.Parameter)
    assert isinstance(moved.weight, SimTensor)
    moved(x.to(device)).square().mean().backward()
    torch.testing.assert_close(moved.weight.grad.cpu().contiguous(), expected)
    flat = torch.zeros(moved.weight.numel(), device=device)
    moved.weight.data = flat.view(moved.weight.shape)
    flat.fill_(2)
    assert float(moved.weight.detach().sum()) == 2 * len(flat), "a parameter may be a view of another tensor"
