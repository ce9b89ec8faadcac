"""What each worker process does before it trains."""

from collections.abc import Mapping

import torch

from kdtune.models import Builder, models


def prepare_process(threads: int, builders: Mapping[str, Builder]) -> torch.device:
    """Set up a worker's process and return the device that Ray gave it."""
    torch.set_num_threads(threads)
    for name, builder in builders.items():
        if name not in models:
            models.register(name)(builder)
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")
