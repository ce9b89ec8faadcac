"""Seeds for parts that must not share a random stream."""

import hashlib


def derive_seed(seed: int, *parts: object) -> int:
    """Return a seed in [0, 2**63) that depends on `seed` and `parts` alone: the same on every machine and in
    every process."""
    content = repr((seed, *parts)).encode()
    return int.from_bytes(hashlib.sha256(content).digest()[:8], "big") >> 1
