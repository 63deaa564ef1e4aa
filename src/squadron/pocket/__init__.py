"""The embedded base, and the synthetic world that its text and questions describe."""
