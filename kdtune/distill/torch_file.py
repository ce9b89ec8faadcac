"""Reads files that torch.save wrote: tensors and plain values, and no more memory than the file has bytes."""

import zipfile
from collections.abc import Mapping
from io import BufferedReader
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kdtune.files import LARGEST_WEIGHTS, open_regular


def read_torch(path: Path, *, checksums: bool = False) -> Any:
    """Return the content of a file, on the CPU; it is unpickled with `weights_only`, so no code in it runs.

    Args:
        checksums: whether the checksums that torch wrote are verified, which torch itself does not do.

    Raises:
        OSError: it can't be read, or is no regular file.
        ValueError: it claims more memory than it has bytes, or its checksums differ.
        Exception: whatever torch raises at a damaged file.
    """
    with open_regular(path, limit=LARGEST_WEIGHTS) as file:
        if zipfile.is_zipfile(file):
            _check_archive(file, checksums=checksums)
        file.seek(0)
        content = torch.load(file, map_location="cpu", weights_only=True)
    _check_tensors(content)
    return content


def _check_archive(file: BufferedReader, *, checksums: bool) -> None:
    """Raise ValueError if the parts of a zip file take more room than the file: torch compresses nothing."""
    size = file.seek(0, 2)
    with zipfile.ZipFile(file) as archive:
        parts = archive.infolist()
        if any(part.compress_type != zipfile.ZIP_STORED for part in parts):
            raise ValueError("it is compressed, as torch.save never writes it")
        if sum(part.file_size for part in parts) > size:
            raise ValueError("its parts claim more bytes than the file has")
        if checksums and (damaged := archive.testzip()):
            raise ValueError(f"{damaged!r} in it is damaged (its checksum differs)")


def _check_tensors(content: Any) -> None:
    """Raise ValueError for a tensor that would take more memory than is kept of it, once it is copied."""
    waiting, seen = [content], set()
    while waiting:
        value = waiting.pop()
        if isinstance(value, Tensor):
            plain = value.layout == torch.strided and value.device.type == "cpu" and not value.is_quantized
            if not plain or value.numel() * value.element_size() > value.untyped_storage().nbytes():
                raise ValueError(f"a tensor of shape {list(value.shape)} is not kept whole in it")
        elif isinstance(value, Mapping | list | tuple | set) and id(value) not in seen:
            seen.add(id(value))
            waiting += value.values() if isinstance(value, Mapping) else value
