"""torch's SGD and AdamW, without the compiler that torch loads for them.

The methods of `torch.optim` ask torch's compiler to pass them by, and load it for that (`torch._dynamo`, triton): as
long again as torch itself takes, and 170 MB, in each process that trains, though nothing is compiled. The classes here
are torch's own, with those requests taken out; where a version of torch has none, nothing is.
"""

import inspect
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import nn

from kdtune.distill.config import TrainConfig


def make_optimizer(parameters: Iterable[nn.Parameter], train: TrainConfig) -> torch.optim.Optimizer:
    """Return the optimiser that a protocol asks for."""
    _pass_by()
    if train.optimizer == "adamw":
        return _AdamW(parameters, lr=train.lr, weight_decay=train.weight_decay)
    return _SGD(
        parameters,
        lr=train.lr,
        momentum=train.momentum,
        weight_decay=train.weight_decay,
        nesterov=train.momentum > 0,
    )


def _bare(step: Callable[..., Any]) -> Any:
    return torch.no_grad()(inspect.unwrap(step))


class _SGD(torch.optim.SGD):
    step = _bare(torch.optim.SGD.step)


class _AdamW(torch.optim.AdamW):
    step = _bare(torch.optim.AdamW.step)


def _pass_by() -> None:
    """Answer, for each method that asks whether the compiler passes it by, with the method itself."""
    for name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict"):
        asked = getattr(getattr(torch.optim.Optimizer, name), "__wrapped__", None)
        if asked is not None and not hasattr(asked, "__dynamo_disable"):
            asked.__dynamo_disable = asked
