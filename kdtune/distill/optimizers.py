"""torch's SGD and AdamW, without the compiler that torch loads for them.

The methods of `torch.optim` ask torch's compiler to skip them, and that request loads the compiler (`torch._dynamo`,
triton). In each process that trains this takes as long again as loading torch, and 170 MB, although nothing is
compiled. The classes here are torch's own without those requests; if a version of torch has none, nothing changes.
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
    """Mark each method that asks the compiler to skip it as already skipped, so that the compiler is not loaded."""
    for name in ("add_param_group", "zero_grad", "state_dict", "load_state_dict"):
        asked = getattr(getattr(torch.optim.Optimizer, name), "__wrapped__", None)
        if asked is not None and not hasattr(asked, "__dynamo_disable"):
            asked.__dynamo_disable = asked
