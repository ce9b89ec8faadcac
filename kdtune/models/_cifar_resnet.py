"""The residual networks of He et al. (2015), section 4.2, for CIFAR-10: depth 6n + 2, widths 16, 32, 64.

The shortcut is option A of the paper: where the width grows, it takes every other pixel, and zeros for the
new channels, and so needs no parameters. It gives the paper's 0.27 M and 0.85 M at depths 20 and 56 (269,722 and
853,018 for ten classes of colour images); option B, a 1x1 convolution, gives 0.86 M at 56. Convolutions and
the output layer start from He et al.'s normal distribution (arXiv 1502.01852), biases from zero.

`resnet50` is 6n + 2 as well (n = 8), but everybody means the network for ImageNet by it, and so do we.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from kdtune.models._registry import Builder, register_model

DEPTHS = (8, 14, 20, 26, 32, 38, 44, 56, 110)


class _Block(nn.Module):
    """Two 3x3 convolutions beside a shortcut without parameters."""

    def __init__(self, channels_in: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels_in, channels, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.stride = stride
        self.new_channels = channels - channels_in
        self.copies = 1  # number of networks side by side in the channels, when several are trained as one

    def forward(self, x: Tensor) -> Tensor:
        out: Tensor = self.bn2(self.conv2(functional.relu(self.bn1(self.conv1(x)))))
        if self.new_channels:
            # Every other pixel. Slices would do, but their gradients lie in memory with the channels first. Where
            # images have them last, an operation on both layouts takes five times as long.
            x = functional.avg_pool2d(x, 1, self.stride)
            if self.copies > 1:
                x = torch.unflatten(x, 1, (self.copies, -1))
            x = functional.pad(x, (0, 0, 0, 0, 0, self.new_channels))
            if self.copies > 1:
                x = x.flatten(1, 2)
        return functional.relu(out + x)


class CifarResNet(nn.Module):
    """A 3x3 convolution, three stages of n blocks, global average pooling, a linear output.

    The average is over whatever is left of the image, so that any size works, with any number of channels.
    """

    def __init__(self, depth: int, channels: int, n_classes: int) -> None:
        super().__init__()
        n = (depth - 2) // 6
        self.conv = nn.Conv2d(channels, 16, 3, padding=1, bias=False)
        self.bn = nn.BatchNorm2d(16)
        self.stage1 = _stage(16, 16, n, stride=1)
        self.stage2 = _stage(16, 32, n, stride=2)
        self.stage3 = _stage(32, 64, n, stride=2)
        self.fc = nn.Linear(64, n_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight)
        nn.init.zeros_(self.fc.bias)

    def forward(self, x: Tensor) -> Tensor:
        """Map images [n, c, h, w] to logits [n, n_classes]."""
        x = functional.relu(self.bn(self.conv(x)))
        x = self.stage3(self.stage2(self.stage1(x)))
        # Not `x.mean`, for the sake of its gradient's layout, as above.
        out: Tensor = self.fc(functional.avg_pool2d(x, x.shape[2:]).flatten(1))
        return out


def _stage(channels_in: int, channels: int, n: int, stride: int) -> nn.Sequential:
    blocks = [_Block(channels_in, channels, stride)]
    blocks += [_Block(channels, channels, 1) for _ in range(n - 1)]
    return nn.Sequential(*blocks)


def _builder(depth: int) -> Builder:
    def build(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
        return CifarResNet(depth, input_shape[0], n_classes)

    return build


for _depth in DEPTHS:
    register_model(f"resnet{_depth}", inputs="images")(_builder(_depth))
