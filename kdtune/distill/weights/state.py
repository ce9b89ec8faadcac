"""A model's tensors as the bytes of a safetensors file."""

from collections.abc import Mapping

import safetensors.torch
from torch import Tensor

from kdtune.distill.one_copy import content_to_host


def saved_state(state: Mapping[str, Tensor], metadata: Mapping[str, str] | None = None) -> bytes:
    """Return tensors as a safetensors file; one that two layers share is written under both names."""
    seen: set[int] = set()
    distinct = {}
    for name, tensor in content_to_host(state).items():
        plain = tensor.detach().contiguous()
        address = plain.untyped_storage().data_ptr()
        distinct[name] = plain.clone() if address in seen else plain
        seen.add(address)
    return safetensors.torch.save(distinct, metadata=None if metadata is None else dict(metadata))
