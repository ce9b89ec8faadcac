"""A small convolutional network for small grey images: quick enough for benchmarks and tests on a CPU."""

from torch import nn

from kdtune.models._registry import register_model


@register_model("cnn8", inputs="images")
def _cnn8(input_shape: tuple[int, ...], n_classes: int) -> nn.Module:
    """Two 3x3 convolutions (16, 32), then 64 and the classes; made for 8x8, larger images are averaged to 4x4."""
    return nn.Sequential(
        nn.Conv2d(input_shape[0], 16, 3, padding=1),
        # ceil_mode, so that an image of a single pixel still has something to pool.
        nn.MaxPool2d(2, ceil_mode=True),
        nn.ReLU(),  # the same as before the pooling, on a quarter of the values
        nn.Conv2d(16, 32, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(4),
        nn.Flatten(),
        nn.Linear(32 * 4 * 4, 64),
        nn.ReLU(),
        nn.Linear(64, n_classes),
    )
