"""Events of runs and their listeners: trackers, progress reports, interruption by the user."""
