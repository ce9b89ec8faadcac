"""How raw images become inputs, as plain JSON that travels with an exported student."""

from typing import Any

from torch import Tensor

from kdtune.data.dataset import Normalisation


def image_preparation(images: Tensor, normalisation: Normalisation) -> dict[str, Any]:
    """Describe uint8 [n, channels, height, width] images and their normalisation as plain JSON.

    Returns `{"kind": "image", "channels": int, "size": [height, width], "mean": [...], "std": [...]}`; mean
    and std are per channel on the 0..1 scale.
    """
    _, channels, height, width = images.shape
    return {
        "kind": "image",
        "channels": channels,
        "size": [height, width],
        "mean": list(normalisation.mean),
        "std": list(normalisation.std),
    }
