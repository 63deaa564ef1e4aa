"""Sweeps: configurations of many runs, planned as fleets, trained on one machine or many, and ranked."""
