"""Benchmarks: Squadron and its peers side by side in one run, and the growth of costs."""
