"""The embedded base and the synthetic world that it lives in."""
