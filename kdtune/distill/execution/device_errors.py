"""Errors of the device that computes: after one, a process can't compute any more, and another one can."""

import contextlib
from collections.abc import Iterator

import torch

OUT_OF_MEMORY = "out of memory on the GPU"
"""How the words of an error begin that fewer students at once would avoid."""

_KINDS = tuple(
    kind
    for name in ("AcceleratorError", "OutOfMemoryError")
    if (kind := getattr(torch, name, None)) is not None
)
_SIGNS = (
    "CUDA error", "CUDA driver error", "CUDA out of memory", "cuDNN error", "CUDNN_STATUS_", "CUBLAS_STATUS_",
    "CUSOLVER_STATUS_", "CUSPARSE_STATUS_", "CUFFT_", "NCCL error", "HIP error", "device-side assert",
    "Unable to find an engine to execute",
)  # fmt: skip


def is_device_error(error: BaseException) -> bool:
    """Return whether an error comes from the device, and not from the model or its data.

    Older releases of torch raise a plain RuntimeError for the libraries of CUDA, so its words decide.
    """
    return isinstance(error, _KINDS) or (
        isinstance(error, RuntimeError) and any(sign in str(error) for sign in _SIGNS)
    )


@contextlib.contextmanager
def suppress_device_errors() -> Iterator[None]:
    """Leave a block at an error of the device, and go on behind it; other errors are raised."""
    try:
        yield
    except Exception as error:
        if not is_device_error(error):
            raise


def device_words(error: BaseException) -> str:
    """Return one line for a person: what the device said."""
    said = str(error).strip().partition("\n")[0]
    out_of_memory = (
        isinstance(error, torch.OutOfMemoryError) or "out of memory" in said or "ALLOC_FAILED" in said
    )
    return f"{OUT_OF_MEMORY if out_of_memory else 'the GPU failed'}: {said}"
