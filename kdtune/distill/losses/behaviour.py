"""Whether a loss of the user's own is the one that it was."""

from collections.abc import Mapping

import torch
from torch import Tensor

from kdtune.behaviour import behaviour_of
from kdtune.distill.config import Distillation
from kdtune.distill.losses.criterion import called
from kdtune.distill.losses.registry import Loss, losses

_EXAMPLES, _WIDTH = 6, 5


def loss_behaviour(name: str, n_classes: int) -> str:
    """Return a digest of what a loss of the user's own computes; empty for others, whose code is that of a release.

    Of a loss that fails it is another one each time.
    """
    if not losses.is_own(name):
        return ""
    loss = losses.get(name)
    return behaviour_of(lambda: _computed(loss, n_classes))


def _computed(loss: Loss, n_classes: int) -> Mapping[str, Tensor]:
    """Return losses and gradients on made-up batches, for settings that all differ."""
    found = {}
    for k in range(3):
        learnt = {
            "logits": torch.randn(_EXAMPLES, n_classes, requires_grad=True),
            "features": torch.randn(_EXAMPLES, _WIDTH, requires_grad=True),
            "hints": torch.randn(_EXAMPLES, _WIDTH, requires_grad=True),
        }
        batch = {
            **learnt,
            "teacher_logits": torch.randn(_EXAMPLES, n_classes),
            "teacher_features": torch.randn(_EXAMPLES, _WIDTH),
            "labels": torch.randint(n_classes, (_EXAMPLES,)),
        }
        settings = Distillation("", 1.0 + k, 0.3 + 0.2 * k, bool(k % 2), loss.name)
        each = called(loss, batch, settings, 0.1 * k)
        each.sum().backward()
        found[f"loss {k}"] = each
        found |= {f"{key} {k}": inputs.grad for key, inputs in learnt.items() if inputs.grad is not None}
    return found
