"""Named random generators: each use has its own, a pure function of the seed and of its names.

No two uses share a stream, so adding a draw in one place changes nothing elsewhere, and resuming a run needs no saved
generator state: the generator of (seed, "dropout", step 17) is always the same.
"""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(seed: int, *names: object) -> int:
    """Return a 63-bit seed for the use that ``names`` identify, the same on every machine and in every process."""
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def numpy_generator(seed: int, *names: object) -> np.random.Generator:
    """Return a NumPy generator for the use that ``names`` identify."""
    return np.random.Generator(np.random.Philox(derive_seed(seed, *names)))
