"""Decoding: cache, strategies, beam and span search. The way in is :func:`squadron.decoding.generate.generate`."""
