"""Optimisers: torch's own, step by step, and in a process of their own without torch's compiler."""

import subprocess
import sys
from dataclasses import replace

import pytest
import torch
from torch import nn

from kdtune.distill.config import TrainConfig
from kdtune.distill.optimizers import make_optimizer

TRAIN = TrainConfig(epochs=1, batch_size=8, lr=0.05, momentum=0.9, weight_decay=1e-3)


def theirs(parameters, train):
    if train.optimizer == "adamw":
        return torch.optim.AdamW(parameters, lr=train.lr, weight_decay=train.weight_decay)
    return torch.optim.SGD(
        parameters, lr=train.lr, momentum=train.momentum, weight_decay=train.weight_decay, nesterov=train.momentum > 0
    )  # fmt: skip


@pytest.mark.parametrize("train", [TRAIN, replace(TRAIN, momentum=0.0), replace(TRAIN, optimizer="adamw")])
def test_steps_and_state_are_those_of_torch_to_the_bit(train) -> None:
    weights = []
    for make in (make_optimizer, theirs):
        torch.manual_seed(0)
        model = nn.Sequential(nn.Linear(5, 7), nn.ReLU(), nn.Linear(7, 3))
        optimizer = make(model.parameters(), train)
        for k in range(6):
            if k == 3:  # a checkpoint, resumed by another optimiser
                state = optimizer.state_dict()
                optimizer = make(model.parameters(), train)
                optimizer.load_state_dict(state)
            optimizer.param_groups[0]["lr"] = train.lr / (k + 1)
            optimizer.zero_grad(set_to_none=True)
            model(torch.randn(8, 5)).square().mean().backward()
            optimizer.step()
        weights.append([p.detach().clone() for p in model.parameters()])
    for mine, other in zip(*weights, strict=True):
        assert torch.equal(mine, other)


def test_a_process_that_trains_does_not_load_the_compiler() -> None:
    code = """
import sys
from tests.distill.conftest import make_arrays
import torch
from kdtune.distill.arrays import DeviceData
from kdtune.distill.config import Job, TrainConfig
from kdtune.distill.steps import fused_step
from kdtune.distill.training import Training
for optimizer in ("sgd", "adamw"):
    job = Job("resnet8", TrainConfig(epochs=1, batch_size=16, lr=0.05, optimizer=optimizer), 0, 0, None)
    data = DeviceData(make_arrays(), torch.device("cpu"), view_seed=0, augment=True)
    Training(job, data).run()
    fused_step(Job("lenet5", job.train, 0, 0, None), data, 2)()
sys.exit("torch loads " + ", ".join({"torch._dynamo", "triton"} & set(sys.modules)) if
         {"torch._dynamo", "triton"} & set(sys.modules) else 0)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
