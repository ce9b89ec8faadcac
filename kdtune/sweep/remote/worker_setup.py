"""What each worker process does before it trains."""

import socket

import ray
import torch

from kdtune.sweep.remote.carried_code import UserCode


def prepare_process(threads: int, user_code: UserCode) -> torch.device:
    """Set up a worker's process and return the device that Ray gave it."""
    torch.set_num_threads(threads)
    # float32 means float32: by default a GPU's convolutions round their inputs to ten bits (TF32).
    torch.backends.cudnn.allow_tf32 = False
    user_code.register()
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def place_here() -> dict[str, str]:
    """Return the machine and the GPU that Ray gave this process, as plain values; nothing where it gave no GPU."""
    given = ray.get_gpu_ids()
    return {"machine": socket.gethostname(), "gpu": str(given[0])} if given else {}
