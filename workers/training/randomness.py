"""Random numbers without a state to carry: every stream follows from (seed, purpose, epoch).

A member's numbers thus depend neither on its place in the cohort nor on how often another stream
was drawn from, and training can resume at an epoch boundary with no generator state at all.
"""

import hashlib

import torch


def stream_seed(seed: int, purpose: str, index: int = 0) -> int:
    """63 bits of BLAKE2 over the stream's name."""
    name = f"subgrad:{seed}:{purpose}:{index}".encode()
    return int.from_bytes(hashlib.blake2b(name, digest_size=8).digest(), "big") >> 1


def stream(
    seed: int, purpose: str, index: int = 0, device: torch.device | None = None
) -> torch.Generator:
    """A fresh generator at the start of the named stream. On the CPU unless told otherwise, so
    that initialisation and data order are the same on every device."""
    generator = torch.Generator(device=device or torch.device("cpu"))
    return generator.manual_seed(stream_seed(seed, purpose, index))
