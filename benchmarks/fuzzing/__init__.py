"""The parts of `benchmarks/fuzz.py`: valid files, damage to them, commands on them, and what a command must keep to."""
