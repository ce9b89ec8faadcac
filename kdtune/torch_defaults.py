"""torch as kdtune's own code expects it, in a program that may have set it otherwise; and global generators."""

import contextlib
import random
from collections.abc import Iterator


@contextlib.contextmanager
def torch_defaults(*, draws: bool = False) -> Iterator[None]:
    """Run a block with torch's own defaults; the settings of the program are back afterwards.

    A program may compute in float64, on a GPU by default, or without gradients. The data and models of kdtune are
    float32 and on the processor unless it says otherwise, here as in its workers.

    Args:
        draws: whether the block draws random numbers or sets seeds: the program's own numbers, those of torch, of numpy
            and of Python, go on as if it had not.
    """
    import numpy as np
    import torch

    dtype = torch.get_default_dtype()
    with contextlib.ExitStack() as stack:
        if draws:
            # torch declares no types for this function.
            used = torch.cuda.is_initialized()  # type: ignore[no-untyped-call]
            gpus = range(torch.cuda.device_count()) if used else ()
            stack.enter_context(torch.random.fork_rng(devices=gpus))
            stack.callback(np.random.set_state, np.random.get_state())
            stack.callback(random.setstate, random.getstate())
        stack.enter_context(torch.inference_mode(False))
        stack.enter_context(torch.enable_grad())
        if torch.get_default_device().type != "cpu":
            stack.enter_context(torch.device("cpu"))
        for device in ("cpu", "cuda"):
            if torch.is_autocast_enabled(device):
                stack.enter_context(torch.autocast(device, enabled=False))
        if dtype != torch.float32:
            torch.set_default_dtype(torch.float32)
            stack.callback(torch.set_default_dtype, dtype)
        yield


@contextlib.contextmanager
def threads(number: int) -> Iterator[None]:
    """Let torch compute on so many cores in a block; afterwards it has as many as before."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def seed_generators(seed: int) -> None:
    """Seed the global generators of torch, numpy and Python: a model of the user's own may draw from any of them."""
    import numpy as np
    import torch

    torch.manual_seed(seed)
    np.random.seed(seed % 2**32)
    random.seed(seed)
