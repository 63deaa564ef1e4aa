"""The sections of ``benchmarks/gpu.py``, each of them a list of named cases."""
