"""How raw images become inputs, as plain JSON that travels with an exported student."""

from typing import Any

from torch import Tensor

from kdtune.data.dataset import Normalisation


def image_preparation(
    images: Tensor, normalisation: Normalisation, value_range: tuple[float, float] | None = None
) -> dict[str, Any]:
    """Describe uint8 [n, channels, height, width] images and their normalisation as plain JSON.

    Returns `{"kind": "image", "channels": int, "size": [height, width], "mean": [...], "std": [...],
    "value_range": [black, white] | None}`; mean and std are per channel on the 0..1 scale, and `value_range`
    belongs to images with more than 8 bits.
    """
    _, channels, height, width = images.shape
    return {
        "kind": "image",
        "channels": channels,
        "size": [height, width],
        "mean": list(normalisation.mean),
        "std": list(normalisation.std),
        "value_range": None if value_range is None else list(value_range),
    }
