"""Decoding: strategies, key-value cache, beam and span search. Use :func:`squadron.decoding.generate.generate`."""
