"""LeNet-5 (LeCun et al. 1998) in its modern form: ReLU, max pooling, a plain linear output."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from kdtune.models._registry import register_model

_FIELD = 32
"""The image size that LeNet-5 was designed for: 32 -> 28 -> 14 -> 10 -> 5."""


class LeNet5(nn.Module):
    """Two 5x5 convolutions (6, 16) with max pooling, then 120, 84 and the classes.

    Any image size has the same parameters. Smaller images are placed in the middle of a 32x32 field of zeros, as
    LeCun's 28x28 digits did; larger ones are averaged to 5x5 after the last pooling, which does nothing at
    32x32.
    """

    def __init__(self, channels: int, n_classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, 6, 5)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.pool = nn.AdaptiveAvgPool2d(5)
        self.fc1 = nn.Linear(16 * 5 * 5, 120)
        self.fc2 = nn.Linear(120, 84)
        self.fc3 = nn.Linear(84, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        """Map images [n, c, h, w] to logits [n, n_classes]."""
        x = _in_field(x)
        # The same values and gradients as ReLU before pooling, on a quarter of the values.
        x = functional.relu(functional.max_pool2d(self.conv1(x), 2))
        x = functional.relu(functional.max_pool2d(self.conv2(x), 2))
        if x.shape[-2:] != (5, 5):
            x = self.pool(x)
        x = functional.relu(self.fc1(torch.flatten(x, 1)))
        out: Tensor = self.fc3(functional.relu(self.fc2(x)))
        return out


def _in_field(x: Tensor) -> Tensor:
    rows, columns = (max(0, _FIELD - size) for size in x.shape[-2:])
    if not rows and not columns:
        return x
    return functional.pad(x, (columns // 2, columns - columns // 2, rows // 2, rows - rows // 2))


@register_model("lenet5", inputs="images")
def _lenet5(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    return LeNet5(input_shape[0], n_classes)
