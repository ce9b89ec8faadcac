"""A small convolutional network for small grey images: quick enough for benchmarks and tests on a CPU."""

from collections import OrderedDict

from torch import Tensor, nn
from torch.nn import functional

from kdtune.models._registry import register_model


class _RectifiedVectors(nn.Module):
    """ReLU, the average over a grid, and all of that as vectors: [n, c, h, w] to [n, c * size * size].

    Images that have the grid's size already are not averaged: adaptive pooling takes as long as a convolution to change
    nothing. Then ReLU comes last, where its gradient need not have the layout of the images.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.size = (size, size)
        self.average = nn.AdaptiveAvgPool2d(size)

    def forward(self, images: Tensor) -> Tensor:
        if images.shape[-2:] == self.size:
            return functional.relu(images.flatten(1))
        vectors: Tensor = self.average(functional.relu(images)).flatten(1)
        return vectors


@register_model("cnn8", inputs="images")
def _cnn8(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Two 3x3 convolutions (16, 32), then 64 and the classes; made for 8x8, larger images are averaged to 4x4."""
    layers: dict[str, nn.Module] = {
        "0": nn.Conv2d(input_shape[0], 16, 3, padding=1),
        # ceil_mode, so that an image of a single pixel still has something to pool.
        "1": nn.MaxPool2d(2, ceil_mode=True),
        "2": nn.ReLU(),  # the same as before the pooling, on a quarter of the values
        "3": nn.Conv2d(16, 32, 3, padding=1),
        "4": _RectifiedVectors(4),
        # Not 5: files of weights have these names.
        "7": nn.Linear(32 * 4 * 4, 64),
        "8": nn.ReLU(),
        "9": nn.Linear(64, n_classes),
    }
    return nn.Sequential(OrderedDict(layers))
