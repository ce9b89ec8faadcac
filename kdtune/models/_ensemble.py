"""Several models as one that answers with the mean of their logits."""

from collections.abc import Iterable

import torch
from torch import Tensor, nn


class Ensemble(nn.Module):
    """Models that read the same inputs; the logits are the mean of theirs."""

    def __init__(self, members: Iterable[nn.Module]) -> None:
        super().__init__()
        self.members = nn.ModuleList(members)

    def forward(self, inputs: Tensor) -> Tensor:
        """Map inputs [n, ...] to logits, float32 [n, classes]."""
        return torch.stack([member(inputs).float() for member in self.members]).mean(dim=0)
