"""The cache of what kdtune can make again: where it is, and how it is written."""

import contextlib
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

from torch import Tensor

from kdtune.errors import DiskError
from kdtune.files import cache_dir, open_regular, write_bytes


def cached_tensors(key: str, make: Callable[[], Mapping[str, Tensor]]) -> dict[str, Tensor]:
    """Return the tensors kept under `key` (a relative path without suffix), or make and keep them.

    A file that cannot be read whole, with a matching checksum, is made again. A cache that cannot be written
    (full disk, read-only home) costs time, never the result.
    """
    path = cache_dir() / f"{key}.safetensors"
    kept = _read(path)
    if kept is not None:
        return kept
    tensors = {name: tensor.contiguous() for name, tensor in make().items()}
    _write(path, tensors)
    return tensors


def _checksum(tensors: Mapping[str, Tensor]) -> str:
    value = 0
    for name in sorted(tensors):
        value = zlib.crc32(tensors[name].numpy().data, zlib.crc32(name.encode(), value))
    return f"{value:08x}"


def _read(path: Path) -> dict[str, Tensor] | None:
    from safetensors import SafetensorError, safe_open

    try:
        open_regular(path).close()
        with safe_open(path, framework="pt") as file:
            kept = file.keys()
            tensors = {name: file.get_tensor(name) for name in kept}
            return tensors if (file.metadata() or {}).get("crc32") == _checksum(tensors) else None
    except (OSError, SafetensorError, ValueError):
        return None


def _write(path: Path, tensors: Mapping[str, Tensor]) -> None:
    """Write whole or not at all, with what the user's umask allows others."""
    from safetensors.torch import save

    with contextlib.suppress(DiskError):
        write_bytes(path, save(dict(tensors), metadata={"crc32": _checksum(tensors)}))
