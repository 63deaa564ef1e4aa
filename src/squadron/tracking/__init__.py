"""Events of a run, and who listens: trackers, progress bars, a person who stops it."""
