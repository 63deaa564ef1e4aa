"""The workflows of a single run: prepare, train, evaluate, ask, export."""
