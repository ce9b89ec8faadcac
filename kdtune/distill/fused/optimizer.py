"""SGD and AdamW for several students at once: each has its own rates, and a few operations update all weights.

All weights lie in one flat tensor, and the network's parameters are views of it. Gradients and moments are flat too.
Each student gets the updates that `torch.optim.SGD` or `torch.optim.AdamW` would give it.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from kdtune.distill.config import TrainConfig
from kdtune.distill.one_copy import in_order, view_like

_BETAS = (0.9, 0.999)
_EPS = 1e-8


class FlatOptimizer:
    """The weights of a stacked network, and how they move.

    Args:
        model: a stacked network; its parameters become views of one flat tensor.
        settings: the protocol of each of its students; they share the kind of optimiser.

    Attributes:
        moments: flat tensors, by the names that torch's optimisers give them; none for SGD without momentum.
        steps: number of steps taken so far.
    """

    def __init__(self, model: nn.Module, settings: Sequence[TrainConfig]) -> None:
        self._kind = settings[0].optimizer
        self.parameters = dict(model.named_parameters())
        values = list(self.parameters.values())
        self._copies = len(settings)
        self._sizes = [value.numel() for value in values]
        self._flat = torch.cat([in_order(value) for value in values])
        self._gradient = torch.empty_like(self._flat)
        for value, block in zip(values, self._flat.split(self._sizes), strict=True):
            value.data = view_like(block, value)
        self._lr = self._spread([s.lr for s in settings])
        self._decay = self._spread([s.weight_decay for s in settings])
        self._momentum = self._spread([s.momentum for s in settings])
        self._decays = any(s.weight_decay > 0 for s in settings)
        self._same_momentum = settings[0].momentum if len({s.momentum for s in settings}) == 1 else None
        names = {"sgd": ("momentum_buffer",), "adamw": ("exp_avg", "exp_avg_sq")}[self._kind]
        if self._kind == "sgd" and not any(s.momentum > 0 for s in settings):
            names = ()
        self.moments = {name: torch.zeros_like(self._flat) for name in names}
        self.steps = 0

    def moment(self, name: str, parameter: str) -> Tensor:
        """Return the part of a moment that belongs to a parameter, in its shape; it can be written to."""
        at = list(self.parameters).index(parameter)
        block = self.moments[name].split(self._sizes)[at]
        return view_like(block, self.parameters[parameter])

    @torch.no_grad()
    def differentiate(self, loss: Tensor) -> None:
        """Take the gradients of `loss`, the sum of the students' losses."""
        with torch.enable_grad():
            gradients = torch.autograd.grad(loss, list(self.parameters.values()))
        values = self.parameters.values()
        torch.cat([in_order(g, v) for g, v in zip(gradients, values, strict=True)], out=self._gradient)

    @torch.no_grad()
    def step(self, factor: float) -> None:
        """Move all weights against the gradients that were taken last.

        Args:
            factor: multiplies each student's learning rate at this step, according to the schedule.
        """
        self.steps += 1
        if self._kind == "sgd":
            self._sgd(factor)
        else:
            self._adamw(factor)

    def _sgd(self, factor: float) -> None:
        gradient = self._gradient
        if self._decays:
            gradient.addcmul_(self._decay, self._flat)
        for buffer in self.moments.values():
            if self._same_momentum is None:
                buffer.mul_(self._momentum).add_(gradient)
                gradient.addcmul_(self._momentum, buffer)
            else:
                buffer.mul_(self._same_momentum).add_(gradient)
                gradient.add_(buffer, alpha=self._same_momentum)
        self._flat.addcmul_(gradient, self._lr, value=-factor)

    def _adamw(self, factor: float) -> None:
        gradient, (beta1, beta2) = self._gradient, _BETAS
        first, second = self.moments["exp_avg"], self.moments["exp_avg_sq"]
        if self._decays:
            self._flat.addcmul_(self._flat, self._lr * self._decay, value=-factor)
        first.lerp_(gradient, 1 - beta1)
        second.mul_(beta2).addcmul_(gradient, gradient, value=1 - beta2)
        correction1, correction2 = 1 - beta1**self.steps, 1 - beta2**self.steps
        denominator = torch.sqrt(second).div_(correction2**0.5).add_(_EPS)
        direction = torch.div(first, denominator, out=denominator)
        self._flat.addcmul_(direction, self._lr, value=-factor / correction1)

    def _spread(self, values: Sequence[float]) -> Tensor:
        """Return one number per student as a flat tensor, repeated for each of the student's weights."""
        each = torch.tensor(values, dtype=torch.float32, device=self._flat.device)
        return torch.cat([each.repeat_interleave(size // self._copies) for size in self._sizes])
