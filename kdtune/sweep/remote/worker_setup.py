"""What each worker process does before it trains."""

import socket

import ray
import torch

from kdtune.sweep.remote.allotment import TEACHER_GPU
from kdtune.sweep.remote.carried_code import UserCode
from kdtune.sweep.remote.freed_memory import keep_freed_memory


def prepare_process(threads: int, user_code: UserCode) -> torch.device:
    """Set up a worker's process and return the device that Ray gave it."""
    torch.set_num_threads(threads)
    keep_freed_memory()
    # float32 means float32: by default a GPU's convolutions round their inputs to ten bits (TF32).
    torch.backends.cudnn.allow_tf32 = False
    user_code.register()
    _limit_gpu_memory()
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def _limit_gpu_memory() -> None:
    """Let this process take no more of its GPU's memory than its share of the GPU, where others share it too.

    torch keeps the memory that it has used once. Without a limit, one trial could leave none to the others. The process
    with the teachers takes what is left.
    """
    share = ray.get_runtime_context().get_assigned_resources().get("GPU", 0.0)
    if TEACHER_GPU < share <= 0.5 and torch.cuda.is_available():
        torch.cuda.set_per_process_memory_fraction(share)


def place_here() -> dict[str, str]:
    """Return the machine and the GPU that Ray gave this process, as plain values; nothing where it gave no GPU."""
    given = ray.get_gpu_ids()
    return {"machine": socket.gethostname(), "gpu": str(given[0])} if given else {}
