"""Random numbers by name: each use draws from its own generator, a pure function of the seed and of what it is for.

Nothing shares a stream, so that adding a draw in one place changes nothing elsewhere, and a resumed run needs no saved
generator state: the generator of (seed, "dropout", step 17) is the same whenever it is made.
"""

from __future__ import annotations

import hashlib

import numpy as np


def derive_seed(seed: int, *names: object) -> int:
    """A 63-bit seed for the use that ``names`` tell, the same on every machine and in every process."""
    text = "/".join([str(seed), *map(str, names)])
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "little") >> 1


def numpy_generator(seed: int, *names: object) -> np.random.Generator:
    """NumPy's generator for the use that ``names`` tell."""
    return np.random.Generator(np.random.Philox(derive_seed(seed, *names)))
