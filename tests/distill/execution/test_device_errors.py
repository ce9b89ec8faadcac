"""Which errors come from the device, as torch words them."""

import pytest
import torch

from kdtune.distill.execution.device_errors import (
    OUT_OF_MEMORY,
    device_words,
    is_device_error,
    suppress_device_errors,
)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB."),
        torch.AcceleratorError("CUDA error: device-side assert triggered\nCUDA kernel errors might be …"),
        RuntimeError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("HIP error: out of memory"),
        RuntimeError("Unable to find an engine to execute this computation"),
    ],
)
def test_of_the_device(error: Exception) -> None:
    assert is_device_error(error)
    assert "\n" not in device_words(error)
    assert device_words(error).startswith(OUT_OF_MEMORY) == (
        ("emory" in str(error) and "access" not in str(error)) or "ALLOC" in str(error)
    )


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied (2x3 and 4x5)"),
        ValueError("CUDA error"),
        KeyError("x"),
        MemoryError(),
    ],
)
def test_of_the_model(error: Exception) -> None:
    assert not is_device_error(error)


def test_only_those_of_the_device_are_suppressed() -> None:
    reached = []
    with suppress_device_errors():
        raise torch.OutOfMemoryError("CUDA out of memory")
    reached.append("after an error of the device")
    with pytest.raises(ValueError, match="of the model"), suppress_device_errors():
        raise ValueError("of the model")
    assert reached == ["after an error of the device"]
